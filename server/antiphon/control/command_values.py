"""Commands as typed, checked values: what `decode` makes of a client's message, and the desk carries out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from antiphon.control.fields import INT32_MAX
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.theory import Chord, Key, Meter
from antiphon.errors import LimitExceeded
from antiphon.settings import Settings

RequestId = str | int
_COMMON_TIME = Meter(4, 4)


@dataclass(frozen=True, slots=True)
class Hello:
    request_id: RequestId
    client_name: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`port` 0 means: where this message came from. `ttl_s` 0 means: until unsubscribed."""

    port: int = 0
    host: str = ""
    ttl_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    port: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    pass


@dataclass(frozen=True, slots=True)
class Generate:
    """What was asked for; None where the client left the choice to the server."""

    request_id: RequestId
    prompt: str = ""
    style: str | None = None
    bpm: float | None = None
    key: Key | None = None
    bars: int = 4
    meter: Meter = _COMMON_TIME
    chords: tuple[Chord, ...] | None = None
    stems: tuple[str, ...] = STEMS
    count: int = 1
    seed: int | None = None
    energy: float = 0.5
    model: str | None = None
    preset: str | None = None
    steps: int | None = None
    sample_rate: int | None = None
    file_format: str | None = None

    def to_request(self, tempo_bpm: float, settings: Settings) -> GenerateRequest:
        """Fill in tempo, format and (drawn at random) seed. Raises LimitExceeded where the loop would be too long."""
        bpm = tempo_bpm if self.bpm is None else self.bpm
        duration_s = float(self.bars * self.meter.beats_per_bar) * 60.0 / bpm
        if duration_s > settings.limits.duration_s:
            raise LimitExceeded(
                f"{self.bars} bars of {self.meter.name} at {bpm:g} bpm last {duration_s:.1f} s: this server allows up "
                f"to {settings.limits.duration_s:g} s (setting limits.duration_s); ask for fewer bars"
            )
        return GenerateRequest(
            bpm=bpm, bars=self.bars, meter=self.meter, key=self.key, chords=self.chords, stems=self.stems,
            count=self.count, seed=secrets.randbelow(INT32_MAX + 1) if self.seed is None else self.seed,
            style=self.style, prompt=self.prompt, energy=self.energy, preset=self.preset, steps=self.steps,
            model=self.model, sample_rate=self.sample_rate or settings.sample_rate,
            file_format=self.file_format or settings.file_format,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Rate:
    """`rater` empty: the client itself."""

    rating_id: RequestId
    candidate_id: str
    value: float
    stem: str | None = None
    rater: str = ""
    listened_s: float | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class Prefer:
    rating_id: RequestId
    winner_id: str
    loser_id: str
    stem: str | None = None
    rater: str = ""


@dataclass(frozen=True, slots=True)
class KnobRate:
    """A rating from a control that sends one float only; `candidate_id` empty: the one being auditioned."""

    value: float
    candidate_id: str = ""


@dataclass(frozen=True, slots=True)
class Playing:
    candidate_id: str


@dataclass(frozen=True, slots=True)
class Stopped:
    candidate_id: str


@dataclass(frozen=True, slots=True)
class Audition:
    """`step` +1 next, -1 previous, 0 stop."""

    step: int


@dataclass(frozen=True, slots=True)
class Keep:
    """`candidate_id` empty: the one being auditioned."""

    kept: bool = True
    candidate_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", bool(self.kept))


@dataclass(frozen=True, slots=True)
class StemLevel:
    stem: str
    level: float


@dataclass(frozen=True, slots=True)
class StemMute:
    stem: str
    muted: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "muted", bool(self.muted))


@dataclass(frozen=True, slots=True)
class ModelList:
    request_id: RequestId


@dataclass(frozen=True, slots=True)
class ModelUse:
    request_id: RequestId
    version: str


@dataclass(frozen=True, slots=True)
class ModelRollback:
    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Tempo:
    bpm: float


@dataclass(frozen=True, slots=True)
class Status:
    request_id: RequestId


AnyCommand = (
    Hello | Subscribe | Unsubscribe | Refresh | Generate | Cancel | Rate | Prefer | KnobRate | Playing | Stopped
    | Audition | Keep | StemLevel | StemMute | ModelList | ModelUse | ModelRollback | Tempo | Status
)  # fmt: skip
