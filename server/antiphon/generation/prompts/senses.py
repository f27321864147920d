"""How the items of a prompt are meant: negated, strengthened, said of one stem, or shutting all other stems out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.generation.prompts.phrases import Item
from antiphon.generation.prompts.text import fold

#: How far a level is moved from the middle: "very calm", "a bit calm"; "not calm" is somewhat lively.
_VERY, _SLIGHTLY, _NOT, _NOT_TOO = 1.4, 0.5, -0.6, -0.3
_PASSED = ("very", "slightly", "too", "and")
_MOST_PARTICLES = 4
#: An adjective is at most so many words away from its noun.
_FARTHEST = 10


@dataclass(slots=True)
class Sense:
    """An item with a meaning. `degree` scales levels about their middle, below 0 it turns them round; `lacks`: the
    thing itself is not wanted; `stem`: what it is said of, None for the whole loop."""

    item: Item
    degree: float = 1.0
    negated: bool = False
    lacks: bool = False
    stem: str | None = None


def stem_of(item: Item) -> str | None:
    """The stem that an item names, by its own name or by an instrument's."""
    for kind, value in item.meanings:
        if kind == "stem":
            return value
        if kind == "instrument":
            return TIMBRES[TIMBRE_INDEX[value]].stem
        if kind == "manner":
            return value.partition(" ")[0]
    return None


def has(item: Item, *kinds: str) -> bool:
    """Whether an item has a meaning of any of these kinds."""
    return any(kind in kinds for kind, _ in item.meanings)


