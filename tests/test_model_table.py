"""The tables [[models]] of the settings: read whole, or refused with the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import SettingsError
from antiphon.jobs.messages import Start, decode, encode
from antiphon.model_table import parse_models
from antiphon.settings import load_settings

OPEN = '[[models]]\nname = "open"\nhub = "stabilityai/stable-audio-open-1.0"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "studio.toml"
    path.write_text(text)
    return path


def test_models_are_read_and_reach_the_worker_as_they_are(tmp_path: Path) -> None:
    text = f"""bpm = 93
{OPEN}
[[models]]
name = "ace.1-5_base"
path = "models/ace"
device = "cuda:1"
dtype = "bfloat16"
steps = 30
guidance = 5
negative_prompt = "hiss, vocals"
"""
    settings = load_settings(written(tmp_path, text))
    assert settings.models == (
        ModelEntry("open", hub="stabilityai/stable-audio-open-1.0"),
        ModelEntry(
            "ace.1-5_base", path=str(tmp_path / "models/ace"), device="cuda:1", dtype="bfloat16", steps=30,
            guidance=5.0, negative_prompt="hiss, vocals",
        ),
    )  # fmt: skip
    assert settings.bpm == 93
    start = Start("open", "auto", 1, 0, "auto", 3, 1, settings.models)
    assert decode(encode(start)) == start


def test_a_path_may_be_absolute_or_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = f'[[models]]\nname="a"\npath="{tmp_path}/weights"\n[[models]]\nname="b"\npath="~/weights"'
    first, second = load_settings(written(tmp_path, text)).models
    assert (first.path, second.path) == (str(tmp_path / "weights"), str(tmp_path / "home" / "weights"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("models = 3", r"write \[\[models\]\] above each"),
        ("[models]\nname = 'a'", r"write \[\[models\]\] above each"),
        ("[[models]]\nhub = 'a/b'", "number 1.* needs a name"),
        ("[[models]]\nname = 'with space'\nhub = 'a/b'", "needs a name of up to 40"),
        ("[[models]]\nname = 'builtin'\nhub = 'a/b'", "'builtin': the name is taken"),
        (OPEN + OPEN, "'open': the name is taken"),
        ("[[models]]\nname = 'a'", "needs one of path .* and hub"),
        ("[[models]]\nname = 'a'\nhub = 'a/b'\npath = 'c'", "and not both"),
        ("[[models]]\nname = 'a'\nhub = 'https://huggingface.co/a/b'", "write it as owner/model"),
        ("[[models]]\nname = 'a'\nhub = 'only-one'", "a folder goes into path"),
        (OPEN + "dtyp = 'float16'", r"has no key 'dtyp': did you mean dtype\?"),
        (OPEN + "colour = 'red'", "the keys are name, path, hub"),
        (OPEN + "dtype = 'int8'", "must be one of auto, float32, float16, bfloat16"),
        (OPEN + "steps = 2.5", "steps must be a whole number"),
        (OPEN + "steps = true", "steps must be a whole number"),
        (OPEN + "steps = 100000", "from 0 to 10000"),
        (OPEN + "guidance = 'strong'", "guidance must be a number"),
        (OPEN + "guidance = nan", "guidance must be a number"),
        (OPEN + "guidance = -1", "from 0 to 100"),
        (OPEN + "device = 3", "device must be text"),
        (OPEN + 'negative_prompt = "a\\nb"', "must be text"),
        (OPEN + f"negative_prompt = '{'x' * 1001}'", "up to 1000 characters"),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        load_settings(written(tmp_path, text))


def test_only_a_file_can_have_models() -> None:
    with pytest.raises(SettingsError, match="ANTIPHON_MODELS names no setting"):
        load_settings(environ={"ANTIPHON_MODELS": "a"})


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["name", "path", "hub", "steps", "x"]), inner)
    ),
    max_leaves=12,
)


@given(_values)
def test_whatever_is_written_ends_in_models_or_our_error(tables: object) -> None:
    try:
        entries = parse_models(tables, Path("studio.toml"))
    except SettingsError:
        return
    assert all(bool(entry.path) != bool(entry.hub) for entry in entries)
