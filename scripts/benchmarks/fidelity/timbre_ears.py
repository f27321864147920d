"""Which timbre and which colours a stem has, to a classifier that learnt them from real renders only.

It hears a stem's shape and not its level: what the bands do on the whole, how they move, what an onset adds, what is
left after it. A timbre is told from the others of its stem; a colour by how the stem differs from what is usual for its
timbre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from antiphon.domain.score import StemScore
from antiphon.domain.timbres import COLOURS
from antiphon.errors import BackendFailed
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ, log_mel_circle, stft_circle

Traits = NDArray[np.float32]
_GROUPS = 32
_DB = 8.686
#: Frames this far below the loudest are not heard, nor what lies further below in a frame.
_HEARD_DB, _DEPTH_DB = 40.0, 60.0
#: After an onset: the attack, and what is left of it later, in frames of HOP_FRAMES.
_ATTACK, _LATER = (0, 1, 2), (12, 16, 20)
_LISTENING_RMS = 0.15
#: A colour that fewer lessons have is not judged.
_LEAST_LESSONS = 5


def traits(wave: NDArray[np.float32], stem: StemScore, beats: float) -> Traits:
    """What is heard of a stem on its circle, float32 (traits,)."""
    # At one level: the picture has a floor, and would show less of a quiet stem.
    loudness = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    audio = torch.from_numpy(wave * np.float32(_LISTENING_RMS / max(loudness, 1e-6)))[None]
    picture = log_mel_circle(audio)[0].numpy() * _DB
    picture = np.maximum(picture, picture.max() - _DEPTH_DB)
    bands = picture.reshape(len(picture), _GROUPS, -1).mean(2)
    loudest = bands.max(1)
    heard = bands[loudest > loudest.max() - _HEARD_DB]
    mean = heard.mean(0)
    onsets = {round(note.onset_beats / beats * len(bands)) % len(bands) for note in stem.notes}
    at = np.array(sorted(onsets), dtype=np.int64)

    def after(offsets: Sequence[int]) -> Traits:
        return np.asarray(np.mean([bands[(at + offset) % len(bands)] for offset in offsets], axis=(0, 1)))

    steps = np.abs(np.diff(heard, axis=0)).mean(0) if len(heard) > 1 else np.zeros(_GROUPS)
    spectrum = stft_circle(audio)[0].abs().numpy()[loudest > loudest.max() - _HEARD_DB]
    parts = (
        mean - mean.mean(), heard.std(0), after(_ATTACK) - mean, after(_LATER) - after(_ATTACK), steps,
        _fine_structure(spectrum), [np.mean([note.pitch for note in stem.notes]), np.ptp(loudest[at])],
    )  # fmt: skip
    return np.concatenate(parts).astype(np.float32)


def _fine_structure(magnitude: NDArray[np.float32]) -> Traits:
    """How peaked the spectrum is within octaves, and how much peaks move from frame to frame: tone, noise, wobble."""
    log = np.log(magnitude + 1e-4)
    found = []
    hz_per_bin = MODEL_RATE_HZ / (2 * (magnitude.shape[1] - 1))
    for low_hz in (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 7680.0):
        part = slice(int(low_hz / hz_per_bin), int(2 * low_hz / hz_per_bin) + 1)
        peaks = log[:, part].max(1) - log[:, part].mean(1)
        places = np.abs(np.diff(log[:, part].argmax(1))) if len(log) > 1 else np.zeros(1)
        found += [float(peaks.mean()), float(peaks.std()), float((places == 1).mean())]
    return np.array(found, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One stem, real or made, as the classifier meets it: what was asked for, and its traits."""

    stem: str
    timbre: str
    colours: Mapping[str, float]
    heard: Traits


@dataclass(frozen=True, slots=True)
class Told:
    """What was heard in a stem: the timbre, and of each colour whether it is there."""

    timbre: str
    colours: frozenset[str]


class TimbreEars:
    """Two linear judges. Timbres: discriminant analysis with shrunken covariance (Ledoit and Wolf, 2004), one a stem.
    Colours, which are treatments that add decibels here and there: logistic regression, one a colour."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self._usual: dict[str, Traits] = {}
        for timbre in sorted({lesson.timbre for lesson in lessons}):
            rows = [lesson for lesson in lessons if lesson.timbre == timbre]
            plain = [lesson.heard for lesson in rows if not lesson.colours]
            self._usual[timbre] = np.mean(plain or [lesson.heard for lesson in rows], axis=0)
        self._timbres = {
            stem: _timbre_judge([lesson for lesson in lessons if lesson.stem == stem])
            for stem in sorted({lesson.stem for lesson in lessons})
        }
        strange = np.stack([self._strangeness(lesson) for lesson in lessons])
        self._colours: dict[str, tuple[Any, float]] = {}
        for colour in COLOURS:
            there = np.array([colour in lesson.colours for lesson in lessons])
            if min(there.sum(), (~there).sum()) >= _LEAST_LESSONS:
                self._colours[colour] = _colour_judge(strange, there)

    @property
    def known_colours(self) -> set[str]:
        return set(self._colours)

    def _strangeness(self, lesson: Lesson) -> Traits:
        """How a stem differs from what is usual for the timbre asked for; nothing where that was never met."""
        usual = self._usual.get(lesson.timbre, lesson.heard)
        return np.asarray(lesson.heard - usual)

    def hear(self, lessons: Sequence[Lesson]) -> list[Told]:
        """What is heard in each."""
        strange = np.stack([self._strangeness(lesson) for lesson in lessons])
        found: list[set[str]] = [set() for _ in lessons]
        for colour, (judge, threshold) in self._colours.items():
            for row in np.flatnonzero(judge.decision_function(strange) >= threshold):
                found[row].add(colour)
        timbres = [""] * len(lessons)
        for stem, judge in self._timbres.items():
            rows = [index for index, lesson in enumerate(lessons) if lesson.stem == stem]
            if rows:
                names = judge.predict(np.stack([lessons[index].heard for index in rows]))
                for index, name in zip(rows, names, strict=True):
                    timbres[index] = str(name)
        return [Told(timbre, frozenset(colours)) for timbre, colours in zip(timbres, found, strict=True)]


def _timbre_judge(lessons: Sequence[Lesson]) -> Any:
    """Tells the timbres of one stem apart. Raises BackendFailed where there is only one."""
    names = [lesson.timbre for lesson in lessons]
    if len(set(names)) < 2:
        raise BackendFailed(f"too few lessons: all stems called {lessons[0].stem} are {names[0]}; raise --lessons")
    judge = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
    return judge.fit(np.stack([lesson.heard for lesson in lessons]), names)


def _colour_judge(strange: Traits, there: NDArray[np.bool_]) -> tuple[Any, float]:
    """A judge of one colour, and the value from which on it is said to be there: in lessons that the judge had not
    seen, as large a share of what is there is heard as of what is not there is left out."""
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000))
    likely = cross_val_predict(judge, strange, there, cv=_LEAST_LESSONS, method="decision_function")
    candidates = np.unique(likely)
    gap = [abs((likely[there] >= one).mean() - (likely[~there] < one).mean()) for one in candidates]
    return judge.fit(strange, there), float(candidates[int(np.argmin(gap))])
