"""Reads the weights of a TensorFlow checkpoint without TensorFlow.

A checkpoint is a tensor bundle: `.index`, a sorted table as LevelDB writes them (doc/table_format.md there), of
BundleEntryProto messages by tensor name (tensor_bundle.proto in TensorFlow), and `.data-00000-of-00001`, the values.
Only what such files need is read: one shard, no compression, float32 and integers, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.errors import BackendFailed

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
#: Numbers of DataType in TensorFlow's types.proto.
_TYPES: dict[int, str] = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A little-endian base 128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _block(table: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block; keys are stored as what they add to the key before."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if table[offset + size]:
        raise ValueError("a compressed table")
    block = table[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at, key = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        added, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + added]
        at += added
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protocol buffer message: (number, int or bytes)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif kind == 2:
            length, at = _varint(message, at)
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            yield tag >> 3, message[at : at + width]
            at += width
        else:
            raise ValueError(f"wire type {kind}")


def _shape(message: bytes) -> tuple[int, ...]:
    """TensorShapeProto: field 2, repeated, is a dimension whose field 1 is its size."""
    return tuple(dict(_fields(dim)).get(1, 0) for number, dim in _fields(message) if number == 2)


def _tensor(entry: bytes, data: bytes) -> NDArray[Any] | None:
    """The values of a BundleEntryProto; None for kinds that no weights have (text, for example)."""
    told = dict(_fields(entry))
    kind = _TYPES.get(told.get(1, 0))
    if kind is None:
        return None
    offset, size = told.get(4, 0), told.get(5, 0)
    shape = _shape(told.get(2, b""))
    values = np.frombuffer(data[offset : offset + size], dtype=kind)
    return values.reshape(shape)


def read_bundle(prefix: str) -> dict[str, NDArray[Any]]:
    """Tensors by name. `prefix` is the path of its files without their endings: a folder and a slash,
    in musicnn's case.

    Raises BackendFailed where the files are missing, cut short or of a kind that isn't read here.
    """
    index, data = (Path(f"{prefix}{suffix}") for suffix in (".index", ".data-00000-of-00001"))
    try:
        table, values = index.read_bytes(), data.read_bytes()
        footer = table[-_FOOTER_BYTES:]
        if struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
            raise ValueError("not a table")
        _, at = _varint(footer, 0)
        _, at = _varint(footer, at)
        entries = [pair for _, handle in _block(table, footer[at:]) for pair in _block(table, handle)]
        tensors = {key.decode(): _tensor(entry, values) for key, entry in entries if key}
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise BackendFailed(f"{index} is not a TensorFlow checkpoint that can be read: {error}") from error
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
