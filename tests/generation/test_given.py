"""Parts that somebody brought: they stand, others are composed to them, and children keep them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.drums import as_sounded
from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.given import BroughtParts, GivenPart
from antiphon.domain.lineage import Child
from antiphon.domain.reference import PART
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import PERCUSSION_PITCHES, STEMS, STRUCK_STEMS, ChordSpan, Note, Score
from antiphon.domain.theory import parse_chords, parse_key
from antiphon.evolution import cross, mutate, restem
from antiphon.evolution.brood import at_large, later_child, new_blood
from antiphon.generation.backend import SoundRequest
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.grammar.given import step_of
from antiphon.generation.grammar.harmony import local_scale
from antiphon.generation.grammar.percussion import BODIES
from antiphon.generation.grammar.plan import frame_of
from antiphon.references.midi_file import read_midi
from antiphon.rendering.midi import midi_bytes
from tests.midi_files import beat, midi, same_notes, track
from tests.tone_backend import load

#: Kicks of three drummers, in sixteenths of a bar.
KICKS = ((0, 7, 10), (0, 3, 6, 11, 14), (0, 5, 8, 13))
REQUEST = GenerateRequest(bpm=92.0, bars=2, style="hiphop", stems=STEMS, key=parse_key("Am"))


def drums_file(kicks: Sequence[int], bars: int = 2) -> bytes:
    return midi(track(beat(kicks, bars), "drums", 9))


def part_of(content: bytes, stem: str, bars: int) -> GivenPart:
    notes = tuple(note for each in read_midi(content, "a.mid").tracks for note in each.notes)
    return GivenPart(stem, notes, 4.0 * bars, "a.mid", "ff")


def drums(kicks: Sequence[int], bars: int = 2) -> GivenPart:
    return part_of(drums_file(kicks, bars), "drums", bars)


def bass_line(*pitches: int) -> GivenPart:
    """Eighths, one after another, over two bars."""
    notes = [Note(place / 2, 0.45, pitches[place % len(pitches)], 80 + place) for place in range(16)]
    return GivenPart("bass", tuple(notes), 8.0, "riff.mid", "aa")


def asked(*parts: GivenPart, licence: str = "", **others: object) -> GenerateRequest:
    return replace(REQUEST, brought=BroughtParts(parts, licence=licence), **others)  # type: ignore[arg-type]


def onsets(genome: Genome, stem: str) -> set[int]:
    frame = frame_of(genome)
    return {step_of(note, frame) for note in express(genome).stem(stem).notes}


@pytest.mark.parametrize("bpm", [60.0, 92.0, 174.0])
@pytest.mark.parametrize("style", ["hiphop", "house", "jazz", "ambient"])
def test_given_notes_are_delivered_as_they_were_brought(style: str, bpm: float) -> None:
    content = drums_file((0, 7, 10, 15))
    # What the grammar would not write: overlaps, two voices of a bass, the shortest notes, any pitch.
    odd = midi(
        track([(3, 900, 28, 1), (3, 100, 31, 127), (500, 1400, 28, 64), (1919, 7, 90, 12), (3839, 1, 33, 99)], "bass")
    )
    parts = part_of(content, "drums", 2), part_of(odd, "bass", 2)
    genome = draw_genome(asked(*parts, bpm=bpm, style=style, energy=1.0), 7)
    score = express(genome)
    assert same_notes(midi_bytes(score, "drums"), content)
    assert same_notes(midi_bytes(score, "bass"), odd)
    assert score.stem("drums").notes == parts[0].notes
    again = genome_from_json(json.loads(json.dumps(genome_to_json(genome))))
    assert again == genome
    assert express(again) == score


def test_a_genome_without_parts_is_spelt_as_it_was() -> None:
    assert "given" not in json.dumps(genome_to_json(draw_genome(REQUEST, 3)))


def test_bass_and_percussion_listen_to_the_given_drums() -> None:
    """The grammar's bass that goes with the kick agrees with that of its own drums more than with any other's."""
    own, others, clashes, strokes = [], [], 0, 0
    for seed in range(12):
        for which, kicks in enumerate(KICKS):
            request = asked(drums(kicks), stems=("bass", "percussion"))
            genome = draw_genome(request, seed)
            genome = genome.with_genes(
                replace(genome.genes("bass"), behaviour="gliding"),
                replace(genome.genes("percussion"), behaviour="congas"),
            )
            assert genome.playing == ("percussion", "bass")
            struck = onsets(genome, "bass")
            shares = [
                len(struck & {16 * bar + step for bar in (0, 1) for step in each}) / len(each) / 2 for each in KICKS
            ]
            own.append(shares.pop(which))
            others += shares
            frame, bodies = frame_of(genome), {PERCUSSION_PITCHES[drum] for drum in BODIES}
            kicked = {16 * bar + step for bar in (0, 1) for step in kicks}
            hands = [step_of(note, frame) for note in express(genome).stem("percussion").notes if note.pitch in bodies]
            clashes, strokes = clashes + len(kicked.intersection(hands)), strokes + len(hands)
    assert min(own) == 1.0
    assert np.mean(others) < 0.65
    assert strokes > 100
    assert clashes == 0


def test_a_soft_kick_of_another_number_is_a_kick() -> None:
    part = drums((0, 7, 10))
    soft = [replace(note, pitch=35, velocity=31) if note.pitch == 36 else note for note in part.notes]
    for brought in (part, replace(part, notes=tuple(soft))):
        genome = draw_genome(asked(brought), 4)
        genome = genome.with_genes(replace(genome.genes("bass"), behaviour="gliding"))
        assert onsets(genome, "bass") >= {0, 7, 10, 16, 23, 26}


def test_composed_stems_swing_as_the_given_part_does() -> None:
    def at(share: float) -> Genome:
        """Sixteenths in pairs, the second one at `share` of the pair."""
        hats = [Note(pair / 2 + second * share / 2, 0.1, 42, 80) for pair in range(16) for second in (0, 1)]
        return draw_genome(asked(GivenPart("drums", tuple(hats), 8.0, "a.mid", "ff")), 5)

    assert (at(0.5).swing, at(2 / 3).swing) == (0.0, 1.0)
    assert frame_of(at(0.6)).beats(1) == pytest.approx(0.3)
    assert "swing" in at(0.6).fixed
    rng = np.random.default_rng(1)
    assert {mutate(at(0.6), 1.0, rng).swing for _ in range(20)} == {at(0.6).swing}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_composed_stays_in_key_and_chords(seed: int) -> None:
    chords = parse_chords("Dm Bb")
    given = [Note(4 * bar, 4.0, pitch, 80) for bar, tones in enumerate(((62, 65, 69), (58, 62, 65))) for pitch in tones]
    part = GivenPart("chords", tuple(given), 8.0, "chords.mid", "ff")
    genome = draw_genome(asked(part, key=parse_key("Dm"), chords=chords, style=None), seed)
    for stem in express(genome).stems:
        if stem.stem in STRUCK_STEMS or stem.stem == "chords":
            continue
        for note in stem.notes:
            chord = chords[int(note.onset_beats // 4)]
            allowed = {*local_scale(genome.key, chord), *genome.key.scale}
            assert note.pitch % 12 in allowed, (stem.stem, note)
    roots = {int(n.onset_beats // 4): n.pitch % 12 for n in reversed(express(genome).stem("bass").notes)}
    assert roots == {0: 2, 1: 10}, "the bass begins each chord on its root"


def test_where_no_stem_is_named_the_given_ones_are_heard_too() -> None:
    shaker = GivenPart("percussion", (Note(0.0, 0.1, 70, 80),), 4.0, "a.mid", "ff")
    assert draw_genome(asked(shaker, stems=()), 1).playing == ("drums", "percussion", "bass", "chords", "lead")
    assert draw_genome(asked(drums((0,)), stems=("bass",)), 1).playing == ("bass",)


def kept(child: Genome, parent: Genome, *stems: str) -> bool:
    """Whether a child has the given parts of a parent, and plays them note for note."""
    return all(
        child.genes(stem).given == parent.genes(stem).given is not None
        and (stem not in child.playing or express(child).stem(stem).notes == express(parent).stem(stem).notes)
        for stem in stems
    )


def test_children_keep_what_was_given_unless_it_is_what_shall_change() -> None:
    rng = np.random.default_rng(3)
    parent = draw_genome(asked(drums((0, 7, 10)), bass_line(45, 45, 48, 43), chords=parse_chords("Am F")), 5)
    other = draw_genome(replace(REQUEST, style="house", key=parse_key("F#m")), 6)
    for amount in (0.05, 0.4, 1.0):
        for _ in range(4):
            child = mutate(parent, amount, rng)
            assert kept(child, parent, "drums", "bass")
            assert (child.key, child.chords) == (parent.key, parent.chords)
            assert express(child) != express(parent), "something else has changed"
    for mix in (0.1, 0.5, 0.9):
        child = cross(parent, other, mix, rng)
        assert kept(child, parent, "drums", "bass")
        assert (child.key, child.chords, child.swing) == (parent.key, parent.chords, parent.swing)
        child = cross(other, parent, mix, rng)
        assert child.genes("bass").given is None, "given tones don't come into another harmony by chance"
    pair = Child(parent, ("a",)), Child(other, ("b",))
    for _ in range(60):
        assert kept(at_large(later_child(*pair, 0.3, rng)[0].genome, 0.5, rng), parent, "drums", "bass")
    assert kept(new_blood(parent, 9), parent, "drums", "bass")
    # On purpose:
    assert cross(other, parent, 0.5, rng, ("drums",)).genes("drums").given == parent.genes("drums").given
    assert cross(parent, other, 0.5, rng, ("drums",)).genes("drums").given is None
    assert kept(restem(parent, "lead", 3), parent, "drums", "bass")
    anew = restem(parent, "bass", 3)
    assert anew.genes("bass").given is None
    assert kept(anew, parent, "drums")
    # Who goes on playing to the given drums knows them, also when others play.
    beside = restem(replace(parent, playing=("drums", "percussion")), "drums", 8)
    assert express(beside).stem("percussion") == express(parent).stem("percussion")
    assert beside.answered is not None
    assert beside.answered.given == parent.genes("drums").given


def test_a_part_that_is_varied_on_purpose_is_told_anew_by_half_bars() -> None:
    rng = np.random.default_rng(5)
    parent = draw_genome(asked(drums((0, 7, 10), 4), bars=4), 5)
    told = [mutate(parent, 0.3, rng, ("drums",)) for _ in range(5)]
    for child in told:
        assert child.genes("drums").given == parent.genes("drums").given
        before, after = {*express(parent).stem("drums").notes}, {*express(child).stem("drums").notes}
        assert before != after
        assert {note for note in before if note.onset_beats < 2.0} <= after, "the first half bar stands"
        assert len(before & after) >= 8
        assert genome_from_json(json.loads(json.dumps(genome_to_json(child)))) == child
        assert express(child).stem("lead") == express(parent).stem("lead")


def test_a_licence_that_was_said_goes_with_every_descendant() -> None:
    genome = draw_genome(asked(drums((0,)), licence="CC BY 4.0, Jane"), 1)
    [reference] = genome.references
    assert (reference.kind, reference.licence, reference.name) == (PART, "CC BY 4.0, Jane", "a.mid")
    assert genome_from_json(genome_to_json(genome)) == genome
    assert restem(genome, "drums", 2).references == genome.references
    assert draw_genome(asked(drums((0,))), 1).references == ()


def test_a_child_in_another_length_has_the_part_laid_anew() -> None:
    short, long = (draw_genome(replace(REQUEST, bars=bars), 3) for bars in (1, 4))
    giver = draw_genome(asked(drums((0, 7, 10))), 3)
    rng = np.random.default_rng(1)
    for first, count in ((short, 3), (long, 12)):
        child = cross(first, giver, 0.5, rng, ("drums",))
        assert sum(note.pitch == 36 for note in express(child).stem("drums").notes) == count


def test_harmony_that_was_found_is_the_loops_and_stays() -> None:
    chords = parse_chords("Am F C G")
    harmony = tuple(ChordSpan(2.0 * place, 2.0, chord) for place, chord in enumerate(chords))
    brought = BroughtParts((bass_line(45, 45, 48, 43),), harmony=harmony)
    genome = draw_genome(replace(REQUEST, brought=brought, style="house"), 3)
    assert genome.chords == harmony
    assert "chords" in genome.fixed
    rng = np.random.default_rng(2)
    assert all(mutate(genome, 1.0, rng).chords == harmony for _ in range(5))
    # Asked for by name, they give way.
    assert draw_genome(replace(REQUEST, brought=replace(brought, harmony=()), chords=chords[:1]), 3).chords != harmony


def test_drums_that_no_kit_has_sound_as_their_nearest() -> None:
    notes = tuple(Note(float(place), 0.2, pitch, 90) for place, pitch in enumerate((35, 40, 48, 55, 31)))
    genome = draw_genome(asked(GivenPart("drums", notes, 8.0, "a.mid", "ff")), 1)
    score = express(genome)
    heard = as_sounded(score)
    assert [note.pitch for note in heard.stem("drums").notes] == [36, 38, 50, 49, 37]
    assert [note.pitch for note in score.stem("drums").notes] == [35, 40, 48, 55, 31]
    assert all(heard.stem(stem) is score.stem(stem) for stem in genome.playing if stem != "drums")
    strange, known = (TwoEngines(load("cpu")).by_sampler(_sound(each), ["drums"])["drums"] for each in (score, heard))
    np.testing.assert_array_equal(strange, known)
    assert np.abs(strange).max() > 0.1


def _sound(score: Score) -> SoundRequest:
    return SoundRequest(score, 1, 1, 44100)
