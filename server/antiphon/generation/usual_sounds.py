"""What timbres usually sound like: tables that scripts/measure_timbres.py has written, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from antiphon.errors import SettingsError
from antiphon.paths import presets_dir

#: Of the presets: by stem what `feedback.foretelling.Table` holds.
TABLES = "timbres/measures.json"


@lru_cache(maxsize=1)
def usual_sounds() -> Mapping[str, Mapping[str, Any]]:
    """By stem: `names`, `plan_mean`, `plan_sd`, `weights`, `mean`, `sd`, and `measures`, the keys of the measures.

    Raises SettingsError where the file is not there or not whole.
    """
    path = presets_dir() / TABLES
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["stems"]
        assert isinstance(found, dict)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise SettingsError(
            f"{path} can't be read ({error!r}): take it from the release, or set learning.hears to false"
        ) from error
    return found
