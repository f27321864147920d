"""One export, from candidates to a finished file, in any of the formats offered."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from antiphon.domain.candidate import Candidate
from antiphon.errors import NotFound, StorageFailed
from antiphon.export.ardour import write_ardour
from antiphon.export.dawproject import write_dawproject
from antiphon.export.layout import Passage, lay_out, whole
from antiphon.export.rpp import write_rpp

#: Left free on the disk beside an export, so that the server's own work does not come to a stop.
SPARE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Format:
    """A project format: how it is written, how its file's name ends, its media type."""

    write: Callable[[Sequence[Passage], str, BinaryIO], None]
    ending: str
    media_type: str


FORMATS = {
    "dawproject": Format(write_dawproject, ".dawproject", "application/zip"),
    "rpp": Format(write_rpp, ".rpp.zip", "application/zip"),
    "ardour": Format(write_ardour, ".ardour.zip", "application/zip"),
}


def export(candidates: Sequence[Candidate], kind: str, title: str, folder: Path) -> BinaryIO:
    """A temporary file in `folder` with the whole project, opened for reading at its start; closing it removes it.

    `kind` is a name in FORMATS. Candidates stand in the order given, each once. Raises NotFound where there is no
    candidate or one has lost files, StorageFailed where the disk has no room for the copy, InvalidRequest where the
    format can't hold these candidates together.
    """
    passages = lay_out(candidates)
    gone = [each.candidate_id for each in candidates if not whole(each)]
    if gone:
        raise NotFound(f"the files of {', '.join(gone[:5])} are not there any more: export the others by their ids")
    _check_room(candidates, folder)
    with ExitStack() as undo:
        try:
            target = undo.enter_context(tempfile.TemporaryFile(dir=folder, prefix="export-"))
            FORMATS[kind].write(passages, title, target)
            target.seek(0)
        except OSError as error:
            raise StorageFailed(
                f"the export could not be written ({error}): free some disk space, then try again"
            ) from error
        undo.pop_all()
    return target


def _check_room(candidates: Sequence[Candidate], folder: Path) -> None:
    needed = sum(Path(file.path).stat().st_size for each in candidates for file in each.stems)
    if shutil.disk_usage(folder).free < needed + SPARE_BYTES:
        raise StorageFailed(
            f"the export needs {needed // 2**20 + 1} MiB beside what is on the disk: free some, or export fewer loops"
        )
