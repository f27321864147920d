"""MIDI files are read back by another parser's rules: what comes out is the score."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS, Note, Score, StemScore
from antiphon.domain.theory import MODES, Key, parse_key, parse_meter
from antiphon.domain.timbres import TIMBRES
from antiphon.errors import StorageFailed
from antiphon.generation.grammar import compose
from antiphon.rendering.midi import GM_PROGRAMS, TICKS_PER_BEAT, key_signature, midi_bytes, write_stem_midi
from tests.generation.music import requests


def read(score: Score, stem: str) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(midi_bytes(score, stem)))


def played(file: mido.MidiFile) -> list[tuple[int, int, int, int]]:
    """(start tick, end tick, pitch, velocity) of every note, in order."""
    now, sounding, notes = 0, {}, []
    for message in file.tracks[1]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            assert message.note not in sounding, "struck again before it ended"
            sounding[message.note] = (now, message.velocity)
        elif message.type in ("note_off", "note_on"):
            start, velocity = sounding.pop(message.note)
            notes.append((start, now, message.note, velocity))
    assert not sounding, "a note hangs"
    return sorted(notes, key=lambda note: (note[0], note[2]))


@given(requests(), st.integers(0, 10**6), st.sampled_from(STEMS))
@settings(max_examples=80, deadline=None)
def test_a_file_is_its_score_to_the_tick(request: GenerateRequest, seed: int, stem: str) -> None:
    score = compose(replace(request, stems=STEMS), seed)
    file = read(score, stem)
    end = score.beats * TICKS_PER_BEAT
    assert file.type == 1
    assert file.ticks_per_beat == TICKS_PER_BEAT
    assert [sum(message.time for message in track) for track in file.tracks] == [end, end]
    want = sorted(score.stem(stem).notes, key=lambda n: (round(n.onset_beats * TICKS_PER_BEAT), n.pitch))
    got = played(file)
    assert len(got) == len(want)
    for (start, stop, pitch, velocity), note, following in zip(got, want, [*want[1:], None], strict=True):
        assert (pitch, velocity) == (note.pitch, note.velocity)
        assert abs(start - note.onset_beats * TICKS_PER_BEAT) <= 1
        expected = min(float(end), (note.onset_beats + note.duration_beats) * TICKS_PER_BEAT)
        if following is not None and following.glide:
            expected = min(float(end), following.onset_beats * TICKS_PER_BEAT + 12)
        assert abs(stop - expected) <= 1


def test_the_header_says_tempo_meter_key_name_and_channel() -> None:
    score = compose(GenerateRequest(bpm=93.0, bars=2, meter=parse_meter("6/8"), key=parse_key("Cm"), stems=STEMS), 4)
    for stem, channel in zip(STEMS, (9, 9, 0, 1, 2, 3), strict=True):
        file = read(score, stem)
        head = {
            message.type: message for track in file.tracks for message in track if not message.type.startswith("note")
        }
        assert mido.tempo2bpm(head["set_tempo"].tempo) == pytest.approx(93.0, abs=1e-3)
        assert (head["time_signature"].numerator, head["time_signature"].denominator) == (6, 8)
        assert head["key_signature"].key == "Cm"
        assert head["track_name"].name == stem
        assert head["program_change"].program == GM_PROGRAMS[score.stem(stem).timbre]
        assert {message.channel for message in file.tracks[1] if not message.is_meta} == {channel}


def test_a_note_that_rings_over_the_end_is_cut_there_and_said_so() -> None:
    score = compose(GenerateRequest(bpm=120.0, bars=1), 1)
    ringing = replace(score.stem("bass"), notes=(Note(3.5, 2.0, 40, 100),))
    file = read(replace(score, stems=(ringing,)), "bass")
    assert played(file) == [(3360, 3840, 40, 100)]
    assert any(message.type == "text" and message.text.startswith("1 notes ring on") for message in file.tracks[1])


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("mode", MODES)
def test_a_key_signature_has_the_keys_accidentals(tonic: int, mode: str) -> None:
    name = key_signature(Key(tonic, mode))
    assert set(parse_key(name).scale) == set(Key(tonic, mode).scale)
    mido.MetaMessage("key_signature", key=name).bytes()


def test_every_timbre_has_a_program() -> None:
    assert set(GM_PROGRAMS) == {timbre.name for timbre in TIMBRES}


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    score = compose(GenerateRequest(bpm=120.0, bars=1), 1)
    path = tmp_path / "deep" / "bass.mid"
    write_stem_midi(path, score, "bass")
    assert path.read_bytes() == midi_bytes(score, "bass")
    assert [each.name for each in path.parent.iterdir()] == ["bass.mid"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        write_stem_midi(tmp_path / "file" / "bass.mid", score, "bass")


def test_glides_are_legato_under_portamento() -> None:
    notes = (
        Note(0.0, 1.0, 33, 100), Note(1.0, 0.5, 45, 90, True), Note(1.5, 0.5, 40, 90, True), Note(2.0, 1.0, 33, 100),
    )  # fmt: skip
    score = replace(compose(GenerateRequest(bpm=120.0), 1), stems=(StemScore("bass", "bass_acid", notes),))
    track = mido.MidiFile(file=io.BytesIO(midi_bytes(score, "bass"))).tracks[1]
    now, told = 0, []
    for message in track:
        now += message.time
        if message.type in ("note_on", "note_off"):
            told.append((now, message.type, message.note))
        elif message.type == "control_change":
            told.append((now, message.control, message.value))
    assert told == [
        (0, "note_on", 33), (960, 65, 127), (960, "note_on", 45), (972, "note_off", 33), (1440, "note_on", 40),
        (1452, "note_off", 45), (1920, "note_off", 40), (1920, 65, 0), (1920, "note_on", 33), (2880, "note_off", 33),
    ]  # fmt: skip
    # What can't glide is played as ever.
    plain = replace(score, stems=(StemScore("bass", "bass_pick", notes),))
    assert b"\xb0\x41" not in midi_bytes(plain, "bass")
    # And what glides to the end leaves no portamento behind.
    ending = replace(score, stems=(StemScore("bass", "bass_acid", notes[:3]),))
    last = [
        m for m in mido.MidiFile(file=io.BytesIO(midi_bytes(ending, "bass"))).tracks[1] if m.type == "control_change"
    ]
    assert [message.value for message in last] == [127, 0]
