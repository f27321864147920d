"""Notes that glide: where the grammar lets them, how they sound, and how a keyboard would play them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.glides import GLIDES, struck_notes
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE, Note, StemScore, loop_frames
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.evolution.distance import distance
from antiphon.evolution.mutation import mutate
from antiphon.evolution.restemming import restem
from antiphon.generation.bends import phrases, pitch_curve
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.grammar.gliding import joined
from antiphon.generation.prompts import read_prompt
from antiphon.generation.sampler.playing import play_stem
from antiphon.generation.sound.roll import PITCHES, stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.styles import get_style, style_names
from antiphon.rendering.inspection import inspect_stems
from antiphon.rendering.onsets import onset_times_s
from antiphon.rendering.sidecar import score_from_json, score_to_json

RATE = 44_100
#: Two beats a second, four beats: a circle of two seconds.
BEATS, FRAMES = 4.0, 2 * RATE


def gliding_genome(seed: int, style: str = "techno", timbre: str = "bass_acid", share: float = 0.6) -> Genome:
    genome = draw_genome(GenerateRequest(bpm=128.0, style=style, energy=0.7), seed)
    return genome.with_genes(replace(genome.genes("bass"), timbre=timbre, glide=share))


def slid(low: int, high: int, timbre: str = "bass_acid", velocity: int = 100) -> StemScore:
    """A note, one that glides up from it, and a long one that is struck."""
    notes = (Note(0.0, 1.0, low, velocity), Note(1.0, 1.0, high, velocity, True), Note(2.0, 2.0, low, velocity))
    return StemScore("bass", timbre, notes)


def pitch_heard(wave: np.ndarray, at_s: float, hz: tuple[float, float]) -> float:
    """The strongest frequency within bounds in a quarter of a second from `at_s`, in Hz."""
    start, length = int(at_s * RATE), RATE // 4
    spectrum = np.abs(np.fft.rfft(wave[start : start + length] * np.hanning(length), 2**17))
    frequencies = np.fft.rfftfreq(2**17, 1.0 / RATE)
    inside = (frequencies >= hz[0]) & (frequencies <= hz[1])
    return float(frequencies[inside][spectrum[inside].argmax()])


def test_notes_glide_from_another_pitch_that_is_held_until_then_and_never_first() -> None:
    gliding = 0
    for seed in range(12):
        notes = express(gliding_genome(seed)).stem("bass").notes
        assert not notes[0].glide
        for before, note in pairwise(notes):
            if note.glide:
                gliding += 1
                assert note.pitch != before.pitch
                assert before.onset_beats + before.duration_beats == pytest.approx(note.onset_beats)
    assert gliding > 100


def test_a_riff_glides_at_the_same_places_in_every_bar() -> None:
    score = express(replace(gliding_genome(3), swing=0.0))
    places = [round(note.onset_beats * 4) % 16 for note in score.stem("bass").notes if note.glide]
    assert len(places) > len(set(places)) * 1.5


def test_no_glides_without_the_gene_or_where_the_timbre_cannot() -> None:
    genome = gliding_genome(5)
    assert any(note.glide for note in express(genome).stem("bass").notes)
    for other in ({"glide": None}, {"glide": 0.0}, {"timbre": "bass_pick"}):
        still = express(genome.with_genes(replace(genome.genes("bass"), **other)))
        assert not any(note.glide for note in still.stem("bass").notes), other


def test_other_stems_and_the_chord_changes_do_not_hear_of_glides() -> None:
    for seed in range(6):
        genome = gliding_genome(seed)
        plain = express(genome.with_genes(replace(genome.genes("bass"), glide=None)))
        score = express(genome)
        assert [stem for stem in score.stems if stem.stem != "bass"] == [s for s in plain.stems if s.stem != "bass"]
        both = zip(score.stem("bass").notes, plain.stem("bass").notes, strict=True)
        changes = {span.onset_beats for span in score.chords}
        for one, other in both:
            assert one.onset_beats == other.onset_beats
            assert abs(one.pitch - other.pitch) in (0, 12)
            assert one.pitch == other.pitch or (one.glide and one.onset_beats not in changes)


def test_every_style_glides_with_timbres_that_can_and_some_hardly_ever() -> None:
    for style in map(get_style, style_names()):
        assert set(style.glides) <= set(GLIDES)
        assert set(style.glides) <= {name for stem in ONE_VOICE for name, _ in style.timbres[stem]}, style.name
    assert set(GLIDES) <= set(TIMBRE_INDEX)
    assert get_style("techno").glides["bass_acid"] > 0.3
    assert not get_style("gamelan").glides


def test_old_genomes_and_scores_say_nothing_of_glides_and_new_ones_come_back() -> None:
    genome = gliding_genome(2)
    assert genome_from_json(genome_to_json(genome)) == genome
    score = express(genome)
    assert score_from_json(score_to_json(score)) == score
    before = replace(genome, stems=tuple(replace(genes, glide=None) for genes in genome.stems))
    assert all("glide" not in stem for stem in genome_to_json(before)["stems"])
    assert all(len(note) == 4 for stem in score_to_json(express(before))["stems"] for note in stem["notes"])


def test_a_child_of_an_old_part_glides_only_where_it_is_another_part() -> None:
    old = gliding_genome(4).with_genes(replace(gliding_genome(4).genes("bass"), glide=None))
    for seed in range(20):
        child = mutate(old, 0.3, np.random.default_rng(seed), ("bass",)).genes("bass")
        assert child.glide is None or child.seed != old.genes("bass").seed
    anew = restem(old, "bass", 9)
    assert anew.genes("bass").glide == get_style("techno").glides["bass_acid"]
    assert anew.genes("lead") == old.genes("lead")
    shares = {mutate(gliding_genome(4), 0.5, np.random.default_rng(n), ("bass",)).genes("bass").glide for n in range(9)}
    assert len(shares) > 4


@pytest.mark.parametrize(
    ("prompt", "stem", "share"),
    [
        ("acid techno with a gliding bass", "bass", 0.5), ("synthwave, lead with portamento", "lead", 0.5),
        ("Techno mit gleitendem Bass", "bass", 0.5), ("グライドするベースのテクノ", "bass", 0.5),
        ("techno without glides", "bass", 0.0),
    ],
)  # fmt: skip
def test_prompts_ask_for_glides_and_get_a_timbre_that_can(prompt: str, stem: str, share: float) -> None:
    reading = read_prompt(prompt)
    assert not reading.ignored
    for seed in range(8):
        genes = draw_genome(GenerateRequest(bpm=120.0, style=reading.style, reading=reading), seed).genes(stem)
        assert genes.glide is not None
        assert genes.glide == 0.0 if share == 0.0 else genes.glide >= share and genes.timbre in GLIDES


def test_pitch_is_held_then_slides_within_the_documented_time() -> None:
    stem = slid(33, 45)
    (phrase, struck) = phrases(stem.timbre, stem.notes)
    assert [len(phrase.notes), len(struck.notes)] == [2, 1]
    curve = pitch_curve(stem.timbre, phrase, FRAMES / BEATS, RATE, RATE)
    at = FRAMES / BEATS
    assert np.all(curve[: int(at)] == 33.0)
    assert np.all(np.diff(curve) >= 0.0)
    late = int(at + GLIDES["bass_acid"].time_s * RATE)
    assert 45.0 - curve[late] == pytest.approx(12 * np.exp(-4.0), rel=0.02)
    # A note shorter than the glide is there by its own end.
    short = (Note(0.0, 1.0, 33, 100), Note(1.0, 0.05, 45, 100, True))
    (hurried,) = phrases("bass_808", short)
    quick = pitch_curve("bass_808", hurried, FRAMES / BEATS, RATE, RATE)
    assert 45.0 - quick[int(at * 1.05)] == pytest.approx(12 * np.exp(-4.0), rel=0.05)


@pytest.mark.parametrize("timbre", sorted(GLIDES))
@pytest.mark.parametrize("sounded", ["sampler", "source"])
def test_the_sound_is_on_its_way_at_the_glide_and_there_after_it(timbre: str, sounded: str) -> None:
    low, high = (33, 40) if timbre.startswith("bass") else (64, 71)
    stem = replace(slid(low, high, timbre), stem=timbre.split("_")[0])
    wave = play_stem(stem, FRAMES / BEATS, FRAMES) if sounded == "sampler" else stem_source(stem, BEATS, FRAMES)
    hz = [440.0 * 2.0 ** ((pitch - 69) / 12.0) for pitch in (low, high)]
    bounds = (0.9 * hz[0], 1.1 * hz[1])
    assert pitch_heard(wave, 0.2, bounds) == pytest.approx(hz[0], rel=0.03)
    assert pitch_heard(wave, 0.7, bounds) == pytest.approx(hz[1], rel=0.03)


def test_a_303_is_not_struck_again_where_it_glides() -> None:
    def rise(stem: StemScore) -> float:
        wave = np.abs(np.diff(play_stem(stem, FRAMES / BEATS, FRAMES)))
        at = FRAMES // 4
        return float(wave[at : at + 900].max() / wave[at - 2000 : at].max())

    struck = replace(slid(33, 45), notes=tuple(replace(note, glide=False) for note in slid(33, 45).notes))
    assert rise(slid(33, 45)) < 0.6 * rise(struck)


def test_what_glides_has_no_onset_for_the_gate() -> None:
    stem = slid(33, 45)
    assert [note.onset_beats for note in struck_notes(stem)] == [0.0, 2.0]
    assert len(struck_notes(replace(stem, timbre="bass_pick"))) == 3
    genome = gliding_genome(1)
    score = replace(express(genome), stems=(stem,))
    assert list(onset_times_s(stem, score)) == [0.0, 2.0 * 60.0 / score.bpm]


def test_glides_from_nowhere_are_struck() -> None:
    first = joined((Note(0.0, 0.5, 40, 90, True), Note(1.0, 0.5, 40, 90, True), Note(2.0, 0.5, 43, 90, True)))
    assert [note.glide for note in first] == [False, False, True]
    assert first[1].duration_beats == 1.0


def test_the_sound_model_is_told_the_note_but_no_onset() -> None:
    roll = stem_roll(slid(33, 45), BEATS, 16)
    assert roll[:, 33].sum() == pytest.approx(2 * 100 / 127)
    assert not roll[:, 45].any()
    assert roll[:, PITCHES + 45].sum() == pytest.approx(4 * 100 / 127)
    assert stem_roll(slid(33, 45, "bass_finger"), BEATS, 16)[:, 45].sum() == pytest.approx(0.5 * 100 / 127)
    assert stem_roll(slid(33, 45, "bass_pick"), BEATS, 16)[:, 45].sum() == pytest.approx(100 / 127)


def test_the_gate_hears_a_line_that_slides_as_in_time_and_in_tune() -> None:
    for seed in range(6):
        genome = replace(gliding_genome(seed), playing=("bass",))
        score = express(genome)
        (stem,) = score.stems
        assert sum(note.glide for note in stem.notes) > 4
        frames = loop_frames(score.beats, score.bpm, RATE)
        wave = play_stem(stem, frames / float(score.beats), frames)[None]
        assert not inspect_stems({"bass": wave}, score, RATE)


def test_loops_that_differ_in_glides_alone_are_apart() -> None:
    genome = gliding_genome(6, style="synthwave", timbre="bass_saw")
    struck = genome.with_genes(replace(genome.genes("lead"), timbre="lead_saw", glide=0.0))
    sliding = genome.with_genes(replace(genome.genes("lead"), timbre="lead_saw", glide=0.9))
    same = [tuple((n.onset_beats, n.pitch) for n in express(each).stem("lead").notes) for each in (struck, sliding)]
    assert same[0] == same[1]
    assert distance(struck, sliding) > 0.005
    assert distance(sliding, sliding) == 0.0
