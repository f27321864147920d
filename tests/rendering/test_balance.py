"""Stems at the level and width that their genes ask for, whatever the engine gave; old genomes as they always were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note, Score
from antiphon.generation.grammar import draw_genome
from antiphon.rendering.balance import MOST_CREST_DB, MOST_DB, Place, bounded, places_of, targets_lufs
from antiphon.rendering.decorrelation import DECORRELATED, flat_velvet, widening
from antiphon.rendering.finish import FinishedLoop, finish
from antiphon.rendering.loudness import gated_rms_db, measure_loudness
from antiphon.rendering.preset import load_preset, parse_preset
from tests.rendering.synth import Audio, play, random_score, total

RATE = 44100
LEVELS_LU = {"drums": -5.0, "bass": -6.0, "chords": -10.0, "lead": -8.0}
PLACES = {stem: Place(level_lu, 0.0) for stem, level_lu in LEVELS_LU.items()}
CLEAN = parse_preset("clean", "")


@pytest.fixture(scope="module")
def score() -> Score:
    return random_score(4, bars=2, bpm=112.0, meter="4/4")


@pytest.fixture(scope="module")
def stems(score: Score) -> dict[str, Audio]:
    return play(score)


def level_lufs(audio: Audio) -> float:
    return measure_loudness(audio, RATE).lufs()


def beside_the_bass(finished: FinishedLoop) -> dict[str, float]:
    """Levels against the bass's, in LU: what the loop's own loudness has no part in."""
    return {stem: level_lufs(audio) - level_lufs(finished.stems["bass"]) for stem, audio in finished.stems.items()}


@pytest.mark.parametrize("preset", ["clean", "club_punch", "lofi_tape"])
def test_stems_stand_where_their_genes_say_whatever_the_engine_gave(
    score: Score, stems: dict[str, Audio], preset: str
) -> None:
    chains = load_preset(preset)
    given = dict(zip(LEVELS_LU, (0.0, -9.0, 8.0, -6.0), strict=True))
    as_given = {stem: audio * np.float32(10 ** (given[stem] / 20)) for stem, audio in stems.items()}
    found = [beside_the_bass(finish(each, score, chains, RATE, PLACES)) for each in (stems, as_given)]
    for stem, level in targets_lufs(PLACES, score).items():
        # Glue holds down these hard strokes besides, as is its task.
        assert found[0][stem] == pytest.approx(level - targets_lufs(PLACES, score)["bass"], abs=2.5), stem
        assert found[1][stem] == pytest.approx(found[0][stem], abs=0.1), stem


def test_the_mix_is_still_the_sum_and_below_the_ceiling(score: Score, stems: dict[str, Audio]) -> None:
    wide = {stem: replace(place, width=1.0) for stem, place in PLACES.items()}
    finished = finish(stems, score, load_preset("club_punch"), RATE, wide)
    np.testing.assert_array_equal(total(finished.stems), finished.mix)
    assert max(finished.peak_dbtp.values()) <= -1.0
    again = finish(stems, score, load_preset("club_punch"), RATE, wide)
    np.testing.assert_array_equal(finished.mix, again.mix)
    assert set(finished.balance_db) == set(stems)


def test_a_wish_in_a_chain_is_granted(score: Score, stems: dict[str, Audio]) -> None:
    plain = beside_the_bass(finish(stems, score, CLEAN, RATE, PLACES))
    softer = "[stems.lead]\neffects = [{ effect = 'gain', gain_db = -4 }]"
    found = beside_the_bass(finish(stems, score, parse_preset("softer", softer), RATE, PLACES))
    assert found["lead"] - plain["lead"] == pytest.approx(-4.0, abs=0.05)
    assert found["chords"] == pytest.approx(plain["chords"], abs=0.05)


def test_what_is_played_softly_stays_softer(score: Score) -> None:
    def played(velocity: int) -> float:
        parts = tuple(replace(part, notes=(Note(0.0, 1.0, 60, velocity),)) for part in score.stems)
        return targets_lufs(PLACES, replace(score, stems=parts))["lead"]

    assert played(127) - played(78) == pytest.approx(2.97, abs=0.05)
    assert played(1) - played(78) == -3.0


def test_gains_have_bounds_and_silence_none_of_its_own() -> None:
    found = bounded({"drums": 0.0, "bass": 2.0, "chords": 40.0, "lead": None})
    assert found == {"drums": 0.0, "bass": 2.0, "chords": 2.0 + MOST_DB, "lead": 2.0}
    assert bounded({"drums": None}) == {"drums": 0.0}


def test_silence_stays_silent_and_is_no_measure_for_others(score: Score, stems: dict[str, Audio]) -> None:
    quiet = stems | {"lead": np.zeros_like(stems["lead"])}
    finished = finish(quiet, score, CLEAN, RATE, PLACES)
    assert not finished.stems["lead"].any()
    assert beside_the_bass(finished)["drums"] == pytest.approx(
        beside_the_bass(finish(stems, score, CLEAN, RATE, PLACES))["drums"], abs=0.05
    )


def test_a_few_short_strokes_are_not_blown_up(score: Score, stems: dict[str, Audio]) -> None:
    frames = stems["lead"].shape[1]
    click = np.zeros((1, frames), dtype=np.float32)
    click[0, 1000:1060] = np.hanning(60)
    finished = finish(stems | {"lead": click}, score, CLEAN, RATE, PLACES)
    loop_lufs = level_lufs(finished.stems["bass"]) - targets_lufs(PLACES, score)["bass"]
    most_db = targets_lufs(PLACES, score)["lead"] + loop_lufs + MOST_CREST_DB
    assert 20 * np.log10(np.abs(finished.stems["lead"]).max()) == pytest.approx(most_db, abs=0.1)


def test_the_level_is_that_of_what_plays() -> None:
    tone = np.sin(2 * np.pi * 441 * np.arange(4 * RATE) / RATE)[None].astype(np.float32)
    rests = tone * (np.arange(4 * RATE) < RATE)
    assert gated_rms_db(tone, RATE) == pytest.approx(-3.01, abs=0.01)
    # All but the blocks into which the rest reaches.
    assert gated_rms_db(rests, RATE) == pytest.approx(-3.01, abs=1.3)
    assert gated_rms_db(np.roll(rests, 3 * RATE + 5), RATE) == pytest.approx(gated_rms_db(rests, RATE), abs=0.1)
    assert gated_rms_db(0 * tone, RATE) == -70.0


def _from_before(genome: Genome) -> Genome:
    """As genomes were written before stems were balanced."""
    data = genome_to_json(genome)
    for genes in data["stems"]:
        del genes["level_lu"], genes["width"]
    return genome_from_json(data)


def test_a_loop_from_before_is_finished_as_it_was(score: Score, stems: dict[str, Audio]) -> None:
    genome = draw_genome(GenerateRequest(bpm=112.0, style="house"), 3)
    assert {stem: place.level_lu for stem, place in places_of(genome).items()} == {
        "drums": -4.0, "bass": -6.0, "chords": -8.5, "lead": -8.0
    }  # fmt: skip
    old = _from_before(genome)
    assert places_of(old) == {}
    preset = load_preset("club_punch")
    finished = finish(stems, score, preset, RATE, places_of(old))
    assert not finished.balance_db
    np.testing.assert_array_equal(finished.mix, finish(stems, score, preset, RATE).mix)
    assert genome_from_json(genome_to_json(genome)) == genome


@pytest.mark.parametrize("stem", sorted(DECORRELATED))
@pytest.mark.parametrize("rate", [44100, 96000])
def test_a_decorrelator_is_flat_and_leaves_the_depths_in_the_middle(stem: str, rate: int) -> None:
    response = flat_velvet(DECORRELATED[stem], rate)
    size_db = 20 * np.log10(np.abs(np.fft.rfft(response, 1 << 16)))
    hz = np.fft.rfftfreq(1 << 16, 1 / rate)
    assert np.abs(size_db[(hz > 400) & (hz < 0.4 * rate)]).max() < 1.0
    assert size_db[hz < 60].max() < -18
    assert len(response) < 0.04 * rate


def test_width_leaves_the_mono_sum_alone_and_never_turns_a_phase(score: Score, stems: dict[str, Audio]) -> None:
    narrow = finish(stems, score, CLEAN, RATE, PLACES)
    wide = finish(stems, score, CLEAN, RATE, {stem: replace(place, width=1.0) for stem, place in PLACES.items()})
    factor = np.float32(10 ** ((narrow.gain_db - wide.gain_db) / 20))
    for stem in stems:
        once, twice = narrow.stems[stem].mean(axis=0), wide.stems[stem].mean(axis=0) * factor
        # Rounding to 24 bits is all that differs.
        assert np.abs(once - twice).max() < 1e-6, stem
        left, right = wide.stems[stem]
        correlation = np.corrcoef(left, right)[0, 1]
        if stem in DECORRELATED:
            assert 0.4 < correlation < 0.95, stem
        else:
            np.testing.assert_array_equal(left, right)


def test_width_of_what_is_not_mono_stays_its_own(score: Score, stems: dict[str, Audio]) -> None:
    sides = stems | {"chords": np.concatenate([stems["chords"], 0.5 * stems["chords"]])}
    places = PLACES | {"chords": Place(-10.0, 1.0)}
    left, right = finish(sides, score, CLEAN, RATE, places).stems["chords"]
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(1.0, abs=1e-4)
    assert widening("chords", 0.0, 2, RATE)[:, :, 0].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_width_knows_no_seam(score: Score, stems: dict[str, Audio]) -> None:
    places = {stem: replace(place, width=1.0) for stem, place in PLACES.items()}
    straight = finish(stems, score, CLEAN, RATE, places).stems["chords"]
    turned = finish({k: np.roll(v, 7777, axis=1) for k, v in stems.items()}, score, CLEAN, RATE, places)
    turned_back = np.roll(turned.stems["chords"], -7777, axis=1)
    scale = float((straight * turned_back).sum() / (turned_back * turned_back).sum())
    assert scale == pytest.approx(1.0, abs=0.02)
    assert np.abs(straight - turned_back * np.float32(scale)).max() < 1e-5
