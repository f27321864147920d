"""The messages that go out, as a table, and one such message as a value that every surface can send."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from antiphon.control.command_row import PREFIX
from antiphon.errors import AntiphonError

Value = str | int | float


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """A row: `arguments` are (name, type) with type s, i, f, or `id` (text or int, as it came); a name that ends with
    `...` repeats. `event`: subscribers get it too, whoever caused it. `state`: its values hold until the next such
    message; where each of them can be read and listened to, below /antiphon, `-` for one that can't. `{stem}` there is
    the value of the argument stem, for state that each stem has for itself."""

    address: str
    arguments: tuple[tuple[str, str], ...]
    description: str
    event: bool = False
    state: tuple[str, ...] = ()


def _spec(address: str, arguments: str, description: str, event: bool = False, state: str = "") -> MessageSpec:
    pairs = (word.split(":") for word in arguments.split())
    return MessageSpec(address, tuple((name, kind) for name, kind in pairs), description, event, tuple(state.split()))


_FILE = "request_id:id candidate_id:s stem:s path:s url:s frames:i sample_rate:i"
_ROWS = (
    _spec("/welcome", "request_id:id version:s protocol_version:i server_name:s", "answers `/hello`"),
    _spec("/subscribed", "port:i ttl_s:f", "a subscription holds for ttl_s seconds; 0: until unsubscribed; -1: it has "
          "ended"),
    _spec("/ack", "request_id:id job_id:s", "the request is on disk and will be done"),
    _spec("/understood", "request_id:id json:s", "how the request's prompt was read; follows `/ack` where there is a "
          "prompt, and comes before any progress"),
    _spec("/given", "request_id:id json:s", "what was read of the request's MIDI files: each part's stem, notes, "
          "length, tempo and meter, how it lies on the loop, and what of it the loops have; follows `/ack`"),
    _spec("/heard", "request_id:id json:s", "what was found in the request's songs (tempo, key) and what of it the "
          "loops have; comes when they have been listened to"),
    _spec("/progress", "request_id:id fraction:f stage:s", "how far the request is, 0 to 1"),
    _spec("/stem", _FILE, "a stem is ready, under its final name", event=True),
    _spec("/mix", _FILE, "the mix of a candidate is ready", event=True),
    _spec("/done", "request_id:id candidate_id...:s", "the request is done; of `/train`, the model version stands in "
          "the place of candidates"),
    _spec("/error", "request_id:id code:s message:s", "the request failed or was not understood; its id is `-` "
          "if there was none"),
    _spec("/cancelled", "request_id:id", "the request was cancelled"),
    _spec("/rated", "rating_id:id candidate_id:s value:f", "the rating is on disk"),
    _spec("/current", "candidate_id:s index:i count:i", "the candidate being auditioned; an empty id where none is",
          event=True, state="current/candidate_id current/index current/count"),
    _spec("/candidate", "request_id:id candidate_id:s bpm:f beats:f meter:s key:s", "what a candidate is; its length "
          "in beats counts quarter notes"),
    _spec("/model", "request_id:id version:s state:s gain:f", "a model version: `active`, `available`, on `trial` "
          "(some of what people hear blind is made with it) or `rejected` (kept as a record), and the rise in mean "
          "rating, 0 to 5, that it brought"),
    _spec("/status", "request_id:id json:s", "what the server is doing"),
    _spec("/tempo", "bpm:f", "the tempo of requests that name none: the session's (the status says where it comes "
          "from)", event=True, state="tempo"),
    _spec("/transport", "source:s playing:i beats:f", "the host (`link` or `midi_clock`) started or stopped, at this "
          "position in quarter notes", event=True),
    _spec("/kept", "candidate_id:s kept:i", "a candidate is marked as one to keep (1), or no longer (0)", event=True),
    _spec("/mixer", "stem:s level:f muted:i", "a stem's level and mute in the audition", event=True,
          state="- stem/{stem}/level stem/{stem}/mute"),
    _spec("/player", "state:s candidate_id:s device:s message:s", "the server's own player (`antiphon serve --play`) "
          "is `off`, `playing`, `silent`, `loading`, `waiting` for the host, has `no_device`, or is `restarting`; what "
          "can be heard, empty where nothing can; on which device; and what is wrong, if anything", event=True,
          state="player/state player/candidate_id player/device player/message"),
    _spec("/generation", "index:i mean_rating:f count:i context:s", "a generation of a context was made, or is liked "
          "otherwise: the mean of its rated loops, 0 to 1, and on how many ratings it rests; index 0 is what was asked "
          "for as it is", event=True),
    _spec("/job", "job_id:s kind:s state:s fraction:f", "a job's state or progress changed", event=True),
    _spec("/model/changed", "version:s", "another model version is in use", event=True, state="model/changed"),
    _spec("/update", "begin:i", "1: the whole state follows; 0: that was all of it"),
)  # fmt: skip

#: Outgoing messages by address without `/antiphon`.
MESSAGES: dict[str, MessageSpec] = {row.address: row for row in _ROWS}


@dataclass(frozen=True, slots=True)
class Message:
    """An outgoing message: an address of MESSAGES and the values of its arguments."""

    address: str
    values: tuple[Value, ...]

    @property
    def osc_address(self) -> str:
        return PREFIX + self.address

    @property
    def spec(self) -> MessageSpec:
        return MESSAGES[self.address]

    @property
    def json_name(self) -> str:
        """Under which name HTTP shows the JSON that this message carries as text over OSC."""
        return {"/understood": "reading", "/given": "given", "/heard": "heard"}.get(self.address, "status")

    def named(self) -> dict[str, Any]:
        """The values under their names, as JSON shows them; a repeated argument is a list under its plural."""
        out: dict[str, Any] = {}
        for position, (name, _) in enumerate(self.spec.arguments):
            if name.endswith("..."):
                out[name.removesuffix("...") + "s"] = list(self.values[position:])
            else:
                out[name] = self.values[position]
        return out


def message(address: str, *values: object) -> Message:
    """A message with every value in the type that the table promises, so that a fraction of 1 is sent as 1.0."""
    arguments = MESSAGES[address].arguments
    kinds = [kind for _, kind in arguments]
    kinds += kinds[-1:] * (len(values) - len(kinds))
    return Message(address, tuple(_typed(kind, value) for kind, value in zip(kinds, values, strict=False)))


def error_message(request_id: str | int, error: AntiphonError) -> Message:
    return message("/error", request_id, error.code, error.message)


def _typed(kind: str, value: Any) -> Value:
    if kind == "f":
        return float(value) if math.isfinite(value) else 0.0
    if kind == "i":
        return int(value)
    return value if kind == "id" and isinstance(value, int) else str(value)
