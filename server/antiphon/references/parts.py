"""A request's MIDI files, read: which stem each is for, and what of tempo, meter, length and harmony they decide.

Everything is settled before the request is on disk, so that whoever does the job needs no file, and whoever asked is
told at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon.domain.given import (
    CUT,
    MOST_MIDI_BYTES,
    MOST_NOTES,
    BroughtParts,
    GivenPart,
    PartWish,
    pitched,
)
from antiphon.domain.reference import SLOWEST_BPM
from antiphon.domain.request import GenerateRequest, check_duration
from antiphon.domain.score import STEMS, STRUCK_STEMS, ChordSpan
from antiphon.domain.theory import METERS, Key, Meter, parse_meter
from antiphon.domain.tonality import find_key, fit_harmony
from antiphon.errors import InvalidRequest, LimitExceeded, OutOfRange
from antiphon.references.folders import Allowed, paths_of, shown_name
from antiphon.references.midi_file import MidiTrack, MidiTune, read_midi

#: Tempos that a loop can have.
_SLOWEST_BPM, _FASTEST_BPM = 20.0, 400.0
#: Meters whose beats are those of one that there is.
_LIKE = {"2/4": "4/4", "2/2": "4/4", "6/4": "3/4", "3/8": "6/8"}
#: A note that rings over a bar line by less than this does not ask for another bar.
_OVERHANG_BEATS = 0.25
_EPSILON_BEATS = 1e-6


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this server makes: at most so many bars, so many seconds."""

    bars: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Read:
    """One stem's notes in one file."""

    stem: str
    name: str
    sha256: str
    tune: MidiTune
    tracks: tuple[MidiTrack, ...]

    def bars(self, meter: Meter, most: int) -> int:
        """Its length, rounded up to bars: to its last note's end (of strokes: beginning), or further, where the file
        says so and a loop may have so many (`most`): some programs end every track with the project."""
        bar = float(meter.beats_per_bar)
        notes = [note for track in self.tracks for note in track.notes]
        last, rung = max(n.onset_beats for n in notes), max(n.onset_beats + n.duration_beats for n in notes)
        told = max(track.end_beats for track in self.tracks)
        own = last if self.stem in STRUCK_STEMS else rung
        by_notes = max(math.floor((last + _EPSILON_BEATS) / bar) + 1, math.ceil((own - _OVERHANG_BEATS) / bar))
        by_end = math.ceil((told - _OVERHANG_BEATS) / bar) if told > rung + _EPSILON_BEATS else 0
        return max(by_notes, by_end) if by_end <= most else by_notes


def with_files(request: GenerateRequest, allowed: Allowed, bounds: Bounds) -> GenerateRequest:
    """The request with its songs found and its parts read (`with_parts`). Blocks on the disk; raises as `find` does."""
    if request.wish is not None:
        songs = paths_of(allowed, request.wish.songs)
        request = dataclasses.replace(request, wish=dataclasses.replace(request.wish, songs=songs))
    return with_parts(request, allowed, bounds)


def with_parts(request: GenerateRequest, allowed: Allowed, bounds: Bounds) -> GenerateRequest:
    """The request with the notes of its MIDI files, and with what they decide of what it leaves open. Blocks on the
    disk. Raises NotFound, Forbidden, InvalidRequest, OutOfRange or LimitExceeded, in words that say what to do."""
    wish = request.part_wish
    if wish is None:
        return request
    read, ignored = _read_all(wish, allowed)
    used: dict[str, float | str] = {}
    request = _in_time(request, wish, read, bounds, used)
    check_duration(request.bars, request.meter, _slowest_bpm(request, used), bounds.duration_s)
    beats = float(request.bars * request.meter.beats_per_bar)
    whole = [_part(each, request.meter, bounds.bars) for each in read]
    fits = tuple(part.fit(beats) for part in whole)
    parts = tuple(_cut(part, beats) if fit == CUT else part for part, fit in zip(whole, fits, strict=True))
    _check_notes(parts, beats)
    request, harmony = _in_tune(request, wish, parts, beats, used)
    told = tuple(f"{each.name}: tempo or meter changes after the first" for each in read if each.tune.changes)
    brought = BroughtParts(parts, fits, tuple(used.items()), (*ignored, *dict.fromkeys(told)), wish.licence, harmony)
    # What a song would decide is decided.
    songs = request.wish and dataclasses.replace(
        request.wish, open=tuple(name for name in request.wish.open if name not in used)
    )
    return dataclasses.replace(request, part_wish=None, brought=brought, wish=songs)


