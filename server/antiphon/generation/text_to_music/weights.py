"""Finds and examines the weights of pretrained models, without loading them: what they are, whether they are whole,
how large, under which licence. Only safetensors counts as weights, and no code that comes with a model is ever run."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.errors import BackendFailed
from antiphon.generation.text_to_music.families import FAMILIES, Family, family_named_by

_PIPELINE, _MODEL = "model_index.json", "config.json"
#: Weight formats that can hold code: never read.
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".msgpack", ".h5")
_HEADER_BYTES = 100 * 2**20
_SAMPLE_BYTES = 2**20
_LICENCE = re.compile(r"^(license|license_name):\s*[\"']?([^\"'\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model whose weights are all there. `licence` is as its model card says, or empty; `dtype` as stored (`F32`)."""

    path: Path
    family: Family
    parameters: int
    size_bytes: int
    dtype: str
    licence: str
    #: ACE-Step's guidance-distilled weights, which can't make stems in context.
    turbo: bool


def examine(folder: Path) -> ModelFolder:
    """Read what a folder says of itself, and check that its weights are whole. Raises BackendFailed."""
    family = family_of(folder)
    parameters: dict[str, int] = {}
    files = list(_weight_files(folder, family))
    for file in files:
        for dtype, count in _stored(file).items():
            parameters[dtype] = parameters.get(dtype, 0) + count
    transformer = folder / "transformer" / _MODEL
    config = _read_json(transformer) if transformer.is_file() else {}
    return ModelFolder(
        path=folder,
        family=family,
        parameters=sum(parameters.values()),
        size_bytes=sum(file.stat().st_size for file in files),
        dtype=max(parameters, key=lambda dtype: parameters[dtype]) if parameters else "",
        licence=licence(folder),
        turbo=bool(config.get("is_turbo")) or config.get("model_version") == "turbo",
    )


def family_of(folder: Path) -> Family:
    """What kind of model a folder holds. Raises BackendFailed where it is none of ours."""
    if not folder.is_dir():
        raise BackendFailed(
            f"there is no folder {folder}: put the model there, as save_pretrained writes it, or mend its path in the "
            "settings"
        )
    known = ", ".join(family.title for family in FAMILIES.values())
    if (folder / _PIPELINE).is_file():
        named = str(_read_json(folder / _PIPELINE).get("_class_name", ""))
    elif (folder / _MODEL).is_file():
        architectures = _read_json(folder / _MODEL).get("architectures")
        named = str(architectures[0]) if isinstance(architectures, list) and architectures else ""
    else:
        raise BackendFailed(
            f"{folder} holds neither {_PIPELINE} nor {_MODEL}: it must be a folder as save_pretrained writes it, of "
            f"{known}"
        )
    family = family_named_by(named)
    if family is None:
        raise BackendFailed(f"{folder} holds a {named or 'model of an unknown kind'}: Antiphon can run {known}")
    return family


def components(folder: Path, family: Family) -> dict[str, str]:
    """The parts of a pipeline that have a folder of their own, with their classes. Raises BackendFailed where one
    would bring its own code."""
    parts: dict[str, str] = {}
    for name, value in _read_json(folder / _PIPELINE).items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or value[0] is None:
            continue
        library, class_name = value
        if library not in ("diffusers", "transformers", *family.modules) or not re.fullmatch(r"\w+", name):
            raise BackendFailed(
                f"the part {name} of {folder} comes from {library!r}: code that comes with a model is never run; use "
                f"the weights as the makers of {family.title} publish them"
            )
        parts[name] = str(class_name)
    return parts


def licence(folder: Path) -> str:
    """The licence that the model card (README.md) names in its head; empty where it names none."""
    try:
        text = (folder / "README.md").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    named = dict(_LICENCE.findall(head))
    # Licences that are none of the usual ones are called `other`, and named beside.
    return str(named.get("license_name") or named.get("license") or "").strip()


def fingerprint(folder: Path, family: Family) -> str:
    """Eight hexadecimal digits that tell these weights from others: by name, size, head, middle and end of files."""
    digest = hashlib.blake2b(digest_size=4)
    for file in _weight_files(folder, family):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()}:{size}".encode())
        with file.open("rb") as weights:
            for place in (0, size // 2, max(0, size - _SAMPLE_BYTES)):
                weights.seek(place)
                digest.update(weights.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _weight_files(folder: Path, family: Family) -> Iterator[Path]:
    if (folder / _PIPELINE).is_file():
        for name in sorted(components(folder, family)):
            part = folder / name
            if not part.is_dir():
                raise BackendFailed(f"{folder} lacks its part {name}: get the whole model once more")
            # Schedulers and tokenizers have other files, and no weights.
            if (part / _MODEL).is_file():
                yield from _weights_in(part)
    else:
        yield from _weights_in(folder)


def _weights_in(part: Path) -> list[Path]:
    wanted: set[str] = set()
    for index in part.glob("*.safetensors.index.json"):
        wanted |= set(_read_json(index).get("weight_map", {}).values())
    missing = sorted(name for name in wanted if not (part / name).is_file())
    if missing:
        raise BackendFailed(f"{part} lacks {missing[0]}: get the whole model once more")
    files = sorted(part.glob("*.safetensors"))
    if not files and any(file.suffix in _PICKLES for file in part.iterdir()):
        raise BackendFailed(
            f"{part} has its weights in a format that can hold harmful code; Antiphon reads safetensors only: load "
            "them once where you trust them, and save them with save_pretrained(…, safe_serialization=True)"
        )
    if not files:
        raise BackendFailed(f"{part} has no weights (*.safetensors): get the whole model once more")
    return files


def _stored(file: Path) -> dict[str, int]:
    """Parameters per dtype, from the head of a safetensors file (8 bytes of length, then JSON)."""
    try:
        with file.open("rb") as weights:
            length = int.from_bytes(weights.read(8), "little")
            if not 2 <= length <= min(_HEADER_BYTES, file.stat().st_size):
                raise ValueError("its head is not one of safetensors")
            head = json.loads(weights.read(length))
        end = max((each["data_offsets"][1] for name, each in head.items() if name != "__metadata__"), default=0)
        if file.stat().st_size != 8 + length + end:
            raise ValueError(f"it has {file.stat().st_size} bytes, and its head tells of {8 + length + end}")
        found: dict[str, int] = {}
        for name, tensor in head.items():
            if name != "__metadata__":
                found[tensor["dtype"]] = found.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackendFailed(f"{file} is damaged ({error}): get this file once more") from error
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BackendFailed(f"{path} cannot be read ({error}): get this file once more") from error
    if not isinstance(data, dict):
        raise BackendFailed(f"{path} is not a table as diffusers and transformers write it: get it once more")
    return data