class Sentence:
    """One prompt's items, read in three passes: modifiers, `only`, and what is said of which stem."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.senses: list[Sense | None] = [Sense(item) if item.says_something else None for item in items]
        self.only: tuple[str, ...] = ()
        self._modify()
        for at, item in enumerate(items):
            if {"only", "after_only"} & set(item.roles):
                self.only += self._only(at, "only" in item.roles)
        for at, sense in enumerate(self.senses):
            if sense is not None:
                sense.stem = self._said_of(at)

    def _modify(self) -> None:
        modifiers = _Modifiers()
        for at, item in enumerate(self.items):
            sense = self.senses[at]
            if sense is not None:
                modifiers.meet(sense, has(item, "stem", "instrument", "manner", "style"))
            else:
                for role in item.roles:
                    modifiers.hear(role)
                    if role.startswith("after_no"):
                        self._look_back(at, role, modifiers)

    def _look_back(self, at: int, role: str, modifiers: _Modifiers) -> None:
        """Japanese negates behind the word: ドラムなし, 暗くない; a list before なし is meant as a whole."""
        before = [n for n in range(at) if self.senses[n] is not None]
        if not before:
            return
        last = self.senses[before[-1]]
        assert last is not None
        if role != "after_no":
            soft = role == "after_not_too" or last.item.words.endswith("すぎ") or modifiers.take_hardly()
            last.negated, last.degree = True, _NOT_TOO if soft else _NOT
            return
        for place in self._list_before(at, ("and", "or")):
            sense = self.senses[place]
            if sense is not None:
                sense.lacks = True
        if not stem_of(last.item):
            last.lacks = True

    def _list_before(self, at: int, joints: tuple[str, ...]) -> list[int]:
        """The places of the stems in the list that ends before `at`, adjectives and small words between them passed.

        "bass, drums only" joins by commas; in リード、ドラムなし the comma ends what was said before.
        """
        places: list[int] = []
        joined = True
        for place in range(at - 1, -1, -1):
            item = self.items[place]
            if stem_of(item):
                if not joined:
                    break
                places.append(place)
                joined = False
            elif set(joints) & set(item.roles):
                joined = True
            elif {"break", "comma", "with", "but", "link"} & set(item.roles) or has(item, "style"):
                break
        return places

    def _only(self, at: int, ahead: bool) -> tuple[str, ...]:
        """The stems that "only" lets in: those after it, or ("bass only", だけ) those before it."""
        stems: list[str] = []
        for place in range(at + 1, len(self.items)) if ahead else ():
            item, sense = self.items[place], self.senses[place]
            stem = stem_of(item)
            if stem and sense is not None and not sense.lacks:
                stems.append(stem)
            elif {"break", "but"} & set(item.roles) or has(item, "style") or ("with" in item.roles and not stems):
                break
        if not stems:
            following = self.items[at + 1].roles if at + 1 < len(self.items) else ("break",)
            if not ahead or {"break", "comma", "but"} & set(following):
                stems = [
                    stem
                    for place in self._list_before(at, ("and", "or", "comma"))
                    if (stem := stem_of(self.items[place]))
                ]
        return tuple(stems)

    def _said_of(self, at: int) -> str | None:
        item = self.items[at]
        if has(item, "stem"):
            return None
        return self._linked_back(at) or self._ahead(at)

    def _linked_back(self, at: int) -> str | None:
        """The stem before "is": "a lead that is glassy", ベースは太く."""
        for place in range(at - 1, max(-1, at - 1 - _FARTHEST), -1):
            item = self.items[place]
            if "link" in item.roles:
                while place > 0 and _is_joint(self.items[place - 1]):
                    place -= 1
                return stem_of(self.items[place - 1]) if place > 0 else None
            passed = {*_PASSED, "not", "hardly"} & set(item.roles) or has(item, "filler")
            if not passed and (not item.says_something or stem_of(item) or item.figure):
                return None
        return None

    def _ahead(self, at: int) -> str | None:
        """The stem whose adjective this is: "a dusty, warm bass" no, "a dusty warm bass" yes."""
        noun = has(self.items[at], "instrument", "style")
        for place in range(at + 1, min(len(self.items), at + 1 + _FARTHEST)):
            item = self.items[place]
            stem = stem_of(item)
            if stem:
                return stem
            if item.says_something and item.figure is None:
                if has(item, "style") and not self._stem_follows(place):
                    return None
            elif (noun and "and" in item.roles) or not self._passes(place):
                return None
        return None

    def _passes(self, at: int) -> bool:
        """Whether a small word may stand between an adjective and its noun."""
        item = self.items[at]
        return bool({*_PASSED} & set(item.roles)) or _is_particle(item) or self._parts_adjectives(at)

    def _parts_adjectives(self, at: int) -> bool:
        """Whether a comma stands between two adjectives of one noun, as German endings show: "ein warmer, tiefer Bass".

        Elsewhere a comma ends what is said of a stem, since people type lists: "dark, minimal, deep bass".
        """
        if "comma" not in self.items[at].roles or not 0 < at < len(self.items) - 1:
            return False
        before, after = _ending(self.items[at - 1]), _ending(self.items[at + 1])
        return bool(before) and before == after

    def _stem_follows(self, at: int) -> bool:
        for item in self.items[at + 1 : at + 1 + _MOST_PARTICLES]:
            if not _is_particle(item):
                return stem_of(item) is not None
        return False


class _Modifiers:
    """What the small words so far do to the next word that says something."""

    def __init__(self) -> None:
        self._degree = 1.0
        #: "no" or "not", still to be used; and the one used last, which "or" and "and" may bring back.
        self._pending = self._used = ""
        self._soft = self._hardly = self._without = False
        self._after_and = False

    def take_hardly(self) -> bool:
        """Whether あまり came before: with ない it makes "not so"."""
        taken, self._hardly = self._hardly, False
        return taken

    def hear(self, role: str) -> None:
        if role in ("no", "without"):
            self._pending, self._used, self._without = "no", "", role == "without"
        elif role == "not":
            self._pending, self._used = "not", ""
        elif role == "hardly":
            self._hardly = True
        elif role in ("too", "very"):
            self._soft = self._pending == "not"
            self._degree = _VERY
        elif role == "slightly":
            self._degree = _SLIGHTLY
        elif role == "or":
            self._pending = self._pending or self._used
        elif role == "and":
            self._after_and = True
        elif role in ("break", "but", "with", "comma", "link", "only"):
            self._pending, self._degree, self._soft = "", 1.0, False
            # "without drums, bass or lead" goes on behind a comma; "no drums, warm bass" has ended there.
            self._after_and = role == "comma" and self._without
            self._used = self._used if self._after_and else ""

    def meet(self, sense: Sense, thing: bool) -> None:
        """Let the pending modifiers act on a word; `thing`: it names something that can be left out."""
        if self._after_and and self._used == "no" and thing and not self._pending and not has(sense.item, "style"):
            self._pending = "no"
        elif self._after_and and not thing:
            self._used = ""
        self._after_and = False
        sense.degree = self._degree
        if thing and (self._pending == "no" or (self._pending == "not" and stem_of(sense.item))):
            sense.lacks, self._used, self._pending = True, "no", ""
        elif self._pending == "no":
            # "no heavy drums": the drums stay, but not heavy. "no reverb": nothing follows.
            sense.negated, sense.degree, self._pending, self._used = True, _NOT, "", ""
        elif self._pending == "not":
            sense.negated, sense.degree = True, _NOT_TOO if self._soft else _NOT
            self._used, self._pending = "not", ""
        self._degree, self._soft = 1.0, False


def _ending(item: Item) -> str:
    """What stands behind the word as the vocabulary knows it."""
    word, known = fold(item.words), fold(item.known)
    return word.removeprefix(known) if word.startswith(known) else ""


def _is_joint(item: Item) -> bool:
    """Whether a small word may stand between a stem and its "is": "drums that should be"."""
    ends = {"break", "but", "with", "after_no"} & set(item.roles)
    return not item.says_something and bool(item.meanings) and not ends


def _is_particle(item: Item) -> bool:
    """A Japanese small word that joins an adjective to its noun."""
    return has(item, "filler") and any("\u3040" <= char <= "\u309f" for char in item.words)
