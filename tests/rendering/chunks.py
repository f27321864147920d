"""A RIFF reader of the tests' own, written from the format's description and not from our writer."""

from __future__ import annotations

import struct
from pathlib import Path


def riff_chunks(path: Path) -> dict[str, bytes]:
    """All chunks by name; lists as `LIST/adtl` and `LIST/INFO`."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WAVE"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    return dict(_walk(data[12:]))


def _walk(data: bytes) -> list[tuple[str, bytes]]:
    found, place = [], 0
    while place < len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        body = data[place + 8 : place + 8 + size]
        assert len(body) == size, name
        if name == b"LIST":
            found.append((f"LIST/{body[:4].decode()}", body[4:]))
        else:
            found.append((name.decode(), body))
        place += 8 + size + size % 2
    return found


def sub_chunks(body: bytes) -> list[tuple[str, bytes]]:
    return _walk(body)
