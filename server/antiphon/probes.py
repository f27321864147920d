"""Look at hardware through libraries that may print, hang or crash.

`python -m antiphon.probes NAME` prints JSON. A process of its own, so that `doctor` and the control process neither
import torch nor die with a driver.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def sound_device() -> dict[str, Any]:
    """What torch can compute on: versions, instruction sets, GPUs."""
    import torch

    gpus = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            gpus.append({"name": properties.name, "memory_bytes": properties.total_memory})
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpus": gpus,
        "mps": torch.backends.mps.is_available(),
    }


def midi() -> dict[str, Any]:
    """The MIDI system that the server would use, and the names of its ports."""
    from antiphon.control.midi.ports import MidiUnavailable, RtMidiSystem

    system = RtMidiSystem()
    try:
        inputs, outputs = system.scan()
    except MidiUnavailable as fault:
        return {"fault": fault.message}
    return {"system": system.name, "inputs": inputs, "outputs": outputs}


def audio() -> dict[str, Any]:
    """The default audio output. Without PortAudio, importing sounddevice raises OSError."""
    try:
        import sounddevice

        device = sounddevice.query_devices(kind="output")
    except (OSError, ImportError, ValueError) as fault:
        return {"fault": f"{type(fault).__name__}: {fault}"}
    except Exception as fault:  # noqa: BLE001  sounddevice.PortAudioError can't be named when its import failed
        return {"fault": str(fault)}
    return {"output": device["name"], "rate_hz": device["default_samplerate"]}


PROBES: dict[str, Callable[[], dict[str, Any]]] = {"sound_device": sound_device, "midi": midi, "audio": audio}


def probe(name: str, timeout_s: float = 120.0) -> dict[str, Any]:
    """Run one probe in its own process; `{"fault": why}` where it crashed, hung or said nothing."""
    command = [sys.executable, "-m", "antiphon.probes", name]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (subprocess.TimeoutExpired, OSError) as fault:
        return {"fault": str(fault)}
    lines = answer.stdout.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        found = None
    if isinstance(found, dict):
        return found
    said = answer.stderr.strip().splitlines()
    return {"fault": said[-1] if said else f"ended with status {answer.returncode}"}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
