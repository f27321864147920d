"""Liveliness given back to what few steps make: how far, where, and where nothing may change."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from numpy.typing import NDArray
from tests.tiny_backend import tiny_pipeline

from antiphon.domain.score import Note, Score, StemScore
from antiphon.domain.theory import Key, Meter
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.errors import BackendFailed
from antiphon.generation.backend import SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.registry import load_backend
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline, StemsOutput
from antiphon.generation.sound.spectrum import log_mel_circle
from antiphon.generation.sound.spread import FAST_FRAMES, MOST_DB, Spread, fast_part, spread_out
from antiphon.paths import presets_dir
from antiphon.training.corpus import Song
from antiphon.training.spreading import measured_spread

HELD = (Note(0.0, 3.9, 60, 90),)
SCORE = Score(
    100.0, Meter(4, 4), 1, Key(9, "minor"), (), 0.0, "test", 1,
    (
        StemScore("bass", "bass_saw", (Note(0.0, 3.9, 40, 90),)),
        StemScore("texture", "texture_rain", HELD),
        StemScore("percussion", "perc_hand", tuple(Note(float(beat), 0.2, 60, 100) for beat in range(4))),
    ),
)  # fmt: skip


def _codec() -> LinearLatents:
    """Latents are four bands of one frame, and of the next the same."""
    codec = LinearLatents(8)
    codec.components = torch.eye(256)[:, [0, 1, 2, 3, 128, 129, 130, 131]]
    return codec


def _noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


def test_what_is_slow_is_not_enlarged_and_what_is_fast_is_whole() -> None:
    time = torch.arange(660)
    slow = torch.sin(2 * math.pi * time / 660)[:, None].expand(-1, 3)
    assert float(fast_part(slow).abs().max()) < 0.01
    fast = torch.sin(2 * math.pi * time / (FAST_FRAMES / 3))[:, None].expand(-1, 3)
    torch.testing.assert_close(fast_part(fast), fast, atol=1e-5, rtol=0)
    turned = torch.roll(slow + fast, 100, 0)
    torch.testing.assert_close(fast_part(turned), torch.roll(fast_part(slow + fast), 100, 0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 3, 32, 33, 34])
def test_short_circles_have_a_fast_part(frames: int) -> None:
    found = fast_part(_noise(frames, 2))
    assert found.shape == (frames, 2)
    assert bool(torch.isfinite(found).all())


def test_stems_lie_as_far_from_the_expected_as_they_are_to_and_others_stay_bit_for_bit() -> None:
    expected, made = torch.zeros(2, 1200, 8), 0.05 * _noise(2, 1200, 8)
    gain = torch.ones(2, 8)
    gain[1, :6] = 2.5
    found = spread_out(made, expected, gain, _codec())
    assert torch.equal(found[0], made[0])
    assert torch.equal(found[1, :, 6:], made[1, :, 6:])
    enlarged = float(found[1, :, :6].std() / made[1, :, :6].std())
    assert 2.4 < enlarged < 2.5
    assert torch.equal(spread_out(made[1:], expected[1:], gain[1:], _codec())[0], found[1]), "whoever is beside it"


def test_no_frame_becomes_louder_than_six_decibels_above_the_loudest() -> None:
    codec, made = _codec(), 0.3 * _noise(1, 400, 8)
    loudest = codec.decode(made).max()
    for gain in (2.0, 4.0, 100.0):
        found = codec.decode(spread_out(made, torch.zeros_like(made), torch.full((1, 8), gain), codec))
        assert float(found.max() - loudest) <= MOST_DB / 8.686 + 1e-3
        assert not torch.equal(found, codec.decode(made))


def test_gains_between_measured_numbers_of_steps() -> None:
    spread = Spread((2, 4, 8), torch.tensor([3.0, 2.0, 1.5])[:, None, None].expand(3, 5, 6))
    for steps, gain in ((1, 3.0), (2, 3.0), (4, 2.0), (8, 1.5), (50, 1.5)):
        torch.testing.assert_close(spread.at(steps), torch.full((5, 6), gain))
    assert 1.5 < float(spread.at(6)[0, 0]) < 1.75


def test_a_table_is_read_as_it_was_written_and_a_broken_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spread.safetensors"
    with pytest.raises(BackendFailed, match="--stages spread"):
        Spread.read(path)
    written = Spread((2, 4), 1.0 + _noise(2, 5, 6).abs())
    written.write(path)
    found = Spread.read(path)
    assert found.steps == (2, 4)
    torch.testing.assert_close(found.gain, written.gain, atol=2e-3, rtol=0)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BackendFailed, match="--stages spread"):
        Spread.read(path)


@pytest.mark.parametrize(
    ("steps", "deviation", "kept"), [(4, 0.3, 0.15), (4, 0.9, 0.39), (20, 0.3, 0.64), (20, 0.9, 0.85)]
)
def test_what_euler_keeps_of_a_normal_distribution_is_what_the_docs_say(
    steps: int, deviation: float, kept: float
) -> None:
    """With the scheduler and the noise levels that the weights have."""
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(presets_dir() / "models" / "builtin" / "scheduler")
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1.0 / steps, steps))
    state = noise = _noise(2000, 1)
    for index, timestep in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[index])
        power = sigma**2 + ((1.0 - sigma) * deviation) ** 2
        state = scheduler.step((sigma - (1.0 - sigma) * deviation**2) / power * state, timestep, state)[0]
    assert float((state / noise).mean()) / deviation == pytest.approx(kept, abs=0.005)


def test_the_pipeline_spreads_only_what_it_is_told_to() -> None:
    pipeline = tiny_pipeline()
    roll, source = torch.rand(2, 40, 256), torch.randn(2, 40 * 1024)
    gain = torch.ones(2, 8)
    gain[1] = 2.0

    def latents(**options: object) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        output = pipeline(roll, torch.tensor([0, 5]), source, generator=generator, output_type="latent", **options)
        return torch.stack((output.latents, output.expected))

    plain, spread = latents(num_inference_steps=3), latents(num_inference_steps=3, gain=gain)
    assert torch.equal(plain[1], spread[1])
    assert torch.equal(plain[0, 0], spread[0, 0])
    assert not torch.equal(plain[0, 1], spread[0, 1])
    (made, expected) = latents(num_inference_steps=1, gain=gain)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)


class HalfAsFar:
    """A model that stays half as far from what it expects, zero, as the song's own sound is; nothing else of it."""

    device = torch.device("cpu")
    transformer = SimpleNamespace(config=SimpleNamespace(timbres=64, latent_dims=8, colours=64))
    codec = _codec()
    pictures: torch.Tensor

    def __call__(self, roll: torch.Tensor, *_: object, num_inference_steps: int, **__: object) -> StemsOutput:
        own = self.codec.encode(self.pictures)
        share = 0.5 if num_inference_steps == 4 else 0.8
        return StemsOutput(audios=None, latents=share * own, expected=torch.zeros_like(own))


