"""Hiss is found where it is put on a stem, and not where the instrument, or a colour that was asked for, has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from antiphon.domain.score import Score, StemScore
from antiphon.generation.backend import SoundRequest
from antiphon.generation.sampler.backend import SamplerBackend
from antiphon.rendering.circle import Audio
from antiphon.rendering.hiss import hiss, noise_floor
from antiphon.rendering.inspection import Fault, inspect_hiss, inspect_stems, suspected_of_hiss
from tests.rendering.synth import random_score


def _score(timbres: dict[str, str], colours: tuple[str, ...] = ()) -> Score:
    score = random_score(11, bars=2, bpm=112.0, meter="4/4")
    stems = tuple(replace(score.stem(stem), timbre=timbre, colours=colours) for stem, timbre in timbres.items())
    return replace(score, stems=stems)


def _played(score: Score, rate: int = 44100) -> dict[str, Audio]:
    (stems,) = SamplerBackend().generate([SoundRequest(score, 3, 1, rate)], lambda *_: None)
    return stems


def _with_noise(
    audio: Audio, rate: int, below_db: float, band_hz: tuple[float, float] = (6500, 11500), seconds: float = 99.0
) -> Audio:
    """The stem with noise, so far below its own power, from the second on in which it is loudest."""
    noise = np.random.default_rng(1).standard_normal(audio.shape[1])
    noise = scipy.signal.sosfilt(scipy.signal.butter(6, band_hz, "bandpass", fs=rate, output="sos"), noise)
    noise *= np.sqrt(np.mean(np.square(audio)) / np.mean(np.square(noise))) * 10.0 ** (-below_db / 20)
    noise[round(seconds * rate) :] = 0.0
    return np.asarray(audio + np.roll(noise, int(np.abs(audio[0]).argmax())), dtype=np.float32)


def _faults(stems: dict[str, Audio], score: Score, rate: int = 44100) -> tuple[Fault, ...]:
    suspected = suspected_of_hiss(stems, score, rate)
    own = _played(replace(score, stems=tuple(part for part in score.stems if part.stem in suspected)), rate)
    return inspect_hiss(suspected, own, rate)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_hiss_is_found_in_the_stem_that_has_it(rate: int) -> None:
    score = _score({"bass": "bass_finger", "chords": "chords_piano", "lead": "lead_trumpet"})
    stems = _played(score, rate)
    assert suspected_of_hiss({stem: stems[stem] for stem in ("bass", "chords")}, score, rate) == {}
    assert _faults(stems, score, rate) == ()
    (fault,) = _faults(stems | {"chords": _with_noise(stems["chords"], rate, below_db=15.0)}, score, rate)
    assert (fault.kind, fault.stem) == ("hiss", "chords")
    assert fault.measured > 1.0
    assert "hisses" in fault.text


@pytest.mark.parametrize(
    ("below_db", "seconds", "found"), [(25, 99, True), (55, 99, False), (15, 1, True), (15, 0.1, False)]
)
def test_what_is_too_faint_or_too_short_to_hear_is_let_pass(below_db: float, seconds: float, found: bool) -> None:
    score = _score({"chords": "chords_epiano"})
    noisy = {"chords": _with_noise(_played(score)["chords"], 44100, below_db, seconds=seconds)}
    assert bool(_faults(noisy, score)) == found


def test_bright_is_not_hiss() -> None:
    """Partials up high, more of them than the instrument has, are no noise; nor are hard strokes."""
    plain = _score({"bass": "bass_acid", "chords": "chords_super", "lead": "lead_saw"})
    for colours in (("bright",), ("bright", "hard")):
        bright = _played(_score({part.stem: part.timbre for part in plain.stems}, colours))
        floors = {stem: noise_floor(audio[0], 44100) for stem, audio in _played(plain).items()}
        assert not any(hiss(noise_floor(bright[stem][0], 44100), floor).heard for stem, floor in floors.items())


@pytest.mark.parametrize("colour", ["airy", "dusty"])
def test_noise_that_was_asked_for_is_no_hiss(colour: str) -> None:
    score = _score({"chords": "chords_piano", "lead": "lead_flute"}, (colour,))
    stems = _played(score)
    assert _faults(stems, score) == ()
    if colour == "airy":
        assert set(suspected_of_hiss(stems, score, 44100)) == {"chords", "lead"}, "there is noise, and it is meant"
        assert _faults(stems, replace(score, stems=tuple(replace(part, colours=()) for part in score.stems)))


def test_strokes_textures_and_rests_are_not_judged() -> None:
    score = _score({"chords": "chords_pad"})
    noise = np.random.default_rng(2).standard_normal((1, 100_000)).astype(np.float32)
    others = (
        StemScore("drums", "kit_909", score.stems[0].notes),
        StemScore("texture", "texture_drone", score.stems[0].notes),
        StemScore("lead", "lead_saw", ()),
    )
    loud = dict.fromkeys(("drums", "texture", "lead", "chords"), noise)
    assert set(suspected_of_hiss(loud, replace(score, stems=(*score.stems, *others)), 44100)) == {"chords"}
    silence = np.zeros((1, 100_000), dtype=np.float32)
    assert suspected_of_hiss({"chords": silence}, score, 44100) == {}


def test_hiss_is_all_that_is_wrong_with_a_hissing_stem() -> None:
    """The gate's other measures don't see it, which is why there is one for it."""
    score = _score({"chords": "chords_piano"})
    noisy = {"chords": _with_noise(_played(score)["chords"], 44100, below_db=15.0)}
    assert inspect_stems(noisy, score, 44100) == ()
    assert _faults(noisy, score)
