"""What a control can do: each action is a command of the table, filled in with what is being auditioned."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from antiphon.control.command_values import AnyCommand
from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_values
from antiphon.control.fields import Bounds
from antiphon.domain.score import STEMS
from antiphon.errors import InvalidRequest, NotFound


@dataclass(frozen=True, slots=True)
class Deed:
    """A row of the actions: the command it sends, whether it takes a `value`, a `press` or either, the state that its
    light shows unless the map says otherwise, and what it is for."""

    command: str
    takes: str
    shows: str
    description: str


DEEDS: MappingProxyType[str, Deed] = MappingProxyType(
    {
        "rate": Deed("current/rate", "either", "rating", "rate what is auditioned; a button rates with its `value`"),
        "next": Deed("audition/next", "press", "has_next", "audition the next candidate"),
        "previous": Deed("audition/previous", "press", "has_previous", "audition the previous candidate"),
        "stop": Deed("audition/stop", "press", "auditioning", "end the audition"),
        "generate": Deed("generate", "press", "busy", "ask for loops; `keys` as for `/antiphon/generate`"),
        "vary": Deed("vary", "press", "busy", "ask for variations of what is auditioned"),
        "cross": Deed("cross", "press", "busy", "cross what is auditioned with what was before it"),
        "evolve": Deed("evolve", "press", "busy", "ask for the next generation, from all that was rated"),
        "restem": Deed("restem", "press", "busy", "make one `stem` of what is auditioned anew"),
        "cancel": Deed("cancel", "press", "busy", "stop this controller's last request"),
        "keep": Deed("current/keep", "press", "kept", "mark what is auditioned as one to keep, or no longer"),
        "mute": Deed("stem/NAME/mute", "press", "mute", "silence a `stem` in the audition, or let it be heard"),
        "level": Deed("stem/NAME/level", "value", "level", "a `stem`'s level in the audition"),
        "set": Deed("generate", "value", "set", "a number (`key`, from `minimum` to `maximum`) for later `generate`s"),
        "rollback": Deed("model/rollback", "press", "never", "go back to the model used before"),
    }
)
#: What a light can show.
STATES = MappingProxyType(
    {
        "rating": "this controller's rating of what is auditioned; of a button, whether it is reached",
        "kept": "what is auditioned is kept",
        "mute": "the stem is muted",
        "heard": "the stem is not muted",
        "level": "the stem's level",
        "set": "the number that is set",
        "busy": "work is under way",
        "has_next": "there is a next candidate",
        "has_previous": "there is a previous one",
        "auditioning": "something is being auditioned",
        "playing": "the host plays",
        "always": "lit while the controller is connected",
        "never": "dark",
    }
)


@dataclass(frozen=True, slots=True)
class Action:
    """What a control does. `value` is what a button rates with; `keys` go into the request as they are."""

    do: str
    stem: str = ""
    value: float | None = None
    keys: MappingProxyType[str, object] = field(default_factory=lambda: MappingProxyType({}))
    key: str = ""
    minimum: float = 0.0
    maximum: float = 1.0

    @property
    def deed(self) -> Deed:
        return DEEDS[self.do]


@dataclass(slots=True)
class Stage:
    """What actions act on and lights show, as one controller sees it."""

    current: str = ""
    previous: str = ""
    index: int = -1
    count: int = 0
    rating: float | None = None
    kept: bool = False
    jobs: set[str] = field(default_factory=set)
    levels: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEMS, 1.0))
    muted: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(STEMS, False))
    #: Numbers for later requests, by key.
    settings: dict[str, float] = field(default_factory=dict)
    playing: bool = False
    last_request: str | int = ""

    def standing(self, action: Action) -> float | None:
        """The value that a knob with this action changes; None where there is none yet."""
        if action.do == "rate":
            return self.rating
        if action.do == "level":
            return self.levels[action.stem]
        if action.do == "set" and action.key in self.settings:
            return (self.settings[action.key] - action.minimum) / (action.maximum - action.minimum)
        return None


def command_for(action: Action, stage: Stage, position: float | None, bounds: Bounds) -> AnyCommand:
    """The typed command that an action is now; `position` 0 to 1 where it takes a value.

    Raises NotFound where there is nothing to act on, InvalidRequest for a command that this version does not have.
    """
    name = action.deed.command
    row = COMMANDS.get(name)
    if row is None:
        raise InvalidRequest(f"{name} is not offered by this version yet: map the control to something else")
    values: dict[str, object] = dict(action.keys)
    if action.do in ("rate", "level"):
        values["value" if action.do == "rate" else "level"] = position if action.value is None else action.value
    elif action.do in ("keep", "mute"):
        values["kept" if action.do == "keep" else "muted"] = int(
            not (stage.kept if action.do == "keep" else stage.muted[action.stem])
        )
    elif action.do == "generate":
        values = {**stage.settings, **values}
    elif action.do == "cancel":
        values["request_id"] = _there(stage.last_request, "this controller has asked for nothing that could be stopped")
    candidates = iter((stage.current, stage.previous))
    for f in row.fields:
        if f.name == "stem" and action.stem:
            values["stem"] = action.stem
        elif f.kind == "id" and f.required and f.name not in values:
            none = "nothing is being auditioned" if not stage.current else "no other candidate was there before it"
            values[f.name] = _there(next(candidates), f"{none}: audition one first")
    return decode_values(row, values, bounds)


def _there(value: str | int, problem: str) -> str | int:
    if value == "":
        raise NotFound(problem)
    return value
