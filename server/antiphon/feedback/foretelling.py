"""How stems will sound that nobody has heard: from what their timbres usually sound like, put right by those that were
measured.

What is usual is a table: a ridge regression of measures on voices (`feedback.voices`), fitted on loops that were
played for it. What is left over is foretold from the loops at hand by a Gaussian process (Rasmussen & Williams, 2006):
what all of a stem have in common (other effects, another model), what its timbre has, and what voices nearby have. How
unsure a foretold measure is, is not told: the model of taste takes it for noise of its ratings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from antiphon.feedback.voices import Voice

Floats = NDArray[np.float64]

#: Shares of the left-over variance: of all of a stem, of one timbre, of voices nearby, and of chance. Together 1; others
#: foretell as well.
COMMON, OF_TIMBRE, NEARBY, CHANCE = 0.2, 0.3, 0.4, 0.1
#: How near is nearby, in standard deviations of a usual voice.
LENGTH = 4.0
_TIMBRE, _OWN_PITCH = "timbre ", "pitch of "


@dataclass(frozen=True, slots=True)
class Table:
    """What voices of one stem usually sound like. `names` of the voice's numbers; `voice_mean` and `voice_sd` (names,)
    of usual voices; `weights` float64 (names, measures) on the voice less its mean; `mean` and `sd` (measures,) of what
    is usual, in the measures' units."""

    names: tuple[str, ...]
    voice_mean: Floats
    voice_sd: Floats
    weights: Floats
    mean: Floats
    sd: Floats


def rows(table: Table, voices: Sequence[Voice]) -> Floats:
    """Voices as the table counts them, float64 (voices, names): less the usual voice; names that it doesn't know are
    left out."""
    found = [[voice.get(name, 0.0) for name in table.names] for voice in voices]
    return np.asarray(np.array(found, dtype=np.float64).reshape(len(voices), len(table.names)) - table.voice_mean)


def usual(table: Table, voices: Sequence[Voice]) -> Floats:
    """What the table says of voices, (voices, measures)."""
    return np.asarray(table.mean + rows(table, voices) @ table.weights)


def foretell(table: Table, voices: Sequence[Voice], measured_voices: Sequence[Voice], measured: Floats) -> Floats:
    """The expected measures of voices, (voices, measures), where `measured` (measured voices, measures) are known.

    A voice that was measured has its own measures (their mean, where it was measured more than once).
    """
    if not len(measured_voices):
        return usual(table, voices)
    own, others = (_Place.of(table, each) for each in (measured_voices, voices))
    left_over = measured - usual(table, measured_voices)
    cov = own.alike(own) + CHANCE * np.eye(len(measured_voices))
    found = usual(table, voices) + others.alike(own) @ cho_solve(cho_factor(cov, lower=True), left_over)
    known: dict[tuple[tuple[str, float], ...], list[Floats]] = {}
    for voice, values in zip(measured_voices, measured, strict=True):
        known.setdefault(_name(voice), []).append(values)
    for place, voice in enumerate(voices):
        if (same := known.get(_name(voice))) is not None:
            found[place] = np.mean(same, axis=0)
    return np.asarray(found)


def fit(voices: Sequence[Voice], measured: Floats, ridge: float) -> Table:
    """The table of voices (voices,) with their measures (voices, measures); `ridge` in units of voices: so many usual
    ones pull each weight towards none."""
    names = tuple(sorted({name for voice in voices for name in voice}))
    table = np.array([[voice.get(name, 0.0) for name in names] for voice in voices])
    voice_mean, voice_sd = table.mean(0), table.std(0)
    mean, sd = measured.mean(0), measured.std(0) + 1e-9
    centred = table - voice_mean
    weights = np.linalg.solve(centred.T @ centred + ridge * np.eye(len(names)), centred.T @ (measured - mean))
    return Table(names, voice_mean, np.maximum(voice_sd, 1e-3), weights, mean, sd)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where voices stand among each other: their timbre, and the rest in units of usual voices."""

    timbres: tuple[str, ...]
    rest: Floats

    @classmethod
    def of(cls, table: Table, voices: Sequence[Voice]) -> _Place:
        kept = [place for place, name in enumerate(table.names) if not name.startswith((_TIMBRE, _OWN_PITCH))]
        timbres = tuple(next((name for name in voice if name.startswith(_TIMBRE)), "") for voice in voices)
        return cls(timbres, (rows(table, voices) / table.voice_sd)[:, kept])

    def alike(self, other: _Place) -> Floats:
        """The covariance of what is left over, as a share of its variance, (own, other)."""
        same = (np.array(self.timbres)[:, None] == np.array(other.timbres)[None, :]).astype(np.float64)
        square = (self.rest**2).sum(1)[:, None] + (other.rest**2).sum(1)[None, :] - 2.0 * self.rest @ other.rest.T
        near = np.exp(-np.maximum(square, 0.0) / (2.0 * LENGTH**2))
        return np.asarray(COMMON + same * (OF_TIMBRE + NEARBY * near))


def _name(voice: Voice) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(voice.items()))
