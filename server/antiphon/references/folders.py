"""Which files may be read as songs, or as parts: regular ones below the allowed folders, that begin as audio or MIDI
files do.

A path is resolved first, so that neither `..` nor a link leads out; the file is opened without following a link and
without waiting (a FIFO would make us wait for its writer), and what was opened is looked at, not what was named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from antiphon.domain.given import MOST_MIDI_BYTES
from antiphon.domain.reference import UPLOAD
from antiphon.errors import Forbidden, InvalidRequest, LimitExceeded, NotFound
from antiphon.references.midi_file import looks_like_midi
from antiphon.references.uploads import Uploads

_HEAD_BYTES = 16
#: How the files begin that libsndfile reads: bytes, and from which place on.
_MAGIC: tuple[tuple[bytes, int], ...] = (
    (b"RIFF", 0), (b"RIFX", 0), (b"RF64", 0), (b"fLaC", 0), (b"OggS", 0), (b"FORM", 0), (b"caff", 0), (b"ID3", 0),
    (b".snd", 0), (b"riff", 0),
)  # fmt: skip
_MP3_SYNC = 0xE0


class NotAllowed(Forbidden):
    """A file that this server may not read as a song."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where songs may lie, and how large they may be. `uploads` is always one of these places."""

    folders: tuple[Path, ...]
    uploads: Uploads
    most_bytes: int

    def find(self, song: str) -> Path:
        """The file that a request's text names, its links resolved. Blocks on the disk.

        Raises NotFound, NotAllowed, InvalidRequest for what is no audio file, LimitExceeded for one that is too large.
        """
        path = self._named(song)
        with self.open(path) as file:
            head = file.read(_HEAD_BYTES)
        if looks_like_midi(head):
            raise InvalidRequest(f"{shown_name(path)} holds notes, and no sound: bring it as part, not as reference")
        if not looks_like_audio(head):
            raise InvalidRequest(
                f"{path.name} is no audio file that can be read here: bring WAV, FLAC, Ogg, AIFF or MP3"
            )
        return path

    def find_midi(self, named: str) -> Path:
        """The same for a file of notes; whether it is one is found out when it is read."""
        return self._named(named)

    def _named(self, named: str) -> Path:
        return self.uploads.path(named.removeprefix(UPLOAD)) if named.startswith(UPLOAD) else self._inside(named)

    def open(self, path: Path, most_bytes: int | None = None) -> BinaryIO:
        """Open a file that `find` found, and look once more at what it is now; `most_bytes` where it may be less than
        a song. Raises as `find` does."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {path.name}: check the path, or upload it again") from error
        except OSError as error:
            raise NotAllowed(f"{path.name} can't be read ({error.strerror}): check its permissions") from error
        try:
            self._check(os.fstat(descriptor), path)
            if most_bytes is not None and os.fstat(descriptor).st_size > most_bytes:
                raise too_large_midi(shown_name(path))
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def _check(self, found: os.stat_result, path: Path) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise NotAllowed(f"{path.name} is no file but a folder, device or pipe: name a file")
        if found.st_size == 0:
            raise InvalidRequest(f"{path.name} is empty: bring a file with something in it")
        if found.st_size > self.most_bytes:
            raise LimitExceeded(
                f"{path.name} has {found.st_size / 2**20:.0f} MiB: this server reads songs up to "
                f"{self.most_bytes / 2**20:.0f} MiB (setting limits.reference_mb); bring a part of it, or MP3 or FLAC"
            )

    def _inside(self, song: str) -> Path:
        """The path with its links resolved, where it lies in an allowed folder. What lies elsewhere is refused in the
        same words whether it exists or not, so that nobody can look for files with this."""
        asked = Path(song)
        places = [asked] if asked.is_absolute() else [folder / asked for folder in self._places]
        try:
            resolved = [Path(os.path.realpath(place)) for place in places]
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"{song[:60]!r} is no path of a file") from error
        inside = [path for path in resolved if any(path.is_relative_to(folder) for folder in self._places)]
        if not inside:
            raise NotAllowed(
                "that file lies outside the folders that this server reads files from: put it into one of them "
                f"({', '.join(map(str, self._places))}; setting reference_folders), or upload it: POST /api/references"
            )
        found = [path for path in inside if path.exists()]
        if not found:
            raise NotFound(f"there is no file {song[:200]}: check the path, or upload it")
        return found[0]

    @property
    def _places(self) -> tuple[Path, ...]:
        # Resolved each time: a folder may itself be a link, and may come later than the server.
        return tuple(Path(os.path.realpath(folder)) for folder in (self.uploads.folder, *self.folders))


def allowed(data_dir: Path, folders: str, most_mb: int, most_uploads: int) -> Allowed:
    """As the settings say: `folders` parted by commas, beside the data folder's own place for uploads."""
    named = tuple(Path(part.strip()).expanduser() for part in folders.split(",") if part.strip())
    return Allowed(named, Uploads(data_dir / "references", most_uploads), most_mb * 2**20)


def looks_like_audio(head: bytes) -> bool:
    """Whether a file's first bytes are those of a format that libsndfile reads; MP3 may begin with a frame at once."""
    if any(head[place : place + len(magic)] == magic for magic, place in _MAGIC):
        return True
    return len(head) > 1 and head[0] == 0xFF and head[1] & _MP3_SYNC == _MP3_SYNC


def shown_name(path: Path) -> str:
    """A file's name for people: an uploaded one's without its id."""
    upload_id, parted, name = path.name.partition("__")
    return name if parted and len(upload_id) == 12 else path.name


def too_large_midi(name: str) -> LimitExceeded:
    return LimitExceeded(
        f"{name} has more than {MOST_MIDI_BYTES // 1024} KiB, and a loop's notes have some: export the bars that you "
        "need, without controllers"
    )


def paths_of(allowed_: Allowed, songs: Sequence[str]) -> tuple[str, ...]:
    """The files of all songs of a request, as texts. Raises as `Allowed.find`."""
    return tuple(str(allowed_.find(song)) for song in songs)
