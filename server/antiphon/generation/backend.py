"""The seam behind which every sound model stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from antiphon.domain.genome import NoiseRecipe, noise_of
from antiphon.domain.score import Score
from antiphon.errors import BackendFailed

if TYPE_CHECKING:  # the control process knows the backends' names and loads no numpy
    import numpy as np
    from numpy.typing import NDArray

    from antiphon.generation.songs.excerpt import Excerpt

#: float32, shape (channels, frames), periodic: the last frame is followed by the first.
LoopAudio: TypeAlias = "NDArray[np.float32]"
#: Noise by stem, float32 (time, dims): what its own `invert` finds, and `SoundRequest.kept` gives back.
StemNoise: TypeAlias = "dict[str, NDArray[np.float32]]"
#: Called after each sampler step with (steps done, steps in all). Raises Cancelled to stop the work.
OnStep = Callable[[int, int], None]


class NotEnoughMemory(BackendFailed):
    """A model does not fit into memory beside what is loaded already."""


@dataclass(frozen=True, slots=True)
class SoundRequest:
    """One loop to be sounded. The same score, seed, noise, steps and weights give the same samples on the same device.

    `engines` names the engine of each stem, for `engines.TwoEngines`; one that is not named there is `neural`.
    `noise` is what the stems' sound starts from, by stem; one that is not named there starts from the noise of `seed`.
    A backend that draws noise of its own keeps to it, so that a stem whose score and noise stay sounds as it did.
    """

    score: Score
    seed: int
    steps: int
    sample_rate: int
    noise: Mapping[str, NoiseRecipe] = field(default_factory=dict)
    #: What the user wrote, for models that understand words.
    prompt: str = ""
    engines: Mapping[str, str] = field(default_factory=dict)
    #: How far apart a stem's instruments stand, 0 to 1, by stem: for engines that play note by note. Those that make a
    #: whole stem give it in mono, and it gets its width afterwards.
    widths: Mapping[str, float] = field(default_factory=dict)
    #: For a stem that is made anew beside others: the mix of those, as the backends gave them, (1, frames).
    company: Mapping[str, LoopAudio] = field(default_factory=dict)
    #: The kept noises that the recipes name: float32 (time, dims), as the backend's own `invert` found them.
    kept: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def noise_of(self, stem: str) -> NoiseRecipe:
        """The recipe of a stem's noise."""
        return self.noise.get(stem) or noise_of(self.seed)


class Backend(Protocol):
    """Turns scores into stems. Loaded once per worker and kept warm.

    A backend that can be brought near to songs has a method `invert` besides (see `Inverts`).

    A backend that plays other notes than the score's has an attribute `plays_score` that is False: its stems are then
    not measured against the score's notes, and no MIDI files go with them.

    One whose stems don't depend, bit by bit, on which others are made with them may say so by a method
    `same_without(playing: int) -> bool`, for so many stems that play; else they are made again where one is left out.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Identifies the exact weights (`builtin-1`); stored with every candidate."""
        ...

    @property
    def default_steps(self) -> int: ...

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        """One dict of stems per request, keyed by stem name; every stem has exactly `loop_frames` frames.

        All requests are batched through the model together. Raises BackendFailed.
        """
        ...


@runtime_checkable
class Inverts(Protocol):
    """A backend that finds the noise from which it would make a given sound."""

    def invert(self, request: SoundRequest, excerpts: Sequence[Excerpt], on_step: OnStep) -> StemNoise:
        """The noise of each stem that plays, from what songs have for it; several songs' noises are mixed evenly by
        SLERP. Found under the request's own score. Raises BackendFailed."""
        ...


def plays_score(backend: Backend) -> bool:
    """Whether the backend plays the score's own notes; so it is, where it doesn't say otherwise."""
    return bool(getattr(backend, "plays_score", True))
