"""What a client heard, in the client's own words, and what has to be true of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from antiphon.domain.score import loop_frames

STEMS = ("drums", "bass", "chords", "lead")


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as a client showed it: the address without `/antiphon`, and its arguments as text."""

    address: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A rendered file as a `/stem` or `/mix` message names it."""

    stem: str
    path: Path
    url: str
    frames: int
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A delivered candidate."""

    candidate_id: str
    stems: tuple[File, ...]
    mix: File

    @property
    def files(self) -> tuple[File, ...]:
        return (*self.stems, self.mix)


def heard(words: Iterable[Sequence[object]]) -> list[Heard]:
    """Messages from sequences of an address and its arguments; a path's own slashes are left alone."""
    return [Heard(str(first).removeprefix("/antiphon"), tuple(str(word) for word in rest)) for first, *rest in words]


def of_request(messages: Iterable[Heard], request_id: str) -> list[Heard]:
    """The messages about one request, in the order in which they came."""
    return [message for message in messages if message.values[:1] == (request_id,)]


def delivered(
    messages: Sequence[Heard], request_id: str, *, bpm: float, beats: int = 4, rate: int = 44100,
    stems: Sequence[str] = STEMS,
) -> Loop:  # fmt: skip
    """The loop that a request brought; every promise about what comes when, and about the files, is checked.

    One `/ack` first, then progress that never falls, a message per stem, the mix, and `/done` last with one candidate;
    each file is there when it is spoken of, and has the exact number of frames.
    """
    own = of_request(messages, request_id)
    kinds = [message.address for message in own]
    assert kinds[:1] == ["/ack"], own
    assert kinds[-1:] == ["/done"], own
    assert kinds.count("/ack") == kinds.count("/done") == kinds.count("/mix") == 1, kinds
    fractions = [float(message.values[1]) for message in own if message.address == "/progress"]
    assert fractions, "no progress was heard"
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1
    files = [_file(message) for message in own if message.address in ("/stem", "/mix")]
    assert [file.stem for file in files] == [*stems, "mix"]
    candidates = {message.values[1] for message in own if message.address in ("/stem", "/mix", "/done")}
    assert len(candidates) == 1
    for file in files:
        assert (file.frames, file.sample_rate) == (loop_frames(beats, bpm, rate), rate), file
        info = soundfile.info(file.path)
        assert (info.frames, info.samplerate, info.subtype) == (file.frames, rate, "PCM_24"), file
    return Loop(candidates.pop(), tuple(files[:-1]), files[-1])


def refused(messages: Sequence[Heard], request_id: str, code: str) -> str:
    """The text of the one error that answered a request."""
    own = of_request(messages, request_id)
    assert [message.address for message in own] == ["/error"], own
    assert own[0].values[1] == code
    return own[0].values[2]


def _file(message: Heard) -> File:
    _, _, stem, path, url, frames, rate = message.values
    return File(stem, Path(path), url, int(float(frames)), int(float(rate)))
