"""MIDI files of other programs, read as parts; and whatever else somebody may send as one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.domain.given import DECIDES, MOST_MIDI_BYTES, PartWish
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_key
from antiphon.domain.wire import request_from_json, request_to_json
from antiphon.errors import Forbidden, InvalidRequest, LimitExceeded, NotFound, OutOfRange
from antiphon.references.folders import allowed
from antiphon.references.midi_file import looks_like_midi, read_midi
from antiphon.references.parts import Bounds, with_parts
from tests.midi_files import Struck, beat, meter, midi, tempo, track

REQUEST = GenerateRequest(bpm=120.0, stems=(), seed=1)
BOUNDS = Bounds(16, 120.0)
HEAD = b"MThd" + struct.pack(">LHHH", 6, 1, 1, 480)
Bring = Callable[..., GenerateRequest]


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Brings files, as {name: content}, each said to be the stem that `stems` says, under a wish that leaves open."""
    folder = tmp_path / "references"
    folder.mkdir()
    places = allowed(tmp_path, "", 200, 10)

    def bring(
        files: dict[str, bytes], stems: dict[str, str] | None = None, open: tuple[str, ...] = DECIDES,
        request: GenerateRequest = REQUEST,
    ) -> GenerateRequest:  # fmt: skip
        for name, content in files.items():
            (folder / name).write_bytes(content)
        wish = PartWish(tuple(((stems or {}).get(name, ""), name) for name in files), open)
        return with_parts(replace(request, part_wish=wish), places, BOUNDS)

    return bring


def line(*pitches: int, length: int = 480) -> list[Struck]:
    """Quarter notes one after the other."""
    return [(480 * place, length, pitch, 90) for place, pitch in enumerate(pitches)]


def test_a_file_fills_what_is_open_and_says_its_stem(bring: Bring) -> None:
    content = midi(track(beat((0, 7, 10), 2), "Drums", 9, (tempo(93.0), meter(4, 4))))
    request = bring({"beat.mid": content})
    assert request.brought is not None
    [part] = request.brought.parts
    assert (part.stem, part.beats, part.bpm, part.meter, len(part.notes)) == ("drums", 8.0, 93.0, "4/4", 2 * 13)
    assert part.notes[0].onset_beats == 0.0
    assert [(n.onset_beats, n.velocity) for n in part.notes if n.pitch == 36][1] == ((7 * 120 + 3) / 480, 109)
    assert (request.bpm, request.bars, request.meter.name, request.key) == (93.0, 2, "4/4", None)
    assert dict(request.brought.used) == {"bpm": 93.0, "meter": "4/4", "bars": 2}
    assert request.part_wish is None
    assert request_from_json(json.loads(json.dumps(request_to_json(request)))) == request


