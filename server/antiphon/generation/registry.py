"""Backends by name: the built-in one, those of the settings' `[[models]]`, and `package.module:function` for a backend
of the user's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.backend import Backend
from antiphon.paths import presets_dir

if TYPE_CHECKING:
    from antiphon.generation.scoring.score_model import ScoreModel


def _builtin(device: str, version: str = "") -> Backend:
    from antiphon.generation.builtin import BuiltinBackend

    backend = BuiltinBackend.load(presets_dir() / "models" / "builtin", _torch_device(device))
    backend.warm_up()
    return backend.sounding_as(version) if version else backend


def _torch_device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


#: Earlier versions that have the built-in model's weights, by their own names: so children of their loops sound as
#: these do.
_EARLIER: tuple[str, ...] = ("builtin-6",)
_BACKENDS: dict[str, Callable[[str], Backend]] = {
    "builtin": _builtin,
    **{version: partial(_builtin, version=version) for version in _EARLIER},
}


@lru_cache(maxsize=1)
def load_score_model() -> ScoreModel:
    """Load the score model that comes with the built-in one, once. It is small and computes on the processor, so that
    a loop's notes don't depend on whether there is a GPU. Raises BackendFailed that says what to do."""
    from antiphon.generation.scoring.score_model import ScoreModel

    return ScoreModel.load(presets_dir() / "models" / "builtin" / "score", "cpu")


def backend_names() -> tuple[str, ...]:
    """The backends that come with Antiphon."""
    return tuple(_BACKENDS)


def load_backend(model: str, device: str = "auto", entries: Sequence[ModelEntry] = ()) -> Backend:
    """Load and warm a backend; `entries` are the user's own. Raises BackendFailed that says what to do."""
    if model in _BACKENDS:
        return _BACKENDS[model](device)
    entry = next((entry for entry in entries if entry.name == model), None)
    if entry is not None:
        from antiphon.generation.text_to_music.loading import load as load_text_to_music

        return load_text_to_music(entry, _torch_device(entry.device or device))
    module_name, colon, function = model.partition(":")
    if not colon:
        known = ", ".join((*_BACKENDS, *(entry.name for entry in entries)))
        raise BackendFailed(
            f"there is no model {model!r}: use {known}, add it to the settings as [[models]], or name a "
            "package.module:function"
        )
    try:
        load = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError) as error:
        raise BackendFailed(f"the backend {model!r} could not be imported: {error}") from error
    backend: Backend = load(device)
    return backend
