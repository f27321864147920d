"""The seam between the backend and a pretrained model: what a model is asked, and what it gives."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from antiphon.domain.theory import Key, Meter

#: float32, (channels, frames) at the model's rate, as played: neither a loop nor in tempo yet.
Played: TypeAlias = NDArray[np.float32]
#: Called with (steps done, steps in all) of this one playing; raises Cancelled to stop.
OnPlayed = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Brief:
    """What one stem shall be.

    `noise` is what a diffusion model starts from: seeds with weights whose squares sum to 1. `seed` is that of the
    heaviest and draws what else is left to chance, so that a little other noise makes a little other sound. `context`
    is what the other stems play already, for models that listen to it.
    """

    text: str
    unwanted: str
    stem: str
    timbre: str
    bpm: float
    key: Key
    meter: Meter
    duration_s: float
    seed: int
    noise: tuple[tuple[int, float], ...]
    steps: int
    context: Played | None = None


class TextToMusic(Protocol):
    """A pretrained model, loaded."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def shortest_s(self) -> float:
        """What is shorter is asked for at this length, and cut."""
        ...

    @property
    def longest_s(self) -> float: ...

    @property
    def default_steps(self) -> int: ...

    @property
    def in_context(self) -> bool:
        """Whether it makes a stem that fits what the other stems play."""
        ...

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        """Play a stem for about `brief.duration_s`; less only where the model ends early. The same brief gives the same
        samples on the same device and versions."""
        ...


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """A generator with this seed; torch's global one has it too, for what pipelines draw without asking.

    The state of the global one is put back afterwards. Warnings of the libraries about themselves are left out: they
    are of no use to whoever reads the worker's log.
    """
    with torch.random.fork_rng(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


@contextmanager
def starting_from(pipeline: Any, noise: tuple[tuple[int, float], ...]) -> Iterator[None]:
    """Have a diffusers pipeline start from the weighted sum of the seeds' noise.

    All of them draw it in `prepare_latents`, which only scales unit noise; so its results can be summed, whatever shape
    a pipeline gives them.
    """
    draw = pipeline.prepare_latents
    takes = inspect.signature(draw)

    def drawn(*args: Any, **kwargs: Any) -> torch.Tensor:
        call = takes.bind(*args, **kwargs)
        parts = []
        for seed, weight in noise:
            call.arguments["generator"] = torch.Generator().manual_seed(seed)
            parts.append(weight * draw(*call.args, **call.kwargs))
        return torch.stack(parts).sum(dim=0)

    pipeline.prepare_latents = drawn
    try:
        yield
    finally:
        del pipeline.prepare_latents


def step_end(on_played: OnPlayed, steps: int) -> Callable[[Any, int, Any, Mapping[str, Any]], dict[str, Any]]:
    """diffusers' `callback_on_step_end`, telling of every step."""

    def callback(_: Any, index: int, __: Any, state: Mapping[str, Any]) -> dict[str, Any]:
        on_played(index + 1, steps)
        return dict(state)

    return callback


def samples(audio: torch.Tensor) -> Played:
    """The first of a batch, (channels, frames) or (frames,), as float32 on the processor."""
    first = audio[0].detach().to("cpu", torch.float32)
    found: Played = np.ascontiguousarray(first.reshape(-1, first.shape[-1]).numpy())
    return found
