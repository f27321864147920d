"""What the words of a prompt claim, field by field, and which claim wins where they disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from antiphon.domain.reading import WHOLE
from antiphon.domain.score import CORE_STEMS
from antiphon.domain.theory import Key
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES, timbres_of
from antiphon.generation.prompts.senses import Sense, Sentence, has
from antiphon.generation.prompts.tempo import TEMPO_LEVELS

#: Sound words of which not wanting one is wanting the other.
_OPPOSITES = {"wet": "dry", "dry": "wet"}
_SCALARS = ("energy", "density", "tempo", "mood", "mode", "swing", "meter")
_FLIPPED = {"major": "minor", "minor": "major"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A value for a field, how sure the words are of it, and the words."""

    value: object
    sure: int
    words: str


@dataclass(slots=True)
class Claims:
    """All claims of a prompt by field. `means` says of each sense, in order, what it was taken to mean."""

    fields: dict[str, list[Claim]] = field(default_factory=dict)
    timbres: dict[str, list[Claim]] = field(default_factory=dict)
    behaviours: dict[str, list[Claim]] = field(default_factory=dict)
    #: Stems that are named, by themselves or by an instrument of theirs, and wanted.
    named: list[str] = field(default_factory=list)
    sounds: dict[str, list[str]] = field(default_factory=dict)
    avoided: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    means: list[tuple[Sense, tuple[str, ...]]] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Claim]:
        return self.fields.get(name, [])

    def add(self, name: str, value: object, sure: int, words: str) -> None:
        self.fields.setdefault(name, []).append(Claim(value, sure, words))


def claims_of(sentence: Sentence) -> Claims:
    """Everything that the sentence's words claim."""
    claims = Claims()
    for sense in sentence.senses:
        if sense is None:
            continue
        if sense.item.figure is not None:
            means = _figure(sense, claims)
        else:
            says = [_SAYS[kind](sense, value, claims) for kind, value in sense.item.meanings if kind in _SAYS]
            means = [each for each in says if each]
        if means:
            claims.means.append((sense, tuple(dict.fromkeys(means))))
        elif not sense.negated or sense.item.figure is not None:
            claims.impossible.append(sense.item.words)
    return claims


def _figure(sense: Sense, claims: Claims) -> list[str]:
    figure, words = sense.item.figure, sense.item.words
    assert figure is not None
    if figure.value is None or (figure.kind == "bars" and figure.value == 0):
        return []
    claims.add(figure.kind, figure.value, 3, words)
    if figure.kind == "bpm":
        low, high = cast("tuple[float, float]", figure.value)
        return [f"{low:g} bpm" if low == high else f"{low:g} to {high:g} bpm"]
    if isinstance(figure.value, Key):
        return [f"key {figure.value.name}"]
    if figure.kind == "tonic":
        return ["the key's first note"]
    return [f"{figure.value} bars" if figure.kind == "bars" else f"{figure.value} meter"]


def _is_local(sense: Sense) -> bool:
    """Whether a word said of one stem has a meaning for that stem, and so none for the whole loop."""
    stem = sense.stem
    if stem is None:
        return False
    return has(sense.item, "sound") or any(
        TIMBRES[TIMBRE_INDEX[value]].stem == stem for kind, value in sense.item.meanings if kind == "timbre"
    )


def _style(sense: Sense, value: str, claims: Claims) -> str:
    weak = has(sense.item, *_SCALARS, "sound", "instrument") or sense.stem is not None
    if sense.lacks or sense.negated:
        if weak:
            return ""
        claims.avoided.append(value)
        return f"not style {value}"
    claims.add("style", value, 1 if weak else 2, sense.item.words)
    return f"style {value}"


def _instrument(sense: Sense, value: str, claims: Claims) -> str:
    if not (sense.lacks or sense.negated):
        claims.named.append(TIMBRES[TIMBRE_INDEX[value]].stem)
    return _timbre_claim(sense, value, 4, claims)


def _timbre(sense: Sense, value: str, claims: Claims) -> str:
    timbres = [TIMBRES[TIMBRE_INDEX[name]] for kind, name in sense.item.meanings if kind == "timbre"]
    stem = TIMBRES[TIMBRE_INDEX[value]].stem
    if has(sense.item, "instrument"):
        return ""
    if sense.stem is not None:
        return _timbre_claim(sense, value, 3, claims) if stem == sense.stem else ""
    if stem not in CORE_STEMS:
        # "Water" alone brings no rain: such a stem is named, or it is there by the style and keeps to its timbres.
        return ""
    if has(sense.item, *_SCALARS, "style"):
        # A word for the whole loop, as "soft", is no wish for one instrument; and styles know their own timbres.
        return ""
    alone = sum(timbre.stem == stem for timbre in timbres) == 1
    return _timbre_claim(sense, value, 1 if len(timbres) == 1 else 0, claims) if alone else ""


