"""The audio output, through PortAudio: found by name, opened, watched; looked for anew after it has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from antiphon.errors import AntiphonError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: So long without a callback (beyond the device's own latency), and the device counts as gone.
SILENT_S = 0.5
#: How long a device that has gone may take to be closed; one that hangs is left to the end of the process.
_CLOSING_S = 1.0
_NO_LIBRARY = (
    "no audio output: the library PortAudio is missing (on Debian and Ubuntu: sudo apt install libportaudio2); "
    "the files themselves play in any DAW"
)


class NoAudioOutput(AntiphonError):
    """This machine can't play sound, or not on the device that was asked for."""

    code = "no_audio"


def portaudio() -> Any:
    """The module sounddevice. Raises NoAudioOutput that says what is missing."""
    try:
        import sounddevice
    except (ImportError, OSError) as fault:
        raise NoAudioOutput(_NO_LIBRARY) from fault
    return sounddevice


def look_again() -> None:
    """Let PortAudio list the devices that are there now: it does so only when it starts. No stream may be open."""
    library = portaudio()
    try:
        library._terminate()
        library._initialize()
    except library.PortAudioError as fault:
        raise NoAudioOutput(f"the system's audio does not start: {fault}") from fault


def output_device(wanted: str) -> dict[str, Any]:
    """What PortAudio knows of a device: `auto` is the system's default, else a part of a name. Raises NoAudioOutput."""
    devices = [device for device in portaudio().query_devices() if device["max_output_channels"] > 0]
    if not devices:
        raise NoAudioOutput("no audio output on this machine: connect one, and playing begins")
    if wanted == "auto":
        try:
            return dict(portaudio().query_devices(kind="output"))
        except (portaudio().PortAudioError, ValueError):  # the default system has none, another one has
            return dict(devices[0])
    for device in devices:
        if wanted.casefold() in str(device["name"]).casefold():
            return dict(device)
    names = ", ".join(sorted({str(device["name"]) for device in devices}))
    raise NoAudioOutput(f"no audio output is called {wanted!r}: there are {names} (setting play.device)")


class Output:
    """An open output. `feed(block, now_s)` is called in PortAudio's own thread for every (frames, 2) block.

    `channel` counts from 1: the first of the two that are played to. A device with one channel hears the sum.
    """

    def __init__(
        self, wanted: str, channel: int, latency_ms: float, feed: Callable[[NDArray[np.float32], float], None]
    ) -> None:
        """Find and open the device, not yet running. Raises NoAudioOutput."""
        library = portaudio()
        device = output_device(wanted)
        there = int(device["max_output_channels"])
        if channel > there:
            raise NoAudioOutput(
                f"{device['name']} has {there} output channels: play.channel can't be {channel} (it counts from 1)"
            )
        self.name = str(device["name"])
        self.rate_hz = round(device["default_samplerate"])
        self.underruns = 0
        self._feed, self._first = feed, channel - 1
        self._used = min(2, there - self._first)
        self._heard_s = time.monotonic()
        self._ended = False
        latency = latency_ms / 1000 if latency_ms else "high"
        try:
            self._stream = library.OutputStream(
                device=device["index"], samplerate=self.rate_hz, channels=self._first + self._used, dtype="float32",
                latency=latency, callback=self._callback, finished_callback=self._finished,
            )  # fmt: skip
        except (library.PortAudioError, ValueError) as fault:
            raise NoAudioOutput(f"{self.name} can't be opened: {fault}") from fault
        # JACK tells no latency of the stream, but one of the device.
        self.latency_s = float(self._stream.latency) or float(device["default_high_output_latency"])

    def start(self) -> None:
        """Let it run. Raises NoAudioOutput."""
        self._heard_s = time.monotonic()
        try:
            self._stream.start()
        except portaudio().PortAudioError as fault:
            raise NoAudioOutput(f"{self.name} can't be started: {fault}") from fault

    @property
    def alive(self) -> bool:
        """Whether the device still asks for sound."""
        return not self._ended and time.monotonic() - self._heard_s < SILENT_S + 2 * self.latency_s

    @property
    def load(self) -> float:
        """The share of a block's time that mixing takes."""
        return 0.0 if self._ended else float(self._stream.cpu_load)

    def close(self) -> bool:
        """Returns whether it could be closed: a driver whose device was pulled out may hang for ever."""

        def work() -> None:
            try:
                self._stream.abort()
                self._stream.close()
            except portaudio().PortAudioError:
                closed.append(False)
            else:
                closed.append(True)

        closed: list[bool] = []
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(_CLOSING_S)
        return bool(closed)

    def _callback(self, block: NDArray[np.float32], _frames: int, _time: Any, status: Any) -> None:
        self._heard_s = now_s = time.monotonic()
        if status.output_underflow:
            self.underruns += 1
        if self._used == 2 and self._first == 0:
            self._feed(block, now_s)
        else:
            self._feed_some(block, now_s)

    def _feed_some(self, block: NDArray[np.float32], now_s: float) -> None:
        """Into two channels of several, or as a sum into one."""
        import numpy as np

        pair = np.empty((len(block), 2), dtype=np.float32)
        self._feed(pair, now_s)
        block.fill(0.0)
        if self._used == 2:
            block[:, self._first : self._first + 2] = pair
        else:
            block[:, self._first] = pair.mean(axis=1)

    def _finished(self) -> None:
        self._ended = True
