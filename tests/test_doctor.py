"""The doctor finds what is wrong, says what to do, and survives drivers that are not there."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon import doctor, probes
from antiphon.doctor import Finding, examine
from antiphon.settings import Midi, Settings

TOPICS = (
    "Python", "Packages", "Processor", "Memory", "Sound model", "Weights", "OSC port", "HTTP port", "Discovery",
    "MIDI", "Audio out", "Data folder", "Disk", "SQLite",
)  # fmt: skip
FINE: dict[str, dict[str, Any]] = {
    "sound_device": {"torch": "2.13.0", "threads": 2, "gpus": [], "mps": False},
    "midi": {"system": "alsa", "inputs": ["nanoKONTROL2"], "outputs": []},
    "audio": {"output": "speakers", "rate_hz": 48000.0},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", osc_port=0, http_port=0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the probes tell; a test changes it to have other hardware."""
    answers = {name: dict(answer) for name, answer in FINE.items()}
    monkeypatch.setattr(doctor, "probe", lambda name, timeout_s=0.0: answers[name])
    return answers


def finding(topic: str, settings: Settings) -> Finding:
    return next(each for each in examine(settings) if each.topic == topic)


def test_everything_is_looked_at_once(settings: Settings, told: dict[str, dict[str, Any]]) -> None:
    findings = list(examine(settings))
    assert tuple(each.topic for each in findings) == TOPICS
    assert all(each.state in doctor.STATES and each.text for each in findings)
    assert all(each.advice for each in findings if each.state != "good")


@pytest.mark.parametrize(
    ("topic", "option", "kind"),
    [("OSC port", "osc_port", socket.SOCK_DGRAM), ("OSC port", "osc_port", socket.SOCK_STREAM),
     ("HTTP port", "http_port", socket.SOCK_STREAM)],
)  # fmt: skip
def test_a_taken_port_is_named(
    settings: Settings, told: dict[str, dict[str, Any]], topic: str, option: str, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        found = finding(topic, replace(settings, **{option: port}))
    assert found.state == "note"
    assert str(port) in found.text
    assert f"--{option.replace('_', '-')}" in found.advice


def test_an_address_of_another_machine_is_bad(settings: Settings, told: dict[str, dict[str, Any]]) -> None:
    assert finding("HTTP port", replace(settings, host="192.0.2.1")).state == "bad"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_folder_without_write_permission_is_bad(settings: Settings, told: dict[str, Any]) -> None:
    root = os.geteuid() == 0
    # Outside of pytest's own folders, which only their owner may enter.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        if root:
            os.seteuid(65534)  # Root may write everywhere, so somebody else looks.
        try:
            found = finding("Data folder", replace(settings, data_dir=Path(name)))
        finally:
            if root:
                os.seteuid(0)
            Path(name).chmod(0o700)
    assert found.state == "bad"
    assert "--data-dir" in found.advice


def test_a_folder_that_can_not_be_made_is_bad(settings: Settings, told: dict[str, Any], monkeypatch: Any) -> None:
    def refuse(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    found = finding("Data folder", settings)
    assert (found.state, "Permission denied" in found.text) == ("bad", True)


def test_looking_makes_no_folder(settings: Settings, told: dict[str, dict[str, Any]]) -> None:
    list(examine(settings))
    assert not settings.data_dir.exists()


@pytest.mark.parametrize(("free", "state"), [(10**10, "good"), (10**9, "note"), (10**8, "bad")])
def test_disk(settings: Settings, told: dict[str, Any], monkeypatch: Any, free: int, state: str) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert finding("Disk", settings).state == state


@pytest.mark.parametrize(("version", "state"), [((3, 40, 1), "note"), ((3, 51, 2), "note"), ((3, 51, 3), "good")])
def test_sqlite_with_the_wal_reset_bug_is_named(
    settings: Settings, told: dict[str, Any], monkeypatch: Any, version: tuple[int, int, int], state: str
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    found = finding("SQLite", settings)
    assert found.state == state
    assert ("one connection" in found.advice) == (state == "note")


@pytest.mark.parametrize(
    ("probe", "topic", "fault", "state"),
    [
        ("midi", "MIDI", "SystemError: error creating ALSA sequencer client object", "note"),
        ("midi", "MIDI", "ModuleNotFoundError: No module named 'rtmidi'", "note"),
        ("audio", "Audio out", "OSError: PortAudio library not found", "note"),
        ("sound_device", "Sound model", "ended with status -11", "bad"),
    ],
)
def test_what_a_driver_does_to_a_probe_is_told(
    settings: Settings, told: dict[str, Any], probe: str, topic: str, fault: str, state: str
) -> None:
    told[probe] = {"fault": fault}
    found = finding(topic, settings)
    assert found.state == state
    assert fault in found.text
    assert found.advice


def test_midi_says_system_and_ports_and_gives_its_advice_once(settings: Settings, told: dict[str, Any]) -> None:
    assert finding("MIDI", settings).text == "nanoKONTROL2 (alsa)"
    told["midi"] = {"fault": "no live MIDI here (no JACK server runs): start JACK; OSC and HTTP work without"}
    assert finding("MIDI", settings).text == "no live MIDI here (no JACK server runs)"
    assert finding("MIDI", replace(settings, midi=Midi(enabled=False))).state == "note"


def test_a_gpu_that_is_asked_for_and_missing_is_bad(settings: Settings, told: dict[str, Any]) -> None:
    assert finding("Sound model", replace(settings, device="cuda")).state == "bad"
    told["sound_device"]["gpus"] = [{"name": "H100", "memory_bytes": 80 * 10**9}]
    found = finding("Sound model", replace(settings, device="cuda"))
    assert (found.state, "H100 (80 GB)" in found.text) == ("good", True)


def test_missing_weights_are_bad(settings: Settings, told: dict[str, Any]) -> None:
    assert finding("Weights", replace(settings, model="no-such-model")).state == "bad"
    assert finding("Weights", settings).state == "good"


@pytest.mark.parametrize(
    ("program", "fault"),
    [("raise SystemExit(3)", "status 3"), ("import os; os.abort()", "status -6"), ("print('noise')", "status 0")],
)
def test_a_probe_that_dies_is_a_fault_and_not_ours(monkeypatch: pytest.MonkeyPatch, program: str, fault: str) -> None:
    run = subprocess.run
    monkeypatch.setattr(probes.subprocess, "run", lambda _, **options: run([sys.executable, "-c", program], **options))
    assert fault in probes.probe("midi")["fault"]


def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run
    hang = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(probes.subprocess, "run", lambda _, **options: run(hang, **options))
    assert "timed out" in probes.probe("audio", timeout_s=0.3)["fault"]


@pytest.mark.parametrize("name", sorted(probes.PROBES))
def test_the_probes_answer_on_this_machine(name: str) -> None:
    assert probes.probe(name)


def test_the_command_prints_json_and_its_exit_code_says_whether_all_is_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "antiphon", "doctor", "--json"]
    environ = {**os.environ, "ANTIPHON_DATA_DIR": str(tmp_path), "ANTIPHON_OSC_PORT": "0", "ANTIPHON_HTTP_PORT": "0"}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    findings = json.loads(answer.stdout)
    assert tuple(each["topic"] for each in findings) == TOPICS
    assert answer.returncode == int(any(each["state"] == "bad" for each in findings))
