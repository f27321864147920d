"""Make the virtual environment that Antiphon runs in. Standard library only; used by start.py and test.py.

What is installed is pinned by requirements.lock. A stamp inside the environment remembers the lock it was made from,
so that a second start takes no time and a changed lock installs what changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
LOG = VENV / "install.log"
OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 3 * 10**9
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

#: Words in pip's output, and what they mean for the person reading. The first that is found is told.
CAUSES = (
    (("no space left", "errno 28", "not enough space"), "The disk is full: free about 3 GB and run this again."),
    (
        ("name resolution", "getaddrinfo", "max retries", "connection refused", "connecttimeout", "dns error"),
        "No package server could be reached: check the network connection (and pip's proxy settings), then run again.",
    ),
    (("certificate_verify_failed",), "A certificate was refused: set PIP_CERT to your network's certificate file."),
    (("permission denied", "errno 13"), "A folder cannot be written: check the owner of the .venv folder."),
    (
        ("no matching distribution",),
        "A package has no version for this Python or system: 64-bit Linux, macOS on Apple silicon or Windows with "
        "Python 3.11 to 3.14 are served.",
    ),
)


class SetupFailed(Exception):
    """Setting up stopped; the text says what to do."""


def python_path() -> Path:
    """The environment's interpreter."""
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver says that there is a GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    answer = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and "GPU" in answer.stdout


def prepare(extra: str = "") -> Path:
    """Make or refresh the environment with antiphon (and `extra`, e.g. "dev"); returns its interpreter.

    Raises SetupFailed.
    """
    if _is_fresh(extra):
        return python_path()
    _check_machine()
    if not python_path().exists():
        run_step("Making a virtual environment in " + _shown(VENV), [sys.executable, "-m", "venv", str(VENV)])
    torch = _torch_pin()
    if _installed_torch() != torch.split("==")[1]:
        _install_torch(torch)
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    run_step("Installing Antiphon and what it needs", pip("install", "-c", str(LOCK), "-e", target))
    _stamp(extra).write_text(_fingerprint(), encoding="utf-8")
    return python_path()


def pip(*arguments: str) -> list[str]:
    """A pip command of the environment."""
    return [str(python_path()), "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]


def _install_torch(pin: str) -> None:
    """PyTorch first, in the build that suits this machine: the CUDA build brings gigabytes that a CPU can't use.

    Without an NVIDIA GPU: the CPU build where pip is set up to find one, else by uv, which knows where PyTorch keeps
    its builds; where that fails too, whatever pip finds (on Linux the larger CUDA build, which runs on a CPU as well).
    """
    by_uv = [str(python_path()), "-m", "uv", "pip", "install", "--python", str(python_path()), "-c", str(LOCK)]
    usual = ("Installing PyTorch", [pip("install", "-c", str(LOCK), pin)])
    if sys.platform.startswith("linux") and not has_nvidia_gpu():
        attempts = [
            ("Installing PyTorch, CPU build", [pip("install", "-c", str(LOCK), pin + "+cpu")]),
            ("Installing PyTorch, CPU build, by uv", [pip("install", "uv"), [*by_uv, "--torch-backend", "cpu", pin]]),
            usual,
        ]
    elif os.name == "nt" and has_nvidia_gpu():
        cuda = [pip("install", "uv"), [*by_uv, "--torch-backend", "auto", pin]]
        attempts = [("Installing PyTorch, CUDA build, by uv", cuda), usual]
    else:
        attempts = [usual]
    for title, commands in attempts:
        last = commands is usual[1]
        try:
            for command in commands:
                run_step(title, command, quiet_failure=not last)
            return
        except SetupFailed:
            if last:
                raise


def _check_machine() -> None:
    if sys.version_info < OLDEST_PYTHON:
        have = ".".join(map(str, sys.version_info[:3]))
        raise SetupFailed(f"Python 3.11 or newer is needed, this is {have}: install one and run this script with it.")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupFailed("Python's venv module is missing. On Debian and Ubuntu: sudo apt install python3-venv")
    if not LOCK.exists():
        raise SetupFailed("requirements.lock is missing: this is not a whole copy of the repository, clone it again.")
    VENV.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(VENV.parent).free
    if not python_path().exists() and free < NEEDED_BYTES:
        raise SetupFailed(f"The first start needs about 3 GB and {free / 1e9:.1f} GB are free: make room first.")


def _torch_pin() -> str:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def _installed_torch() -> str:
    code = "import importlib.metadata as m; print(m.version('torch').partition('+')[0])"
    answer = subprocess.run([str(python_path()), "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _fingerprint() -> str:
    parts = (LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode(), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _stamp(extra: str) -> Path:
    return VENV / f"antiphon-{extra or 'base'}.stamp"


def _is_fresh(extra: str) -> bool:
    if not python_path().exists() or not LOCK.exists():
        return False
    stamps = {_stamp(extra), _stamp("dev")}
    return any(stamp.exists() and stamp.read_text(encoding="utf-8") == _fingerprint() for stamp in stamps)


def _shown(path: Path) -> str:
    """The path as short as it can be said."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def run_step(title: str, command: list[str], quiet_failure: bool = False) -> None:
    """Run a command with its output in the log, and show that it lives. Raises SetupFailed with the likely cause."""
    VENV.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=ROOT
    )
    lines: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    try:
        _show_progress(title, process, lines)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    reader.join()
    if process.returncode == 0:
        return
    if quiet_failure:
        raise SetupFailed(title)
    raise SetupFailed(_explain(title, lines))


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    with LOG.open("a", encoding="utf-8") as log, process.stdout:
        log.write("$ " + " ".join(map(str, process.args)) + "\n")  # type: ignore[arg-type]
        for line in process.stdout:
            lines.append(line.rstrip())
            log.write(line)


def _show_progress(title: str, process: subprocess.Popen[str], lines: list[str]) -> None:
    """One line with a spinner on a terminal; elsewhere a line now and then, so that logs show life too."""
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    spins = 0
    if not terminal:
        print(f"{title} …", file=sys.stderr, flush=True)
    while process.poll() is None:
        time.sleep(0.1)
        spins += 1
        elapsed_s = time.monotonic() - started
        if terminal:
            doing = lines[-1].strip() if lines else ""
            width = shutil.get_terminal_size().columns - 1
            text = f"{SPINNER[spins % len(SPINNER)]} {title}  {elapsed_s:.0f} s  {doing}"
            print("\r\033[K" + text[:width], end="", file=sys.stderr, flush=True)
        elif spins % 300 == 0:
            print(f"{title} … {elapsed_s:.0f} s", file=sys.stderr, flush=True)
    if terminal:
        mark = "✓" if process.returncode == 0 else "·"
        print(f"\r\033[K{mark} {title}  {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _explain(title: str, lines: list[str]) -> str:
    text = "\n".join(lines).lower()
    cause = next((advice for words, advice in CAUSES if any(word in text for word in words)), "")
    tail = "\n".join("    " + line for line in lines[-8:])
    return f"{title} failed. {cause}\n{tail}\n  The whole output is in {_shown(LOG)}."
