"""Tells a loop's style from its notes: a small network that learns from the corpus and judges what is held out.

It sees what begins where in the bar, how loud and how long, and on which rungs: no tempo, no swing, no meter's name,
because those are asked for rather than written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from antiphon.generation.scoring.conditions import KNOWN_STYLES, LOOP_SLICES
from antiphon.generation.scoring.grid import LANES, LENGTHS, PITCHED, THRESHOLD, WRITTEN, Grid
from antiphon.training.score_corpus import Example

#: A bar in slots, whatever its meter.
_SLOTS = 24


def traits(picture: Grid, bar_steps: int) -> NDArray[np.float32]:
    """What the judge sees of a loop, float32 (traits,)."""
    slots = (np.arange(len(picture)) % bar_steps) * _SLOTS // bar_steps
    found: list[NDArray[np.float32]] = []

    def profile(struck: NDArray[np.bool_]) -> NDArray[np.float32]:
        sums = np.zeros((_SLOTS, struck.shape[1]), dtype=np.float32)
        np.add.at(sums, slots, struck.astype(np.float32))
        return (sums / max(1.0, len(picture) / bar_steps)).ravel()

    drums = picture[:, LANES["drums"]]
    found += [profile(drums > THRESHOLD), np.where(drums > THRESHOLD, drums, 0).sum(0) / len(picture) * 4]
    for stem in PITCHED:
        struck = picture[:, LANES[stem]] > THRESHOLD
        begins: NDArray[np.bool_] = struck.max(axis=1)
        lengths = picture[begins, LENGTHS[stem]]
        found += [profile(begins[:, None]), struck.mean(0) * 4, np.array([begins.mean() * 4], np.float32)]
        found.append(np.array([lengths.mean(), lengths.std()] if lengths.size else [0.0, 0.0], np.float32))
        voices = struck.sum(1)[begins]
        found.append(np.array([(voices == n).mean() if voices.size else 0.0 for n in range(1, 6)], np.float32))
    return np.concatenate(found).astype(np.float32)


def plain_style(example: Example) -> str | None:
    """The style of a loop of the corpus; None where its parts are in several or the model has no name for it."""
    told = [example.loop[LOOP_SLICES[f"{stem} style"]] for stem in WRITTEN]
    same = all(np.array_equal(one, told[0]) for one in told)
    # A style without a name among the inputs is told by no input at all.
    return KNOWN_STYLES[int(told[0].argmax())] if same and told[0].any() else None


def bar_steps_of(example: Example) -> int:
    """Felt steps in a bar of a loop of the corpus."""
    return round(16.0 * 2.0 ** float(example.loop[LOOP_SLICES["frame"]][7]))


class StyleJudge:
    """A perceptron with one hidden layer over `traits`."""

    def __init__(self, examples: Sequence[tuple[NDArray[np.float32], str]], epochs: int = 12, seed: int = 0) -> None:
        torch.manual_seed(seed)
        inputs = torch.from_numpy(np.stack([seen for seen, _ in examples]))
        targets = torch.tensor([KNOWN_STYLES.index(style) for _, style in examples])
        self._mean, self._spread = inputs.mean(0), inputs.std(0) + 0.05
        self._network = nn.Sequential(
            nn.Linear(inputs.shape[1], 192), nn.GELU(), nn.Dropout(0.3), nn.Linear(192, len(KNOWN_STYLES))
        )
        optimiser = torch.optim.AdamW(self._network.parameters(), 2e-3, weight_decay=0.02)
        inputs = (inputs - self._mean) / self._spread
        for _ in range(epochs):
            for batch in torch.randperm(len(inputs)).split(64):
                loss = F.cross_entropy(self._network(inputs[batch]), targets[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        self._network.eval()

    @torch.inference_mode()
    def judge(self, seen: Sequence[NDArray[np.float32]]) -> list[str]:
        """The style that each loop is taken for."""
        inputs = (torch.from_numpy(np.stack(seen)) - self._mean) / self._spread
        return [KNOWN_STYLES[int(n)] for n in self._network(inputs).argmax(1)]
