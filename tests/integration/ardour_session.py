"""Writes audio files onto the tracks of an Ardour session, as an import by hand would: sources, regions, playlists.

Ardour's Lua has no call for importing, but a session is XML. Since version 7 its positions count superclocks, of which
a second has 282,240,000 (a whole number of them for every usual sample rate).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import soundfile

SUPERCLOCKS_PER_S = 282_240_000
_FIRST_FREE_ID = 100_000
_REGION = {
    "type": "audio", "first-edit": "nothing", "start": "a0", "position": "a0", "opaque": "1", "muted": "0",
    "locked": "0", "automatic": "0", "import": "0", "external": "0", "sync-marked": "0", "layering-index": "0",
    "fade-in-active": "0", "fade-out-active": "0", "scale-amplitude": "1", "stretch": "1", "shift": "1",
}  # fmt: skip


def place_files(session: Path, files: Mapping[str, Path]) -> None:
    """Put one file at the start of each named track of a session file, where it lies, and set the session's end."""
    tree = ElementTree.parse(session)
    root = tree.getroot()
    ids = count(_FIRST_FREE_ID)
    playlists = {playlist.get("name"): playlist for playlist in root.iterfind("Playlists/Playlist")}
    longest = 0
    for track, path in files.items():
        info = soundfile.info(path)
        length = info.frames * SUPERCLOCKS_PER_S // info.samplerate
        longest = max(longest, length)
        sources = [str(next(ids)) for _ in range(info.channels)]
        for channel, source in enumerate(sources):
            about = {"name": path.name, "take-id": "", "type": "audio", "flags": "", "gain": "1"}
            where = {"id": source, "channel": str(channel), "origin": str(path)}
            ElementTree.SubElement(_child(root, "Sources"), "Source", about | where)
        region = _REGION | {"name": path.stem, "length": f"a{length}@a0", "channels": str(info.channels)}
        for channel, source in enumerate(sources):
            region |= {f"source-{channel}": source, f"master-source-{channel}": source}
        whole = region | {"id": str(next(ids)), "whole-file": "1"}
        ElementTree.SubElement(_child(root, "Regions"), "Region", whole)
        ElementTree.SubElement(playlists[track], "Region", region | {"id": str(next(ids)), "whole-file": "0"})
    span = {"name": "session", "start": "a0", "end": f"a{longest}", "flags": "IsSessionRange", "id": str(next(ids))}
    ElementTree.SubElement(_child(root, "Locations"), "Location", span)
    root.set("id-counter", str(next(ids)))
    tree.write(session, encoding="UTF-8", xml_declaration=True)


def _child(root: ElementTree.Element, name: str) -> ElementTree.Element:
    child = root.find(name)
    assert child is not None, f"this is no Ardour session: it has no {name}"
    return child
