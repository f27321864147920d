"""Two networks that were taught to tag music, as independent listeners: musicnn and its VGG companion, trained on the
Million Song Dataset (Pons and Serra, 2019, arXiv 1909.06654; package `musicnn` 0.1.0, ISC licence).

The package's own TensorFlow code no longer runs, so its forward passes are written out here in torch; the weights are
read from the package, wherever it lies, and nothing of it is kept in this project. Against the package's own graphs,
run by TensorFlow 2.21 on the same pictures, both agree to 5e-6 (tests/scripts/test_fidelity.py holds the figures).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import Tensor

from antiphon.errors import BackendFailed
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ
from benchmarks.fidelity.tensor_bundle import read_bundle

RATE_HZ, FFT_FRAMES, HOP_FRAMES, BANDS = 16000, 512, 256, 96
#: What the networks see at once, in picture frames: three seconds.
PATCH_FRAMES = 187
_EPSILON = 1e-3
Listener = Callable[[Tensor], Tensor]


def musicnn_folder() -> Path:
    """Where the package's weights lie. Raises BackendFailed that says how to get them."""
    spec = find_spec("musicnn")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise BackendFailed(
            "the Fréchet distance needs the weights in the package musicnn: `pip install --no-deps musicnn==0.1.0` "
            "(its code and TensorFlow are not used), or name its folder with --musicnn"
        )
    return Path(places[0])


def pictures(wave: NDArray[np.float32], patches: int) -> Tensor:
    """`patches` log-mel pictures of a circle at MODEL_RATE_HZ, evenly spread: float32 (patches, PATCH_FRAMES, BANDS).

    As the package makes them: 16 kHz, 96 bands, log10(1 + 10,000 × power). The circle goes on where it ends, so that a
    patch may begin anywhere.
    """
    divisor = math.gcd(RATE_HZ, MODEL_RATE_HZ)
    around = np.resize(wave, wave.size + (PATCH_FRAMES + 4) * HOP_FRAMES * MODEL_RATE_HZ // RATE_HZ)
    slow = resample_poly(around, RATE_HZ // divisor, MODEL_RATE_HZ // divisor).astype(np.float32)
    power = librosa.feature.melspectrogram(y=slow, sr=RATE_HZ, hop_length=HOP_FRAMES, n_fft=FFT_FRAMES, n_mels=BANDS)
    picture = torch.from_numpy(np.log10(1.0 + 10000.0 * power.T).astype(np.float32))
    starts = np.linspace(0, wave.size * RATE_HZ / MODEL_RATE_HZ / HOP_FRAMES, patches, endpoint=False).astype(int)
    return torch.stack([picture[start : start + PATCH_FRAMES] for start in starts])


class _Weights:
    """A checkpoint's layers in the order of their numbers, as torch lays them out."""

    def __init__(self, tensors: dict[str, NDArray[Any]]) -> None:
        self._tensors = {name: torch.from_numpy(np.array(values)) for name, values in tensors.items()}

    def normalised(self, x: Tensor, number: int, dim: int = 1) -> Tensor:
        """Batch normalisation with what training saw, over dimension `dim`."""
        name = "batch_normalization" + (f"_{number}" if number else "")
        gamma, beta, mean, variance = (
            self._tensors[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        shape = [1] * x.ndim
        shape[dim] = -1
        scale = gamma * torch.rsqrt(variance + _EPSILON)
        return x * scale.view(shape) + (beta - mean * scale).view(shape)

    def convolved(self, x: Tensor, name: str, same: bool = False) -> Tensor:
        """Two-dimensional convolution (batch, in, time, frequency), then a rectifier; `same` as TensorFlow pads."""
        kernel = self._tensors[f"{name}/kernel"].permute(3, 2, 0, 1).contiguous()
        if same:
            tall, wide = (size - 1 for size in kernel.shape[2:])
            x = F.pad(x, (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2))
        return F.relu(F.conv2d(x, kernel, self._tensors[f"{name}/bias"]))

    def dense(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._tensors[f"{name}/kernel"].T, self._tensors[f"{name}/bias"])


class Musicnn:
    """Long thin filters for timbre, tall ones for rhythm, three residual layers, pooling over time."""

    def __init__(self, folder: Path) -> None:
        self._weights = _Weights(read_bundle(f"{folder}/MSD_musicnn/"))

    @torch.inference_mode()
    def __call__(self, patches: Tensor) -> Tensor:
        """Pictures (batch, PATCH_FRAMES, BANDS) → the penultimate layer (batch, 200)."""
        return self._penultimate(patches)

    @torch.inference_mode()
    def tags(self, patches: Tensor) -> Tensor:
        """Likelihood of the package's 50 tags, (batch, 50): how the port is checked."""
        return torch.sigmoid(self._weights.dense(self._penultimate(patches), "dense_1"))

    def _penultimate(self, patches: Tensor) -> Tensor:
        w = self._weights
        x = w.normalised(patches[:, None], 0)
        timbral = [w.convolved(F.pad(x, (0, 0, 3, 3)), "conv2d"), w.convolved(F.pad(x, (0, 0, 3, 3)), "conv2d_1")]
        rhythmic = [w.convolved(x, f"conv2d_{number}", same=True) for number in (2, 3, 4)]
        # What a filter heard at its loudest frequency: (batch, filters, time).
        front = [w.normalised(y, number + 1).amax(-1) for number, y in enumerate((*timbral, *rhythmic))]
        layers = [torch.cat(front, 1)]
        for number in (5, 6, 7):
            beneath = layers[-1].transpose(1, 2)[:, None]
            y = w.convolved(F.pad(beneath, (0, 0, 3, 3)), f"conv2d_{number}")[..., 0]
            y = w.normalised(y, number + 1)
            layers.append(y if number == 5 else y + layers[-1])
        heard = torch.cat(layers, 1)
        pooled = torch.stack((heard.amax(-1), heard.mean(-1)), -1).flatten(1)
        return w.normalised(F.relu(w.dense(w.normalised(pooled, 9), "dense")), 10)


class Vgg:
    """Five small square convolutions with pooling between: the computer-vision view of the same pictures.

    The pooling is that of the graph stored beside the weights; the package's code has another, which the weights were
    not trained with.
    """

    def __init__(self, folder: Path) -> None:
        self._weights = _Weights(read_bundle(f"{folder}/MSD_vgg/"))

    @torch.inference_mode()
    def __call__(self, patches: Tensor) -> Tensor:
        """Pictures (batch, PATCH_FRAMES, BANDS) → the last pooling, (batch, 256)."""
        return self._last_pool(patches)

    @torch.inference_mode()
    def tags(self, patches: Tensor) -> Tensor:
        """Likelihood of the package's 50 tags, (batch, 50)."""
        return torch.sigmoid(self._weights.dense(self._last_pool(patches), "dense"))

    def _last_pool(self, patches: Tensor) -> Tensor:
        w = self._weights
        x = w.normalised(patches[:, None], 0)
        for number, window in enumerate(((4, 1), (1, 4), (2, 2), (2, 2), (4, 4)), 1):
            x = F.max_pool2d(w.normalised(w.convolved(x, f"{number}CNN", same=True), number), window)
        return x.permute(0, 2, 3, 1).flatten(1)