def test_what_is_measured_says_how_far_real_sound_lies_beyond() -> None:
    rng = np.random.default_rng(3)
    audio = rng.standard_normal((3, 120 * 1024)).astype(np.float32) * 0.1
    model = HalfAsFar()
    model.pictures = log_mel_circle(torch.from_numpy(audio[1:]))
    song = Song(SCORE, audio, ({}, {}, {}))
    found = measured_spread(cast(ScoreToStemsPipeline, model), [song, song], (4, 8))
    assert found.gain.shape == (2, 64, 8)
    for timbre in ("texture_rain", "perc_hand"):
        torch.testing.assert_close(found.gain[0, TIMBRE_INDEX[timbre]], torch.full((8,), 2.0))
        torch.testing.assert_close(found.gain[1, TIMBRE_INDEX[timbre]], torch.full((8,), 1.25))
    others = [index for timbre, index in TIMBRE_INDEX.items() if timbre not in ("texture_rain", "perc_hand")]
    assert bool((found.gain[:, others] == 1.0).all()), "the bass has a pitch, and of the others nothing was heard"


@pytest.fixture(scope="module")
def builtin() -> BuiltinBackend:
    backend = load_backend("builtin", "cpu")
    assert isinstance(backend, BuiltinBackend)
    return backend


def _levels_db(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    short = wave[: wave.size // 441 * 441].reshape(-1, 441).astype(np.float64)
    return 10.0 * np.log10(np.mean(np.square(short), axis=1) + 1e-9)


def test_the_trained_models_rain_falls_in_drops(builtin: BuiltinBackend) -> None:
    """Beside the version before, which has the same weights: rain moves more, a bass stays bit by bit."""
    request = SoundRequest(SCORE, 3, 4, 44100)
    [after], [before] = (
        builtin.sounding_as(version).generate([request], lambda *_: None) for version in ("builtin-7", "builtin-6")
    )
    assert np.array_equal(after["bass"], before["bass"])
    moves = [float(np.abs(np.diff(_levels_db(loop["texture"][0]))).mean()) for loop in (after, before)]
    assert moves[0] > 1.3 * moves[1]
    pictures = builtin.pictures(replace(request, steps=2))
    assert pictures is not None
    assert pictures.stems == ("bass", "texture", "percussion")
