"""The decoded sound has the levels of its picture, and nothing that the picture does not ask for."""

from __future__ import annotations

import math

import pytest
import torch

from antiphon.generation.sound.levelling import MOST_DB, held_to_picture
from antiphon.generation.sound.spectrum import HOP_FRAMES, MODEL_RATE_HZ, istft_circle, log_mel_circle, stft_circle

FRAMES = 96 * HOP_FRAMES


def _noise(seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(1, FRAMES, generator=torch.Generator().manual_seed(seed))


def _tone(hz: float) -> torch.Tensor:
    turns = round(hz * FRAMES / MODEL_RATE_HZ)
    return 0.3 * torch.sin(2.0 * math.pi * turns * torch.arange(FRAMES) / FRAMES)[None]


def _level_db(audio: torch.Tensor) -> float:
    return 10.0 * math.log10(float(audio.double().square().mean()))


@pytest.mark.parametrize("too_quiet_db", [-5.0, 3.0])
def test_what_is_too_quiet_or_too_loud_is_made_right(too_quiet_db: float) -> None:
    for real in (_noise(), _tone(440.0), _noise() + _tone(110.0) + _tone(3520.0)):
        made = held_to_picture(real * 10 ** (too_quiet_db / 20.0), log_mel_circle(real))
        assert _level_db(made) == pytest.approx(_level_db(real), abs=0.3)


def test_what_already_fits_stays_as_it_is() -> None:
    real = _noise() + _tone(440.0)
    torch.testing.assert_close(held_to_picture(real, log_mel_circle(real)), real, atol=1e-5, rtol=0.0)


def test_a_tone_keeps_its_pitch_and_gains_no_company() -> None:
    """The gain of a band is the same for the tone and what lies beside it: no sidebands."""
    tone = _tone(660.0)
    made = held_to_picture(0.5 * tone, log_mel_circle(tone))
    power = torch.fft.rfft(made[0].double()).abs().square()
    assert float(power.max() / power.sum()) > 0.9999
    assert int(power.argmax()) == round(660.0 * FRAMES / MODEL_RATE_HZ)


def test_no_gain_beyond_the_most() -> None:
    """A picture of noise, and next to nothing decoded: noise does not come out of it."""
    made = held_to_picture(1e-3 * _noise(), log_mel_circle(_noise()))
    assert _level_db(made) == pytest.approx(_level_db(1e-3 * _noise()) + MOST_DB, abs=0.1)


def test_silence_stays_silent() -> None:
    assert not held_to_picture(torch.zeros(1, FRAMES), log_mel_circle(_noise())).any()


def test_nothing_is_turned_up_before_an_attack() -> None:
    """Noise that begins, decoded 6 dB too quiet and with an echo ahead: the noise comes up, the echo does not."""
    begins = 48 * HOP_FRAMES
    real = _noise() * (torch.arange(FRAMES) >= begins)
    echo = slice(begins - 2 * HOP_FRAMES, begins - HOP_FRAMES)
    decoded = 0.5 * real
    decoded[:, echo] += 0.02 * _noise(3)[:, echo]
    made = held_to_picture(decoded, log_mel_circle(real))
    assert _level_db(made[:, echo]) < _level_db(decoded[:, echo]) + 1.0
    assert _level_db(made[:, begins + 2048 :]) == pytest.approx(_level_db(real[:, begins + 2048 :]), abs=0.5)


def test_noise_that_lost_level_by_its_phases_gets_it_back() -> None:
    """The fault itself: magnitudes as asked, phases at random, so that frames cancel each other in the overlap."""
    real = _noise()
    spectrum = stft_circle(real)
    turns = torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(2))
    decoded = istft_circle(torch.polar(spectrum.abs(), 2.0 * math.pi * turns))
    made = held_to_picture(decoded, log_mel_circle(real))
    assert _level_db(decoded) < _level_db(real) - 3.0
    assert abs(_level_db(made) - _level_db(real)) < 1.0


def test_no_frame_is_special() -> None:
    audio, picture = _noise(1), log_mel_circle(_noise(2) + _tone(330.0))
    straight = held_to_picture(audio, picture)
    turned = held_to_picture(torch.roll(audio, 17 * HOP_FRAMES, 1), torch.roll(picture, 17, 1))
    torch.testing.assert_close(turned, torch.roll(straight, 17 * HOP_FRAMES, 1), atol=1e-5, rtol=0.0)
