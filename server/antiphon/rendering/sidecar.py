"""The JSON file beside a loop: everything needed to make the clip again, and everything that was measured on it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from antiphon import __version__
from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.given import given_about
from antiphon.domain.lineage import GENERATE
from antiphon.domain.reading import PromptReading, reading_to_json
from antiphon.domain.reference import reference_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ChordSpan, Note, Score, StemScore
from antiphon.domain.theory import parse_chord, parse_key, parse_meter
from antiphon.domain.wire import request_from_json, request_to_json
from antiphon.errors import AntiphonError, InvalidRequest, NotFound
from antiphon.rendering.atomic import write_atomically
from antiphon.rendering.preset import Preset, parse_preset

FORMAT = 1
_MAX_BYTES = 16 * 2**20
_PACKAGES = (
    "torch", "diffusers", "transformers", "safetensors", "numpy", "scipy", "pedalboard", "soundfile", "pyloudnorm",
    "mido", "librosa",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a loop came from: all that the renderer can't know by itself."""

    job_id: str
    index: int
    request: GenerateRequest
    #: The seed of the attempt that was delivered (the request's own, or a later one where attempts were rejected).
    seed: int
    steps: int
    backend: str
    model_version: str
    device: str = "cpu"
    #: One entry per rejected attempt: its seed and the faults found.
    rejected: tuple[Mapping[str, Any], ...] = ()
    #: One entry per fault for which the sampler plays a stem in the model's place: the stem, the fault, the engine.
    mended: tuple[Mapping[str, Any], ...] = ()
    #: One entry per fault that was left as it is, because somebody chose or knows the stem: the stem, the fault.
    noted: tuple[Mapping[str, Any], ...] = ()
    genome: Genome | None = None
    #: What sounded each stem: `neural builtin-2`, `sampler sampler-1`.
    engines: Mapping[str, str] = field(default_factory=dict)
    #: What wrote each stem's notes: `grammar`, `model score-2`.
    composers: Mapping[str, str] = field(default_factory=dict)
    #: How the loop was made, of which candidates, and what was asked for (None where it was not made of others).
    operator: str = GENERATE
    parents: tuple[str, ...] = ()
    breeding: Mapping[str, Any] | None = None
    #: False where the model chose notes of its own: the score then tells what was asked, and there are no MIDI files.
    plays_score: bool = True
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar read back. `data` is the whole file."""

    candidate_id: str
    request: GenerateRequest
    score: Score
    preset: Preset
    seed: int
    steps: int
    model_version: str
    sample_rate: int
    #: None in sidecars written before loops kept their genome.
    genome: Genome | None
    data: Mapping[str, Any]


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """The packages that shape the sound, as installed here."""
    found = {"antiphon": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _note_to_json(note: Note) -> list[Any]:
    struck = [note.onset_beats, note.duration_beats, note.pitch, note.velocity]
    return [*struck, True] if note.glide else struck


def score_to_json(score: Score) -> dict[str, Any]:
    """A score as JSON-compatible data; notes as [onset in beats, duration in beats, pitch, velocity], and a true
    behind one that glides."""
    return {
        "bpm": score.bpm,
        "meter": score.meter.name,
        "bars": score.bars,
        "key": score.key.name,
        "chords": [[span.onset_beats, span.duration_beats, span.chord.name] for span in score.chords],
        "swing": score.swing,
        "style": score.style,
        "seed": score.seed,
        "stems": [
            {
                "stem": stem.stem,
                "timbre": stem.timbre,
                "colours": list(stem.colours),
                "notes": [_note_to_json(note) for note in stem.notes],
            }
            for stem in score.stems
        ],
    }


def _stem_of(data: Mapping[str, Any]) -> StemScore:
    notes = tuple(Note(*note) for note in data["notes"])
    return StemScore(data["stem"], data["timbre"], notes, tuple(data.get("colours", ())))


def score_from_json(data: Mapping[str, Any]) -> Score:
    """The inverse of `score_to_json`."""
    return Score(
        bpm=float(data["bpm"]),
        meter=parse_meter(data["meter"]),
        bars=int(data["bars"]),
        key=parse_key(data["key"]),
        chords=tuple(ChordSpan(onset, beats, parse_chord(name)) for onset, beats, name in data["chords"]),
        swing=float(data["swing"]),
        style=data["style"],
        seed=int(data["seed"]),
        stems=tuple(_stem_of(stem) for stem in data["stems"]),
    )


def sidecar_data(
    candidate_id: str, score: Score, preset: Preset, source: Provenance, files: list[dict[str, Any]],
    measured: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The sidecar's content. `files` and `measured` are put in as they are."""
    return {
        "format": FORMAT,
        "candidate_id": candidate_id,
        "job_id": source.job_id,
        "index": source.index,
        "created_at": source.created_at.isoformat(),
        "request": request_to_json(source.request),
        "reading": reading_to_json(source.request.reading or PromptReading()),
        "seed": source.seed,
        "steps": source.steps,
        "backend": source.backend,
        "model_version": source.model_version,
        "engines": dict(source.engines),
        "composers": dict(source.composers),
        "device": source.device,
        "plays_score": source.plays_score,
        "lineage": {
            "operator": source.operator,
            "parents": list(source.parents),
            "asked": None if source.breeding is None else dict(source.breeding),
        },
        "references": [] if source.genome is None else [reference_to_json(each) for each in source.genome.references],
        "given": [] if source.genome is None else [given_about(part) for part in source.genome.given],
        "genome": None if source.genome is None else genome_to_json(source.genome),
        "score": score_to_json(score),
        "preset": {"name": preset.name, "sha256": preset.digest, "toml": preset.source},
        "packages": package_versions(),
        "rejected_attempts": [dict(attempt) for attempt in source.rejected],
        "mended": [dict(each) for each in source.mended],
        "noted": [dict(each) for each in source.noted],
        "files": files,
        "measured": dict(measured),
    }


def write_sidecar(path: Path, data: Mapping[str, Any]) -> None:
    """Write the sidecar; whole or not at all. Raises StorageFailed."""
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, [text.encode()])


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar back into the values that made the clip. Raises NotFound or InvalidRequest, naming the file."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidRequest(f"{path} is too large to be a sidecar")
        data = json.loads(path.read_text(encoding="utf-8"))
        preset = data["preset"]
        return Sidecar(
            candidate_id=data["candidate_id"],
            request=request_from_json(data["request"]),
            score=score_from_json(data["score"]),
            preset=parse_preset(preset["name"], preset["toml"], f"{path} (preset)"),
            seed=int(data["seed"]),
            steps=int(data["steps"]),
            model_version=data["model_version"],
            sample_rate=int(data["measured"]["sample_rate"]),
            genome=genome_from_json(data["genome"]) if data.get("genome") else None,
            data=data,
        )
    except FileNotFoundError as error:
        raise NotFound(f"there is no sidecar {path}: the clip was moved without it, or deleted") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidRequest(
            f"{path} is not a sidecar of ours, or damaged ({error!r}): take it from a backup"
        ) from error
    except AntiphonError as error:
        raise InvalidRequest(f"{path} is damaged: {error}") from error
