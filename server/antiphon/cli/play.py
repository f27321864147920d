"""`antiphon play`: hear a candidate through this machine's audio output."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from antiphon.audition.device import NoAudioOutput, portaudio
from antiphon.cli.connection import connect
from antiphon.cli.shell import ConfigOption, UrlOption, err, server_url, settings_from
from antiphon.errors import NotFound, StorageFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How often the bar on the screen moves.
SHOW_EVERY_S = 0.1


def add_to(app: typer.Typer) -> None:
    app.command("play")(run)


def run(
    what: Annotated[
        str | None, typer.Argument(help="A candidate's id, or an audio file.", show_default="the newest candidate")
    ] = None,
    stem: Annotated[str, typer.Option(help="Which stem to play, or the mix.")] = "mix",
    loop: Annotated[bool, typer.Option("--loop", help="Go round until Ctrl+C.")] = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Play a candidate's mix or one of its stems, or an audio file."""
    if what is not None and Path(what).is_file():
        play_file(Path(what), loop)
        return
    settings = settings_from(config)
    play_stem(server_url(url, settings), settings.token, what, stem, loop)


def play_stem(address: str, token: str, candidate_id: str | None, stem: str, loop: bool) -> None:
    """Fetch a stem of a candidate (None: of the newest) and play it. Raises NotFound, NoAudioOutput."""
    with tempfile.TemporaryDirectory(prefix="antiphon-play-") as folder:
        play_file(asyncio.run(_fetch(address, token, candidate_id, stem, Path(folder))), loop)


async def _fetch(address: str, token: str, candidate_id: str | None, stem: str, folder: Path) -> Path:
    async with connect(address, token) as server:
        if candidate_id is None:
            newest = (await server.get("candidates?limit=1"))["candidates"]
            if not newest:
                raise NotFound("there is nothing to play yet: make a loop with `antiphon generate`")
            candidate = newest[0]
        else:
            candidate = await server.get(f"candidates/{candidate_id}")
        files = {file["stem"]: file for file in (*candidate["stems"], candidate["mix"])}
        if stem not in files:
            raise NotFound(f"{candidate['candidate_id']} has no stem {stem!r}: it has {', '.join(files)}")
        target = folder / Path(files[stem]["path"]).name
        await server.download(files[stem]["url"], target, lambda _done, _total: None)
        return target


class LoopPlayer:
    """Feeds an audio output block by block; on `loop`, the last frame is followed by the first.

    audio: float32 (frames, channels).
    """

    def __init__(self, audio: NDArray[np.float32], loop: bool) -> None:
        self._audio = audio
        self._loop = loop
        self.position_frames = 0
        self.ended = threading.Event()

    def fill(self, block: NDArray[np.float32]) -> None:
        """Write the next frames into `block`; what lies beyond the end is silence, and then `ended` is set."""
        wanted, length = len(block), len(self._audio)
        start = self.position_frames
        self.position_frames += wanted
        if self._loop:
            self._audio.take(range(start, start + wanted), axis=0, mode="wrap", out=block)
            return
        rest = self._audio[start : start + wanted]
        block[: len(rest)] = rest
        block[len(rest) :] = 0.0
        if start + wanted >= length:
            self.ended.set()


def play_file(path: Path, loop: bool) -> None:
    """Play an audio file to its end, or round and round. Raises NoAudioOutput, StorageFailed."""
    import soundfile

    try:
        audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as fault:
        raise StorageFailed(f"{path.name} can't be read as audio: {fault}") from fault
    if not len(audio):
        raise StorageFailed(f"{path.name} is empty")
    player = LoopPlayer(audio, loop)
    with _output(player, rate_hz, audio.shape[1]), _bar() as progress:
        task = progress.add_task(path.name, total=len(audio) / rate_hz)
        while not player.ended.wait(SHOW_EVERY_S):
            frames = player.position_frames % len(audio) if loop else player.position_frames
            progress.update(task, completed=frames / rate_hz)


def _output(player: LoopPlayer, rate_hz: int, channels: int) -> Any:
    """An open output stream of the default device. Raises NoAudioOutput that says what to do."""
    sounddevice = portaudio()

    def feed(block: Any, _frames: int, _time: Any, _status: Any) -> None:
        player.fill(block)

    try:
        return sounddevice.OutputStream(samplerate=rate_hz, channels=channels, dtype="float32", callback=feed)
    except (sounddevice.PortAudioError, ValueError) as fault:
        raise NoAudioOutput(
            f"no audio output on this machine ({fault}): `antiphon generate --out FOLDER` copies the files instead"
        ) from fault


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total:.1f} s"),
        console=err,
    )
