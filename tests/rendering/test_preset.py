"""Effect presets: the ones that come with Antiphon, and every way to write one wrongly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.errors import NotFound, SettingsError
from antiphon.rendering.preset import effect_presets, load_preset, parse_preset
from antiphon.rendering.schema import EFFECTS, note_beats

SHIPPED = {
    "clean", "dub_chamber", "lofi_tape", "club_punch", "ambient_hall", "warehouse", "vintage_plate", "bitcrushed",
    "wide_synthwave", "jazz_room",
}  # fmt: skip


def test_the_presets_that_come_with_antiphon() -> None:
    assert set(effect_presets()) >= SHIPPED
    for name in effect_presets():
        preset = load_preset(name)
        assert preset.title
        assert len(preset.about) > 40
        assert len(preset.digest) == 64


def test_a_users_own_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "clean.toml").write_text('title = "Mine"\n')
    assert load_preset("clean", [tmp_path]).title == "Mine"


def test_a_misspelt_preset_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="'dub_chamber'"):
        load_preset("dub_chambre")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("title = ", "is not TOML"),
        ("tittle = 'x'", r"x\.toml: tittle: unknown; did you mean 'title'"),
        ("[stems.drum]\neffects = []", r"stems\.drum: unknown; did you mean 'drums'"),
        ("[stems.drums]\neffects = [{ effect = 'compresor' }]", r"effects\[0\]\.effect compresor: .*'compressor'"),
        ("[stems.drums]\neffects = [{ effect = 'gain', gain = 3 }]", r"effects\[0\]\.gain: unknown; .*'gain_db'"),
        ("[stems.drums]\neffects = [{ effect = 'gain', gain_db = 99 }]", r"gain_db: 99 is out of range: .*-60 to 36"),
        ("[stems.drums]\neffects = [{ effect = 'gain', gain_db = nan }]", r"gain_db: nan is not a number"),
        ("[stems.drums]\neffects = [{ effect = 'gain', gain_db = '3' }]", r"gain_db: '3' is not a number"),
        ("[stems.drums]\neffects = [{ effect = 'delay', note = '1/7' }]", r"note: '1/7' is not a note value"),
        ("[stems.drums]\neffects = [{ effect = 'high_pass' }]", r"cutoff_hz: is missing"),
        ("[stems.drums]\neffects = 3", r"effects: must be a list"),
        ("[mix]\neffects = [{ effect = 'distortion' }]", r"mix\.effects\[0\]: 'distortion' can't stand here"),
        ("[sends.a]\neffects = [{ effect = 'chorus' }]", r"sends\.a\.effects\[0\]: 'chorus' can't stand here"),
        ("[sends.a]\nlevels_db = { drms = 0 }", r"levels_db\.drms: unknown; did you mean 'drums'"),
        ("[mix]\nceiling_dbtp = 0", r"mix\.ceiling_dbtp: 0 is out of range"),
        ("[mix]\nglue = { treshold_db = 1 }", r"mix\.glue\.treshold_db: unknown; did you mean 'threshold_db'"),
        ("[stems.drums]\neffects = [{ effect = 'vst3' }]", r"path: is missing"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(source: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        parse_preset("x", source, "x.toml")
    assert str(caught.value).startswith("x.toml: ")


def test_note_values() -> None:
    assert [float(note_beats(text)) for text in ("1/4", "1/8.", "1/16", "3/16", "1/1")] == [1, 0.75, 0.25, 0.75, 4]
    assert float(note_beats("1/8t")) == pytest.approx(1 / 3)


def test_every_effect_has_a_processor() -> None:
    from antiphon.rendering import linear, shaped

    for name, effect in EFFECTS.items():
        if effect.linear:
            required = "".join(f", {key} = 1000" for key, value in effect.parameters.items() if value.default is None)
            source = f"[stems.drums]\neffects = [{{ effect = '{name}'{required} }}]"
            assert linear.chain_response(parse_preset("x", source).chain("drums"), 120.0, 44100).shape[:2] == (2, 2)
        else:
            assert name in shaped._EFFECTS


def test_presets_can_be_checked_without_any_audio_library() -> None:
    code = (
        "import sys; from antiphon.rendering.preset import load_preset, effect_presets; "
        "[load_preset(n) for n in effect_presets()]; "
        "print([m for m in ('numpy', 'scipy', 'pedalboard', 'soundfile', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
