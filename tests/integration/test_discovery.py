"""Found on a network by clients that others wrote: servers and clients are machines of a network of namespaces."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.network import SCRIPTS, Machine, network, said_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("ip")]
TOKEN = "open sesame"
METHODS_AT_LEAST = 20
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""
AVAHI = "[server]\nallow-interfaces=eth0\nuse-ipv6=no\n[publish]\ndisable-publishing=yes\n"


@pytest.fixture
def lan() -> Iterator[dict[str, Machine]]:
    with network() as machines:
        yield machines


def serve(machine: Machine, name: str = "Antiphon") -> tuple[subprocess.Popen[str], int, int]:
    process = machine.python("-m", "tests.integration.announced_server", "0.0.0.0", name, TOKEN)
    _, osc_port, http_port = said_until(process, "ready")
    return process, int(osc_port), int(http_port)


def look(machine: Machine, how_many: int) -> Any:
    """What python-oscquery finds from this machine."""
    client = machine.python("-m", "tests.integration.oscquery_client", str(how_many), TOKEN)
    said, _ = client.communicate(timeout=60)
    assert client.returncode == 0, said
    # Its library may complain after that, of what changed on the network meanwhile.
    (found,) = (line for line in said.splitlines() if line.startswith("{"))
    return json.loads(found)


def _wait_for(path: Path) -> None:
    deadline_s = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline_s, f"{path} has not come"
        time.sleep(0.02)


def test_two_servers_on_one_network_are_found_and_told_apart(lan: dict[str, Machine]) -> None:
    started = {name: serve(lan[name]) for name in ("a", "b")}
    named = {name: said_until(process, "named")[1] for name, (process, _, _) in started.items()}
    assert set(named.values()) == {"Antiphon", "Antiphon-2"}
    found = look(lan["c"], 2)
    assert {tuple(each) for each in found["osc"]} == {
        (f"{named[name]}._osc._udp.local.", osc_port) for name, (_, osc_port, _) in started.items()
    }
    by_name = {each["name"]: each for each in found["servers"]}
    for name, (_, osc_port, http_port) in started.items():
        server = by_name[named[name]]
        assert server["service"] == f"{named[name]}._oscjson._tcp.local."
        assert (server["address"], server["osc_ip"]) == (lan[name].address, lan[name].address)
        assert (server["port"], server["osc_port"]) == (http_port, osc_port)
        assert (server["full_path"], server["tempo"], server["nothing"]) == ("/antiphon/tempo", [120.0], None)


def test_a_server_that_ends_says_goodbye(lan: dict[str, Machine]) -> None:
    process, _, _ = serve(lan["a"])
    said_until(process, "named")
    assert [each["name"] for each in look(lan["c"], 1)["servers"]] == ["Antiphon"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    again, _, _ = serve(lan["b"])
    # The name is free again, at once.
    assert said_until(again, "named")[1] == "Antiphon"


def test_a_network_that_comes_later_and_an_address_that_changes(lan: dict[str, Machine]) -> None:
    lan["a"].move("")
    process, osc_port, _ = serve(lan["a"])
    for address in ("10.77.0.11", "10.77.0.12"):
        lan["a"].move(address)
        assert said_until(process, "named")[1] == "Antiphon"
        (server,) = look(lan["c"], 1)["servers"]
        assert (server["address"], server["osc_ip"], server["osc_port"]) == (address, address, osc_port)


def test_servers_that_meet_under_one_name_part(lan: dict[str, Machine]) -> None:
    """Both had the name before the networks were joined: one keeps it, and both are found in the end."""
    lan["b"].plug("down")
    started = {name: serve(lan[name])[0] for name in ("a", "b")}
    assert {said_until(process, "named")[1] for process in started.values()} == {"Antiphon"}
    lan["b"].plug("up")
    deadline_s = time.monotonic() + 100
    names: set[str] = set()
    while names != {"Antiphon", "Antiphon-2"} and time.monotonic() < deadline_s:
        names = {service.partition(".")[0] for service, _ in look(lan["c"], 1)["osc"]}
        time.sleep(1)
    assert names == {"Antiphon", "Antiphon-2"}


@pytest.mark.needs("avahi-browse", "avahi-daemon", "dbus-daemon")
def test_avahi_resolves_it(lan: dict[str, Machine], tmp_path: Path) -> None:
    """Avahi, the resolver of most Linux systems, on a bus of its own; the machine's bus and daemon are left alone."""
    process, osc_port, http_port = serve(lan["a"], "Studio B, left")
    said_until(process, "named")
    bus = tmp_path / "bus"
    (tmp_path / "bus.conf").write_text(BUS.format(path=bus), encoding="utf-8")
    (tmp_path / "avahi.conf").write_text(AVAHI, encoding="utf-8")
    lan["c"].start("dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--nopidfile")
    environ = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
    _wait_for(bus)
    # Its mounts are its own (`ip netns exec` sees to that): an Avahi that runs on this machine keeps its /run.
    start = f"mount -t tmpfs none /run && mkdir /run/avahi-daemon && exec avahi-daemon -f {tmp_path}/avahi.conf"
    daemon = lan["c"].start("sh", "-c", f"{start} --no-drop-root --no-rlimits --no-chroot", **environ)
    said_until(daemon, "Server")  # Server startup complete
    for kind, port in (("_osc._udp", osc_port), ("_oscjson._tcp", http_port)):
        found, _ = lan["c"].start("avahi-browse", "-rtp", kind, **environ).communicate(timeout=30)
        (line,) = (line for line in found.splitlines() if line.startswith("="))
        name, host, address, told = (line.split(";")[place] for place in (3, 6, 7, 8))
        assert (name, address, int(told)) == (r"Studio\032B\044\032left", lan["a"].address, port)
        assert re.fullmatch(r"antiphon-[0-9a-f]{8}\.local", host)


@pytest.mark.needs("node")
def test_node_finds_it_with_a_multicast_dns_of_its_own(lan: dict[str, Machine]) -> None:
    there = subprocess.run(["node", "-e", 'require("oscquery")'], capture_output=True, check=False)
    if there.returncode:
        text = "node's package oscquery is not installed: npm install --prefix FOLDER oscquery"
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)
    process, osc_port, http_port = serve(lan["a"], "Studio B")
    said_until(process, "named")
    look(lan["c"], 1)  # says the hello with the token from this machine
    client = lan["c"].start(shutil.which("node") or "node", str(SCRIPTS / "node" / "oscquery.js"), "1")
    said, _ = client.communicate(timeout=60)
    assert client.returncode == 0, said
    found = json.loads(said.splitlines()[-1])
    assert (found["name"], found["address"], found["port"]) == ("Studio B", lan["a"].address, http_port)
    assert (found["oscPort"], found["listen"]) == (osc_port, True)
    assert found["methods"] >= METHODS_AT_LEAST
    assert found["tempo"] == [{"type": "f", "range": {"min": 20, "max": 400}, "value": 120}]
    assert found["generate"] == [{"type": "s"}]