def test_what_is_named_stands_and_the_part_is_laid_onto_it(bring: Bring) -> None:
    content = midi(track(beat((0, 7, 10), 3), "drums", 9, (tempo(93.0), meter(3, 4))))
    for bars, fit, kicks in ((2, "cut", 6), (3, "whole", 9), (4, "repeated", 12), (7, "repeated", 21)):
        request = bring({"a.mid": content}, open=(), request=replace(REQUEST, bars=bars))
        assert request.brought is not None
        assert request.brought.fits == (fit,)
        assert (request.bpm, request.meter.name, request.brought.used) == (120.0, "4/4", ())
        notes = request.brought.parts[0].laid(4.0 * bars)
        assert sum(note.pitch == 36 for note in notes) == kicks
        assert all(0 <= note.onset_beats < 4 * bars for note in notes)
        # The fourth bar is the first again.
        first, fourth = ([n.onset_beats % 4 for n in notes if n.onset_beats // 4 == bar] for bar in (0, 3))
        assert bars < 4 or fourth == pytest.approx(first, abs=1e-5)


@pytest.mark.parametrize(
    ("notes", "end", "bars"),
    [
        (line(40, 40, 40, 40), 0, 1),
        (line(40, 40, 40, 40, length=560), 0, 1),  # the last rings a little over the bar line
        (line(40, 40, 40, 40, 40), 0, 2),
        ([(0, 3840, 40, 90)], 0, 2),  # one note of two bars
        (line(40), 7680, 4),  # the file says that it is longer
        (line(40), 7700, 4),
        (line(40, 40), 1920 * 64, 1),  # the file ends with somebody's project
        ([(1920, 60, 40, 90)], 0, 2),  # begins on the second bar line
    ],
)
def test_length_is_rounded_up_to_bars(bring: Bring, notes: list[Struck], end: int, bars: int) -> None:
    assert bring({"bass.mid": midi(track(notes, "bass", end=end))}).bars == bars


def test_who_says_the_stem(bring: Bring) -> None:
    def stems(content: bytes, said: str = "") -> list[str]:
        brought = bring({"a.mid": content}, {"a.mid": said} if said else None).brought
        assert brought is not None
        return list(brought.stems)

    drums, tones = beat((0, 8)), line(60, 62)
    assert stems(midi(track(tones, " LEAD "))) == ["lead"]
    assert stems(midi(track(drums, "Beat 3", 9))) == ["drums"]
    assert stems(midi(track([(0, 60, 63, 90), (240, 60, 70, 80)], "", 9))) == ["percussion"]
    assert stems(midi(track(drums, "Kit")), "drums") == ["drums"]
    assert stems(midi(track(tones, "Piano")), "chords") == ["chords"]
    assert stems(midi(track(tones, "lead")), "bass") == ["bass"], "what somebody says counts"
    whole = midi(track(tones, "bass"), track(drums, "", 9), track(tones, "Strings"), kind=1)
    assert stems(whole) == ["drums", "bass"]
    assert stems(whole, "bass") == ["bass"]
    assert stems(whole, "chords") == ["chords"], "of several, that which says nothing else"
    brought = bring({"a.mid": whole}).brought
    assert brought is not None
    assert brought.ignored == ("a.mid: track 'Strings'",)
    mixed = mido.MidiTrack([*track(tones)[:-1], *track(drums, "", 9)])
    assert stems(midi(mixed, kind=0)) == ["drums"]
    assert stems(midi(mixed, kind=0), "bass") == ["bass"]


def harmony(request: GenerateRequest) -> list[str]:
    assert request.brought is not None
    return [span.chord.name for span in request.brought.harmony]


def test_key_and_chords_come_from_the_tones(bring: Bring) -> None:
    chords = [(1920 * bar, 1920, pitch, 80) for bar, tones in enumerate(
        ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))) for pitch in tones]  # fmt: skip
    request = bring({"chords.mid": midi(track(chords, "chords"))})
    assert harmony(request) == ["Am", "F", "C", "G"]
    assert request.brought is not None
    assert dict(request.brought.used)["chords"] == "Am F C G"
    assert request_from_json(json.loads(json.dumps(request_to_json(request)))) == request
    # The same at double time: two a bar.
    quick = [(onset // 2, length // 2, pitch, loud) for onset, length, pitch, loud in chords]
    request = bring({"quick.mid": midi(track(quick, "chords"))})
    assert request.brought is not None
    assert dict(request.brought.used)["chords"] == "Am F | C G"
    assert request.key in (parse_key("Am"), parse_key("C"))
    # A named key stands, and chords are sought in it; named chords stand.
    dominant = midi(track([(0, 1920, pitch, 80) for pitch in (52, 56, 59, 62)], "chords"))
    request = bring({"e7.mid": dominant}, open=("bars", "chords"), request=replace(REQUEST, key=parse_key("Am")))
    assert harmony(request) == ["E7"]
    request = bring({"e7.mid": dominant}, open=("bars",))
    assert (request.key, harmony(request)) == (None, [])


@pytest.mark.parametrize(
    ("content", "fault", "words"),
    [
        (b"", InvalidRequest, "empty"),
        (b"RIFF" + bytes(99), InvalidRequest, "no MIDI file"),
        (b"MThd", InvalidRequest, "damaged"),
        (HEAD + b"MTrk" + struct.pack(">L", 99) + b"\x00\x90\x24", InvalidRequest, "damaged"),
        (HEAD[:-2] + struct.pack(">h", -6360) + b"MTrk" + struct.pack(">L", 4) + b"\0\xff\x2f\0", InvalidRequest,
         "SMPTE"),
        (HEAD[:-2] + bytes(2) + b"MTrk" + struct.pack(">L", 4) + b"\0\xff\x2f\0", InvalidRequest, "SMPTE"),
        (midi(track([], "drums")), InvalidRequest, "no notes"),
        (midi(track(line(60)), kind=2), InvalidRequest, "type 2"),
        (midi(track(line(60), "Piano")), InvalidRequest, "part STEM:a.mid"),
        (midi(track(line(60), "bass"), track(line(60), "lead")) + bytes(MOST_MIDI_BYTES), LimitExceeded, "KiB"),
        (midi(track([(0, 9, 36, 9), (1920 * 17, 9, 36, 9)], "drums")), LimitExceeded, "name bars"),
        (midi(track([(n % 1900, 1, 36, 9) for n in range(4001)], "drums")), LimitExceeded, "4000"),
        (midi(track(line(60), "bass", 0, (meter(11, 8),))), OutOfRange, "11/8"),
        (midi(track(line(60), "bass", 0, (tempo(600),))), OutOfRange, "600 bpm"),
        (HEAD + b"MTrk" + struct.pack(">L", 39) + b"\xff" * 8 + b"\x7f\x90\x24\x40" + bytes(27), InvalidRequest,
         "weeks"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_in_words(
    bring: Bring, content: bytes, fault: type[Exception], words: str
) -> None:
    with pytest.raises(fault, match=words):
        bring({"a.mid": content})


def test_files_that_do_not_go_together_or_are_not_there(bring: Bring, tmp_path: Path) -> None:
    drums = midi(track(beat((0,)), "drums"))
    with pytest.raises(InvalidRequest, match=r"so does a\.mid"):
        bring({"a.mid": drums, "b.mid": drums})
    late = midi(track([(1920 * 5, 9, 36, 90)], "drums"))
    with pytest.raises(InvalidRequest, match="first 8 beats"):
        bring({"a.mid": late}, open=(), request=replace(REQUEST, bars=2))
    places = allowed(tmp_path, "", 200, 10)
    for name, fault in (("missing.mid", NotFound), ("/etc/passwd", Forbidden), ("upload:0123456789ab", NotFound)):
        with pytest.raises(fault):
            with_parts(replace(REQUEST, part_wish=PartWish((("drums", name),))), places, BOUNDS)
    with pytest.raises(InvalidRequest, match="bring it as part"):
        places.find("a.mid")
    slow = replace(REQUEST, bpm=20.0)
    with pytest.raises(LimitExceeded, match="duration_s"):
        bring({"a.mid": midi(track(beat((0,), 16), "drums"))}, open=("bars",), request=slow)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(
    st.binary(max_size=300).map(lambda tail: HEAD + tail),
    st.binary(max_size=300).map(lambda tail: HEAD + b"MTrk" + struct.pack(">L", len(tail)) + tail),
    st.binary(max_size=60),
    st.builds(
        lambda whole, place, byte: whole[: place % len(whole)] + bytes([byte]) + whole[place % len(whole) + 1 :],
        st.just(midi(track(beat((0, 7)), "drums", 9, (tempo(93.0), meter(4, 4))))), st.integers(0, 999),
        st.integers(0, 255),
    ),
))  # fmt: skip
def test_any_bytes_are_music_or_refused(content: bytes) -> None:
    try:
        tune = read_midi(content, "a.mid")
    except InvalidRequest:
        return
    assert looks_like_midi(content)
    for each in tune.tracks:
        for note in each.notes:
            assert 0 <= note.pitch <= 127
            assert 1 <= note.velocity <= 127
            assert note.onset_beats >= 0
            assert note.duration_beats > 0