def _timbre_claim(sense: Sense, value: str, sure: int, claims: Claims) -> str:
    stem = TIMBRES[TIMBRE_INDEX[value]].stem
    if sense.lacks or sense.negated:
        claims.avoided.append(value)
        return f"not {value}"
    claims.timbres.setdefault(stem, []).append(Claim(value, sure, sense.item.words))
    return f"{stem}: {value}"


def _manner(sense: Sense, value: str, claims: Claims) -> str:
    stem, _, behaviour = value.partition(" ")
    if sense.lacks or sense.negated:
        return ""
    claims.named.append(stem)
    claims.behaviours.setdefault(stem, []).append(Claim(behaviour, 2, sense.item.words))
    return f"{stem}: {behaviour}"


def _stem(sense: Sense, value: str, claims: Claims) -> str:
    if sense.lacks:
        claims.lacking.append(value)
        return f"no {value}"
    claims.named.append(value)
    return value


def _lacks(sense: Sense, value: str, claims: Claims) -> str:
    claims.lacking.append(value)
    return f"no {value}"


def _level(name: str) -> Callable[[Sense, str, Claims], str]:
    def says(sense: Sense, value: str, claims: Claims) -> str:
        if _is_local(sense):
            return ""
        level = min(1.0, max(0.0, round(0.5 + (float(value) - 0.5) * sense.degree, 3)))
        claims.add(name, level, 1, sense.item.words)
        return f"{name} {level:g}"

    return says


def _swing(sense: Sense, value: str, claims: Claims) -> str:
    level = float(value)
    if sense.negated or sense.lacks:
        level = 0.0 if level > 0.1 else 0.5
    elif level > 0.1:
        level = min(1.0, round(level * sense.degree, 3))
    claims.add("swing", level, 1, sense.item.words)
    return f"swing {level:g}"


def _tempo(sense: Sense, value: str, claims: Claims) -> str:
    if _is_local(sense):
        return ""
    level = TEMPO_LEVELS[value]
    level *= sense.degree if sense.degree <= 1.0 else 2.0
    claims.add("tempo", min(2.0, max(-2.0, level)), 1, sense.item.words)
    return f"tempo {value.replace('_', ' ')}" if sense.degree == 1.0 else f"tempo level {level:g} of -2 to 2"


def _mode(sense: Sense, value: str, claims: Claims) -> str:
    if sense.negated or sense.lacks:
        return ""
    claims.add("mode", value, 2, sense.item.words)
    return f"{value} mode"


def _mood(sense: Sense, value: str, claims: Claims) -> str:
    if _is_local(sense):
        return ""
    if sense.negated:
        if sense.degree > -0.5 or value not in _FLIPPED:
            return ""  # "not too sad" leaves the mode to the style
        value = _FLIPPED[value]
    claims.add("mode", value, 1, sense.item.words)
    return f"{value} mode"


def _meter(sense: Sense, value: str, claims: Claims) -> str:
    if sense.negated or sense.lacks:
        return ""
    claims.add("meter", value, 2, sense.item.words)
    return f"{value} meter"


def _sound(sense: Sense, value: str, claims: Claims) -> str:
    about = sense.stem or WHOLE
    if sense.negated or sense.lacks:
        if value not in _OPPOSITES:
            claims.avoided.append(value)
            return f"not {value}"
        value = _OPPOSITES[value]
    words = claims.sounds.setdefault(about, [])
    if value not in words:
        words.append(value)
    if not has(sense.item, "timbre"):
        # What the English word gets, its German or Japanese word gets: a timbre of that stem, where one is called so.
        for timbre in (each for each in timbres_of(about) if value in each.words):
            claims.timbres.setdefault(about, []).append(Claim(timbre.name, 2, sense.item.words))
    return f"{value} {'sound' if about == WHOLE else about}"


_SAYS: dict[str, Callable[[Sense, str, Claims], str]] = {
    "style": _style, "instrument": _instrument, "timbre": _timbre, "manner": _manner, "stem": _stem, "lacks": _lacks,
    "energy": _level("energy"), "density": _level("density"), "swing": _swing, "tempo": _tempo, "mode": _mode,
    "mood": _mood, "meter": _meter, "sound": _sound,
}  # fmt: skip
