"""Reads a prompt: text and vocabulary in, a `PromptReading` out. Pure Python, the same everywhere, for every string."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from antiphon.domain.reading import Given, PromptReading, Understood
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, STEMS
from antiphon.domain.theory import Key, parse_meter
from antiphon.generation.prompts.claims import Claim, Claims, claims_of
from antiphon.generation.prompts.figures import Figure, FigurePatterns
from antiphon.generation.prompts.keys import KeyPatterns
from antiphon.generation.prompts.phrases import Phrases
from antiphon.generation.prompts.senses import Sentence
from antiphon.generation.prompts.tempo import tempo_range
from antiphon.generation.prompts.text import normalise
from antiphon.generation.prompts.vocabulary import Vocabulary, load_vocabulary
from antiphon.generation.styles import stems_of, style_names

#: What is read of a prompt; the protocol allows 500.
LONGEST_PROMPT = 2000


class Reader:
    """Reads prompts by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._phrases = Phrases(vocabulary)
        self._figures = FigurePatterns(vocabulary.units, vocabulary.numbers)
        self._keys = KeyPatterns(vocabulary.units, vocabulary.modes)

    def read(self, prompt: str, given: Given) -> PromptReading:
        """See `read_prompt`."""
        text = normalise(prompt[:LONGEST_PROMPT])
        figures = _apart((*self._keys.found(text), *self._figures.found(text)))
        sentence = Sentence(self._phrases.items(text, figures))
        claims = claims_of(sentence)
        resolved: list[str] = []
        style = _resolve("style", claims.of("style"), given.style, resolved, last=True)
        tempo = _tempo(claims, given, style, resolved)
        key, mode = _key(claims, given, resolved)
        meter = _resolve("meter", claims.of("meter"), given.meter, resolved)
        unknown = (item.words for item in sentence.items if not item.meanings and item.figure is None)
        # A common word that has come to have a meaning, as "guitar" has, is understood.
        common = (item.words for item in sentence.items if {*item.meanings} == {("filler", "common")})
        return PromptReading(
            style=style if isinstance(style, str) else None,
            timbres=_chosen(claims.timbres, claims.avoided, resolved),
            behaviours=_chosen(claims.behaviours, (), resolved),
            energy=_level("energy", claims.of("energy"), given.energy, resolved),
            density=_level("density", claims.of("density"), None, resolved),
            swing=_level("swing", claims.of("swing"), None, resolved),
            tempo_bpm=tempo,
            key=key,
            mode=mode,
            meter=parse_meter(meter) if isinstance(meter, str) else None,
            bars=_bars(claims, given, resolved),
            stems=_stems(sentence, claims, given, style, resolved),
            sounds={stem: tuple(words) for stem, words in claims.sounds.items()},
            avoided=tuple(dict.fromkeys(claims.avoided)),
            understood=_understood(claims),
            ignored=tuple(dict.fromkeys((*unknown, *common, *claims.impossible))),
            resolved=tuple(dict.fromkeys(resolved)),
        )


@lru_cache(maxsize=1)
def _reader() -> Reader:
    return Reader(load_vocabulary())


def read_prompt(prompt: str, given: Given = Given()) -> PromptReading:  # noqa: B008 - a frozen value
    """What a prompt asks for, in English, German and Japanese; every string is taken, what means nothing is `ignored`.

    A word before a stem's name ("warm bass") is about that stem. What a key in `given` decides, words don't; of several
    styles the last one named counts, since in "jazzy hip hop" the last is what it is; of other things the first.
    Raises SettingsError where the vocabulary's files are broken.
    """
    return _reader().read(prompt, given) if prompt.strip() else PromptReading()


def with_reading(request: GenerateRequest) -> GenerateRequest:
    """The request with its prompt read, where nobody has done so before (`control` does, and knows better what was
    given): tempo, meter, bars and stems count as given, energy unless it is 0.5."""
    if request.reading is not None or not request.prompt.strip():
        return request
    given = Given(
        request.style, request.bpm, request.key, request.meter, request.bars, request.chords, request.stems or None,
        None if request.energy == 0.5 else request.energy,
    )  # fmt: skip
    reading = read_prompt(request.prompt, given)
    return dataclasses.replace(
        request,
        reading=reading,
        style=request.style or reading.style,
        key=request.key or reading.key,
        stems=request.stems or reading.stems or (),
        energy=request.energy if reading.energy is None else reading.energy,
    )


def _apart(figures: Iterable[Figure]) -> list[Figure]:
    """The figures that stand, in order: of those that overlap, the one found first."""
    kept: list[Figure] = []
    for figure in figures:
        if all(figure.end <= other.start or other.end <= figure.start for other in kept):
            kept.append(figure)
    return sorted(kept, key=lambda figure: figure.start)


def _resolve(
    name: str, claims: list[Claim], given: object, resolved: list[str], *, last: bool = False
) -> object | None:
    """The value of the surest claim, the first or the last of these; None where the request's key decides."""
    if not claims:
        return None
    if given is not None:
        _gives_way(claims, f"the key {name}", resolved)
        return None
    sure = max(claim.sure for claim in claims)
    surest = [claim for claim in claims if claim.sure == sure]
    chosen = surest[-1 if last else 0]
    _gives_way([claim for claim in claims if claim.value != chosen.value], f"“{chosen.words}”", resolved)
    return chosen.value


