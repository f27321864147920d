#!/usr/bin/env python3
"""Check everything: lint, format, types, tests. Standard library only; makes its own environment.

python3 scripts/test.py                  everything
python3 scripts/test.py --fast           without the tests marked slow
python3 scripts/test.py tests/test_cli.py -k play     other arguments go to pytest, and only pytest runs
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from environment import ROOT, SetupFailed, prepare

CHECKS = (
    ("lint", ["-m", "ruff", "check", "."]),
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("types", ["-m", "mypy"]),
)
#: How many tests run at a time.
SIDE_BY_SIDE = 3


def check(python: Path) -> list[str]:
    """Run the checks before the tests; returns the names of those that failed."""
    failed = []
    for name, arguments in CHECKS:
        print(f"== {name}", flush=True)
        if subprocess.run([str(python), *arguments], cwd=ROOT, check=False).returncode:
            failed.append(name)
    return failed


def runs(arguments: list[str], fast: bool) -> list[tuple[str, list[str]]]:
    """The runs of pytest: what was asked for; else tests side by side, then those that need the machine for themselves.

    Three on two cores: for half of its time a test waits for a program to start or to end.
    """
    quick = " and not slow" if fast else ""
    if arguments:
        return [("tests", [*(["-m", "not slow"] if fast else []), *arguments])]
    # In the order of collection: tests/conftest.py puts the files first that last.
    side_by_side = ["-n", str(SIDE_BY_SIDE), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [
        (f"tests, {SIDE_BY_SIDE} at a time", [*side_by_side, "-m", f"not alone{quick}"]),
        ("tests, one by one", ["-m", f"alone{quick}"]),
    ]


def surroundings() -> dict[str, str]:
    """What tests and the many programs that they start find in their environment."""
    environ = dict(os.environ)
    # Each is compiled once, not by every process that imports it.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Tests already share the cores: where each of them computes on all cores too, they wait for one another.
    environ.setdefault("OMP_NUM_THREADS", "1")
    return environ


def stand_back() -> None:
    """Lowest priority for the tests that run side by side, and so for all that they start.

    The programs under test put their models behind other programs. Beside tests that compute, and did not stand back, a
    loop of one second took thirty.
    """
    os.nice(19)


def main() -> int:
    arguments = sys.argv[1:]
    fast = "--fast" in arguments
    if fast:
        arguments.remove("--fast")
    try:
        python = prepare("dev")
    except SetupFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    failed = [] if arguments else check(python)
    for name, options in runs(arguments, fast):
        print(f"== {name}", flush=True)
        # Whoever waits for the tests wants to know for which.
        longest = ["--durations=20", "--durations-min=5"]
        command = [str(python), "-m", "pytest", *longest, *options]
        beside = stand_back if "-n" in options and sys.platform != "win32" else None
        if subprocess.run(command, cwd=ROOT, env=surroundings(), preexec_fn=beside, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
