"""Whether a model fits into memory, asked before it is loaded: a machine that swaps or a driver that gives up is worse
than a clear no."""

from __future__ import annotations

import psutil
import torch

from antiphon.generation.backend import NotEnoughMemory
from antiphon.generation.text_to_music.weights import ModelFolder

BYTES = {torch.float32: 4, torch.float16: 2, torch.bfloat16: 2}
#: What computing takes beside the weights, as a share of them.
_BESIDE = 0.3


def dtype_for(wanted: str, device: str, gpu_dtype: str) -> torch.dtype:
    """The precision to compute in. `auto` is float32 but on CUDA, where it is the family's."""
    name = wanted if wanted != "auto" else gpu_dtype if device.startswith("cuda") else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def check_memory(model: ModelFolder, name: str, device: str, dtype: torch.dtype) -> None:
    """Raises NotEnoughMemory that says how much is needed and how much is free."""
    needed = int(model.parameters * BYTES[dtype] * (1.0 + _BESIDE))
    free = free_bytes(device)
    if needed > free:
        smaller = "" if dtype != torch.float32 else ', set dtype = "bfloat16" for it in the settings'
        raise NotEnoughMemory(
            f"the model {name} needs about {needed / 1e9:.1f} GB on {device}, and {free / 1e9:.1f} GB are free: close "
            f"what else uses it{smaller}, or choose a smaller model or another device"
        )


def free_bytes(device: str) -> int:
    """Free memory of a torch device, in bytes."""
    if device.startswith("cuda"):
        # What torch keeps for later is free for us.
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return int(psutil.virtual_memory().available)
