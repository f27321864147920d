"""A pilot's raw data as CSV, on disk as they come: whoever breaks a pilot off, in whatever way, keeps them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from antiphon.pilot.hearing import COLUMNS
from antiphon.pilot.records import BEST, Pilot, Rated

RATINGS, SHOWN = "ratings.csv", "shown.csv"
_HEAD = ("generation", "candidate_id", "arm", "rater", "order", "again", "at_s", "rating_0_to_5", "simulated")


class RawData:
    """The raw data of one pilot, in `folder`, which is there. `simulated`: whether its raters are."""

    def __init__(self, folder: Path, simulated: bool) -> None:
        self._folder, self._simulated = folder, simulated

    def add(self, rated: Rated) -> None:
        """One rating more, at the end of `ratings.csv`, without its arm: nobody knows it yet. Raises OSError."""
        path = self._folder / RATINGS
        new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows(([_HEAD] if new else []) + [_row(rated, "", self._simulated)])

    def write(self, pilot: Pilot) -> None:
        """Both files anew, with the arms that are known by now. Raises OSError."""
        arms = {(each.generation, each.candidate_id): each.arm for each in pilot.shown}
        everything = sorted((*pilot.rated, *pilot.unplaced), key=lambda each: each.at_s)
        rows = (_row(each, arms.get((each.generation, each.candidate_id), ""), self._simulated) for each in everything)
        _write(self._folder / RATINGS, _HEAD, rows)
        longest = max((len(loop.descriptors) for loop in pilot.shown), default=0)
        head = ("generation", "candidate_id", "arm", *COLUMNS[:longest])
        shown = ((loop.generation, loop.candidate_id, loop.arm, *loop.descriptors) for loop in pilot.shown)
        _write(self._folder / SHOWN, head, shown)


def _row(rated: Rated, arm: str, simulated: bool) -> tuple[object, ...]:
    return (
        rated.generation, rated.candidate_id, arm, rated.rater, rated.order, int(rated.again), round(rated.at_s, 3),
        round(BEST * rated.value, 4), int(simulated),
    )  # fmt: skip


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """In one go: what was there before stays until the whole new file is."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
    partial.replace(path)
