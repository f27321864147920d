"""Noise that is kept because no seed draws it again: one file each in the data folder's `noise/`, named by its content.

A genome's recipes name these files, so they are on the disk, forced and whole, before the first loop that names them;
and what is read is what was written, or an error: a clip sounds as it did, or says why it can't.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from antiphon.errors import NotFound, StorageFailed
from antiphon.rendering.atomic import write_atomically

Noise = NDArray[np.float32]

_NAME = re.compile(r"[0-9a-f]{32}")
_TENSOR = "noise"


class KeptNoise:
    """The kept noises in `folder`: float32 (time, dims) each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, noise: Noise) -> str:
        """Write a noise and return its name; one that is there already is not written again. Raises StorageFailed."""
        name = _name(noise)
        path = self._path(name)
        if not path.is_file():
            write_atomically(path, [safetensors.numpy.save({_TENSOR: np.ascontiguousarray(noise, dtype=np.float32)})])
        return name

    def load(self, names: Iterable[str]) -> dict[str, Noise]:
        """The noises by name. Raises NotFound where one is missing, StorageFailed where one is damaged."""
        return {name: self._load(name) for name in names}

    def _load(self, name: str) -> Noise:
        path = self._path(name)
        try:
            noise: Noise = safetensors.numpy.load(path.read_bytes())[_TENSOR]
        except FileNotFoundError as error:
            raise NotFound(
                f"the noise that this loop was made of, {path.name}, is not in {self._folder}: put it back from "
                "a backup of the data folder"
            ) from error
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise _damaged(path) from error
        if noise.dtype != np.float32 or _name(noise) != name:
            raise _damaged(path)
        return noise

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise NotFound(f"{name[:40]!r} names no kept noise")
        return self._folder / f"{name}.safetensors"


def _name(noise: Noise) -> str:
    digest = hashlib.sha256(repr(noise.shape).encode())
    digest.update(np.ascontiguousarray(noise, dtype="<f4").tobytes())
    return digest.hexdigest()[:32]


def _damaged(path: Path) -> StorageFailed:
    return StorageFailed(f"{path} is damaged: put it back from a backup of the data folder")
