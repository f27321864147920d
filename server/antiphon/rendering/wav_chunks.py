"""The chunks that make a WAV file a loop: tempo, loop points, a marker per bar, names, and broadcast data.

Layouts: `acid` as written by Acid and read by its successors (24 bytes, no public standard); `smpl`, `cue `, `LIST
adtl` and `LIST INFO` after the Multimedia Programming Interface 1.0 (1991) and its supplements; `bext` after EBU Tech
3285 v2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from antiphon.domain.score import Score, loop_frames

_STRETCH, _ROOT_SET = 0x04, 0x02
#: EBU 3285: a loudness field that was not measured.
_NOT_MEASURED = 0x7FFF


@dataclass(frozen=True, slots=True)
class LoopInfo:
    """What is written into an audio file beside its sound."""

    title: str
    stem: str
    candidate_id: str
    score: Score
    frames: int
    sample_rate: int
    loudness_lufs: float
    peak_dbtp: float
    software: str
    created_at: datetime
    comment: str = ""
    #: The songs that the loop descends from, with their licences; empty where there are none.
    licence: str = ""
    #: Drums have no root note.
    pitched: bool = True

    @property
    def root_note(self) -> int:
        """The key's tonic around middle C, as a MIDI note number."""
        return 60 + self.score.key.tonic

    @property
    def chord_names(self) -> str:
        return " ".join(span.chord.spelt(self.score.key.flats) for span in self.score.chords)


def chunk(name: bytes, body: bytes) -> bytes:
    """A RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def bar_frames(score: Score, sample_rate: int) -> list[int]:
    """The frame at which each bar begins."""
    per_bar = score.meter.beats_per_bar
    return [loop_frames(Fraction(per_bar * bar), score.bpm, sample_rate) for bar in range(score.bars)]


def acid_chunk(info: LoopInfo) -> bytes:
    """Tempo, beats, meter and root note; empty where the loop is not a whole number of beats long.

    The chunk counts beats in whole quarter notes, and a host that trusts a rounded count would stretch the loop to it.
    """
    if info.score.beats.denominator != 1:
        return b""
    flags = _STRETCH | (_ROOT_SET if info.pitched else 0)
    meter, beats = info.score.meter, int(info.score.beats)
    body = struct.pack(
        "<IHHfIHHf", flags, info.root_note, 0x8000, 0.0, beats, meter.denominator, meter.numerator, info.score.bpm
    )
    return chunk(b"acid", body)


def smpl_chunk(info: LoopInfo) -> bytes:
    """One forward loop over all frames, first to last inclusive, for ever."""
    header = struct.pack("<9I", 0, 0, round(1e9 / info.sample_rate), info.root_note, 0, 0, 0, 1, 0)
    return chunk(b"smpl", header + struct.pack("<6I", 0, 0, 0, info.frames - 1, 0, 0))


def cue_chunks(info: LoopInfo) -> bytes:
    """A cue point per bar, and its label `bar n`."""
    starts = bar_frames(info.score, info.sample_rate)
    points = b"".join(
        struct.pack("<II4sIII", bar, start, b"data", 0, 0, start) for bar, start in enumerate(starts, start=1)
    )
    labels = b"".join(
        chunk(b"labl", struct.pack("<I", bar) + f"bar {bar}".encode() + b"\0") for bar in range(1, len(starts) + 1)
    )
    return chunk(b"cue ", struct.pack("<I", len(starts)) + points) + chunk(b"LIST", b"adtl" + labels)


def info_chunk(info: LoopInfo) -> bytes:
    """Title, software, date, keywords (key, tempo, meter, stem), chords and remarks, genre, rights."""
    score = info.score
    texts = {
        b"INAM": info.title,
        b"ISFT": info.software,
        b"ICRD": info.created_at.strftime("%Y-%m-%d"),
        b"IKEY": f"{score.key.name}; {score.bpm:g} bpm; {score.meter.name}; {info.stem}",
        b"ICMT": f"{info.chord_names}. {info.comment}".strip(),
        b"IGNR": score.style,
        b"ICOP": info.licence,
    }
    return chunk(
        b"LIST", b"INFO" + b"".join(chunk(name, text.encode() + b"\0") for name, text in texts.items() if text)
    )


def bext_chunk(info: LoopInfo, channels: int) -> bytes:
    """Broadcast data, version 2: who, when, loudness (in hundredths), and how it was coded."""
    when = info.created_at
    history = f"A=PCM,F={info.sample_rate},W=24,M={'stereo' if channels == 2 else 'mono'},T={info.software}\r\n"
    fixed = struct.pack(
        "<256s32s32s10s8sQH64s",
        _ascii(f"{info.title}; {info.score.key.name}, {info.score.bpm:g} bpm", 256),
        _ascii(info.software, 32),
        _ascii(f"{info.candidate_id}-{info.stem}", 32),
        when.strftime("%Y-%m-%d").encode(),
        when.strftime("%H:%M:%S").encode(),
        0,
        2,
        b"",
    )
    loudness = struct.pack(
        "<5h", round(100 * info.loudness_lufs), _NOT_MEASURED, round(100 * info.peak_dbtp), _NOT_MEASURED, _NOT_MEASURED
    )
    return chunk(b"bext", fixed + loudness + b"\0" * 180 + history.encode())


def _ascii(text: str, length: int) -> bytes:
    return text.encode("ascii", "replace")[:length]
