"""How versions that share their weights are told apart: by how these are sounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Voice(NamedTuple):
    """How weights are sounded. `bent`: the source's pitches move as the sound's do; `no_pre_echo`: no note sounds
    before its onset; `own_overtones`: the source has a timbre's partials where they are no harmonics; `spread`: what
    few steps take of a sound's liveliness is given back. What older versions did without, they do without still: what
    they made must sound as it did."""

    bent: bool = True
    no_pre_echo: bool = True
    own_overtones: bool = True
    spread: bool = True

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Voice:
        """What a folder's antiphon.json says of it; what it does not say did not exist yet."""
        return cls(
            *(bool(about.get(name, False)) for name in ("bent_source", "no_pre_echo", "own_overtones", "spread"))
        )
