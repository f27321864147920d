"""Which models there are, what they can do, and whether their weights are here: what `antiphon models` shows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.text_to_music.abilities import MATRIX, Abilities
from antiphon.generation.text_to_music.families import ACE_STEP_TURBO, BUILTIN, FAMILIES
from antiphon.generation.text_to_music.hub import cached
from antiphon.generation.text_to_music.weights import examine, licence

#: The built-in weights are under Antiphon's own licence.
_OWN_LICENCE = "GPL-3.0-or-later"


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One model. `fault` says what is missing, and is empty where the model can be loaded, as far as files can tell.
    `listed` is False for a kind of model that could be added and is not."""

    name: str
    kind: str
    place: str
    abilities: Abilities | None
    parameters: int
    size_bytes: int
    licence: str
    needs: str
    fault: str
    listed: bool = True

    def as_json(self) -> dict[str, Any]:
        """JSON-compatible, with `ready` for scripts, and `can`: the matrix of abilities in words."""
        can = {} if self.abilities is None else {name: told(self.abilities) for name, told in MATRIX}
        return {**dataclasses.asdict(self), "ready": self.listed and not self.fault, "can": can}


def survey(entries: Sequence[ModelEntry], builtin: Path) -> list[Surveyed]:
    """The built-in model in the folder `builtin`, then those of the settings. Reads files; no network, no torch."""
    return [_builtin(builtin), *(_surveyed(entry) for entry in entries)]


def addable(found: Sequence[Surveyed]) -> list[Surveyed]:
    """The kinds of models that could be added, as far as none such is among those `found`."""
    there = {each.kind for each in found}
    kinds = [(family.name, family.title, family.abilities, family) for family in FAMILIES.values()]
    ace_step = FAMILIES["ace-step"]
    kinds.append(("ace-step-turbo", f"{ace_step.title} turbo", ACE_STEP_TURBO, ace_step))
    return [
        Surveyed(name, title, "", abilities, 0, 0, f"{family.licence} (as published)", family.needs, "", listed=False)
        for name, title, abilities, family in sorted(kinds, key=lambda kind: kind[0])
        if title not in there
    ]


def _builtin(folder: Path) -> Surveyed:
    files = list(folder.rglob("*.safetensors"))
    fault = "" if files and (folder / "model_index.json").is_file() else f"no weights in {folder}"
    size = sum(file.stat().st_size for file in files)
    kind = "built in"
    try:
        kind = f"built in ({json.loads((folder / 'antiphon.json').read_text('utf-8'))['version']})"
    except (OSError, ValueError, KeyError, TypeError):
        fault = fault or f"{folder / 'antiphon.json'} cannot be read: get a whole copy of the repository"
    return Surveyed(
        "builtin", kind, str(folder), BUILTIN, 0, size, licence(folder) or _OWN_LICENCE, "any machine", fault
    )


def _surveyed(entry: ModelEntry) -> Surveyed:
    folder = cached(entry)
    if folder is None:
        fault = "not on this machine: it is downloaded when it is first used"
        return Surveyed(entry.name, "?", entry.place, None, 0, 0, "", "", fault)
    try:
        found = examine(folder)
    except BackendFailed as error:
        return Surveyed(entry.name, "?", entry.place, None, 0, 0, licence(folder), "", error.message)
    family = found.family
    abilities = ACE_STEP_TURBO if found.turbo else family.abilities
    title = f"{family.title} turbo" if found.turbo else family.title
    return Surveyed(
        entry.name, title, entry.place, abilities, found.parameters, found.size_bytes,
        found.licence or f"{family.licence} (as published)", family.needs, "",
    )  # fmt: skip
