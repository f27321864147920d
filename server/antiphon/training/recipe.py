"""Recipes of the built-in sound model: everything that decides what comes out of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from antiphon.errors import SettingsError
from antiphon.training.corpus import CORPUS_VERSION, EDITIONS, Edition
from antiphon.training.noise_levels import SHIFT
from antiphon.training.streaming import Pace


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out. Stored with the weights.

    Songs stream: `window` are at hand of the sound model (`vocoder_window` of the vocoder), new ones come as old ones
    leave, and of each `uses` excerpts are cut, on average, before it does. With `window` 0 nothing streams: `songs` (of
    the vocoder, `vocoder_songs`) are rendered before the training and heard again and again. `corpus` is the edition
    (`corpus.EDITIONS`); `latent_songs` are what the latents are fitted to.
    """

    corpus: int = CORPUS_VERSION
    window: int = 400
    vocoder_window: int = 48
    uses: int = 60
    songs: int = 1600
    latent_songs: int = 60
    vocoder_songs: int = 160
    latent_dims: int = 64
    vocoder_steps: int = 4800
    vocoder_batch: int = 12
    vocoder_rate: float = 6e-4
    polish_steps: int = 600
    polish_rate: float = 2e-4
    sound_steps: int = 18600
    sound_batch: int = 16
    sound_rate: float = 7e-4
    sound_shift: float = SHIFT
    seed: int = 1

    def __post_init__(self) -> None:
        if self.corpus not in EDITIONS:
            raise SettingsError(f"there is no corpus {self.corpus}: there are {', '.join(map(str, EDITIONS))}")
        if min(self.window, self.vocoder_window) < 0 or self.uses < 1 or bool(self.window) != bool(self.vocoder_window):
            raise SettingsError(
                "window and vocoder_window are both numbers of songs, or both 0 (then songs are kept, and nothing "
                "streams); uses is 1 or more"
            )

    @property
    def edition(self) -> Edition:
        return EDITIONS[self.corpus]

    @property
    def streams(self) -> bool:
        """Whether songs are rendered as they are needed, not before."""
        return self.window > 0

    @property
    def sound_pace(self) -> Pace:
        return Pace(self.window, self.sound_batch, self.uses, self.sound_steps)

    def vocoder_pace(self, steps: int) -> Pace:
        """Of the vocoder's stage, or of its polishing, that takes so many steps."""
        return Pace(self.vocoder_window, self.vocoder_batch, self.uses, steps)


#: By the version of the weights that come of it. The last is what a training makes that names none.
RECIPES: Mapping[str, Recipe] = MappingProxyType({
    "builtin-7": Recipe(corpus=2, window=0, vocoder_window=0),
    "builtin-8": Recipe(),
})  # fmt: skip
NEWEST = tuple(RECIPES)[-1]


def recipe_of(about: Mapping[str, Any]) -> Recipe:
    """The recipe in the metadata of exported weights (`antiphon.json`). Those of before songs streamed don't say so."""
    before = {"corpus": about["corpus_version"], "window": 0, "vocoder_window": 0}
    return Recipe(**before | about["recipe"])
