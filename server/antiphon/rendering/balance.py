"""The balance of a loop: how loud each stem is beside the others, whatever engine played it, whatever it runs through.

Each stem is measured while it plays and brought to the level that its genes ask for, in LU against the loop. Twice: as
the engine gave it, so that compressors and tape meet every stem at its place, and behind its effects, because these
change levels too. A target for each instrument and gated energy after a K-weighting is what listeners preferred in
Wichern et al., "Comparison of loudness features for automatic level adjustment in mixing" (AES 139, 2015); models of
masking did no better there. Behind the effects the mono sum is measured, as engineers balance: width changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from antiphon.domain.genome import Genome
from antiphon.domain.score import Note, Score
from antiphon.rendering.circle import Audio
from antiphon.rendering.loudness import SILENCE_LUFS, decibels, gated_rms_db, measure_loudness
from antiphon.rendering.preset import Chain

#: Where the chains are run: the loop's loudness, were all stems to play at once.
STAGE_LUFS = -20.0
#: How far a stem is turned against the others, up or down, each time: what is fainter yet is meant to be, or broken.
MOST_DB = 12.0
#: A stem's peaks stay within this of its target. Single strokes sound louder than a meter of 400 ms reads them, so a
#: stem of few and short ones must not be turned up until it reads as loud as one that plays on.
MOST_CREST_DB = 23.0
#: Notes played at this velocity are as loud as the target says; softer or harder playing stays audible by a half.
_USUAL_VELOCITY, _MOST_PLAYING_DB = 78.0, 3.0
#: Decibels per tenfold velocity, of the sampler's curve and hence of the model's; a half of it stays.
_VELOCITY_DB = 0.5 * 20.0 * 1.4
#: Every so many samples are enough to measure a level: what then lies above the half of this rate folds down to where
#: the weighting is as flat as it was there, and power stays.
_ENOUGH_HZ = 22000.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stem stands: `level_lu` against the loop while it plays, None for as loud as its engine gave it; `width`
    from 0 (mono) to 1, of a stem that comes in mono."""

    level_lu: float | None = None
    width: float = 0.0


def places_of(genome: Genome) -> dict[str, Place]:
    """The places of the playing stems. A genome from before there were such genes has none: its loops stay as they
    were, to the last bit."""
    heard = [genes for genes in genome.stems if genes.stem in genome.playing]
    if any(genes.level_lu is None for genes in heard):
        return {}
    return {genes.stem: Place(genes.level_lu, genes.width or 0.0) for genes in heard}


def targets_lufs(places: Mapping[str, Place], score: Score) -> dict[str, float]:
    """How loud each stem is to be where its chain runs, by its place and by how hard it is played."""
    notes = {part.stem: part.notes for part in score.stems}
    return {
        stem: STAGE_LUFS + place.level_lu + _played_db(notes.get(stem, ()))
        for stem, place in places.items()
        if place.level_lu is not None
    }


def _played_db(notes: tuple[Note, ...]) -> float:
    if not notes:
        return 0.0
    velocity = sum(note.velocity for note in notes) / len(notes)
    played_db = _VELOCITY_DB * math.log10(max(1.0, velocity) / _USUAL_VELOCITY)
    return max(-_MOST_PLAYING_DB, min(_MOST_PLAYING_DB, played_db))


def dry_gain_db(audio: Audio, target_lufs: float, sample_rate: int) -> float | None:
    """What brings a stem as an engine gave it (1 or 2, frames) to its target; None for silence."""
    # Unweighted: a compressor, too, hears what the wave is, not what an ear makes of it.
    level_db = gated_rms_db(audio.mean(axis=0, keepdims=True), sample_rate)
    return None if level_db <= SILENCE_LUFS else target_lufs - level_db


def wet_gain_db(audio: Audio, target_lufs: float, chain: Chain, sample_rate: int) -> float | None:
    """What brings a stem behind its effects (2, frames) to its target; None for silence. A `gain` in the chain is a
    wish for another balance: it shifts the target."""
    mono = audio.mean(axis=0, keepdims=True)
    stride = max(1, int(sample_rate / _ENOUGH_HZ))
    # Both sides of a mono sum count.
    level_lufs = measure_loudness(mono[:, ::stride], sample_rate // stride).lufs(10.0 * math.log10(2.0))
    if level_lufs <= SILENCE_LUFS:
        return None
    target_lufs += sum(spec.number("gain_db") for spec in chain if spec.effect == "gain")
    most_db = target_lufs + MOST_CREST_DB - decibels(float(np.abs(mono).max()))
    return min(target_lufs - level_lufs, most_db)


def bounded(wanted_db: Mapping[str, float | None]) -> dict[str, float]:
    """Gains in dB for all stems: at most `MOST_DB` from their median, because only the balance is ours to change; what
    they have in common is put right in the end. In steps of 0.01 dB, to be the same on every machine."""
    known = [gain_db for gain_db in wanted_db.values() if gain_db is not None]
    middle_db = float(np.median(known)) if known else 0.0
    return {
        stem: round(max(middle_db - MOST_DB, min(middle_db + MOST_DB, middle_db if gain_db is None else gain_db)), 2)
        for stem, gain_db in wanted_db.items()
    }
