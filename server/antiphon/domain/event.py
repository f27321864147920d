"""What happens while work is under way: the studio emits these, every surface makes its own messages of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.given import BroughtParts
from antiphon.domain.mixer import StemMix
from antiphon.domain.reading import PromptReading
from antiphon.domain.reference import Reference


@dataclass(frozen=True, slots=True)
class Event:
    """Something that concerns one request of one client (`client` and `request_id` as they came)."""

    client: str
    request_id: str | int
    job_id: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    fraction: float
    stage: str


@dataclass(frozen=True, slots=True)
class PromptRead(Event):
    """The request's prompt was read as this; told once the request is on disk."""

    reading: PromptReading


@dataclass(frozen=True, slots=True)
class PartsRead(Event):
    """The request's MIDI files were read as these parts; told once the request is on disk."""

    brought: BroughtParts


@dataclass(frozen=True, slots=True)
class SongsHeard(Event):
    """The request's songs were listened to; `used` names what the loops have of what was found (`bpm`, `key`)."""

    references: tuple[Reference, ...]
    used: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class StemReady(Event):
    """A stem, or the mix (`file.stem == "mix"`), is on disk under its final name."""

    candidate_id: str
    file: RenderedFile


@dataclass(frozen=True, slots=True)
class Done(Event):
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class VersionMade(Event):
    """A fine-tuning has ended with a model version; `state` is `trial`, or `rejected` where the gate turned it down."""

    version: str
    state: str


@dataclass(frozen=True, slots=True)
class Failed(Event):
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CancelledJob(Event):
    pass


@dataclass(frozen=True, slots=True)
class JobChanged:
    """For everyone who watches: a job's state or progress changed."""

    job_id: str
    kind: str
    state: str
    fraction: float


@dataclass(frozen=True, slots=True)
class CurrentChanged:
    """The candidate being auditioned changed; `candidate_id` is empty where none is."""

    candidate_id: str
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class ModelChanged:
    version: str


@dataclass(frozen=True, slots=True)
class TempoChanged:
    """The tempo of requests that name none is another; `bpm` in beats per minute."""

    bpm: float


@dataclass(frozen=True, slots=True)
class TransportChanged:
    """The host (`source`: link or midi_clock) started or stopped. `beats` is its position then, in quarter notes."""

    source: str
    playing: bool
    beats: float


@dataclass(frozen=True, slots=True)
class KeptChanged:
    """A candidate was marked as one to keep, or the mark was taken back."""

    candidate_id: str
    kept: bool


@dataclass(frozen=True, slots=True)
class GenerationRated:
    """A generation of a context was made, or is liked otherwise: the mean of its rated loops (0 to 1, 0 where none is),
    and on how many ratings it rests. Generation 0 is what was asked for as it is."""

    number: int
    mean: float
    ratings: int
    context: str


@dataclass(frozen=True, slots=True)
class StemMixChanged:
    mix: StemMix


@dataclass(frozen=True, slots=True)
class PlayerChanged:
    """The server's own player: `state` as `audition.messages.Report` has it, or `restarting`. `candidate_id` is what
    can be heard, empty where nothing can; `message` what a person should know."""

    state: str
    candidate_id: str
    device: str
    message: str


StudioEvent = (
    Event | JobChanged | CurrentChanged | ModelChanged | TempoChanged | TransportChanged | KeptChanged | StemMixChanged
    | PlayerChanged | GenerationRated
)  # fmt: skip
