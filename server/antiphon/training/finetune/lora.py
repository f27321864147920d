"""Low-rank adapters on a transformer whose own weights stay as they are (Hu et al., 2021), through peft."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from antiphon.generation.sound.transformer import ScoreTransformer

#: What learns: attention, feed-forward, and the modulation through which timbre and colours speak.
LAYERS = ("to_qkv", "to_out", "feed_in", "feed_out", "modulation")


class Student:
    """The base with adapters that learn. It shares the base's tensors: a student costs only its adapters."""

    def __init__(self, base: ScoreTransformer, rank: int, alpha: float, seed: int) -> None:
        with warnings.catch_warnings():
            # peft and what it imports warn of things in one another that are no concern of ours.
            warnings.simplefilter("ignore")
            from peft import LoraConfig, inject_adapter_in_model
        own: ScoreTransformer = deepcopy(base, {id(t): t for t in (*base.parameters(), *base.buffers())})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            config = LoraConfig(r=rank, lora_alpha=round(alpha), target_modules=list(LAYERS), lora_dropout=0.0)
            self.model: nn.Module = inject_adapter_in_model(config, own)
        self.model.requires_grad_(False)
        self.scale = round(alpha) / rank
        for parameter in self.parameters().values():
            parameter.requires_grad_(True)
        self.model.eval()

    def parameters(self) -> dict[str, nn.Parameter]:
        """What learns, by the names that an adapter's file has."""
        return {
            name.replace(".default.", "."): each for name, each in self.model.named_parameters() if ".lora_" in name
        }

    def state(self) -> dict[str, Tensor]:
        """A copy of what was learnt."""
        return {name: each.detach().cpu().clone() for name, each in self.parameters().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what was learnt before; layers that `state` lacks stay as they are."""
        with torch.no_grad():
            for name, each in self.parameters().items():
                if name in state and state[name].shape == each.shape:
                    each.copy_(state[name])

    @contextmanager
    def as_base(self) -> Iterator[nn.Module]:
        """The base itself, for a while."""
        layers = [module for module in self.model.modules() if hasattr(module, "enable_adapters")]
        for layer in layers:
            layer.enable_adapters(False)  # type: ignore[operator]  # peft's
        try:
            yield self.model
        finally:
            for layer in layers:
                layer.enable_adapters(True)  # type: ignore[operator]
            for parameter in self.parameters().values():
                parameter.requires_grad_(True)
