"""Commands as typed, checked values: what `decode` makes of a client's message, and the desk carries out."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from antiphon.control.fields import INT32_MAX
from antiphon.control.part_wish import part_wish_of
from antiphon.control.song_wish import wish_of
from antiphon.domain.composers import Composers, check_composed
from antiphon.domain.engines import Engines
from antiphon.domain.lineage import GENERATION, Breeding
from antiphon.domain.reading import Given, PromptReading
from antiphon.domain.reference import SLOWEST_BPM
from antiphon.domain.request import GenerateRequest, check_duration
from antiphon.domain.theory import Chord, Key, Meter
from antiphon.errors import OutOfRange
from antiphon.settings import Settings

RequestId = str | int
_COMMON_TIME = Meter(4, 4)


def _drawn_seed() -> int:
    return secrets.randbelow(INT32_MAX + 1)


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
    bars: int | None = None
    meter: Meter | None = None
    chords: tuple[Chord, ...] | None = None
    stems: tuple[str, ...] | None = None
    count: int = 1
    seed: int | None = None
    energy: float | None = None
    model: str | None = None
    preset: str | None = None
    steps: int | None = None
    engines: Engines = ()
    composers: Composers = ()
    sample_rate: int | None = None
    file_format: str | None = None
    context: str = ""
    references: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    licence: str = ""
    strength: float | None = None

    @property
    def given(self) -> Given:
        """What the keys say, which no word of the prompt overrules."""
        return Given(self.style, self.bpm, self.key, self.meter, self.bars, self.chords, self.stems, self.energy)

    def to_request(self, tempo_bpm: float, settings: Settings, reading: PromptReading | None = None) -> GenerateRequest:
        """Fill in what was left out: by the prompt's `reading`, else by default. A seed is drawn at random.

        Raises LimitExceeded where the loop would be too long, OutOfRange where its composer writes none of its stems.
        """
        read = reading or PromptReading()
        meter = self.meter or read.meter or _COMMON_TIME
        range_bpm = read.tempo_bpm or (tempo_bpm, tempo_bpm)
        bpm = sum(range_bpm) / 2.0 if self.bpm is None else self.bpm
        bars, reading = self._bars(reading, settings)
        wish, part_wish = wish_of(self, read), part_wish_of(self, read)
        slowest_bpm = bpm if self.bpm is not None else range_bpm[0]
        if wish is not None and "bpm" in wish.open:
            slowest_bpm = SLOWEST_BPM
        # What parts decide is looked at when they have been read.
        if part_wish is None or not {"bpm", "meter", "bars"} & {*part_wish.open}:
            check_duration(bars, meter, slowest_bpm, settings.limits.duration_s)
        stems = self.stems or read.stems or ()
        check_composed(self.composers, stems)
        energy = next((each for each in (self.energy, read.energy) if each is not None), 0.5)
        return GenerateRequest(
            bpm=bpm, bars=bars, meter=meter, key=self.key or read.key, chords=self.chords,
            stems=stems, count=self.count, seed=_drawn_seed() if self.seed is None else self.seed,
            style=self.style or read.style, prompt=self.prompt, energy=energy, preset=self.preset, steps=self.steps,
            model=self.model, engines=self.engines, composers=self.composers, reading=reading, wish=wish,
            part_wish=part_wish,
            sample_rate=self.sample_rate or settings.sample_rate,
            file_format=self.file_format or settings.file_format, context=self.context or settings.learning.context,
        )  # fmt: skip

    def _bars(self, reading: PromptReading | None, settings: Settings) -> tuple[int, PromptReading | None]:
        """The loop's length. Words that ask for more than this server makes get what it makes, and are told so."""
        if self.bars is not None or reading is None or reading.bars is None:
            return self.bars or 4, reading
        most = settings.limits.bars
        if reading.bars <= most:
            return reading.bars, reading
        note = f"“{reading.bars} bars” gives way to this server's limit of {most} bars"
        return most, dataclasses.replace(reading, bars=most, resolved=(*reading.resolved, note))


@dataclass(frozen=True, slots=True)
class Vary:
    """`stems` empty: the server's choice, and what all stems share may change too."""

    request_id: RequestId
    candidate_id: str
    amount: float = 0.3
    count: int = 1
    stems: tuple[str, ...] = ()

    def to_breeding(self, settings: Settings) -> Breeding:
        return Breeding("vary", (self.candidate_id,), self.count, _drawn_seed(), amount=self.amount, stems=self.stems)


@dataclass(frozen=True, slots=True)
class Cross:
    """`stems`: those taken from the second parent; empty: by chance, as `mix` says."""

    request_id: RequestId
    candidate_a: str
    candidate_b: str
    count: int = 1
    stems: tuple[str, ...] = ()
    mix: float = 0.5

    def to_breeding(self, settings: Settings) -> Breeding:
        """Raises OutOfRange where both parents are one."""
        if self.candidate_a == self.candidate_b:
            raise OutOfRange("cross needs two different candidates: to change one, send /antiphon/vary")
        parents = (self.candidate_a, self.candidate_b)
        return Breeding("cross", parents, self.count, _drawn_seed(), mix=self.mix, stems=self.stems)


@dataclass(frozen=True, slots=True)
class Restem:
    request_id: RequestId
    candidate_id: str
    stem: str
    seed: int | None = None
    prompt: str = ""
    composer: str | None = None

    def to_breeding(self, settings: Settings) -> Breeding:
        """Raises OutOfRange where the composer does not write the stem."""
        check_composed(((self.stem, self.composer or ""),), (self.stem,))
        seed = _drawn_seed() if self.seed is None else self.seed
        own, stems = (self.candidate_id,), (self.stem,)
        return Breeding("restem", own, 1, seed, stems=stems, prompt=self.prompt, composer=self.composer)


@dataclass(frozen=True, slots=True)
class Evolve:
    """`count` None: a small generation, within this server's limit."""

    request_id: RequestId
    count: int | None = None
    context: str = ""

    def to_breeding(self, settings: Settings) -> Breeding:
        count = min(GENERATION, settings.limits.count) if self.count is None else self.count
        return Breeding("evolve", count=count, seed=_drawn_seed(), context=self.context or settings.learning.context)


@dataclass(frozen=True, slots=True)
class Train:
    request_id: RequestId
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Rate:
    """`rater` empty: the client itself. `context` empty: as the candidate was shown, else the setting's."""

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
    context: str = ""


@dataclass(frozen=True, slots=True)
class KnobRate:
    """A rating from a control that sends one float only; `candidate_id` empty: the one being auditioned."""

    value: float
    candidate_id: str = ""


@dataclass(frozen=True, slots=True)
class Playing:
    candidate_id: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    candidate_id: str


@dataclass(frozen=True, slots=True)
class Audition:
    """`step` +1 next, -1 previous, 0 stop."""

    step: int
    context: str = ""


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
class Describe:
    request_id: RequestId
    candidate_id: str


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


#: Commands that make children.
Breeder = Vary | Cross | Restem | Evolve
AnyCommand = (
    Hello | Subscribe | Unsubscribe | Refresh | Generate | Breeder | Train | Cancel | Rate | Prefer | KnobRate | Playing
    | Stopped | Audition | Describe | Keep | StemLevel | StemMute | ModelList | ModelUse | ModelRollback
    | Tempo | Status
)  # fmt: skip
