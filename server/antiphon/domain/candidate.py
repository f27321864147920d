"""What was made: stems and a mix as files, with the measurements that let them pass the quality gate."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import GENERATE
from antiphon.domain.measures import LoopMeasures


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One audio file of a candidate. `stem` is `mix` for the mix. `path` is absolute; `frames` counts sample frames."""

    stem: str
    path: str
    frames: int
    sample_rate: int
    channels: int
    peak_dbtp: float
    loudness_lufs: float
    midi_path: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One loop delivered for a request: its files, where its sidecar lies, and where it comes from.

    `genome` is None for candidates made before loops kept theirs: they can't have children.
    """

    candidate_id: str
    job_id: str
    index: int
    bpm: float
    key: str
    bars: int
    meter: str
    seed: int
    model_version: str
    stems: tuple[RenderedFile, ...]
    mix: RenderedFile
    sidecar_path: str
    rejected_attempts: int = 0
    genome: Genome | None = None
    #: How it was made, and of which candidates.
    operator: str = GENERATE
    parents: tuple[str, ...] = ()
    #: How its stems sound; empty for candidates from before that was measured.
    measures: LoopMeasures = ()
