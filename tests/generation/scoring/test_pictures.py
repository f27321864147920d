"""Scores become pictures and come back as they were; the ladder holds every key and chord."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.domain.score import STEMS, Note
from antiphon.domain.theory import QUALITIES
from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.genesis import draw_genome
from antiphon.generation.grammar.harmony import local_scale
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.grid import PITCHED, WRITTEN, grid_to_notes, score_to_grid, stretched, with_notes
from antiphon.generation.scoring.ladder import DEGREES, RUNGS, degree_of, ladder, pitch_of, rung_of
from antiphon.generation.scoring.writing import Commission, canvas_of, notes_of
from antiphon.training.score_corpus import HELD_OUT, random_genome
from tests.generation import music

Struck = dict[tuple[int, int], Note]


@given(music.keys, music.chords)
def test_a_ladder_rises_within_an_octave_and_holds_the_chord(key: music.Key, chord: music.Chord) -> None:
    rungs = ladder(key, chord)
    assert len(rungs) == DEGREES
    assert list(rungs) == sorted(set(rungs))
    assert rungs[-1] - rungs[0] < 12
    assert {(key.tonic + rung) % 12 for rung in rungs} >= {*chord.pitch_classes, chord.bass}


@given(music.keys, music.chords, st.sampled_from(PITCHED), st.data())
def test_rungs_and_pitches_are_each_others_inverse(
    key: music.Key, chord: music.Chord, stem: str, data: st.DataObject
) -> None:
    rung = data.draw(st.integers(0, RUNGS[stem] - 1))
    pitch = pitch_of(rung, key, chord, stem)
    assert rung_of(pitch, key, chord, stem) == rung
    assert rung % DEGREES == degree_of(pitch % 12, key, chord)


def _by_step(notes: tuple[Note, ...], frame: object) -> Struck:
    return {(round(stretched(frame, note.onset_beats)), note.pitch): note for note in notes}  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(music.requests(with_chords=False), st.integers(0, 2**31))
def test_what_the_grammar_composes_comes_back(request: music.GenerateRequest, seed: int) -> None:
    genome = draw_genome(request, seed)
    score, frame = express(genome), frame_of(genome)
    picture = score_to_grid(score, frame)
    for stem in (each for each in score.stems if each.stem in WRITTEN):
        back = grid_to_notes(picture, frame, score.key, score.chords, stem.stem, 0.02)
        before, after = _by_step(stem.notes, frame), _by_step(back, frame)
        assert set(before) == set(after)
        for place, note in before.items():
            assert after[place].onset_beats == pytest.approx(note.onset_beats, abs=1e-4)
            assert after[place].velocity == note.velocity
        # One voice ends where the next note begins, late or early as that is; where one pitch of a chord is struck
        # again sooner than the others, its length is theirs.
        same = [abs(after[place].duration_beats - note.duration_beats) < 0.05 for place, note in before.items()]
        assert all(same) if stem.stem != "chords" else np.mean(same or [True]) > 0.9


def test_a_drum_without_a_lane_is_left_out_and_a_near_one_found() -> None:
    genome = random_genome(HELD_OUT + 3, plain=True)
    frame = frame_of(genome)
    strange = with_notes(express(genome), {"drums": (Note(0.0, 0.1, 35, 100), Note(0.25, 0.1, 81, 100))})
    back = grid_to_notes(score_to_grid(strange, frame), frame, genome.key, genome.chords, "drums", 0.02)
    assert [note.pitch for note in back] == [36]


def test_percussion_and_texture_are_composed_beside_the_model_to_its_drums() -> None:
    genome = draw_genome(music.GenerateRequest(bpm=104.0, style="funk", stems=STEMS, energy=0.7), 2)
    frame = frame_of(genome)
    picture = score_to_grid(express(genome), frame)
    notes = notes_of(picture, Commission(genome), frame)
    assert set(notes) == set(STEMS)
    assert notes["texture"] == express(genome).stem("texture").notes
    kicks = {round(stretched(frame, n.onset_beats)) for n in notes["drums"] if n.pitch == 36}
    assert all(round(stretched(frame, n.onset_beats)) not in kicks for n in notes["percussion"] if n.pitch == 63)
    other = replace(genome, stems=tuple(replace(genes, seed=9) for genes in genome.stems))
    drums = express(other).stem("drums").notes
    assert notes_of(picture, Commission(genome, {"drums": drums}), frame)["percussion"] != notes["percussion"]
    given = Commission(genome, {"drums": drums, "percussion": notes["percussion"]})
    assert canvas_of(given).known == ("drums",)
    assert notes_of(picture, given, frame)["percussion"] == notes["percussion"]


def test_silence_stays_silent() -> None:
    genome = random_genome(HELD_OUT + 3, plain=True)
    frame = frame_of(genome)
    silent = with_notes(express(genome), dict.fromkeys(WRITTEN, ()))
    for stem in WRITTEN:
        assert grid_to_notes(score_to_grid(silent, frame), frame, genome.key, genome.chords, stem, 0.02) == ()


def test_the_grid_swings_both_ways() -> None:
    genome = replace(random_genome(HELD_OUT + 3, plain=True), style="jazz", swing=1.0, bpm=110.0)
    frame = frame_of(genome)
    assert frame.swing > 0.5
    for step in np.arange(0.0, 16.0, 0.25):
        assert stretched(frame, frame.beats(float(step))) == pytest.approx(step, abs=1e-9)


def test_all_chord_qualities_and_stems_are_known() -> None:
    assert set(RUNGS) | {"drums"} == set(WRITTEN)
    key = music.Key(3, "dorian")
    for quality in QUALITIES:
        chord = music.Chord(7, quality, 7)
        kept = {(key.tonic + rung) % 12 for rung in ladder(key, chord)}
        assert len(kept - set(local_scale(key, chord))) == 0 or len(local_scale(key, chord)) < DEGREES
