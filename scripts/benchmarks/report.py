"""Figures as people read them (markdown tables) and as programs do (JSON), with the machine they were taken on."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import scipy.stats

ROOT = Path(__file__).resolve().parents[2]
#: Libraries whose version can change a figure.
LIBRARIES = ("torch", "diffusers", "numpy", "scipy", "pedalboard", "soundfile", "essentia", "librosa", "python-osc")
#: Other work on the machine beyond this many busy cores is named beside the figures.
IDLE_LOAD = 0.3


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated; nan where there are none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`median (least–greatest)`."""
    if not values:
        return "–"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def share(part: int, whole: int) -> str:
    """`12 of 20 (60.0 %)`."""
    return f"{part} of {whole} ({100.0 * part / whole:.1f} %)" if whole else "none"


def points(values: Sequence[float]) -> str:
    """A mean with its 95 % interval (Student's t), signed."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:+.2f}"
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.2f} ± {half:.2f}"


def verdict(holds: bool) -> str:
    """Whether a goal is met, as every table says it."""
    return "met" if holds else "**missed**"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report. Every cell is text already."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines)


@dataclass(slots=True)
class Report:
    """Tables as they come, and raw figures. Each table is printed to stdout when it is added."""

    name: str
    machine: dict[str, Any]
    arguments: dict[str, Any]
    began_s: float = field(default_factory=time.monotonic)
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, name: str, arguments: dict[str, Any]) -> Report:
        """Print the heading. `arguments` as given on the command line, so that the run can be made again."""
        report = cls(name, machine_facts(), {key: _plain(value) for key, value in arguments.items()})
        command = " ".join(["python", f"scripts/{name}.py", *sys.argv[1:]])
        print(f"## {name}\n\n`{command}`\n\n{describe(report.machine)}\n", flush=True)
        return report

    def add(self, table: Table) -> None:
        self.tables.append(table)
        print(table.markdown() + "\n", flush=True)

    def end(self, path: Path | None) -> None:
        """Say how long it took, and write everything to `path` where one is given."""
        seconds = time.monotonic() - self.began_s
        print(f"Took {seconds / 60.0:.1f} minutes.", flush=True)
        if path is None:
            return
        data = {
            "name": self.name, "machine": self.machine, "arguments": self.arguments, "seconds": round(seconds, 1),
            "tables": [dataclasses.asdict(table) for table in self.tables], "figures": self.figures,
        }  # fmt: skip
        path.write_text(json.dumps(data, indent=1, default=_plain), encoding="utf-8")


def _plain(value: object) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def machine_facts() -> dict[str, Any]:
    """What the figures depend on: processor, cores we may use, memory, versions, commit, and what else was running."""
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform != "win32" else 0
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "commit": _commit(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "taken_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def describe(machine: dict[str, Any]) -> str:
    """The machine in one paragraph, with a warning where it was not idle."""
    libraries = ", ".join(f"{name} {found}" for name, found in machine["libraries"].items())
    text = (
        f"{machine['taken_at']}, commit {machine['commit']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; {libraries}."
    )
    load = machine["load_average"]
    if load is not None and load > IDLE_LOAD:
        text += f" **The machine was not idle when this began: load average {load:.1f}.**"
    return text


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        ).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    if not commit:
        return "unknown"
    return commit + (" with local changes" if git("status", "--porcelain", "--untracked-files=no") else "")
