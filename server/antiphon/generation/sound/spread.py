"""What few steps take of a sound's liveliness, given back: rain that is drops again, not a mist.

A score leaves much of a sound open: which drop falls when, how a stroke is struck. The flow's first step sees nothing
but noise, and what it expects is the mean of all that the score allows. Later steps lead away from it to one sound; few
of them, most at high noise, don't lead far enough. (Of a normal distribution of deviation s around its mean, Euler's
steps keep a share that can be written down: with four steps and the noise levels used here .15 of it for s = .3, .39
for s = .9; with twenty .64 and .85.) So what lies beyond the expected is enlarged, by as much as real renders lie
further from it than what was made: measured for every timbre and latent dimension (`training/spreading.py`).

Only what moves fast is enlarged. Of what is slow a good part is no chance but the model's better knowledge, which comes
with the later steps: a stem that it makes louder than it first expected would become far too loud.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from antiphon.errors import BackendFailed
from antiphon.generation.sound.latents import LinearLatents

#: In the folder of the weights.
SPREAD_FILE = "spread.safetensors"
#: What changes within so many latent frames is fast: three quarters of a second.
FAST_FRAMES = 33
#: No band of a frame rises further than this above the loudest that the stem had.
MOST_DB = 6.0
_NEPERS_PER_DB = math.log(10.0) / 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """`gain` float32 (counts, timbres, dims): by how much what lies beyond the expected is to be multiplied, for every
    number of steps in `steps` (rising); 1 where nothing is to change."""

    steps: tuple[int, ...]
    gain: Tensor

    @classmethod
    def read(cls, path: Path) -> Spread:
        """What `write` wrote. Raises BackendFailed that says how to make it again."""
        try:
            tables = load_file(path)
            return cls(tuple(tables["steps"].tolist()), tables["gain"].float())
        except (OSError, SafetensorError, KeyError) as error:
            raise BackendFailed(
                f"{path} can't be read ({error}); restore it from the release, or measure it anew: "
                "python scripts/train_base.py --stages spread"
            ) from error

    def write(self, path: Path) -> None:
        """As safetensors, in half precision."""
        save_file({"steps": torch.tensor(self.steps), "gain": self.gain.half().contiguous()}, path, {"format": "pt"})

    def at(self, count: int) -> Tensor:
        """The gains for `count` steps, float32 (timbres, dims): even in the logarithm between measured numbers,
        and beyond them the nearest one's."""
        place = math.log(min(max(count, self.steps[0]), self.steps[-1]))
        for index, (low, high) in enumerate(zip(self.steps, self.steps[1:], strict=False)):
            if place <= math.log(high):
                share = (place - math.log(low)) / (math.log(high) - math.log(low))
                return torch.lerp(self.gain[index], self.gain[index + 1], share)
        return self.gain[-1]


def fast_part(latents: Tensor) -> Tensor:
    """What is left of latents on a circle, float32 (time, dims), without their mean over FAST_FRAMES."""
    reach = min(FAST_FRAMES, (len(latents) - 1) | 1) // 2
    around = torch.cat((latents[len(latents) - reach :], latents, latents[:reach])).T[None]
    return latents - F.avg_pool1d(around, 2 * reach + 1, 1)[0].T


def spread_out(latents: Tensor, expected: Tensor, gain: Tensor, codec: LinearLatents) -> Tensor:
    """Every stem's latents, as far from what was expected as real renders are.

    latents, expected: float32 (stems, time, dims), the latter what the first step foretold; gain: float32 (stems,
    dims), rows of `Spread.at`. Returns float32 like latents: bit by bit where a stem's gains are all 1, and the same
    whoever plays beside it.
    """
    rows = [
        one if bool((more == 1.0).all()) else _spread_out(one, mean, more, codec)
        for one, mean, more in zip(latents, expected, gain.to(latents.device), strict=True)
    ]
    return torch.stack(rows)


def _spread_out(latents: Tensor, expected: Tensor, gain: Tensor, codec: LinearLatents) -> Tensor:
    further = (gain - 1.0) * fast_part(latents - expected)
    picture = codec.decode(latents[None])[0]
    rise = codec.decode((latents + further)[None])[0] - picture
    room = picture.max() + MOST_DB * _NEPERS_PER_DB - picture
    # The picture is linear in the latents: a share of the way in these is the same share of the rise in that.
    share = torch.where(rise > room, room / rise, 1.0).reshape(len(latents), -1).amin(1, keepdim=True)
    return latents + share * further
