"""REAPER's project format (.rpp): nested blocks of text lines, packed into a ZIP file together with the audio.

The blocks are those of the State Chunk Definitions on Cockos' wiki. Tempo counts quarter notes, as ours does. A time
signature in the tempo map is one number: the denominator in the upper 16 bits, the numerator in the lower.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO

from antiphon.domain.candidate import RenderedFile
from antiphon.domain.theory import Meter
from antiphon.export.layout import Passage, archive_name, changes, duration_s, stems_in

_SQUARE = 1  # the tempo jumps at a point, it does not glide
_SOURCES = {"flac": "FLAC"}


def write_rpp(passages: Sequence[Passage], title: str, target: BinaryIO) -> None:
    """Write a ZIP file with one folder: the project and its audio. Raises OSError where a file can't be read."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{title}/{title}.rpp", rpp_text(passages))
        for passage in passages:
            for file in passage.candidate.stems:
                archive.write(file.path, f"{title}/{archive_name(passage.candidate, file)}", zipfile.ZIP_STORED)


def rpp_text(passages: Sequence[Passage]) -> str:
    """The project file. Audio is named relative to it."""
    return "\n".join(_project(passages)) + "\n"


def _project(passages: Sequence[Passage]) -> Iterator[str]:
    first = passages[0]
    meter = first.meter
    yield '<REAPER_PROJECT 0.1 "6.0" 0'
    yield f"  TEMPO {_number(first.candidate.bpm)} {meter.numerator} {meter.denominator}"
    yield f"  SAMPLERATE {first.candidate.mix.sample_rate} 1 0"
    yield from _tempo_map(passages)
    for number, passage in enumerate(passages, start=1):
        yield f"  MARKER {number} {_number(passage.start_s)} {_quoted(passage.name)} 0"
    for stem in stems_in(passages):
        yield from _track(stem, passages)
    yield ">"


def _tempo_map(passages: Sequence[Passage]) -> Iterator[str]:
    yield "  <TEMPOENVEX"
    yield "    ACT 1 -1"
    yield "    VIS 1 0 1"
    yield f"    DEFSHAPE {_SQUARE} -1 -1"
    for passage in changes(passages):
        bpm = _number(passage.candidate.bpm)
        yield f"    PT {_number(passage.start_s)} {bpm} {_SQUARE} {_meter_code(passage.meter)} 0 1"
    yield "  >"


def _track(stem: str, passages: Sequence[Passage]) -> Iterator[str]:
    yield "  <TRACK"
    yield f"    NAME {_quoted(stem)}"
    yield "    VOLPAN 1 0 -1 -1 1"
    yield "    NCHAN 2"
    for passage in passages:
        file = passage.file(stem)
        if file is not None:
            yield from _item(passage, file)
    yield "  >"


def _item(passage: Passage, file: RenderedFile) -> Iterator[str]:
    source = _SOURCES.get(file.path.rpartition(".")[2].lower(), "WAVE")
    yield "    <ITEM"
    yield f"      POSITION {_number(passage.start_s)}"
    yield f"      LENGTH {_number(duration_s(file))}"
    # Looped, so that pulling its edge repeats it; without the short fades that REAPER gives new items.
    yield "      LOOP 1"
    yield "      FADEIN 1 0 0 1 0 0 0"
    yield "      FADEOUT 1 0 0 1 0 0 0"
    yield f"      NAME {_quoted(passage.name)}"
    yield "      VOLPAN 1 0 1 -1"
    yield "      SOFFS 0"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield f"      <SOURCE {source}"
    yield f"        FILE {_quoted(archive_name(passage.candidate, file))}"
    yield "      >"
    yield "    >"


def _number(value: float | Fraction) -> str:
    return f"{float(value):.12f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    """Text between the first kind of quote that it does not hold itself, as REAPER writes it."""
    mark = next((mark for mark in "\"'" if mark not in text), "`")
    return mark + text.replace("`", "'") + mark


def _meter_code(meter: Meter) -> int:
    return (meter.denominator << 16) + meter.numerator
