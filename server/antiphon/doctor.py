"""What this machine can do for Antiphon, what is missing, and what to do about it; in plain words."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from antiphon import __version__
from antiphon.interfaces import reach
from antiphon.paths import presets_dir
from antiphon.probes import probe
from antiphon.settings import Settings

#: `good`: works. `note`: works, and could do more. `bad`: Antiphon can't do its work until it is mended.
STATES = ("good", "note", "bad")
PACKAGES = (
    "python-osc", "mido", "aiohttp", "torch", "diffusers", "safetensors", "numpy", "scipy", "pedalboard", "soundfile",
    "pyloudnorm", "zeroconf",
)  # fmt: skip
INSTRUCTION_SETS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 bf16", "amx_bf16": "AMX bf16"}
ENOUGH_DISK_BYTES = 2 * 10**9
LEAST_DISK_BYTES = 200 * 10**6
ENOUGH_MEMORY_BYTES = 4 * 10**9
#: SQLite from 3.7.0 to before this can damage a WAL database when several connections reset the log at once.
SQLITE_WAL_RESET_FIXED = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do, and is empty where nothing need be done."""

    topic: str
    state: str
    text: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one finding at a time as it is found; takes some seconds, most of them for torch."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _python, _packages, _processor, _memory, _sound_device, _weights, _osc_port, _http_port, _discovery, _midi,
        _audio_out, _data_folder, _disk, _sqlite,
    )  # fmt: skip
    for check in checks:
        yield check(settings)


