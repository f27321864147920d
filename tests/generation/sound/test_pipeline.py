"""The pipeline's conventions, on tiny weights; and the built-in model's promises, on the real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from antiphon.domain.genome import Genome, NoiseRecipe, noise_of
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note, Score, StemScore, loop_frames
from antiphon.domain.theory import Key, Meter
from antiphon.errors import BackendFailed, Cancelled
from antiphon.evolution import mutate, restem
from antiphon.generation.backend import LoopAudio, SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.circle_rate import to_exact_length
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.registry import load_backend
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.source import pitch_hz
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder

SCORE = Score(
    97.3, Meter(3, 4), 2, Key(9, "minor"), (), 0.0, "test", 1,
    (
        StemScore("drums", "kit_909", tuple(Note(float(beat), 0.2, 36, 110) for beat in range(6))),
        StemScore("bass", "bass_sub", (Note(0.0, 2.8, 45, 100), Note(3.0, 2.8, 40, 100))),
        StemScore("lead", "lead_saw", ()),
    ),
)  # fmt: skip


def tiny_pipeline() -> ScoreToStemsPipeline:
    """A pipeline of a few thousand random parameters, for what does not depend on training."""
    torch.manual_seed(0)
    transformer = ScoreTransformer(latent_dims=8, timbres=32, width=20, depth=2, heads=2, window=32)
    torch.nn.init.normal_(transformer.out.weight, std=0.1)
    codec = LinearLatents.fitted(torch.randn(600, 256), dims=8)
    pipeline = ScoreToStemsPipeline(
        codec, transformer, HarmonicVocoder(width=16, depth=2), FlowMatchEulerDiscreteScheduler(shift=1.0)
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _call(pipeline: ScoreToStemsPipeline, seed: int = 5, **options: object) -> torch.Tensor:
    roll = torch.rand(3, 40, 256, generator=torch.Generator().manual_seed(1))
    source = torch.randn(3, 40 * 1024, generator=torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(seed)
    output = pipeline(roll, torch.tensor([0, 5, 9]), source, num_inference_steps=3, generator=generator, **options)
    assert output.audios is not None
    return output.audios


def test_a_saved_folder_sounds_the_same(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    before = _call(pipeline)
    pipeline.save_pretrained(tmp_path, safe_serialization=True)
    assert (tmp_path / "model_index.json").is_file()
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    loaded = ScoreToStemsPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert torch.equal(_call(loaded), before)


def test_the_seed_decides() -> None:
    pipeline = tiny_pipeline()
    assert torch.equal(_call(pipeline, 5), _call(pipeline, 5))
    assert not torch.equal(_call(pipeline, 5), _call(pipeline, 6))


def test_stems_share_their_noise() -> None:
    noise = tiny_pipeline().initial_noise(3, 40, torch.Generator().manual_seed(1))
    assert torch.equal(noise[0], noise[2])


def test_the_callback_sees_every_step_and_may_stop() -> None:
    seen = []

    def watch(_: object, index: int, __: torch.Tensor, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.append(index)
        if index == 1:
            raise Cancelled("stopped by the test")
        return state

    with pytest.raises(Cancelled):
        _call(tiny_pipeline(), callback_on_step_end=watch)
    assert seen == [0, 1]


def test_decoding_has_no_seam() -> None:
    """Turning latents and source by some frames turns the sound by as many samples: no frame is special."""
    pipeline = tiny_pipeline()
    latents = torch.randn(1, 48, 8, generator=torch.Generator().manual_seed(1))
    source = torch.randn(1, 48 * 1024, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        straight = pipeline.decode(latents, source)
        turned = pipeline.decode(torch.roll(latents, 17, dims=1), torch.roll(source, 17 * 1024, dims=1))
    torch.testing.assert_close(turned, torch.roll(straight, 17 * 1024, dims=1), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
@pytest.mark.parametrize("bpm", [50.0, 97.3, 219.9])
def test_every_stem_has_exactly_its_frames(sample_rate: int, bpm: float) -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    score = replace(SCORE, bpm=bpm)
    [stems] = backend.generate([SoundRequest(score, 1, 1, sample_rate)], lambda *_: None)
    expected = loop_frames(score.beats, bpm, sample_rate)
    assert list(stems) == ["drums", "bass", "lead"]
    assert {audio.shape for audio in stems.values()} == {(1, expected)}
    assert not stems["lead"].any(), "a stem without notes is silent"


def test_a_loop_does_not_depend_on_its_neighbours() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    requests = [SoundRequest(SCORE, seed, 2, 44100) for seed in (1, 2)]
    steps: list[tuple[int, int]] = []
    together = backend.generate(requests, lambda done, total: steps.append((done, total)))
    alone = backend.generate(requests[1:], lambda *_: None)
    assert np.array_equal(together[1]["bass"], alone[0]["bass"])
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_resampling_a_circle_keeps_its_period() -> None:
    turn = torch.sin(2 * torch.pi * 7 * torch.arange(1000) / 1000)[None]
    for frames in (1387, 1386, 901, 1000):
        expected = torch.sin(2 * torch.pi * 7 * torch.arange(frames) / frames)
        torch.testing.assert_close(to_exact_length(turn, frames)[0], expected, atol=1e-5, rtol=0)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="train_base"):
        BuiltinBackend.load(tmp_path, "cpu")


def test_unknown_model_is_told() -> None:
    with pytest.raises(BackendFailed, match="builtin"):
        load_backend("buildin")


@pytest.fixture(scope="module")
def builtin() -> BuiltinBackend:
    backend = load_backend("builtin", "cpu")
    assert isinstance(backend, BuiltinBackend)
    return backend


def test_the_trained_model_plays_the_scores_pitch(builtin: BuiltinBackend) -> None:
    [stems] = builtin.generate([SoundRequest(replace(SCORE, bpm=90.0), 3, 4, 44100)], lambda *_: None)
    # The note A2 sounds for the first 2.8 beats of 0.667 s.
    spectrum = np.abs(np.fft.rfft(stems["bass"][0, 8000:52100] * np.hanning(44100)))
    octave = min(
        (abs(12 * np.log2(spectrum[40:].argmax() + 40) - 12 * np.log2(pitch_hz(45) * n)), n) for n in (1, 2, 3)
    )
    assert octave[0] < 0.3, "the loudest partial is the note or one of its harmonics"


def test_the_trained_model_strikes_on_the_beat(builtin: BuiltinBackend) -> None:
    [stems] = builtin.generate([SoundRequest(replace(SCORE, bpm=90.0), 3, 4, 44100)], lambda *_: None)
    drums = stems["drums"][0]
    beat = 29400
    power = np.square(drums).reshape(-1, 60).sum(1)
    strokes = [power[int(k * beat / 60) :][:60].sum() for k in range(6)]
    before = [power[int(k * beat / 60) - 60 :][:40].sum() for k in range(1, 6)]
    assert min(strokes) > 20 * max(before), "60 frames × 60 after the beat outweigh what came just before it"


def test_a_stem_that_keeps_its_noise_sounds_as_it_did_whatever_the_others_do() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    plain = SoundRequest(SCORE, 1, 2, 44100)
    own = {stem.stem: noise_of(1) for stem in SCORE.stems}
    mixed = {"bass": NoiseRecipe(((1, 0.6), (2, 0.8)))}
    other_drums = replace(plain, seed=9, noise=own | {"drums": noise_of(2)})
    loops = backend.generate([plain, replace(plain, seed=9, noise=own), other_drums], lambda *_: None)
    assert all(np.array_equal(loops[0][stem], loops[1][stem]) for stem in loops[0]), "the seed's noise is shared"
    assert np.array_equal(loops[2]["bass"], loops[0]["bass"])
    assert not np.array_equal(loops[2]["drums"], loops[0]["drums"])
    [between] = backend.generate([replace(plain, noise=mixed)], lambda *_: None)
    assert not np.array_equal(between["bass"], loops[0]["bass"])
    assert np.array_equal(between["drums"], loops[0]["drums"])


def test_mixed_noise_is_the_weighted_sum() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    one, two, both = (
        backend._noise(NoiseRecipe(parts), 64) for parts in (((1, 1.0),), ((2, 1.0),), ((1, 0.6), (2, 0.8)))
    )
    torch.testing.assert_close(both, 0.6 * one + 0.8 * two)
    assert abs(float(both.std()) - 1.0) < 0.1


def test_a_stem_that_hears_the_others_sounds_otherwise_and_no_other_does() -> None:
    pipeline = tiny_pipeline()
    torch.nn.init.normal_(pipeline.transformer.embed_company.weight, std=0.2)
    backend, frames = BuiltinBackend(pipeline, "tiny"), loop_frames(SCORE.beats, SCORE.bpm, 48000)
    mix = np.sin(np.arange(frames) * 0.05, dtype=np.float32)[None]
    alone = SoundRequest(SCORE, 1, 2, 48000)
    before, told = backend.generate([alone, replace(alone, company={"bass": mix})], lambda *_: None)
    assert np.array_equal(before["drums"], told["drums"])
    assert not np.allclose(before["bass"], told["bass"])
    assert told["bass"].shape == (1, frames)


def test_the_trained_model_sounds_kept_stems_bit_for_bit(builtin: BuiltinBackend) -> None:
    """What `/restem` and `/vary … stems` promise, through the real weights: other company, the same samples."""
    parent = draw_genome(GenerateRequest(bpm=150.0, bars=1), 2)
    drumless = replace(parent, playing=("bass", "chords", "lead"))

    def sound(genome: Genome) -> dict[str, LoopAudio]:
        noise = {genes.stem: genes.noise for genes in genome.stems}
        [stems] = builtin.generate([SoundRequest(express(genome), genome.seed, 2, 44100, noise)], lambda *_: None)
        return stems

    before, other_bass = sound(drumless), sound(restem(drumless, "bass", 9))
    with_drums = sound(restem(drumless, "drums", 9))
    varied = sound(replace(mutate(drumless, 0.4, np.random.default_rng(1), ("lead",)), seed=77))
    for kept in ("bass", "chords", "lead"):
        assert np.array_equal(with_drums[kept], before[kept])
        assert np.array_equal(other_bass[kept], before[kept]) == (kept != "bass")
        assert np.array_equal(varied[kept], before[kept]) == (kept != "lead")
    assert (builtin.same_without(2), builtin.same_without(1)) == (True, False)
    bassless = sound(replace(parent, playing=("chords", "lead")))
    assert all(np.array_equal(bassless[kept], before[kept]) for kept in bassless), "as same_without says"
