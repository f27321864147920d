"""The corpus as a stream: worker processes compose and render songs as a training needs them, into a moving window.

Which songs a step sees follows from its number alone: new ones come at a steady pace, the oldest leave, and a step
waits for a song that is late. So a training that was stopped, or ran beside other work, sees what any other of the same
recipe sees; and disk and memory hold the window and a few songs to come, however long it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from torch.utils.data import DataLoader, Dataset

from antiphon.errors import BackendFailed
from antiphon.training.corpus import HELD_OUT_SEED
from antiphon.training.dataset import SongFiles

Held = TypeVar("Held")


@dataclass(frozen=True, slots=True)
class Pace:
    """How the window moves: it holds `window` songs, a step cuts `batch` excerpts from them, and every song has been
    used `uses` times, on average, when it leaves. `steps` is when the training ends."""

    window: int
    batch: int
    uses: int
    steps: int

    def first(self, step: int) -> int:
        """The number of the oldest song that `step` (from 0) sees."""
        return step * self.batch // self.uses

    def seen(self, step: int) -> range:
        """The numbers of all songs that `step` sees."""
        return range(self.first(step), self.first(step) + self.window)

    @property
    def songs(self) -> int:
        """How many songs the training hears in all."""
        return self.seen(max(0, self.steps - 1)).stop


class _Rendering(Dataset[str]):
    """What the worker processes do: see to it that a song is there. Gives what kept it from that, in words, else ""."""

    def __init__(self, files: SongFiles) -> None:
        self._files = files

    def __getitem__(self, number: int) -> str:
        try:
            self._files.render(number)
        except BackendFailed as error:
            # The loader would raise it anew with arguments that our errors don't take.
            return error.message
        return ""


class SongStream(Sequence[Held], Generic[Held]):
    """The songs that the step at hand sees, oldest first; `advance` moves it on.

    Songs are files (`files`) only while the window holds them, so that a training that is taken up again need not
    render them again; `load` reads one. `processes` is how many render, 0: this one, when a song is due.
    Raises BackendFailed where the training would come to held-out songs.
    """

    def __init__(self, files: SongFiles, load: Callable[[int], Held], pace: Pace, processes: int) -> None:
        if pace.songs > HELD_OUT_SEED:
            raise BackendFailed(
                f"the training would hear {pace.songs} songs, and from {HELD_OUT_SEED} on they are held out: raise "
                "uses, or take fewer steps"
            )
        self._files, self._load, self._pace, self._processes = files, load, pace, processes
        self._first, self._held = 0, list[Held]()
        self._coming: Iterator[str] | None = None

    def __len__(self) -> int:
        return len(self._held)

    @overload
    def __getitem__(self, index: int) -> Held: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Held]: ...
    def __getitem__(self, index: int | slice) -> Held | Sequence[Held]:
        return self._held[index]

    def advance(self, step: int) -> float:
        """Hold what `step` sees; steps come in order, from wherever the training begins. Returns the seconds that it
        took, which is how long the training waited. Raises BackendFailed where a song can't be rendered."""
        began, seen = time.monotonic(), self._pace.seen(step)
        if self._coming is None:
            self._first = seen.start
            self._forget(outside=range(seen.start, seen.stop + self._pace.window))
            self._coming = self._rendered(range(seen.start, self._pace.songs))
        for number in range(self._first + len(self._held), seen.stop):
            if fault := next(self._coming):
                raise BackendFailed(fault)
            self._held.append(self._load(number))
        for number in range(self._first, seen.start):
            self._files.path(number).unlink(missing_ok=True)
        del self._held[: seen.start - self._first]
        self._first = seen.start
        return time.monotonic() - began

    def close(self) -> None:
        """The training has ended: let go of the songs, in memory and on disk, and of who renders them."""
        self._coming, self._held = None, []
        self._forget(outside=range(0))

    def _rendered(self, numbers: range) -> Iterator[str]:
        """A word on each song, in order, once it is there (see `_Rendering`); a few are rendered ahead."""
        loader = DataLoader(
            _Rendering(self._files), batch_size=None, sampler=numbers, num_workers=self._processes,
            prefetch_factor=2 if self._processes else None,
        )  # fmt: skip
        return iter(loader)

    def _forget(self, outside: range) -> None:
        for path in self._files.folder.glob(f"*.{self._files.kind}.npy"):
            if int(path.name.split(".")[0]) not in outside:
                path.unlink(missing_ok=True)
        for path in self._files.folder.glob(f"*.{self._files.kind}.*.partial"):
            path.unlink(missing_ok=True)
