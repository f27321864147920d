"""Standard MIDI Files: one per stem, type 1, that a DAW lays on its grid without being asked anything."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import mido

from antiphon.domain.glides import glides_in
from antiphon.domain.score import Score, StemScore
from antiphon.domain.theory import MODES, NOTE_NAMES_FLAT, NOTE_NAMES_SHARP, Key
from antiphon.rendering.atomic import write_atomically

TICKS_PER_BEAT = 960
#: A message and when it comes: its tick, and its place among those of one tick.
Timed = tuple[int, int, int, mido.Message]
#: Portamento on or off (General MIDI 2), and how long a note sounds on into one that glides in from it: less than the
#: shortest note lasts.
_PORTAMENTO, _OVERLAP_TICKS = 65, 12
#: Channels count from 0: General MIDI's percussion channel is the tenth.
_DRUM_CHANNEL = 9
_CHANNELS = {"drums": _DRUM_CHANNEL, "percussion": _DRUM_CHANNEL, "bass": 0, "chords": 1, "lead": 2, "texture": 3}

#: General MIDI programs (from 0) that come nearest to the timbres; drum kits as GS and FluidR3 number them.
GM_PROGRAMS = {
    "kit_808": 25, "kit_909": 24, "kit_acoustic": 0, "kit_dusty": 8, "kit_minimal": 24,
    "bass_sub": 39, "bass_saw": 38, "bass_finger": 33, "bass_fm": 36, "bass_upright": 32,
    "chords_pad": 89, "chords_epiano": 4, "chords_piano": 0, "chords_stab": 62, "chords_organ": 16,
    "chords_strings": 48, "lead_saw": 81, "lead_square": 80, "lead_bell": 98, "lead_pluck": 108, "lead_flute": 73,
    "lead_vibes": 11, "kit_studio": 16, "kit_electro": 24, "kit_club": 24, "kit_brush": 40, "bass_reese": 39,
    "bass_808": 38, "bass_acid": 87, "bass_pick": 34, "chords_guitar": 27, "chords_choir": 52, "chords_brass": 61,
    "chords_glass": 92, "chords_super": 90, "lead_marimba": 12, "lead_kalimba": 108, "lead_gong": 14, "lead_koto": 107,
    "lead_trumpet": 59, "lead_guitar": 26, "lead_sine": 80, "perc_hand": 0, "perc_tabla": 0, "perc_electro": 24,
    "texture_air": 122, "texture_vinyl": 122, "texture_rain": 96, "texture_drone": 95, "texture_glass": 92,
    "texture_halo": 94,
}  # fmt: skip

#: Key signatures by the pitch class of the major key that shares their accidentals.
_MAJOR_OF_MODE = {mode: (12 - steps) % 12 for mode, steps in zip(
    ("major", "dorian", "phrygian", "mixolydian", "minor"), (0, 2, 4, 7, 9), strict=True
)}  # fmt: skip
_MINOR_LIKE = frozenset(mode for mode, steps in MODES.items() if 3 in steps)


def key_signature(key: Key) -> str:
    """The signature whose accidentals a key has, as mido names it: D dorian has A minor's, G mixolydian C major's."""
    major = (key.tonic + _MAJOR_OF_MODE[key.mode]) % 12
    flats = major in (1, 3, 5, 8, 10)
    if key.mode in _MINOR_LIKE:
        return (NOTE_NAMES_FLAT if flats else NOTE_NAMES_SHARP)[(major + 9) % 12] + "m"
    return (NOTE_NAMES_FLAT if flats else NOTE_NAMES_SHARP)[major]


def _ticks(beats: float | Fraction) -> int:
    return round(Fraction(beats) * TICKS_PER_BEAT)


def _with_deltas(timed: list[tuple[int, mido.Message | mido.MetaMessage]], end: int) -> mido.MidiTrack:
    """A track of messages at absolute ticks (in order), that ends exactly at `end`."""
    track = mido.MidiTrack()
    now = 0
    for tick, message in timed:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    return track


def _conductor(score: Score, end: int) -> mido.MidiTrack:
    """Tempo, meter, key, and the chords as text."""
    meter, head = score.meter, []
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(score.bpm)))
    head.append(mido.MetaMessage("time_signature", numerator=meter.numerator, denominator=meter.denominator))
    head.append(mido.MetaMessage("key_signature", key=key_signature(score.key)))
    head.append(mido.MetaMessage("text", text=f"key {score.key.name}"))
    timed = [(0, message) for message in head]
    for span in score.chords:
        text = f"chord {span.chord.spelt(score.key.flats)}"
        timed.append((_ticks(span.onset_beats), mido.MetaMessage("text", text=text)))
    return _with_deltas(timed, end)


def _portamento(stem: StemScore, channel: int, end: int) -> list[Timed]:
    """Portamento on before each note that glides in after a struck one, and off before the next that is struck."""
    found: list[Timed] = []
    sliding = False
    for note in stem.notes:
        if glides_in(note, stem.timbre) != sliding:
            sliding = not sliding
            switch = mido.Message("control_change", channel=channel, control=_PORTAMENTO, value=127 * sliding)
            # At one tick it goes behind a note's end and before the next one's start.
            found.append((min(_ticks(note.onset_beats), end - 1), 1, 0, switch))
    if sliding:
        found.append((end, 1, 0, mido.Message("control_change", channel=channel, control=_PORTAMENTO, value=0)))
    return found


def _notes(stem: StemScore, end: int) -> mido.MidiTrack:
    """The notes of a stem; those that ring on over the loop's end are cut there, and a text says how many. A note that
    another glides in from ends a little into it, under portamento, as legato is played on a keyboard."""
    channel = _CHANNELS.get(stem.stem, 3)
    sounding = _portamento(stem, channel, end)
    cut = 0
    for note, following in zip(stem.notes, [*stem.notes[1:], None], strict=True):
        start = min(_ticks(note.onset_beats), end - 1)
        stop = max(start + 1, _ticks(note.onset_beats + note.duration_beats))
        cut += stop > end
        if following is not None and glides_in(following, stem.timbre):
            stop = _ticks(following.onset_beats) + _OVERLAP_TICKS
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
        # At one tick a note's end goes before the next one's start.
        sounding += [(start, 2, note.pitch, on), (min(stop, end), 0, note.pitch, off)]
    head: list[mido.Message | mido.MetaMessage] = [
        mido.MetaMessage("track_name", name=stem.stem),
        mido.MetaMessage("instrument_name", name=stem.timbre),
        mido.Message("program_change", channel=channel, program=GM_PROGRAMS.get(stem.timbre, 0)),
    ]
    if cut:
        head.append(mido.MetaMessage("text", text=f"{cut} notes ring on over the loop's end and are cut there"))
    ordered = [(tick, message) for tick, _, _, message in sorted(sounding, key=lambda item: item[:3])]
    return _with_deltas([(0, message) for message in head] + ordered, end)


def midi_bytes(score: Score, stem: str) -> bytes:
    """A stem as a Standard MIDI File of type 1, TICKS_PER_BEAT ticks per beat, exactly as long as the loop.

    Onsets are exact to half a tick (1/1920 beat). Raises KeyError where the score lacks the stem.
    """
    part = {each.stem: each for each in score.stems}[stem]
    end = _ticks(score.beats)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
    file.tracks.extend((_conductor(score, end), _notes(part, end)))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def write_stem_midi(path: Path, score: Score, stem: str) -> None:
    """Write a stem's MIDI file, whole or not at all. Raises StorageFailed; KeyError where the score lacks the stem."""
    write_atomically(path, [midi_bytes(score, stem)])
