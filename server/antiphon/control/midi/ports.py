"""The system's MIDI ports behind one seam, and that seam over python-rtmidi.

What is minded here, found by trial with python-rtmidi 1.5.8: without a sequencer every constructor raises; after an
unplug `is_port_open()` stays true, and a port opened again on the same object is silent, so each plugging gets fresh
objects; making an object for each look at the names leaks, so one looks for all; a callback must be set before the
port is opened, or the first messages are lost; names end in numbers that change.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from antiphon.errors import AntiphonError

log = logging.getLogger(__name__)

#: Under this name our own ports are seen by others; ports that begin so are never taken for a controller.
OWN_NAME = "Antiphon"
#: Clients of a JACK server that is gone. libjack crashes where one of them is closed once another server runs, so
#: they are kept, and closed never.
_abandoned: list[Any] = []
#: A callback of the driver's thread has ended by then.
LAST_CALLBACK_S = 0.05
#: The flag of a listening socket in Linux' table of Unix sockets (__SO_ACCEPTCON).
_LISTENING = "00010000"
_DRIVERS = {"alsa": "API_LINUX_ALSA", "jack": "API_UNIX_JACK", "coremidi": "API_MACOSX_CORE", "winmm": "API_WINDOWS_MM"}

Receive = Callable[[bytes], None]


class MidiUnavailable(AntiphonError):
    """There is no MIDI here, or not now; the text says what to do."""

    code = "midi"


class OpenPort(Protocol):
    """A port of ours that is connected, or that others can connect to."""

    def send(self, data: bytes) -> None:
        """Send one message; of an input, nothing happens."""
        ...

    def close(self) -> None: ...


class PortSystem(Protocol):
    """The MIDI of one system. Every method may take milliseconds and is called from one thread of its own; all raise
    MidiUnavailable."""

    @property
    def name(self) -> str:
        """What it is called: alsa, jack, coremidi, winmm; empty where none was found yet."""
        ...

    def scan(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of all inputs (that we hear) and outputs (that we send to), without our own."""
        ...

    def open_input(self, name: str, receive: Receive) -> OpenPort:
        """Hear a port; `receive` is called from the driver's thread."""
        ...

    def open_output(self, name: str) -> OpenPort: ...

    def open_virtual(self, receive: Receive) -> tuple[OpenPort, OpenPort]:
        """Offer an input and an output of our own."""
        ...

    def stale(self, port: OpenPort) -> bool:
        """Whether a port is dead although its name is still there."""
        ...

    def close(self) -> None: ...


