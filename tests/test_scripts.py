"""Starting from a bare clone: what the scripts say when something is missing; the lock pins what is asked for."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
STARTERS = ("environment", "start", "test")


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script("environment")
    monkeypatch.setattr(module, "VENV", tmp_path / "venv")
    monkeypatch.setattr(module, "LOG", tmp_path / "venv" / "install.log")
    return module


@pytest.mark.parametrize("name", STARTERS)
def test_the_starters_need_the_standard_library_only(name: str) -> None:
    tree = ast.parse((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))
    imports = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imports += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {each.split(".")[0] for each in imports} <= sys.stdlib_module_names | {"environment"}


def test_an_old_python_is_told_so(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 4))
    with pytest.raises(environment.SetupFailed, match=r"3\.11 or newer is needed, this is 3\.10\.4"):
        environment.prepare()


def test_a_missing_venv_module_is_told_with_its_package(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(environment.SetupFailed, match="python3-venv"):
        environment.prepare()


def test_a_full_disk_is_told_before_anything_is_made(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(environment.SetupFailed, match=r"1\.0 GB are free"):
        environment.prepare()
    assert not environment.VENV.exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Temporary failure in name resolution", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no version for this Python"),
        ("something else", "whole output is in"),
    ],
)
def test_a_failed_step_says_the_likely_cause(environment: ModuleType, output: str, advice: str) -> None:
    with pytest.raises(environment.SetupFailed) as failed:
        environment.run_step("Installing", [sys.executable, "-c", f"print({output!r}); raise SystemExit(1)"])
    assert advice in str(failed.value)
    assert output in str(failed.value)
    assert output in environment.LOG.read_text()


def test_a_step_that_works_is_quiet(environment: ModuleType) -> None:
    environment.run_step("Working", [sys.executable, "-c", "print('done')"])
    assert "done" in environment.LOG.read_text()


@pytest.mark.parametrize(
    ("platform", "name", "gpu", "tries"),
    [
        ("linux", "posix", False, ["torch==2.13.0+cpu", "uv", "torch==2.13.0", "torch==2.13.0"]),
        ("linux", "posix", True, ["torch==2.13.0"]),
        ("darwin", "posix", False, ["torch==2.13.0"]),
        ("win32", "nt", False, ["torch==2.13.0"]),
        ("win32", "nt", True, ["uv", "torch==2.13.0", "torch==2.13.0"]),
    ],
)
def test_torch_is_tried_in_the_build_that_suits(
    environment: ModuleType, monkeypatch: Any, platform: str, name: str, gpu: bool, tries: list[str]
) -> None:
    """With everything failing but the last way, all ways are seen; uv itself installs."""
    tried: list[list[str]] = []

    def run_step(_: str, command: list[str], quiet_failure: bool = False) -> None:
        tried.append(command)
        if quiet_failure and command[-1] != "uv":
            raise environment.SetupFailed("not there")

    monkeypatch.setattr(environment, "run_step", run_step)
    monkeypatch.setattr(environment, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(environment, "python_path", lambda: Path("python"))
    monkeypatch.setattr(environment, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(environment, "os", SimpleNamespace(name=name))
    environment._install_torch("torch==2.13.0")
    assert [command[-1] for command in tried] == tries
    assert all(("--torch-backend" in command) == ("uv" in command[:4]) for command in tried)


def test_an_environment_is_used_again_until_the_lock_changes(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "venv" / "python"
    python.parent.mkdir()
    python.touch()
    monkeypatch.setattr(environment, "python_path", lambda: python)
    lock = tmp_path / "requirements.lock"
    lock.write_text("torch==2.13.0\n")
    monkeypatch.setattr(environment, "LOCK", lock)
    assert not environment._is_fresh("")
    environment._stamp("dev").write_text(environment._fingerprint())
    assert environment._is_fresh("dev")
    assert environment._is_fresh(""), "what is enough for tests is enough to serve"
    lock.write_text("torch==2.14.0\n")
    assert not environment._is_fresh("")


def test_the_welcome_names_the_servers_own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    text = script("start").welcome("ready osc=127.0.0.1:9110 http=http://127.0.0.1:9111 model=builtin-1\n")
    assert "http://127.0.0.1:9111" in text
    assert "oscsend localhost 9110 /antiphon/generate ssisiss r1" in text


def test_everything_asked_for_is_pinned_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    extras = project["optional-dependencies"]
    asked = [Requirement(text) for text in (*project["dependencies"], *extras["dev"], *extras["text-to-music"])]
    own = [requirement for requirement in asked if requirement.name == project["name"]]
    assert all(extra in extras for requirement in own for extra in requirement.extras)
    for requirement in asked:
        if requirement in own:
            continue
        pin = pins.get(requirement.name.lower().replace("_", "-"))
        assert pin is not None, f"{requirement.name} is not in the lock: run scripts/lock.py"
        assert requirement.specifier.contains(pin, prereleases=True), f"{requirement} and the lock's {pin}"


def test_the_lock_names_no_build_no_file_and_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+|#.*", line) for line in lock.splitlines())


def test_the_continuous_check_installs_what_the_tests_drive() -> None:
    listed = subprocess.run([sys.executable, "tests/clients.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"liblo-tools", "puredata-core", "sox"} <= set(listed.stdout.split())
    assert "tests/clients.py --missing" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
