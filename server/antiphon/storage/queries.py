"""Reads the named statements of queries.sql and the steps of the schema."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_FOLDER = files("antiphon.storage")


@cache
def queries() -> dict[str, str]:
    """Every statement of queries.sql, by name. Raises ValueError for a name twice or a statement without purpose."""
    found: dict[str, str] = {}
    sections = re.split(r"^-- name: ", _FOLDER.joinpath("queries.sql").read_text("utf-8"), flags=re.MULTILINE)
    for section in sections[1:]:
        name, purpose, statement = section.split("\n", 2)
        if name in found or not purpose.startswith("-- ") or not statement.strip():
            raise ValueError(f"queries.sql: {name!r} is there twice, or lacks its purpose or its statement")
        found[name] = statement.strip()
    return found


@cache
def schema_steps() -> tuple[str, ...]:
    """The schema, then every later step (`migrate_0002_….sql`) in order: step n makes version n."""
    later = sorted(
        (entry for entry in _FOLDER.iterdir() if re.fullmatch(r"migrate_\d{4}_\w+\.sql", entry.name)),
        key=lambda entry: entry.name,
    )
    return tuple(entry.read_text("utf-8") for entry in (_FOLDER.joinpath("schema.sql"), *later))
