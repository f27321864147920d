"""The sampler's ODE backwards, on a small random model: what was inverted is made again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.generation.sound.test_pipeline import SCORE, tiny_pipeline

from antiphon.domain.genome import NoiseRecipe, noise_of
from antiphon.errors import BackendFailed
from antiphon.evolution.noise import slerp
from antiphon.generation.backend import Inverts, SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.songs.excerpt import Excerpt
from antiphon.generation.sound.inversion import invert

KEPT = "0123456789abcdef0123456789abcdef"


def _excerpt(seed: int) -> Excerpt:
    rng = np.random.default_rng(seed)
    length_s = float(SCORE.duration_s)
    parts = {stem: 0.1 * rng.standard_normal(int(length_s * 44100)).astype(np.float32) for stem in ("drums", "bass")}
    return Excerpt(parts, np.linspace(0.0, length_s, 7), 0.0)


def test_each_step_backwards_undoes_one_of_the_samplers() -> None:
    """On a field that bends: more iterations come nearer, and enough of them arrive."""
    matrix = 0.5 * torch.randn(8, 8, generator=torch.Generator().manual_seed(1)) / 8**0.5

    def velocity(state: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.tanh(state @ matrix) * (1.0 + sigma)

    clean = torch.randn(1, 10, 8, generator=torch.Generator().manual_seed(2))
    errors = []
    for iterations in (0, 1, 12):
        state = invert(velocity, clean, 6, iterations)
        for index in range(6, 0, -1):
            state = state - velocity(state, index / 6) / 6
        errors.append(float((state - clean).abs().max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_the_backend_inverts_songs_for_every_stem_that_plays() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    assert isinstance(backend, Inverts)
    request = SoundRequest(SCORE, 1, 3, 44100)
    steps: list[tuple[int, int]] = []
    found = backend.invert(request, [_excerpt(1), _excerpt(2)], lambda done, total: steps.append((done, total)))
    assert set(found) == {"drums", "bass"}
    assert steps[-1][0] == steps[-1][1] == len(steps)
    again = backend.invert(request, [_excerpt(1), _excerpt(2)], lambda *_: None)
    assert all(np.array_equal(found[stem], again[stem]) for stem in found)
    [alone] = {backend.invert(request, [_excerpt(1)], lambda *_: None)["bass"].tobytes()}
    assert alone != found["bass"].tobytes()


def test_kept_noise_sounds_bit_for_bit_and_moves_a_stem_by_degrees() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    plain = SoundRequest(SCORE, 1, 3, 44100)
    noise = backend.invert(plain, [_excerpt(1)], lambda *_: None)["bass"]

    def bass(strength: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        recipe = slerp(noise_of(1), NoiseRecipe(((KEPT, 1.0),)), strength)
        asked = replace(plain, noise={"bass": recipe}, kept={KEPT: noise})
        [stems] = backend.generate([asked], lambda *_: None)
        return stems["bass"]

    assert np.array_equal(bass(0.0), backend.generate([plain], lambda *_: None)[0]["bass"])
    assert np.array_equal(bass(0.5), bass(0.5))
    far = [float(np.abs(bass(strength) - bass(1.0)).mean()) for strength in (0.0, 0.5, 0.9)]
    assert far[0] > far[1] > far[2] > 0


def test_kept_noise_fits_another_circle_and_no_other_model() -> None:
    backend = BuiltinBackend(tiny_pipeline(), "tiny")
    noise = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    fitted = backend._noise(NoiseRecipe(((KEPT, 1.0),)), 64, {KEPT: noise})
    assert fitted.shape == (1, 64, 8)
    assert abs(float(fitted.std()) - float(noise.std())) < 0.05
    with pytest.raises(BackendFailed, match="another model"):
        backend._noise(NoiseRecipe(((KEPT, 1.0),)), 64, {KEPT: noise[:, :4]})