def _slowest_bpm(request: GenerateRequest, used: Mapping[str, float | str]) -> float:
    """The slowest tempo that the loop may come to have: of songs that are not heard yet, of a range that words name."""
    if request.wish is not None and "bpm" in request.wish.open and "bpm" not in used:
        return SLOWEST_BPM
    said = request.reading.tempo_bpm if request.reading is not None else None
    return said[0] if said is not None else request.bpm


def _read_all(wish: PartWish, allowed: Allowed) -> tuple[list[_Read], list[str]]:
    """Every stem's notes in the files of a wish, in the order of the stems, and in words what else they hold."""
    found: dict[str, _Read] = {}
    files: dict[Path, tuple[MidiTune, str]] = {}
    taken: set[int] = set()
    for stem, named in wish.files:
        path = allowed.find_midi(named)
        name = shown_name(path)
        if path not in files:
            files[path] = _read(path, name, allowed)
        tune, digest = files[path]
        for each, tracks in _tracks_of(tune, stem, name).items():
            if each in found:
                raise InvalidRequest(
                    f"{name} brings {each}, and so does {found[each].name}: bring each stem once, as part {each}:FILE"
                )
            found[each] = _Read(each, name, digest, tune, tracks)
            taken |= {id(track) for track in tracks}
    ignored = [
        f"{shown_name(path)}: {_called(track)}"
        for path, (tune, _) in files.items()
        for track in tune.tracks
        if id(track) not in taken
    ]
    return [found[stem] for stem in STEMS if stem in found], ignored


def _read(path: Path, name: str, allowed: Allowed) -> tuple[MidiTune, str]:
    """A file's music, and the sum by which it is known again."""
    with allowed.open(path, MOST_MIDI_BYTES) as file:
        data = file.read(MOST_MIDI_BYTES)
    return read_midi(data, name), hashlib.sha256(data).hexdigest()


def _tracks_of(tune: MidiTune, stem: str, name: str) -> Mapping[str, tuple[MidiTrack, ...]]:
    """Which tracks are which stem's. Of a file for one stem, those that say so, else those that say nothing."""
    by_stem: dict[str, tuple[MidiTrack, ...]] = {}
    for track in tune.tracks:
        by_stem[track.stem] = (*by_stem.get(track.stem, ()), track)
    if not stem:
        named = {each: tracks for each, tracks in by_stem.items() if each}
        if not named:
            raise InvalidRequest(
                f"{name} does not say which stem it is: write part STEM:{name}, with one of {', '.join(STEMS)} for "
                "STEM, or call its track so"
            )
        return named
    tracks = by_stem.get(stem) or by_stem.get("") or ()
    if not tracks and len(by_stem) == 1:
        # Whatever it calls itself, it is all there is, and somebody has said what it shall be.
        tracks = tune.tracks
    if not tracks:
        has = ", ".join(each for each in by_stem)
        raise InvalidRequest(f"{name} has {has}, and no {stem}: export that track alone, or call it {stem}")
    return {stem: tracks}


def _called(track: MidiTrack) -> str:
    return f"track {track.name.strip()[:30]!r}" if track.name.strip() else "a track without a name"


