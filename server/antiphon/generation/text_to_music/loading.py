"""From an entry of the settings to a backend with its model loaded; every way in which that fails says what to do."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import torch

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.text_to_music.backend import TextToMusicBackend
from antiphon.generation.text_to_music.families import Family
from antiphon.generation.text_to_music.hub import folder_of
from antiphon.generation.text_to_music.memory import check_memory, dtype_for
from antiphon.generation.text_to_music.model import TextToMusic
from antiphon.generation.text_to_music.weights import components, examine, fingerprint

EXTRA = "text-to-music"
_PACKAGES = {"stable-audio-open": ("transformers", "torchsde")}


def load(entry: ModelEntry, device: str) -> TextToMusicBackend:
    """Find, check and load a model onto `device` (a torch device name). Raises BackendFailed."""
    found = examine(folder_of(entry))
    family = found.family
    for package in _PACKAGES.get(family.name, ("transformers",)):
        if importlib.util.find_spec(package) is None:
            raise BackendFailed(
                f"the model {entry.name} ({family.title}) needs the package {package}: pip install 'antiphon[{EXTRA}]'"
            )
    _check_device(entry, device)
    dtype = dtype_for(entry.dtype, device, family.gpu_dtype)
    check_memory(found, entry.name, device, dtype)
    try:
        with warnings.catch_warnings():
            # The libraries' warnings about themselves are of no use to whoever reads the worker's log.
            warnings.simplefilter("ignore")
            model = _loaded(entry, family, found.path, device, dtype)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise BackendFailed(
            f"the model {entry.name} in {found.path} could not be loaded ({type(error).__name__}: {error}): get it "
            f"once more, or upgrade diffusers and transformers: pip install -U 'antiphon[{EXTRA}]'"
        ) from error
    version = f"{entry.name}-{fingerprint(found.path, family)}"
    return TextToMusicBackend(entry, version, model, device)


def _check_device(entry: ModelEntry, device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise BackendFailed(
            f"the model {entry.name} shall compute on {device!r}, which does not work here: set its device (or the "
            "server's) to auto or cpu, or see antiphon doctor"
        ) from error


def _loaded(entry: ModelEntry, family: Family, folder: Path, device: str, dtype: torch.dtype) -> TextToMusic:
    steps, guidance = entry.steps or family.steps, entry.guidance or family.guidance
    if family.name == "musicgen":
        from antiphon.generation.text_to_music.musicgen import MusicGen

        return MusicGen(*_musicgen(folder, device, dtype), steps, guidance)
    pipeline = _pipeline(family, folder, dtype)
    pipeline.set_progress_bar_config(disable=True)
    return _player(family, pipeline.to(device), steps, guidance)


def _player(family: Family, pipeline: Any, steps: int, guidance: float) -> TextToMusic:
    if family.name == "ace-step":
        from antiphon.generation.text_to_music.ace_step import AceStep

        return AceStep(pipeline, steps, guidance)
    if family.name == "audioldm2":
        from antiphon.generation.text_to_music.audioldm2 import AudioLdm2

        return AudioLdm2(pipeline, steps, guidance)
    from antiphon.generation.text_to_music.stable_audio import StableAudio3, StableAudioOpen

    return (StableAudio3 if family.name == "stable-audio-3" else StableAudioOpen)(pipeline, steps, guidance)


def _pipeline(family: Family, folder: Path, dtype: torch.dtype) -> Any:
    import diffusers

    kind = getattr(diffusers, family.recognised_by, None)
    if kind is None:
        raise BackendFailed(
            f"diffusers {diffusers.__version__} does not know {family.title} yet: pip install -U 'antiphon[{EXTRA}]'"
        )
    instead: dict[str, Any] = {}
    if components(folder, family).get("language_model") == "GPT2Model":
        # AudioLDM 2 was published with the class GPT2Model, which can no longer generate since transformers 4.50.
        from transformers import GPT2LMHeadModel

        instead["language_model"] = GPT2LMHeadModel.from_pretrained(
            folder / "language_model", dtype=dtype, use_safetensors=True, local_files_only=True
        )
    return kind.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True, **instead)


def _musicgen(folder: Path, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration

    model = MusicgenForConditionalGeneration.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return model.to(device).eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)
