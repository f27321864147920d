"""The files, as other people's programs read them: sox, libsndfile's sndfile-info, soundfile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.integration.conftest import BARS, BPM, RATE
from tests.integration.heard import Loop

pytestmark = pytest.mark.integration
FRAMES = round(BARS * 4 * 60 / BPM * RATE)


@pytest.mark.needs("sox")
def test_sox_reads_the_headers(loop: Loop, converse: Callable[..., str]) -> None:
    for file in loop.files:
        assert converse(["soxi", "-s", file.path]).strip() == str(FRAMES)
        assert converse(["soxi", "-r", file.path]).strip() == str(RATE)
        assert converse(["soxi", "-b", file.path]).strip() == "24"


@pytest.mark.needs("sox")
def test_sox_sums_the_stems_to_the_mix(loop: Loop, converse: Callable[..., str], tmp_path: Path) -> None:
    inputs = [word for stem in loop.stems for word in ("-v", "1", stem.path)]
    # No warning either: sox says something where it does not like a chunk.
    assert converse(["sox", "-D", "-m", *inputs, "-b", "32", "-e", "float", tmp_path / "sum.wav"]) == ""
    summed, _ = soundfile.read(tmp_path / "sum.wav", always_2d=True)
    mix, _ = soundfile.read(loop.mix.path, always_2d=True)
    assert np.abs(mix).max() > 0.05
    assert np.abs(summed - mix).max() < 10 ** (-80 / 20)


@pytest.mark.needs("sndfile-info")
def test_libsndfile_reads_tempo_loop_and_markers(loop: Loop, converse: Callable[..., str]) -> None:
    for file in loop.files:
        said = converse(["sndfile-info", file.path])
        assert re.search(rf"^Frames\s*: {FRAMES}$", said, flags=re.MULTILINE)
        acid = said.partition("acid : 24")[2]
        assert re.search(r"Tempo\s*: 124", acid), said
        assert re.search(r"Beats\s*: 8", acid)
        assert re.search(r"Meter\s*: 4/4", acid)
        loops = re.search(r"Start\s*:\s*0\s+End\s*:\s*(\d+)", said.partition("smpl :")[2])
        assert loops is not None, said
        assert int(loops[1]) == FRAMES - 1
        starts = [int(start) for start in re.findall(r"Cue ID.*?Offset\s*: *(\d+)", said)]
        assert starts == [0, FRAMES // BARS]


def test_soundfile_reads_every_sample(loop: Loop) -> None:
    for file in loop.files:
        samples, rate = soundfile.read(file.path, dtype="int32", always_2d=True)
        assert (len(samples), rate) == (FRAMES, RATE)
        # 24 bits in 32: the lowest eight are empty, the higher ones are used.
        assert not np.any(samples & 0xFF)
        assert np.any(samples & 0xFF00)
