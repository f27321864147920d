"""The decoded sound, held to the picture that it was made of.

The vocoder gives every frame a spectrum of its own. Where the phases of neighbours disagree they cancel as they are
laid over one another, most in noise and in dense chords, and the sound comes out quieter than its picture: 2 to 5 dB.
So the sound is looked at once more, and each band and frame is turned up or down to what was asked, phases untouched.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from antiphon.generation.sound.spectrum import (
    MAGNITUDE_FLOOR,
    istft_circle,
    log_mel,
    mel_filters,
    stft_circle,
)

#: No band is turned further than this: beyond, the sound is another one than was asked, and gain would not mend it.
MOST_DB = 9.0
#: A band that rises by more than this from one frame to the next begins a sound.
ATTACK_DB = 6.0
#: Gains are smoothed over three frames and three bands: what jumps from frame to frame would warble.
_SMOOTH = (0.25, 0.5, 0.25)
_NEPERS_PER_DB = math.log(10.0) / 20.0


@cache
def _bands_to_bins() -> Tensor:
    """How much the gain in dB of each band counts for a bin: float32 (bins, MEL_BANDS), rows summing to one.

    Between the centres of bands gains go over linearly; above the highest its gain holds; below the lowest there is
    nothing but an offset, which is left as it is: zero.
    """
    filters = mel_filters()
    reach = filters.sum(0)
    spread = (filters / reach.clamp_min(1e-12)).T.contiguous()
    spread[int(reach.nonzero().max()) + 1 :, -1] = 1.0
    return spread


def held_to_picture(audio: Tensor, picture: Tensor) -> Tensor:
    """`audio` with the levels of `picture`.

    audio: float32 (batch, time × HOP_FRAMES) on a circle; picture: natural log-mel, float32 (batch, time, MEL_BANDS).
    Returns float32 like audio: one step of alternating projections (Griffin and Lim, 1984), on mel bands, not bins, so
    that the fine structure of a tone is left as it is.
    """
    spectrum = stft_circle(audio)
    asked = picture.clamp_min(math.log(MAGNITUDE_FLOOR))
    gain = asked - log_mel(spectrum.abs())
    gain = _over_bands(_over_time(gain))
    gain = torch.where(_before_attack(asked), gain.clamp_max(0.0), gain)
    most = MOST_DB * _NEPERS_PER_DB
    bins = F.linear(gain.clamp(-most, most), _bands_to_bins().to(gain.device))
    return istft_circle(spectrum * torch.exp(bins))


def _before_attack(picture: Tensor) -> Tensor:
    """Where a band is about to rise: bool like picture. Half of such a frame still lies before the attack, and what is
    turned up there is heard as a pre-echo."""
    blurred = _over_bands(picture)
    return torch.roll(blurred, -1, 1) - blurred > ATTACK_DB * _NEPERS_PER_DB


def _over_time(gain: Tensor) -> Tensor:
    """Mean of a frame and its neighbours on the circle."""
    before, now, after = _SMOOTH
    return before * torch.roll(gain, 1, 1) + now * gain + after * torch.roll(gain, -1, 1)


def _over_bands(gain: Tensor) -> Tensor:
    """Mean of a band and its neighbours."""
    before, now, after = _SMOOTH
    band = F.pad(gain, (1, 1), mode="replicate")
    return before * band[..., :-2] + now * band[..., 1:-1] + after * band[..., 2:]
