"""The table of docs/models.md: which kind of model can do what, from the code that `antiphon models` shows it from."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.generation.text_to_music.abilities import MATRIX, Abilities
from antiphon.generation.text_to_music.families import BUILTIN
from antiphon.generation.text_to_music.survey import addable
from marks import between_marks


def with_models(page: str) -> str:
    """The page with its table between the two marks made anew."""
    return between_marks(page, "models", "\n".join(_table()) + "\n")


def _table() -> Iterator[str]:
    others = [(each, each.abilities) for each in addable([]) if each.abilities is not None]
    able: list[Abilities] = [BUILTIN, *(abilities for _, abilities in others)]
    yield _row("", "built in", *(each.kind for each, _ in others))
    yield "|---" * (len(able) + 1) + "|"
    for name, told in MATRIX:
        yield _row(name, *(told(each) for each in able))
    yield _row("needs", "any machine; in the repository", *(each.needs for each, _ in others))
    published = (each.licence.removesuffix(" (as published)") for each, _ in others)
    yield _row("licence of the weights", "GPL-3.0-or-later", *published)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
