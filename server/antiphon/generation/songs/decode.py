"""From a song's file to samples, by libsndfile: WAV, FLAC, Ogg, AIFF, CAF, AU, and MP3 where the library can."""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

import librosa
import numpy as np
import soundfile
from numpy.typing import NDArray

from antiphon.errors import InvalidRequest, LimitExceeded

#: The rate at which songs are worked on: the sound model's own.
SONG_RATE_HZ = 44100
#: Shorter than this there is no bar to take.
SHORTEST_S = 1.0
#: What never gets louder counts as silence.
SILENCE_DBFS = -60.0
_MOST_CHANNELS = 32
_RATES_HZ = (4000, 768000)
_BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True, slots=True)
class Song:
    """A decoded song: `audio` float32 (frames,), mono, at SONG_RATE_HZ; `sha256` is that of its file."""

    name: str
    sha256: str
    audio: NDArray[np.float32]


def read_song(file: BinaryIO, name: str, longest_s: float) -> Song:
    """Decode a whole song. Raises InvalidRequest for what is no audio, damaged, too short or silent, LimitExceeded for
    what is longer than `longest_s`; each says what to bring instead."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    _refuse_truncated(file, name)
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as source:
            _check(source, name, longest_s)
            blocks = [block.mean(axis=1) for block in source.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True)]
            rate_hz, promised = source.samplerate, source.frames
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InvalidRequest(
            f"{name} can't be decoded ({error}): it is damaged or no audio; bring WAV, FLAC, Ogg, AIFF or MP3"
        ) from error
    mono = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    # MP3 headers promise about the number of frames; all others exactly.
    if mono.size < 0.98 * promised:
        raise InvalidRequest(f"{name} breaks off after {mono.size / rate_hz:.1f} s: it is damaged; export it anew")
    if not np.isfinite(mono).all():
        raise InvalidRequest(f"{name} holds samples that are no numbers: export it anew")
    if np.abs(mono).max() < 10 ** (SILENCE_DBFS / 20):
        raise InvalidRequest(f"{name} is silent: bring a song that can be heard")
    if rate_hz != SONG_RATE_HZ:
        mono = librosa.resample(mono, orig_sr=rate_hz, target_sr=SONG_RATE_HZ, res_type="soxr_hq")
    return Song(name, digest, np.ascontiguousarray(mono, dtype=np.float32))


def _check(source: soundfile.SoundFile, name: str, longest_s: float) -> None:
    """Bounds before anything is decoded: a small file may promise hours of silence."""
    if not _RATES_HZ[0] <= source.samplerate <= _RATES_HZ[1] or source.channels > _MOST_CHANNELS:
        raise InvalidRequest(
            f"{name} has {source.channels} channels at {source.samplerate} Hz: bring a plain stereo file at 44100 Hz"
        )
    length_s = source.frames / source.samplerate
    if length_s > longest_s:
        raise LimitExceeded(
            f"{name} lasts {length_s / 60:.0f} minutes: this server listens to up to {longest_s / 60:.0f} minutes "
            "(setting limits.reference_s); cut out the part you mean"
        )
    if length_s < SHORTEST_S:
        raise InvalidRequest(f"{name} lasts {length_s:.2f} s: bring at least {SHORTEST_S:g} s, better some bars")


def _refuse_truncated(file: BinaryIO, name: str) -> None:
    """A RIFF file that is shorter than its header says was cut off on the way. libsndfile would read what is there."""
    file.seek(0)
    head = file.read(8)
    size = file.seek(0, io.SEEK_END)
    if len(head) == 8 and head[:4] == b"RIFF":
        promised = struct.unpack("<I", head[4:])[0] + 8
        # Programs that stream leave all ones there, or nothing; and some count one padding byte too many.
        if head[4:] not in (b"\xff\xff\xff\xff", b"\0\0\0\0") and promised > size + 1:
            raise InvalidRequest(
                f"{name} breaks off: {size} of {promised} bytes are there; copy or upload it again, or export it anew"
            )
