"""The tables of docs/prompts.md: every word of the vocabulary by what it means, made from the TOML files themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from antiphon.domain.timbres import TIMBRES
from antiphon.generation.styles import get_style, style_names
from antiphon.paths import presets_dir
from marks import between_marks

LANGUAGES = {"en": "English", "de": "Deutsch", "ja": "日本語"}
TABLES = {
    "style": "Styles", "tempo": "Tempo", "energy": "Energy", "density": "Density", "swing": "Swing", "meter": "Meter",
    "mode": "Mode", "mood": "Mood, and the mode it stands for", "stem": "Stems", "lacks": "Stems to be left out",
    "instrument": "Instruments", "manner": "Ways of playing", "timbre": "Words for a stem's timbre",
    "sound": "Sound words",
    "grammar": "Small words", "number": "Numbers", "unit": "Units",
}  # fmt: skip


def with_tables(page: str) -> str:
    """The page with its tables between the two marks made anew."""
    return between_marks(page, "vocabulary", "\n".join(_tables()))


def _tables() -> Iterator[str]:
    files = {name: _file(presets_dir() / "vocabulary" / f"{name}.toml") for name in LANGUAGES}
    _add_presets(files["en"])
    for table, title in TABLES.items():
        yield f"### {title}\n\n| | {' | '.join(LANGUAGES.values())} |\n|---|---|---|---|"
        values = dict.fromkeys(value for file in files.values() for value in file.get(table, {}))
        for value in values:
            cells = (", ".join(dict.fromkeys(file.get(table, {}).get(value, ()))) for file in files.values())
            yield f"| `{value}` | {' | '.join(cell.replace('|', '/') for cell in cells)} |"
        yield ""


def _file(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _add_presets(english: dict[str, Any]) -> None:
    """The words that styles and timbres bring along."""
    for name in style_names():
        words = english["style"].setdefault(name, [])
        words[:0] = [get_style(name).title.lower(), *get_style(name).words]
    for timbre in TIMBRES:
        english["timbre"].setdefault(timbre.name, [])[:0] = timbre.words
