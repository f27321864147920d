"""Every family on tiny random weights: exact length, repeatable, stoppable, each in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from antiphon.domain.genome import NoiseRecipe
from antiphon.domain.score import Score, loop_frames
from antiphon.errors import Cancelled
from antiphon.generation.backend import LoopAudio, SoundRequest, plays_score
from antiphon.generation.text_to_music.backend import TextToMusicBackend
from antiphon.rendering.finish import finish
from antiphon.rendering.inspection import inspect_files, inspect_stems
from antiphon.rendering.preset import load_preset
from tests.generation.text_to_music.tiny import BUILDERS

Loaded = Callable[[str], TextToMusicBackend]
FAMILIES = tuple(BUILDERS)


def sounded(backend: TextToMusicBackend, score: Score, seed: int = 7, rate: int = 44100) -> dict[str, LoopAudio]:
    (stems,) = backend.generate([SoundRequest(score, seed, 2, rate, prompt="dusty")], lambda done, total: None)
    return stems


def only(score: Score, stem: str) -> Score:
    return dataclasses.replace(score, stems=(score.stem(stem),))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rate", [44100, 48000])
def test_stems_have_the_exact_length_and_no_seam(loaded: Loaded, score: Score, family: str, rate: int) -> None:
    backend = loaded(family)
    stems = sounded(backend, score, rate=rate)
    frames = loop_frames(score.beats, score.bpm, rate)
    assert {name: audio.shape[1] for name, audio in stems.items()} == {"drums": frames, "bass": frames}
    assert all(audio.dtype == np.float32 and audio.flags.c_contiguous for audio in stems.values())
    assert inspect_stems(stems, score, rate, plays_score(backend)) == ()
    finished = finish(stems, score, load_preset("clean"), rate)
    assert [fault for fault in inspect_files(finished, score) if fault.kind != "dc"] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_is_the_same_sound_and_another_another(loaded: Loaded, score: Score, family: str) -> None:
    backend = loaded(family)
    torch.manual_seed(1)
    first = sounded(backend, score)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    again = sounded(backend, score)
    for stem in ("drums", "bass"):
        assert np.array_equal(first[stem], again[stem])
        assert not np.array_equal(first[stem], sounded(backend, only(score, stem), seed=8)[stem])
    assert not np.array_equal(first["drums"], first["bass"])
    # What others draw from torch's own generator is not disturbed.
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stem_depends_on_the_others_only_where_they_are_its_context(
    loaded: Loaded, score: Score, family: str
) -> None:
    backend = loaded(family)
    alone, beside = sounded(backend, only(score, "bass"))["bass"], sounded(backend, score)["bass"]
    assert np.array_equal(alone, beside) == (family != "ace-step")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_little_other_noise_is_a_little_other_sound(loaded: Loaded, score: Score, family: str) -> None:
    backend, drums = loaded(family), only(score, "drums")

    def with_noise(*parts: tuple[int, float]) -> LoopAudio:
        request = SoundRequest(drums, 7, 2, 44100, {"drums": NoiseRecipe(parts)}, "dusty")
        return backend.generate([request], lambda done, total: None)[0]["drums"]

    def distance(one: LoopAudio, other: LoopAudio) -> float:
        return float(np.sqrt(np.mean(np.square(one - other))))

    first = with_noise((7, 1.0))
    assert np.array_equal(first, sounded(backend, drums)["drums"])
    near, far = with_noise((7, 0.9999), (9, 0.01414)), with_noise((9, 1.0))
    assert not np.array_equal(first, near)
    # MusicGen starts from no noise: another recipe is another loop altogether.
    assert family == "musicgen" or distance(first, near) < 0.5 * distance(first, far)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_tells_how_far_it_is_and_stops_where_it_is_told_to(loaded: Loaded, score: Score, family: str) -> None:
    backend = loaded(family)
    told: list[tuple[int, int]] = []
    request = SoundRequest(score, 7, 3, 44100)
    backend.generate([request], lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert len({done for done, _ in told}) >= 6

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        backend.generate([request], stop)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_says_what_it_is(loaded: Loaded, family: str) -> None:
    backend = loaded(family)
    assert backend.name == "mine"
    assert backend.version.startswith("mine-")
    assert backend.device == "cpu"
    expected = {"ace-step": 50, "ace-step-turbo": 8, "stable-audio-3": 8, "musicgen": 1}
    assert backend.default_steps == expected.get(family, 100)