def _gives_way(claims: list[Claim], winner: str, resolved: list[str]) -> None:
    resolved += [f"“{claim.words}” gives way to {winner}" for claim in claims]


def _level(name: str, claims: list[Claim], given: float | None, resolved: list[str]) -> float | None:
    """Levels that agree in their direction are averaged; else the first counts."""
    levels = [float(claim.value) for claim in claims if isinstance(claim.value, float)]
    if not levels or given is not None:
        _resolve(name, claims, given, resolved)
        return None
    if name != "swing" and len({level > 0.5 for level in levels}) == 1:
        return round(sum(levels) / len(levels), 3)
    _resolve(name, claims, None, resolved)
    return levels[0]


def _tempo(claims: Claims, given: Given, style: object, resolved: list[str]) -> tuple[float, float] | None:
    numbers, words = claims.of("bpm"), claims.of("tempo")
    if given.bpm is not None:
        _gives_way([*numbers, *words], "the key bpm", resolved)
        return None
    if numbers:
        number = _resolve("bpm", numbers, None, resolved)
        _gives_way(words, f"“{numbers[0].words}”", resolved)
        return number  # type: ignore[return-value]  # a pair, by Figure's definition
    if not words:
        return None
    levels = [float(claim.value) for claim in words if isinstance(claim.value, float)]
    level = levels[0]
    if all(each * level >= 0 for each in levels):
        level = max(levels, key=abs)
    else:
        _resolve("tempo", words, None, resolved)
    named = given.style or style
    return tempo_range(level, named if isinstance(named, str) else None)


def _key(claims: Claims, given: Given, resolved: list[str]) -> tuple[Key | None, str | None]:
    """A whole key, or a mode alone."""
    keys, tonics, modes = claims.of("key"), claims.of("tonic"), claims.of("mode")
    if given.key is not None:
        _gives_way([*keys, *tonics, *modes], "the key key", resolved)
        return None, None
    if keys:
        key = keys[0].value
        assert isinstance(key, Key)
        others = [claim for claim in modes if claim.value != key.mode]
        _gives_way([*(claim for claim in keys if claim.value != key), *others], f"“{keys[0].words}”", resolved)
        return key, None
    if given.chords is not None and not tonics:
        _gives_way(modes, "the key chords", resolved)
        return None, None
    mode = _resolve("mode", modes, None, resolved)
    named = mode if isinstance(mode, str) else None
    if tonics and isinstance(tonics[0].value, int):
        return Key(tonics[0].value, named or "major"), None
    return None, named


def _bars(claims: Claims, given: Given, resolved: list[str]) -> int | None:
    bars = _resolve("bars", claims.of("bars"), given.bars, resolved)
    return bars if isinstance(bars, int) else None


def _stems(
    sentence: Sentence, claims: Claims, given: Given, style: object, resolved: list[str]
) -> tuple[str, ...] | None:
    """The stems that "only" and "no" leave, with those that are named and would else be silent; None where the words
    leave it at what the style has."""
    usual = stems_of(_style_known(given.style or style))
    more = [stem for stem in dict.fromkeys(claims.named) if stem not in CORE_STEMS]
    if not sentence.only and not claims.lacking and not more:
        return None
    named = ", ".join(
        (*dict.fromkeys((*sentence.only, *more)), *(f"no {stem}" for stem in dict.fromkeys(claims.lacking)))
    )
    if given.stems is not None:
        if not set(more) <= set(given.stems) or sentence.only or claims.lacking:
            resolved.append(f"“{named}” gives way to the key stems")
        return None
    wanted = sentence.only or (*usual, *more)
    left = tuple(stem for stem in STEMS if stem in wanted and stem not in claims.lacking)
    if not left:
        resolved.append(f"“{named}” would leave nothing to play, so all stems play")
        return None
    return left if left != usual else None


def _style_known(style: object) -> str | None:
    """The style if there is one; a name that is wrong is told of elsewhere."""
    return style if isinstance(style, str) and style in style_names() else None


def _chosen(claims: Mapping[str, list[Claim]], avoided: Sequence[str], resolved: list[str]) -> dict[str, str]:
    """A timbre or behaviour per stem: instruments count most, then words said of the stem, then words that mean one
    stem alone."""
    chosen: dict[str, str] = {}
    for stem, every in claims.items():
        wishes = [claim for claim in every if claim.value not in avoided]
        if not wishes:
            continue
        best = max(wishes, key=lambda claim: claim.sure)
        rivals = [claim for claim in wishes if claim.value != best.value and claim.sure == best.sure >= 2]
        _gives_way(rivals, f"“{best.words}”", resolved)
        chosen[stem] = str(best.value)
    return chosen


def _understood(claims: Claims) -> tuple[Understood, ...]:
    found: dict[tuple[str, tuple[str, ...]], Understood] = {}
    for sense, means in claims.means:
        item = sense.item
        found.setdefault((item.words, means), Understood(item.words, item.known, means, item.misspelt))
    return tuple(found.values())
