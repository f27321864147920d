"""Settings: every mistake is found at the start and explained, and every setting is documented."""

from __future__ import annotations

import dataclasses
import math
import re
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import SettingsError
from antiphon.settings import CHOICES, RANGES, Limits, Settings, load_settings, setting_types


def written(folder: Path, text: str) -> Path:
    path = folder / "studio.toml"
    path.write_text(text)
    return path


def test_without_anything_there_are_the_defaults() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert (settings.host, settings.osc_port, settings.http_port) == ("127.0.0.1", 9010, 9011)
    assert settings.data_dir.is_absolute()


def test_file_then_environment_then_options(tmp_path: Path) -> None:
    path = written(tmp_path, 'osc_port = 1\nhttp_port = 1\nbpm = 93\ntoken = "file"\n[limits]\nbars = 8\nqueue = 5\n')
    environ = {"ANTIPHON_HTTP_PORT": "2", "ANTIPHON_TOKEN": "2", "ANTIPHON_LIMITS_QUEUE": "6", "PATH": "/bin"}
    settings = load_settings(path, environ, {"token": "option", "host": None, "data_dir": Path("/x")})
    assert (settings.osc_port, settings.http_port, settings.token) == (1, 2, "option")
    assert settings.bpm == 93.0
    assert isinstance(settings.bpm, float)
    assert settings.limits == Limits(bars=8, queue=6)
    assert (settings.host, settings.data_dir) == ("127.0.0.1", Path("/x"))
    assert load_settings(path, {"ANTIPHON_TOKEN": "12345"}).token == "12345"


def test_the_context_is_no_word_for_all_of_them(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, '[learning]\ncontext = "lobby"')).learning.context == "lobby"
    with pytest.raises(SettingsError, match="stands for all contexts"):
        load_settings(written(tmp_path, '[learning]\ncontext = "all"'))


def test_a_switch_is_true_or_false_everywhere(tmp_path: Path) -> None:
    path = written(tmp_path, "[midi]\nenabled = false\n[link]\nenabled = true\n")
    assert not load_settings(path).midi.enabled
    assert load_settings(path).link.enabled
    assert load_settings(path, {"ANTIPHON_MIDI_ENABLED": "on", "ANTIPHON_LINK_ENABLED": "0"}).midi.enabled
    assert not load_settings(path, {"ANTIPHON_LINK_ENABLED": "0"}).link.enabled
    with pytest.raises(SettingsError, match="ANTIPHON_LINK_ENABLED must be true or false, not 'perhaps'"):
        load_settings(environ={"ANTIPHON_LINK_ENABLED": "perhaps"})


def test_the_environment_may_name_the_file_and_the_presets(tmp_path: Path) -> None:
    path = written(tmp_path, "bpm = 61.5")
    assert load_settings(environ={"ANTIPHON_CONFIG": str(path), "ANTIPHON_PRESETS": "/elsewhere"}).bpm == 61.5


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("osc_prot = 9010", r"studio\.toml: osc_prot names no setting: did you mean osc_port\?"),
        ("[limits]\nbar = 4", r"limits\.bar names no setting: did you mean limits\.bars\?"),
        ("zzz = 1", "the settings are ahead.disk_mb, ahead.enabled"),
        ("limits = 4", "limits names no setting"),
        ("osc_port = 'high'", "osc_port must be a whole number, not 'high'"),
        ("osc_port = true", "must be a whole number, not True"),
        ("osc_port = 9010.5", "must be a whole number"),
        ("osc_port = [9010]", "must be a whole number"),
        ("osc_port = 70000", "osc_port is 70000: it must be from 0 to 65535"),
        ("bpm = nan", "bpm must be a number"),
        ("bpm = inf", "bpm must be a number"),
        ("bpm = 0", "from 20 to 400"),
        ("sample_rate = 22050", "one of 44100, 48000, 96000"),
        ("file_format = 'mp3'", "one of wav, flac"),
        ("host = ''", "host is empty"),
        ("host = 4", "must be text"),
        ("[limits]\nqueue = 0", "from 1 to 100000"),
        ("osc_port = ", "not valid TOML"),
        ("[midi]\nenabled = 1", "midi.enabled must be true or false, not 1"),
        ("[midi]\napi = 'oss'", "midi.api is 'oss': it must be one of auto, alsa"),
        ("[midi]\ndevice = 'x'", r"midi\.device names no setting: did you mean midi\.devices\?"),
        ("[link]\nenabled = 'yes'", "link.enabled must be true or false"),
    ],
)
def test_a_mistake_in_the_file_is_explained(tmp_path: Path, text: str, wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        load_settings(written(tmp_path, text))


def test_a_mistake_in_the_environment_or_an_option_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ANTIPHON_OSCPORT names no setting: did you mean ANTIPHON_OSC_PORT\?"):
        load_settings(environ={"ANTIPHON_OSCPORT": "1"})
    with pytest.raises(SettingsError, match="ANTIPHON_OSC_PORT must be a whole number, not 'x'"):
        load_settings(environ={"ANTIPHON_OSC_PORT": "x"})
    with pytest.raises(SettingsError, match="option --http-port is -1"):
        load_settings(overrides={"http_port": -1})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(tmp_path / "binary.toml")


@given(st.sampled_from(sorted(setting_types())), st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_whatever_is_given_ends_in_a_valid_setting_or_our_error(name: str, value: object) -> None:
    try:
        settings = load_settings(overrides={name: value})
    except SettingsError:
        return
    kept = reduce(getattr, name.split("."), settings)
    assert isinstance(kept, setting_types()[name])
    if name in RANGES:
        assert RANGES[name][0] <= kept <= RANGES[name][1]
        assert math.isfinite(kept)
    if name in CHOICES:
        assert kept in CHOICES[name]


def test_every_setting_is_documented_with_its_default_and_its_range(repository: Path) -> None:
    page = (repository / "docs" / "settings.md").read_text().split("## Models of your own")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*\|.*) \|$", page, flags=re.MULTILINE))
    assert set(rows) == set(setting_types())
    defaults = Settings()
    for name, row in rows.items():
        default, meaning = row.split(" | ")
        kept = reduce(getattr, name.split("."), defaults)
        if name not in ("data_dir", "token", "reference_folders"):
            assert default == f"`{str(kept).lower() if isinstance(kept, bool) else kept}`", name
        if name in RANGES and not name.endswith("port") and name != "threads":
            assert f"{RANGES[name][0]:g} to {RANGES[name][1]:g}" in meaning, name
        for choice in CHOICES.get(name, ()):
            assert str(choice) in meaning


def test_the_example_of_the_page_loads(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "settings.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert example is not None
    settings = load_settings(written(tmp_path, example[1]))
    assert (settings.osc_port, settings.limits.bars) == (9110, 32)


def test_every_key_of_a_model_is_documented_and_the_example_loads(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "settings.md").read_text()
    section = page.split("## Models of your own", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == [
        field.name for field in dataclasses.fields(ModelEntry)
    ]
    for text in (section, (repository / "docs" / "models.md").read_text()):
        example = re.search(r"```toml\n(.*?)```", text, flags=re.DOTALL)
        assert example is not None
        assert len(load_settings(written(tmp_path, example[1])).models) == 2
