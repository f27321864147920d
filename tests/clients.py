"""The programs outside Python that some tests drive: how each is found, and which package brings it.

`.ci/run` installs `APT_PACKAGES`, so this is the one list of them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """A program on PATH. `package` is its Debian and Ubuntu package; other systems carry similar names."""

    name: str
    program: str
    package: str

    @property
    def path(self) -> str | None:
        return shutil.which(self.program)


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
        Client("sox", "sox", "sox"),
        Client("sndfile-info", "sndfile-info", "sndfile-programs"),
        Client("fluidsynth", "fluidsynth", "fluidsynth"),
        Client("ardour", "ardour", "ardour"),
        Client("jackd", "jackd", "jackd2"),
        Client("xvfb", "Xvfb", "xvfb"),
    )
}

#: Packages that bring data or libraries, no program: a General MIDI sound font, the library pyfluidsynth loads.
DATA_PACKAGES = ("fluid-soundfont-gm", "libsndfile1", "libportaudio2")

APT_PACKAGES = tuple(sorted({client.package for client in CLIENTS.values()} | set(DATA_PACKAGES)))

if __name__ == "__main__":
    print("\n".join(APT_PACKAGES))
