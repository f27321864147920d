"""The known word that a misspelt one was meant to be, found without comparing it to every word.

Symmetric deletes (W. Garbe, SymSpell, 2012): two words within distance d share a form from which at most d letters are
deleted on either side, so such forms of all known words are kept, and looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST, _LONGEST = 4, 24
#: From this length on, two mistakes are forgiven.
_TWO_MISTAKES_FROM = 8


def distance(a: str, b: str, limit: int) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours from one word to another; `limit` + 1 where more."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return min(last[-1], limit + 1)


def _deletes(word: str) -> set[str]:
    once = {word[:i] + word[i + 1 :] for i in range(len(word))}
    if len(word) < _TWO_MISTAKES_FROM:
        return {word, *once}
    return {word, *once, *(each[:i] + each[i + 1 :] for each in once for i in range(len(each)))}


class Spelling:
    """Finds known words near a word. Short words forgive less: `show` is not `slow`."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_delete: dict[str, list[str]] = {}
        for word in sorted(set(words)):
            if _SHORTEST <= len(word) <= _LONGEST:
                for form in _deletes(word):
                    self._by_delete.setdefault(form, []).append(word)

    def nearest(self, word: str) -> str | None:
        """The nearest known word, or None. The first letter is rarely mistyped, so it must be right."""
        if not _SHORTEST <= len(word) <= _LONGEST:
            return None
        limit = 2 if len(word) >= _TWO_MISTAKES_FROM else 1
        near = dict.fromkeys(known for form in _deletes(word) for known in self._by_delete.get(form, ()))
        ranked = [(distance(word, known, limit), known) for known in near if self._likely(word, known)]
        best = min(ranked, default=(limit + 1, ""))
        return best[1] if 0 < best[0] <= limit else None

    @staticmethod
    def _likely(word: str, known: str) -> bool:
        if len(known) < 5 or len(word) < 5:
            # Four letters have too many neighbours: only a swap or a doubled letter counts.
            return word[0] == known[0] and (sorted(word) == sorted(known) or set(word) == set(known))
        return word[0] == known[0] or sorted(word) == sorted(known)
