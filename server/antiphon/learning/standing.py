"""Which ratings stand: the ledger's view `standing_rating`, kept up rating by rating, so that nothing is read twice."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.records import Evidence


class Standing:
    """Each rater's latest rating per candidate, stem and context, and what was said of repeats beside it.

    A rating of a repeat replaces an earlier one of the same showing; any other replaces all before it. At most `most`
    ratings are kept, the newest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._standing: dict[tuple[str, str | None, str, str], dict[int, Evidence]] = {}
        self._count = 0
        #: The newest rating that was added.
        self.newest = 0

    def add(self, rated: Iterable[Evidence]) -> None:
        """Add ratings, oldest first."""
        for each in rated:
            showings = self._standing.setdefault((each.candidate_id, each.stem, each.rater, each.context), {})
            self._count -= len(showings)
            if each.repeat_showing == 0:
                showings.clear()
            showings[each.repeat_showing] = each
            self._count += len(showings)
            self.newest = each.sequence
        if self._count > self._most + self._most // 4:
            kept = self.ratings()
            self._standing, self._count = {}, 0
            self.add(kept)

    def ratings(self) -> list[Evidence]:
        """Those that stand, oldest first."""
        found = [each for showings in self._standing.values() for each in showings.values()]
        found.sort(key=lambda each: each.sequence)
        return found[-self._most :]
