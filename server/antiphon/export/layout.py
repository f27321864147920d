"""Where each candidate of a project stands: one after the other, from bar line to bar line, with tempo and meter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePath

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.score import STEMS
from antiphon.domain.theory import Meter, parse_meter
from antiphon.errors import NotFound


@dataclass(frozen=True, slots=True)
class Passage:
    """One candidate on the time line. Beats and seconds are counted from the project's start, in rationals."""

    candidate: Candidate
    meter: Meter
    start_beats: Fraction
    start_s: Fraction

    @property
    def beats(self) -> Fraction:
        """Length in beats (quarter notes)."""
        return self.meter.beats_per_bar * self.candidate.bars

    @property
    def end_beats(self) -> Fraction:
        return self.start_beats + self.beats

    @property
    def end_s(self) -> Fraction:
        return self.start_s + self.beats * 60 / Fraction(self.candidate.bpm)

    @property
    def name(self) -> str:
        """What people read at its marker: `c8f2, Am, 93 bpm`."""
        return f"{self.candidate.candidate_id}, {self.candidate.key}, {self.candidate.bpm:g} bpm"

    def file(self, stem: str) -> RenderedFile | None:
        return next((file for file in self.candidate.stems if file.stem == stem), None)


def duration_s(file: RenderedFile) -> float:
    """Length of a file in seconds, from its frames."""
    return file.frames / file.sample_rate


def archive_name(candidate: Candidate, file: RenderedFile) -> str:
    """Where a file lies inside an exported project: one folder for each candidate."""
    return f"audio/{candidate.candidate_id}/{PurePath(file.path).name}"


def lay_out(candidates: Sequence[Candidate]) -> tuple[Passage, ...]:
    """Put candidates one after the other, in the order given. Raises NotFound where there is none."""
    if not candidates:
        raise NotFound("there is nothing to export: make a loop first, or ask for an earlier time")
    passages: list[Passage] = []
    start_beats = start_s = Fraction(0)
    for candidate in candidates:
        passages.append(Passage(candidate, parse_meter(candidate.meter), start_beats, start_s))
        start_beats, start_s = passages[-1].end_beats, passages[-1].end_s
    return tuple(passages)


def stems_in(passages: Sequence[Passage]) -> tuple[str, ...]:
    """The stems that any passage has: the usual ones in their usual order, then others as they come."""
    found = dict.fromkeys(file.stem for passage in passages for file in passage.candidate.stems)
    return (*(stem for stem in STEMS if stem in found), *(stem for stem in found if stem not in STEMS))


def changes(passages: Sequence[Passage]) -> list[Passage]:
    """The passages at which tempo or meter differ from what was before; the first always counts."""
    found = list(passages[:1])
    for before, after in pairwise(passages):
        if (before.candidate.bpm, before.meter) != (after.candidate.bpm, after.meter):
            found.append(after)
    return found


def whole(candidate: Candidate) -> bool:
    """Whether all of a candidate's stems are still where they were written."""
    return all(Path(file.path).is_file() for file in candidate.stems)
