"""The rules of the house that a machine can check: who may import whom, what is never loaded, how long things get."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "server" / "antiphon"

#: For each room, the rooms it may import (itself always). Rooms not named here (app, command line) may import any.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "paths": {"errors"},
    "domain": {"errors"},
    "model_table": {"errors", "domain"},
    "settings": {"errors", "domain", "paths", "model_table"},
    "studio": {"errors", "domain", "settings"},
    "generation": {"errors", "domain", "paths"},
    "rendering": {"errors", "domain", "paths"},
    "feedback": {"errors", "domain"},
    "evolution": {"errors", "domain", "generation", "feedback"},
    "training": {"errors", "domain", "paths", "generation", "rendering"},
    "records": {"errors", "domain"},
    "references": {"errors", "domain", "rendering"},
    "breeding": {"errors", "domain", "settings", "records"},
    "loop_lag": set(),
    "listeners": {"domain"},
    "session_tempo": set(),
    "storage": {"errors", "domain", "paths", "settings", "jobs", "records"},
    "retelling": {"domain"},
    "tuning": {"errors", "domain", "settings", "jobs", "training"},
    "ahead": {"errors", "domain", "settings", "jobs", "records", "breeding"},
    "floor": {"errors", "domain", "settings", "studio", "jobs", "records", "breeding", "loop_lag", "session_tempo"}
    | {"learning", "listeners", "references", "tuning"}
    | {"retelling", "ahead"},
    "child_process": set(),
    "learning": {"errors", "domain", "records", "child_process", "feedback", "breeding", "evolution"},
    "pilot": {"errors", "domain", "settings"},
    "audition": {"errors", "domain", "settings", "child_process"},
    "jobs": {"errors", "domain", "paths", "settings", "studio", "generation", "evolution", "rendering"}
    | {"child_process", "references", "training"},
    "interfaces": {"settings"},
    "export": {"errors", "domain"},
    "control": {"errors", "domain", "settings", "studio", "export", "interfaces", "references"},
    "probes": {"control"},
    "doctor": {"errors", "settings", "paths", "probes", "interfaces"},
}
#: What the process that answers clients must never load: it is up in a second and outlives a crash of these.
HEAVY = (
    "torch", "diffusers", "transformers", "huggingface_hub", "pedalboard", "soundfile", "scipy", "librosa", "numpy",
    "sounddevice",
)  # fmt: skip
LONGEST_MODULE_LINES = 320
LONGEST_FUNCTION_LINES = 60
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every import, also those inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_imports_run_one_way() -> None:
    wrong = []
    for path in modules():
        allowed = MAY_IMPORT.get(room_of(path))
        if allowed is None:
            continue
        for line, name in imported(path):
            parts = name.split(".")
            target = parts[1] if parts[0] == "antiphon" and len(parts) > 1 else ""
            known = target in MAY_IMPORT or (PACKAGE / target).is_dir() or (PACKAGE / f"{target}.py").is_file()
            if target and known and target != room_of(path) and target not in allowed:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_room_is_either_ruled_or_a_root() -> None:
    roots = {"__init__", "__main__", "app", "cli", "bench"}
    rooms = {room_of(path) for path in modules()}
    assert rooms - roots <= set(MAY_IMPORT), "a new room: say in MAY_IMPORT what it may import, and in architecture.md"


@pytest.mark.parametrize("module", ["antiphon.app", "antiphon.cli", "antiphon.doctor", "antiphon.control.commands"])
def test_what_answers_clients_loads_nothing_heavy(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout.splitlines()[-1]) == []


def test_nothing_is_unpickled() -> None:
    wrong = []
    for path in modules():
        wrong += [f"{path.name}:{line} {name}" for line, name in imported(path) if name.split(".")[0] in UNPICKLERS]
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                pickled = any(keyword.arg == "allow_pickle" for keyword in node.keywords)
                if called == "torch.load" or pickled:
                    wrong.append(f"{path.name}:{node.lineno} {called}")
    assert not wrong, "weights and checkpoints are safetensors; found " + ", ".join(wrong)


def test_modules_and_functions_stay_readable() -> None:
    too_long = [
        f"{path.relative_to(PACKAGE)}: {n}" for path in modules() if (n := len(lines(path))) > LONGEST_MODULE_LINES
    ]
    sizes = [each for path in modules() for each in functions(path)]
    too_long += [f"{name}: {length}" for name, length in sizes if length > LONGEST_FUNCTION_LINES]
    assert not too_long, "\n".join(too_long)
    ordered = sorted(length for _, length in sizes)
    assert ordered[len(ordered) * 9 // 10] <= 30, "nine functions in ten have at most 30 lines"


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(PACKAGE)) for path in modules() if not ast.get_docstring(tree(path))]
    assert not silent


def test_annotations_are_never_evaluated_at_import() -> None:
    missing = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if functions_or_classes(path) and "from __future__ import annotations" not in lines(path)
    ]
    assert not missing


def functions_or_classes(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree(path).body)


def test_names_say_what_things_are() -> None:
    vague = ("manager", "helper", "utils", "misc", "common")
    wrong = [str(path.relative_to(PACKAGE)) for path in modules() if any(word in path.stem.lower() for word in vague)]
    for path in modules():
        classes = (node for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))
        wrong += [node.name for node in classes if any(word in node.name.lower() for word in vague)]
    assert not wrong
