"""Where Antiphon's own files lie: presets that come with it, and the folder for what it makes."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parent


def presets_dir() -> Path:
    """The presets (effects, styles, models): where ANTIPHON_PRESETS says, in an installed wheel, or in the tree."""
    if chosen := os.environ.get("ANTIPHON_PRESETS"):
        return Path(chosen).expanduser()
    packaged = PACKAGE / "presets"
    return packaged if packaged.is_dir() else PACKAGE.parents[1] / "presets"


def default_data_dir() -> Path:
    """Where this system keeps a user's data: library and ledger, unless a setting says otherwise."""
    return user_data_path("antiphon", appauthor=False)
