"""The programs outside Python that some tests drive: how each is found, and which package brings it.

`.ci/run` installs what is missing, so this is the one list of them.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Client:
    """A program on PATH. `package` is its Debian and Ubuntu package; other systems carry similar names. `others`: by
    what other names it may be there."""

    name: str
    program: str
    package: str
    others: tuple[str, ...] = ()

    @property
    def path(self) -> str | None:
        return next((found for name in (self.program, *self.others) if (found := shutil.which(name))), None)


CLIENTS = {
    client.name: client
    for client in (
        Client("oscsend", "oscsend", "liblo-tools"),
        Client("oscdump", "oscdump", "liblo-tools"),
        Client("pd", "pd", "puredata-core"),
        Client("sclang", "sclang", "supercollider-language"),
        Client("scsynth", "scsynth", "supercollider-server"),
        Client("node", "node", "nodejs"),
        Client("npm", "npm", "npm"),
        Client("curl", "curl", "curl"),
        Client("sox", "sox", "sox"),
        Client("sndfile-info", "sndfile-info", "sndfile-programs"),
        Client("fluidsynth", "fluidsynth", "fluidsynth"),
        Client("ardour", "ardour", "ardour"),
        Client("jackd", "jackd", "jackd2"),
        Client("jack_lsp", "jack_lsp", "jackd2"),
        Client("jack_midi_clock", "jack_midi_clock", "jack-midi-clock"),
        Client("jack_transport", "jack_transport", "jackd2"),
        Client("xvfb", "Xvfb", "xvfb"),
        Client("g++", "g++", "g++"),
        Client("ip", "ip", "iproute2"),
        Client("avahi-browse", "avahi-browse", "avahi-utils"),
        Client("avahi-daemon", "avahi-daemon", "avahi-daemon"),
        Client("dbus-daemon", "dbus-daemon", "dbus"),
        # On Ubuntu the package only leads to a snap; Chrome does as well.
        Client("chromium", "chromium", "chromium", ("chromium-browser", "google-chrome")),
    )
}

#: Files that tests need beside programs, and their packages: a General MIDI sound font, the library under sounddevice,
#: the framework that a real VST3 plug-in is built on.
DATA = {
    "/usr/share/sounds/sf2/FluidR3_GM.sf2": "fluid-soundfont-gm",
    "/usr/share/doc/libportaudio2": "libportaudio2",
    "/usr/share/dpf/distrho": "dpf-source",
}


def missing_packages() -> list[str]:
    """The Debian packages that would bring what is not there yet."""
    programs = {client.package for client in CLIENTS.values() if client.path is None}
    return sorted(programs | {package for file, package in DATA.items() if not Path(file).exists()})


if __name__ == "__main__":
    everything = {client.package for client in CLIENTS.values()} | set(DATA.values())
    print("\n".join(missing_packages() if "--missing" in sys.argv[1:] else sorted(everything)))
