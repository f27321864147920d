"""The held-out sentences of scripts/eval_prompts.py: read from their table, and judged field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon.domain.reading import PromptReading
from antiphon.domain.theory import parse_key
from antiphon.generation.styles import get_style

TABLE = Path(__file__).parent / "prompt_sentences.txt"
LANGUAGES = ("en", "de", "ja")
FIELDS = (
    "style", "tempo", "key", "mode", "meter", "bars", "stems", "timbres", "energy", "density", "swing", "sounds",
)  # fmt: skip
#: Of these, more may be understood than the table names: only what it names is judged.
_OPEN = ("timbres", "sounds", "mode", "energy", "density", "swing")
#: A tempo word counts as slow or fast against this, where no style says what is usual.
_USUAL_BPM = (96.0, 116.0)


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence and what is expected of each field that it speaks of."""

    language: str
    sentence: str
    expected: Mapping[str, str]


def load_cases(path: Path = TABLE) -> list[Case]:
    """The table's rows. Raises ValueError for a row that is not well formed."""
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        language, sentence, said = (part.strip() for part in line.split(" | "))
        pairs = [pair.split("=") for pair in said.split()] if said != "-" else []
        expected = {name: value.replace("_dorian", " dorian").replace("_mixo", " mixo") for name, value in pairs}
        unknown = set(expected) - set(FIELDS)
        if unknown or language not in LANGUAGES:
            raise ValueError(f"{path.name}: {line!r} names {unknown or language}")
        cases.append(Case(language, sentence, expected))
    return cases


def judge(case: Case, reading: PromptReading) -> dict[str, bool]:
    """For every field that the sentence speaks of, or that was read in vain: whether it was read rightly."""
    verdicts = {}
    for name in FIELDS:
        expected, found = case.expected.get(name), _found(name, reading)
        if expected is not None:
            verdicts[name] = _JUDGES.get(name, _same)(expected, found, reading)
        elif found and name not in _OPEN:
            verdicts[name] = False
    return verdicts


def _found(name: str, reading: PromptReading) -> str:
    if name == "tempo":
        return "" if reading.tempo_bpm is None else "{:g}-{:g}".format(*reading.tempo_bpm)
    value = getattr(reading, name)
    if name in ("key", "meter"):
        return "" if value is None else str(value.name)
    if name in ("timbres", "sounds"):
        return ",".join(value)
    return ",".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def _same(expected: str, found: str, reading: PromptReading) -> bool:
    if reading.key is not None and expected == reading.key.mode:
        return True
    return found == expected


def _key(expected: str, found: str, reading: PromptReading) -> bool:
    return reading.key == parse_key(expected)


def _tempo(expected: str, found: str, reading: PromptReading) -> bool:
    if expected[0].isdigit() or reading.tempo_bpm is None:
        return found == expected
    low, high = _USUAL_BPM if reading.style is None else get_style(reading.style).bpm
    middle, usual = sum(reading.tempo_bpm) / 2.0, (low + high) / 2.0
    spread = (high - low) / 4.0
    side = "slow" if middle < usual - spread / 2 else "fast" if middle > usual + spread / 2 else "medium"
    return side == expected


def _level(expected: str, found: str, reading: PromptReading) -> bool:
    return bool(found) and (float(found) < 0.5) == (expected == "low")


def _timbres(expected: str, found: str, reading: PromptReading) -> bool:
    return all(reading.timbres.get(pair.split(":")[0]) == pair.split(":")[1] for pair in expected.split(","))


def _sounds(expected: str, found: str, reading: PromptReading) -> bool:
    pairs = [pair.split(":") for pair in expected.split(",")]
    return all(word in reading.sounds.get(stem, ()) for stem, word in pairs)


_JUDGES = {
    "key": _key, "tempo": _tempo, "energy": _level, "density": _level, "swing": _level, "timbres": _timbres,
    "sounds": _sounds,
}  # fmt: skip
