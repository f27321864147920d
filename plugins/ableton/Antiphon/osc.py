"""OSC messages as bytes and back: the types that the server sends and takes (string, int32, float32)."""

import struct


def _text(value):
    raw = value.encode("utf-8") + b"\0"
    return raw + b"\0" * (-len(raw) % 4)


def encode(address, *arguments):
    """One message. Ints, floats and strings."""
    tags, data = ",", b""
    for value in arguments:
        if isinstance(value, str):
            tags, data = tags + "s", data + _text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return _text(address) + _text(tags) + data


def _read_text(data, at):
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8"), end + 4 - end % 4


def decode(data):
    """Address and arguments of one message. Raises ValueError for anything else."""
    try:
        address, at = _read_text(data, 0)
        tags, at = _read_text(data, at)
        arguments = []
        for tag in tags[1:]:
            if tag == "s":
                value, at = _read_text(data, at)
            else:
                value = struct.unpack_from(">i" if tag == "i" else ">f", data, at)[0]
                at += 4
            arguments.append(value)
        return address, arguments
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"not an OSC message: {error}") from error
