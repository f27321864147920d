"""What the control process and a worker say to each other: one JSON object per line, over the worker's pipes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.model_entry import ModelEntry
from antiphon.domain.reference import Reference, reference_from_json, reference_to_json
from antiphon.domain.wire import candidate_from_json, candidate_to_json, file_from_json, file_to_json

#: Longest line that either side takes; a full job's outcome is about 100 kB.
MAX_LINE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Start:
    """First message to a worker: what to load and how to work."""

    model: str
    device: str
    threads: int
    niceness: int
    preset: str
    quality_retries: int
    batch_loops: int
    #: The models of the settings, beside the built-in one.
    models: tuple[ModelEntry, ...] = ()
    #: As in the setting: `auto`, `sampler`, `drums:sampler`.
    engines: str = "auto"
    #: As in the setting: `grammar`, `model`, `bass:model`.
    composers: str = "grammar"
    #: Where noise is kept, and as in the settings what may be read as songs; without a data folder no songs are.
    data_dir: str = ""
    reference_folders: str = ""
    reference_mb: int = 200
    reference_s: float = 900.0
    #: The folder of fine-tuned versions.
    versions: str = ""


@dataclass(frozen=True, slots=True)
class Perform:
    """Do a job. `kind` and `payload` are the ledger's (see `domain.wire`); `model` names the backend to do it with."""

    job_id: str
    attempt: int
    kind: str
    payload: dict[str, Any]
    month_folder: str
    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop this attempt at the next sampler step."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Put this training aside at the next step: somebody waits for something else."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class UseModel:
    """Load this backend, so that the next job does not wait for it."""

    model: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A model is loaded and warm. `tunable`: it can be fine-tuned."""

    model: str
    version: str
    device: str
    load_s: float
    tunable: bool = False


@dataclass(frozen=True, slots=True)
class Unready:
    """A model could not be loaded."""

    model: str
    message: str


@dataclass(frozen=True, slots=True)
class Alive:
    """Sent every second by a thread of its own, also while a model loads."""


@dataclass(frozen=True, slots=True)
class Step:
    job_id: str
    attempt: int
    fraction: float
    stage: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The job's songs were listened to; `used` is what of it the loops have (see `domain.event.SongsHeard`)."""

    job_id: str
    attempt: int
    references: tuple[Reference, ...]
    used: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class FileReady:
    job_id: str
    attempt: int
    candidate_id: str
    file: RenderedFile


@dataclass(frozen=True, slots=True)
class Finished:
    job_id: str
    attempt: int
    candidates: tuple[Candidate, ...]
    rejected_takes: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The training was put aside where it is; another attempt goes on from there."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """A training is done: `outcome` as `training.finetune.job.TuningJob` has it."""

    job_id: str
    attempt: int
    outcome: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The job failed, or (code `cancelled`) was stopped as asked."""

    job_id: str
    attempt: int
    code: str
    message: str
    rejected_takes: int


Order = Start | Perform | Stop | Pause | UseModel
News = Ready | Unready | Alive | Step | Heard | FileReady | Finished | Paused | Tuned | GaveUp

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Start, Perform, Stop, Pause, UseModel, Ready, Unready, Alive, Step, Heard, FileReady, Finished, Paused, Tuned,
        GaveUp,
    )
}  # fmt: skip


def encode(message: Order | News) -> bytes:
    """One line, with its end."""
    data = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    if isinstance(message, Start):
        data["models"] = [dataclasses.asdict(entry) for entry in message.models]
    elif isinstance(message, Heard):
        data["references"] = [reference_to_json(each) for each in message.references]
    elif isinstance(message, FileReady):
        data["file"] = file_to_json(message.file)
    elif isinstance(message, Finished):
        data["candidates"] = [candidate_to_json(candidate) for candidate in message.candidates]
    return json.dumps({"is": type(message).__name__, **data}).encode() + b"\n"


def decode(line: bytes) -> Order | News:
    """The inverse of `encode`. Raises ValueError for anything else."""
    try:
        data = json.loads(line)
        kind = _KINDS[data.pop("is")]
        if kind is Start:
            data["models"] = tuple(ModelEntry(**entry) for entry in data["models"])
        elif kind is Heard:
            data["references"] = tuple(reference_from_json(each) for each in data["references"])
        elif kind is FileReady:
            data["file"] = file_from_json(data["file"])
        elif kind is Finished:
            data["candidates"] = tuple(candidate_from_json(candidate) for candidate in data["candidates"])
        message: Order | News = kind(**data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message of ours: {line[:80]!r}") from error
    return message
