"""What every test shares: skipping where a client program is missing (failing in CI), and a quiet environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.clients import CLIENTS
from tests.jack_registry import forget_dead_servers

REPOSITORY = Path(__file__).resolve().parents[1]
#: For programs that tests start: they run this tree, wherever the package was installed from.
PYTHON_PATH = os.pathsep.join((str(REPOSITORY / "server"), str(REPOSITORY)))


# No example has a time to keep: how long one takes says more of what else the machine does.
settings.register_profile("antiphon", deadline=None)
settings.load_profile("antiphon")

#: Tests that listen to sound by the clock, or take times as they pass: `scripts/test.py` runs nothing beside them.
ALONE = (
    "tests/audition/test_keeper.py", "tests/audition/test_player.py",
    "tests/control/midi/test_clock.py::test_jacks_own_clock", "tests/integration/test_ardour",
    "tests/integration/test_audition.py", "tests/integration/test_link.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Before any test, and before there are several processes of tests: see `forget_dead_servers`."""
    if not hasattr(config, "workerinput"):
        forget_dead_servers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what has to run alone by its place, so that no file can forget it; the files that last come first.

    Those are the ones that boot processes. Where several files run side by side, the short ones then fill the end.
    """
    for item in items:
        if item.nodeid.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
    booting = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(key=lambda item: item.path not in booting)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.needs("pd")`: without the program, skip and name its package; in CI that is a failure instead."""
    for mark in item.iter_markers("needs"):
        missing = [CLIENTS[name] for name in mark.args if CLIENTS[name].path is None]
        if not missing:
            continue
        text = "; ".join(f"{client.program} is not installed (package {client.package})" for client in missing)
        if os.environ.get("CI") == "true":
            pytest.fail(f"{text}: in CI every client must be there, see .ci/run", pytrace=False)
        pytest.skip(text)


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no ANTIPHON_ variables of the machine they run on."""
    for name in list(os.environ):
        if name.startswith("ANTIPHON_"):
            monkeypatch.delenv(name)