def _in_time(
    request: GenerateRequest, wish: PartWish, read: Sequence[_Read], bounds: Bounds, used: dict[str, float | str]
) -> GenerateRequest:
    """The request with tempo and meter of the first part that has them, and as long as the longest."""
    timed = next((each for each in read if each.tune.bpm is not None), None)
    if "bpm" in wish.open and timed is not None and timed.tune.bpm is not None:
        used["bpm"] = bpm = timed.tune.bpm
        if not _SLOWEST_BPM <= bpm <= _FASTEST_BPM:
            raise OutOfRange(
                f"{timed.name} is at {bpm:g} bpm, and loops go from {_SLOWEST_BPM:g} to {_FASTEST_BPM:g}: name a bpm "
                "of your own"
            )
        request = dataclasses.replace(request, bpm=bpm)
    barred = next((each for each in read if each.tune.meter is not None), None)
    if "meter" in wish.open and barred is not None and barred.tune.meter is not None:
        request = dataclasses.replace(request, meter=_meter_like(barred.tune.meter, barred.name))
        used["meter"] = request.meter.name
    if "bars" in wish.open:
        longest = max(read, key=lambda each: each.bars(request.meter, bounds.bars))
        used["bars"] = bars = longest.bars(request.meter, bounds.bars)
        if bars > bounds.bars:
            raise LimitExceeded(
                f"{longest.name} has {bars} bars, and this server makes up to {bounds.bars} (setting limits.bars): "
                "name bars, and it is taken from its beginning"
            )
        request = dataclasses.replace(request, bars=bars)
    return request


def _meter_like(meter: str, name: str) -> Meter:
    if _LIKE.get(meter, meter) not in METERS:
        raise OutOfRange(
            f"{name} is in {meter}, and loops are in {', '.join(METERS)}: name the meter that it shall have"
        )
    return parse_meter(_LIKE.get(meter, meter))


def _part(read: _Read, meter: Meter, most_bars: int) -> GivenPart:
    notes = sorted(
        (note for track in read.tracks for note in track.notes), key=lambda note: (note.onset_beats, note.pitch)
    )
    beats = float(read.bars(meter, most_bars) * meter.beats_per_bar)
    return GivenPart(read.stem, tuple(notes), beats, read.name, read.sha256, read.tune.bpm, read.tune.meter)


def _cut(part: GivenPart, beats: float) -> GivenPart:
    """As much of a part as a loop takes."""
    return dataclasses.replace(part, notes=part.laid(beats), beats=beats)


def _check_notes(parts: Sequence[GivenPart], beats: float) -> None:
    for part in parts:
        if not part.notes:
            raise InvalidRequest(
                f"{part.name} has no {part.stem} in the loop's first {beats:g} beats: ask for more bars, or export the "
                "part from where it begins"
            )
    # Told from the lengths, because to lay out what is too much is what must not happen.
    laid = sum(len(part.notes) * math.ceil(beats / part.beats) for part in parts)
    if laid > MOST_NOTES:
        raise LimitExceeded(
            f"the parts have {laid} notes on the loop, and up to {MOST_NOTES} are taken: bring fewer bars or "
            "fewer parts"
        )


def _in_tune(
    request: GenerateRequest, wish: PartWish, parts: Sequence[GivenPart], beats: float, used: dict[str, float | str]
) -> tuple[GenerateRequest, tuple[ChordSpan, ...]]:
    """The request with the key of the parts that have tones, and chords that go with them, where it leaves them open.
    Where chords are among the parts, a bar may have two."""
    tones = {part.stem: part.laid(beats) for part in pitched(parts)}
    notes = [note for part in tones.values() for note in part]
    if not notes:
        return request, ()
    if "key" in wish.open:
        mode = request.reading.mode if request.reading is not None else None
        key = find_key(notes, beats, mode)
        used["key"] = key.name
        request = dataclasses.replace(request, key=key)
    if "chords" not in wish.open or request.key is None:
        return request, ()
    bass = tones.get("bass", ())
    harmony = fit_harmony(notes, bass, request.key, request.meter, request.bars, chordal="chords" in tones)
    used["chords"] = _spelt(harmony, request.key, float(request.meter.beats_per_bar))
    return request, harmony


def _spelt(harmony: Sequence[ChordSpan], key: Key, bar_beats: float) -> str:
    """Chords for people, bar by bar where a bar has two: `Am F`, `Am | F G`."""
    bars: dict[int, list[str]] = {}
    for span in harmony:
        bars.setdefault(int(span.onset_beats / bar_beats), []).append(span.chord.spelt(key.flats))
    parted = len(harmony) > len(bars)
    return (" | " if parted else " ").join(" ".join(names) for names in bars.values())