def _python(_: Settings) -> Finding:
    return Finding("Python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages(_: Settings) -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        advice = "Run python3 scripts/start.py, which installs what is pinned in requirements.lock."
        return Finding("Packages", "bad", "missing: " + ", ".join(missing), advice)
    return Finding("Packages", "good", f"antiphon {__version__}, " + ", ".join(found))


def _processor(_: Settings) -> Finding:
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    flags = _cpu_flags()
    have = [word for flag, word in INSTRUCTION_SETS.items() if flag in flags]
    text = f"{cores} cores" + (f" with {', '.join(have)}" if have else "")
    if cores < 2:
        return Finding("Processor", "note", text, "Two or more keep the server quick while it generates.")
    return Finding("Processor", "good", text)


def _cpu_flags() -> frozenset[str]:
    """The instruction sets that Linux lists; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


def _memory(_: Settings) -> Finding:
    total, available = psutil.virtual_memory().total, psutil.virtual_memory().available
    text = f"{total / 1e9:.0f} GB, {available / 1e9:.0f} GB of it free"
    if total < ENOUGH_MEMORY_BYTES:
        return Finding(
            "Memory", "note", text, "Beside a DAW that may be little: close other programs while generating."
        )
    return Finding("Memory", "good", text)


def _sound_device(settings: Settings) -> Finding:
    found = probe("sound_device")
    if "fault" in found:
        advice = "Delete the .venv folder and run python3 scripts/start.py to install PyTorch again."
        return Finding("Sound model", "bad", f"PyTorch does not work here: {found['fault']}", advice)
    gpus = [f"{gpu['name']} ({gpu['memory_bytes'] / 1e9:.0f} GB)" for gpu in found["gpus"]]
    device = ", ".join(gpus) or ("Apple GPU (MPS)" if found["mps"] else f"the processor, {found['threads']} threads")
    text = f"PyTorch {found['torch']} computes on {device}"
    if settings.device.startswith("cuda") and not gpus:
        advice = "Set device to auto or cpu, or install NVIDIA's driver and PyTorch's CUDA build."
        return Finding(
            "Sound model", "bad", f"device is set to {settings.device}, and PyTorch sees no NVIDIA GPU", advice
        )
    return Finding("Sound model", "good", text)


def _weights(settings: Settings) -> Finding:
    if settings.model in (entry.name for entry in settings.models):
        return Finding("Weights", "note", f"{settings.model} is one of your own models", "antiphon models examines it.")
    given = Path(settings.model)
    folder = given if given.is_dir() else presets_dir() / "models" / settings.model
    if (folder / "model_index.json").is_file() and any(folder.rglob("*.safetensors")):
        size = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
        return Finding("Weights", "good", f"{settings.model}: {size / 1e6:.0f} MB of weights")
    advice = "Get a whole copy of the repository (presets/models), or set model to a folder that save_pretrained wrote."
    return Finding("Weights", "bad", f"model {settings.model!r} has no weights in {folder}", advice)


def _osc_port(settings: Settings) -> Finding:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        fault = _bind_fault(settings.host, settings.osc_port, kind)
        if fault is not None:
            return _port_finding("OSC port", "osc-port", settings.host, settings.osc_port, fault)
    return Finding("OSC port", "good", f"UDP and TCP {settings.host}:{settings.osc_port} are free")


def _http_port(settings: Settings) -> Finding:
    fault = _bind_fault(settings.host, settings.http_port, socket.SOCK_STREAM)
    if fault is not None:
        return _port_finding("HTTP port", "http-port", settings.host, settings.http_port, fault)
    return Finding("HTTP port", "good", f"TCP {settings.host}:{settings.http_port} is free")


def _discovery(settings: Settings) -> Finding:
    found = reach(settings)
    if found.addresses:
        return Finding("Discovery", "good", f"announced on {', '.join(found.addresses)}")
    if not found.fault:
        return Finding("Discovery", "good", f"not announced: {found.reason}")
    advice = (
        "Clients don't find the server by themselves here: type its address into them. To change that, see the setting "
        "discovery and, in a container or virtual machine, how its network is set up."
    )
    return Finding("Discovery", "note", found.reason, advice)


def _bind_fault(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as trial:
        if kind == socket.SOCK_STREAM and os.name != "nt":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as fault:
            return fault
    return None


def _port_finding(topic: str, option: str, host: str, port: int, fault: OSError) -> Finding:
    where = f"{host}:{port}"
    if fault.errno == errno.EADDRINUSE:
        advice = f"All is well if that is Antiphon; else choose another: antiphon serve --{option} {port + 10}"
        return Finding(topic, "note", f"{where} is in use", advice)
    if fault.errno == errno.EACCES:
        return Finding(
            topic, "bad", f"{where} is not allowed to this user", f"Choose a port above 1023 with --{option}."
        )
    advice = "Set host to 127.0.0.1, or to an address that this machine has."
    return Finding(topic, "bad", f"{where} can't be listened on: {fault.strerror or fault}", advice)


def _midi(settings: Settings) -> Finding:
    if not settings.midi.enabled:
        return Finding("MIDI", "note", "turned off (setting midi.enabled)", "Set it to true to play with controllers.")
    found = probe("midi", timeout_s=20.0)
    if "fault" in found:
        advice = "OSC and HTTP work without it. "
        fault = found["fault"]
        if "No module" in fault or "not installed" in fault:
            advice += "For live MIDI: pip install 'antiphon[midi]' (needs a C++ compiler), or use Python 3.11 or 3.12."
        elif sys.platform.startswith("linux"):
            advice += (
                "For live MIDI on Linux load the sequencer: sudo modprobe snd-seq (containers have none), or start "
            )
            advice += "JACK."
        # The port system says it and its advice in one sentence; here the advice stands beside it.
        text = fault.partition("): ")[0] + ")" if fault.startswith("no live MIDI here (") else f"no live MIDI: {fault}"
        return Finding("MIDI", "note", text, advice.strip())
    inputs = ", ".join(found["inputs"]) or "no controller connected"
    return Finding("MIDI", "good", f"{inputs} ({found['system']})")


def _audio_out(_: Settings) -> Finding:
    found = probe("audio", timeout_s=20.0)
    if "fault" in found:
        advice = "Stems are files all the same: play them in the DAW. `antiphon play` needs a sound card"
        advice += " and, on Linux, sudo apt install libportaudio2." if sys.platform.startswith("linux") else "."
        return Finding("Audio out", "note", f"no audio output ({found['fault']})", advice)
    return Finding("Audio out", "good", f"{found['output']} at {found['rate_hz']:.0f} Hz")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    standing = _standing_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as fault:
        advice = "Choose a folder of your own with --data-dir, or change the folder's owner."
        return Finding("Data folder", "bad", f"{folder} can't be written: {fault.strerror or fault}", advice)
    return Finding("Data folder", "good", f"{folder}" + ("" if folder == standing else " (made at the first start)"))


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_standing_folder(settings.data_dir.absolute())).free
    text = f"{free / 1e9:.1f} GB free for audio"
    if free >= ENOUGH_DISK_BYTES:
        return Finding("Disk", "good", text)
    state = "bad" if free < LEAST_DISK_BYTES else "note"
    return Finding(
        "Disk", state, text, "Four bars at 93 bpm with stems take 14 MB: make room, or choose another --data-dir."
    )


def _standing_folder(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _sqlite(_: Settings) -> Finding:
    text = f"{sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info >= SQLITE_WAL_RESET_FIXED:
        return Finding("SQLite", "good", text)
    advice = (
        "Versions before 3.51.3 can damage a WAL database that several connections write; Antiphon writes and "
        "checkpoints through one connection only, so it is not exposed. Let no other program write to its database."
    )
    return Finding("SQLite", "note", text, advice)
