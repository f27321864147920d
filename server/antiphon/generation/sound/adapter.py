"""Fine-tuned versions of the sound model: what they add to the base's weights (LoRA, Hu et al., 2021), as a file.

An adapter is laid over the base once, when it is loaded: a version then costs no more time than the base, and shares
every tensor that it does not change. The same file on the same base gives the same weights to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from antiphon.errors import BackendFailed
from antiphon.generation.sound.transformer import ScoreTransformer

ADAPTER_FILE = "adapter.safetensors"
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True, slots=True)
class Adapter:
    """`tensors` are named as peft names them (`blocks.0.to_qkv.lora_A.weight`); `about` is the version's record: its
    name, base, parent, scale, and how it was made."""

    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(self.about["version"])


def adapter_path(folder: Path, version: str) -> Path:
    """Where a version's file lies below the folder of versions."""
    return folder / version / ADAPTER_FILE


def read_adapter(path: Path) -> Adapter:
    """Read a version's file. Raises BackendFailed that names it."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["antiphon"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        adapter = Adapter(tensors, about)
        _ = (adapter.version, float(about["scale"]), about["base_version"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BackendFailed(
            f"the fine-tuned model in {path} could not be read ({error}): restore the file from a backup, or go back "
            "with /antiphon/model/rollback"
        ) from error
    return adapter


def soften(path: Path, share: float) -> None:
    """Let a version's file do `share`, 0 to 1, of what it does. The file is whole before and after, and its record's
    `softened` lists the shares. Raises BackendFailed."""
    adapter = read_adapter(path)
    shares = [*adapter.about.get("softened", ()), share]
    about = dict(adapter.about) | {"scale": share * float(adapter.about["scale"]), "softened": shares}
    tensors = {name: tensor.contiguous() for name, tensor in adapter.tensors.items()}
    partial = path.with_suffix(".part")
    save_file(tensors, partial, {"antiphon": json.dumps(about)})
    partial.replace(path)


def with_adapter(base: ScoreTransformer, adapter: Adapter) -> ScoreTransformer:
    """The base with an adapter laid over it; all other tensors are the base's own. Raises BackendFailed."""
    changes = {name.removesuffix(_DOWN): name for name in adapter.tensors if name.endswith(_DOWN)}
    kept = {
        id(tensor): tensor for name, tensor in base.named_parameters() if name.removesuffix(".weight") not in changes
    }
    kept |= {id(tensor): tensor for tensor in base.buffers()}
    own: ScoreTransformer = deepcopy(base, kept)
    weights = dict(own.named_parameters())
    scale = float(adapter.about["scale"])
    for layer, down_name in changes.items():
        try:
            weight = weights[f"{layer}.weight"]
            down, up = (adapter.tensors[name].to(weight) for name in (down_name, layer + _UP))
            weight.data.add_(up @ down, alpha=scale)
        except (KeyError, RuntimeError) as error:
            raise BackendFailed(
                f"{adapter.version} does not fit its base at {layer} ({error}): train it anew"
            ) from error
    return own