class RtMidiSystem:
    """`PortSystem` over python-rtmidi. `api` is auto, alsa, jack, coremidi or winmm."""

    def __init__(self, api: str = "auto") -> None:
        self._wanted = api
        self.name = ""
        self._looking: tuple[Any, Any] | None = None
        #: Which JACK server we are clients of: its clients do not notice when it goes, or another one comes.
        self._server = ""

    def scan(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        rtmidi = _library()
        server = _jack_server()
        if self.name == "jack" and server != self._server:
            self._forget_lookers()
        if self._looking is None:
            self._looking, self._server = self._lookers(rtmidi), server
        try:
            heard, sent_to = (tuple(each.get_ports()) for each in self._looking)
        except (rtmidi.RtMidiError, UnicodeDecodeError) as error:
            self._forget_lookers()
            raise MidiUnavailable(f"the system's MIDI ports cannot be listed ({error}): it is tried again") from error
        return _foreign(heard), _foreign(sent_to)

    def open_input(self, name: str, receive: Receive) -> OpenPort:
        port = self._make("MidiIn")
        port.ignore_types(sysex=True, timing=False, active_sense=True)
        port.set_callback(lambda event, _: receive(bytes(event[0])))
        return self._open(port, name)

    def open_output(self, name: str) -> OpenPort:
        return self._open(self._make("MidiOut"), name)

    def open_virtual(self, receive: Receive) -> tuple[OpenPort, OpenPort]:
        if self.name == "winmm":
            raise MidiUnavailable("Windows has no virtual MIDI ports of its own: loopMIDI makes some")
        rtmidi = _library()
        heard, sent_to = self._make("MidiIn"), self._make("MidiOut")
        heard.ignore_types(sysex=True, timing=False, active_sense=True)
        heard.set_callback(lambda event, _: receive(bytes(event[0])))
        try:
            heard.open_virtual_port("in")
            sent_to.open_virtual_port("out")
        except rtmidi.RtMidiError as error:
            raise MidiUnavailable(f"no port of our own could be offered: {error}") from error
        return _RtMidiPort(heard, self._server), _RtMidiPort(sent_to, self._server)

    def stale(self, port: OpenPort) -> bool:
        return self.name == "jack" and isinstance(port, _RtMidiPort) and port.server != self._server

    def close(self) -> None:
        self._forget_lookers()

    def _open(self, port: Any, name: str) -> OpenPort:
        rtmidi = _library()
        names = port.get_ports()
        if name not in names:
            raise MidiUnavailable(f"the port {name} has gone")
        try:
            port.open_port(names.index(name), "port")
        except (rtmidi.RtMidiError, UnicodeDecodeError) as error:
            raise MidiUnavailable(
                f"the port {name} cannot be opened ({error}): close the program that uses it, or plug it in again"
            ) from error
        return _RtMidiPort(port, self._server)

    def _make(self, kind: str) -> Any:
        rtmidi = _library()
        try:
            return _quiet(getattr(rtmidi, kind)(getattr(rtmidi, _DRIVERS[self.name]), name=OWN_NAME))
        except (rtmidi.RtMidiError, KeyError) as error:
            raise MidiUnavailable(f"MIDI does not answer ({error}): it is tried again") from error

    def _lookers(self, rtmidi: Any) -> tuple[Any, Any]:
        reasons = []
        for driver in (self._wanted,) if self._wanted != "auto" else _likely_drivers():
            number = getattr(rtmidi, _DRIVERS[driver], None)
            if number not in rtmidi.get_compiled_api():
                reasons.append(f"{driver} is not built into python-rtmidi here")
                continue
            if driver == "jack" and not _jack_may_answer():
                reasons.append("no JACK server runs")
                continue
            try:
                looking = tuple(
                    _quiet(kind(number, name=f"{OWN_NAME} looking")) for kind in (rtmidi.MidiIn, rtmidi.MidiOut)
                )
            except rtmidi.RtMidiError as error:
                reasons.append(f"{driver}: {error}")
                continue
            self.name = driver
            return looking[0], looking[1]
        self.name = ""
        raise MidiUnavailable(f"no live MIDI here ({'; '.join(reasons) or 'no driver'}): {_advice()}")

    def _forget_lookers(self) -> None:
        for each in self._looking or ():
            if self._server != _jack_server():
                _abandoned.append(each)
            else:
                each.delete()
        self._looking = None


class _RtMidiPort:
    """One opened object. `server` is the JACK server that it is a client of, where there is one."""

    def __init__(self, port: Any, server: str = "") -> None:
        self._port: Any = port
        self.server = server

    def send(self, data: bytes) -> None:
        rtmidi = _library()
        if self._port is not None and hasattr(self._port, "send_message"):
            try:
                self._port.send_message(data)
            except (rtmidi.RtMidiError, ValueError) as error:
                raise MidiUnavailable(f"the device takes nothing ({error})") from error

    def close(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        if self.server != _jack_server():
            _abandoned.append(port)
        else:
            release(port)


def release(port: Any) -> None:
    """Free a port of python-rtmidi now; left to the garbage collector its driver's thread would live on.

    First no message may come any more, then a callback that is under way in the driver's thread (it waits for Python's
    lock) gets the time to end: to cancel or delete under it crashes the process.
    """
    port.close_port()
    time.sleep(LAST_CALLBACK_S)
    if hasattr(port, "cancel_callback"):
        port.cancel_callback()
    port.delete()


def _library() -> Any:
    try:
        import rtmidi
    except ImportError as error:
        raise MidiUnavailable(
            "python-rtmidi is not installed: pip install 'antiphon[midi]' (from Python 3.13 on it needs a C++ "
            "compiler), or use Python 3.11 or 3.12"
        ) from error
    return rtmidi


def _quiet(port: Any) -> Any:
    """Drivers' warnings go to the log, not to the terminal."""
    port.set_error_callback(lambda kind, text, _: log.debug("rtmidi: %s", text))
    return port


def _likely_drivers() -> tuple[str, ...]:
    """What is worth trying here. Trying in vain makes ALSA's and JACK's libraries write to the terminal."""
    if platform.system() == "Darwin":
        return ("coremidi",)
    if platform.system() == "Windows":
        return ("winmm",)
    return ("alsa", "jack") if Path("/dev/snd/seq").exists() else ("jack",)


def _sockets() -> list[list[str]]:
    """The Unix sockets of this system, by Linux' own table; looking there disturbs nobody."""
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.split() for line in lines[1:]]


def _jack_server() -> str:
    """What tells one running JACK server from the next (its socket's inode); empty where none is found."""
    if platform.system() != "Linux":
        return ""
    path = f"/dev/shm/jack_{os.environ.get('JACK_DEFAULT_SERVER', 'default')}_{os.getuid()}_0"
    # Connections that were accepted have the path too; the listening socket is the one that tells servers apart.
    return next((fields[6] for fields in _sockets() if fields[-1] == path and fields[3] == _LISTENING), "")


def _jack_may_answer() -> bool:
    """Whether trying is worth the noise: a JACK server's socket is there, or PipeWire's, which speaks JACK too."""
    return bool(_jack_server()) or any("/pipewire-" in fields[-1] for fields in _sockets() if len(fields) > 7)


def _advice() -> str:
    if platform.system() == "Linux":
        return "load ALSA's sequencer (sudo modprobe snd-seq) or start JACK; OSC and HTTP work without"
    return "connect a controller; OSC and HTTP work without"


def _foreign(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.startswith(OWN_NAME))
