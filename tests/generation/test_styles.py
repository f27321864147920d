"""Style files: those that come with Antiphon are whole, and a mistake in one is named by file and key."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.errors import OutOfRange, SettingsError
from antiphon.generation.styles import LEVELS_LU, get_style, load_style, load_styles, style_names
from antiphon.generation.tab import parse_tab
from antiphon.paths import presets_dir

HOUSE = presets_dir() / "styles" / "house.toml"


def test_there_are_at_least_ten_styles_with_words_of_their_own() -> None:
    names = style_names()
    assert len(names) >= 10
    words = [word for name in names for word in get_style(name).words]
    assert len(words) == len(set(words)), "a word that means two styles means none"


@pytest.mark.parametrize("name", style_names())
def test_every_groove_begins_with_its_kick(name: str) -> None:
    for meter, groove in get_style(name).grooves.items():
        for line in dict(groove)["kick"]:
            assert line.bars[0][0].step == 0, f"{name} {meter}"
            assert not line.bars[0][0].chance
            assert line.bars[0][0].energy == 0


MISTAKES = [
    ("swing = 0.18", "swing = 1.8", "swing is 1.8, but must lie from 0 to 1"),
    ("swing = 0.18", "swng = 0.18", "swing is missing"),
    ("swing = 0.18", "swing = 0.18\nswnig = 1", "swnig is not a key of a style (did you mean 'swing'?)"),
    ("swing = 0.18", "swing = true", "swing is True, but must be a number"),
    ("swing_unit = 16", "swing_unit = 12", "swing_unit is 12"),
    ("bpm = [116, 128]", "bpm = [128, 116]", "bpm is [128, 116], but must be two rising numbers"),
    ("minor = 5", "minro = 5", "modes.minro is unknown (did you mean 'minor'?)"),
    ("minor = 5", "minor = -5", "modes.minor is -5, but a weight is a number from 0 up"),
    ("kit_909 = 5", "kit_990 = 5", "timbres.drums.kit_990 is unknown (did you mean 'kit_909'?)"),
    ("offbeat = 3, syncopated = 3", "ofbeat = 3, syncopated = 3", "bass.behaviours.ofbeat is unknown"),
    ('"X...X...X..?"', '"X...X...X.."', "drums.3/4.kick has 11 steps, but must have 12"),
    ('"X...X...X..?"', '"X...X...X..!"', "drums.3/4.kick has '!'"),
    ("open_hat = [", "open_het = [", "drums.4/4.open_het is not a drum (did you mean 'open_hat'?)"),
    ("[drums.\"6/8\"]", "[drums.\"6/9\"]", "drums.6/8 is missing"),
    ("lead = -8", "lead = 3", "levels_lu.lead is 3, but must lie from -30 to 0"),
    ("lead = 0.45", "leed = 0.45", "widths.leed is not a key of a style (did you mean 'lead'?)"),
    ("widths = {", "widths = 1 #", "widths is 1, but must be a table"),
    ("title =", "title", "is not TOML"),
    ("words = [", "words = [3, ", "words must be a list of words"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "complaint"), MISTAKES)
def test_a_mistake_is_named_by_file_and_key(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    text = HOUSE.read_text(encoding="utf-8")
    assert before in text
    broken = tmp_path / "broken.toml"
    broken.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(complaint)) as caught:
        load_style(broken)
    assert str(broken) in caught.value.message


def test_a_style_may_leave_the_balance_to_us(tmp_path: Path) -> None:
    text = HOUSE.read_text(encoding="utf-8")
    plain = tmp_path / "plain.toml"
    lines = [line for line in text.splitlines() if not line.startswith(("levels_lu", "widths"))]
    plain.write_text("\n".join(lines), encoding="utf-8")
    style = load_style(plain)
    assert style.levels_lu == LEVELS_LU
    assert get_style("house").levels_lu["bass"] == -6.0
    assert style.widths["bass"] == get_style("house").widths["bass"] == 0.0
    # Together the six are as loud as the loop, so that a level says how a stem stands in it.
    for name in style_names():
        together = 10 * math.log10(sum(10 ** (level / 10) for level in get_style(name).levels_lu.values()))
        assert abs(together) < 0.5, name


def test_a_missing_file_and_an_empty_folder_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_style(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="holds no styles"):
        load_styles(tmp_path)


def test_an_unknown_style_lists_the_known_ones() -> None:
    with pytest.raises(OutOfRange, match=r"did you mean 'synthwave'.*known: ambient, "):
        get_style("sinthwave")


def test_a_tab_says_what_it_means() -> None:
    line = parse_tab("X..o|x5.?", 4)
    assert [(s.step, s.energy, s.chance) for s in line.bars[1]] == [(0, 0.0, False), (1, 0.5, False), (3, 0.0, True)]
    assert line.bars[0][0].level > line.bars[1][0].level > line.bars[0][1].level


def test_styles_and_prompts_can_be_read_without_numpy() -> None:
    """The control process reads both, and must be up at once."""
    code = (
        "import sys, antiphon.generation.styles, antiphon.generation.prompts as p; p.read_prompt('dub');"
        "sys.exit(any(m in sys.modules for m in ('numpy', 'torch', 'scipy', 'pedalboard')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
