"""Audio files: 24-bit WAV with everything a DAW or sampler reads, and FLAC with tags.

The samples of a finished loop lie on the 24-bit grid already, so both formats hold them exactly.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from antiphon.errors import InvalidRequest, StorageFailed
from antiphon.rendering.atomic import write_atomically
from antiphon.rendering.circle import Audio
from antiphon.rendering.wav_chunks import LoopInfo, acid_chunk, bext_chunk, chunk, cue_chunks, info_chunk, smpl_chunk

_FULL_SCALE = 1 << 23
_BLOCK_FRAMES = 1 << 16
_VORBIS_COMMENT = 4
_LAST = 0x80


def write_audio(path: Path, audio: Audio, info: LoopInfo) -> None:
    """Write audio (channels, frames) as the ending of `path` says, `.wav` or `.flac`; the file appears whole or not at
    all.

    Raises StorageFailed where the disk is full or can't be written, InvalidRequest for any other ending.
    """
    writers = {".wav": _wav, ".flac": _flac}
    if path.suffix not in writers:
        raise InvalidRequest(f"there is no audio format {path.suffix!r} here: use wav or flac")
    write_atomically(path, writers[path.suffix](audio, info))


def _steps(audio: Audio) -> Iterator[np.ndarray[tuple[int, int], np.dtype[np.int32]]]:
    """Blocks of interleaved 24-bit steps, (frames, channels)."""
    for start in range(0, audio.shape[1], _BLOCK_FRAMES):
        block = np.rint(audio[:, start : start + _BLOCK_FRAMES] * np.float32(_FULL_SCALE))
        yield np.ascontiguousarray(np.clip(block, -_FULL_SCALE, _FULL_SCALE - 1, out=block).T, dtype="<i4")


def _wav(audio: Audio, info: LoopInfo) -> Iterator[bytes]:
    channels, frames = audio.shape
    align = 3 * channels
    form = struct.pack("<HHIIHH", 1, channels, info.sample_rate, info.sample_rate * align, align, 24)
    before = chunk(b"fmt ", form) + bext_chunk(info, channels) + acid_chunk(info) + smpl_chunk(info)
    before += cue_chunks(info) + info_chunk(info)
    size = frames * align
    yield b"RIFF" + struct.pack("<I", 4 + len(before) + 8 + size + size % 2) + b"WAVE" + before
    yield b"data" + struct.pack("<I", size)
    for block in _steps(audio):
        wide = block.view(np.uint8).reshape(-1, 4)
        packed = np.empty((len(wide), 3), dtype=np.uint8)
        # Byte by byte: numpy copies long columns several times faster than many short rows.
        for place in range(3):
            packed[:, place] = wide[:, place]
        yield packed.tobytes()
    yield b"\0" * (size % 2)


def _flac(audio: Audio, info: LoopInfo) -> Iterator[bytes]:
    # Encoded in memory: libsndfile doesn't say reliably when a disk is full, and one-shot writes of long files crash
    # in some of its encoders, hence the blocks.
    memory = io.BytesIO()
    try:
        with soundfile.SoundFile(
            memory, "w", samplerate=info.sample_rate, channels=len(audio), subtype="PCM_24", format="FLAC"
        ) as file:
            for block in _steps(audio):
                file.write(block << 8)
    except soundfile.LibsndfileError as error:
        raise StorageFailed(f"the FLAC encoder failed: {error}; ask for wav instead") from error
    yield _tagged(memory.getvalue(), vorbis_comments(info))


def vorbis_comments(info: LoopInfo) -> dict[str, str]:
    """The tags of a FLAC file, under the names that players, DJ software and game engines look for."""
    score = info.score
    rights = {"COPYRIGHT": info.licence} if info.licence else {}
    return rights | {
        "TITLE": info.title,
        "BPM": f"{score.bpm:g}",
        "INITIALKEY": score.key.name,
        "GENRE": score.style,
        "DATE": info.created_at.strftime("%Y-%m-%d"),
        "COMMENT": f"{info.chord_names}. {info.comment}".strip(),
        "ENCODER": info.software,
        "LOOPSTART": "0",
        "LOOPLENGTH": str(info.frames),
        "REPLAYGAIN_TRACK_PEAK": f"{10.0 ** (info.peak_dbtp / 20.0):.6f}",
    }


def _tagged(flac: bytes, comments: dict[str, str]) -> bytes:
    """The FLAC stream with its comment block replaced (RFC 9639, sections 8.1 and 8.6)."""
    vendor = b"antiphon"
    body = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(comments))
    for name, text in comments.items():
        entry = f"{name}={text}".encode()
        body += struct.pack("<I", len(entry)) + entry
    blocks = [(_VORBIS_COMMENT, body)]
    place, last = 4, False
    while not last:
        last, kind = bool(flac[place] & _LAST), flac[place] & 0x7F
        length = int.from_bytes(flac[place + 1 : place + 4], "big")
        if kind != _VORBIS_COMMENT:
            # The stream's description must come first; the order of the rest is free.
            blocks.insert(len(blocks) - 1, (kind, flac[place + 4 : place + 4 + length]))
        place += 4 + length
    headers = [
        bytes([kind | (_LAST if number == len(blocks) else 0)]) + len(data).to_bytes(3, "big") + data
        for number, (kind, data) in enumerate(blocks, start=1)
    ]
    return flac[:4] + b"".join(headers) + flac[place:]
