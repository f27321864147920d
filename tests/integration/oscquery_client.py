"""The PyPI package python-oscquery as a client: it browses, reads HOST_INFO and nodes; prints what it found as JSON.

    python -m tests.integration.oscquery_client HOW_MANY [TOKEN]

With a token, it says hello by OSC to every server that it finds before it asks: OSCQuery clients can send no header.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

from pythonosc.osc_message_builder import build_msg
from pythonoscquery.osc_query_browser import OSCQueryBrowser
from pythonoscquery.osc_query_client import OSCQueryClient

PATIENCE_S = 30.0


def hello(address: str, port: int, token: str) -> None:
    """Say hello with the token, and wait for the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(build_msg("/antiphon/hello", ["h1", "patch", "token", token]).dgram, (address, port))
        assert b"/antiphon/welcome" in sock.recv(4096)


def main(how_many: int, token: str) -> None:
    browser = OSCQueryBrowser()
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        found, osc = browser.get_discovered_oscquery(), browser.get_discovered_osc()
        if min(len(found), len(osc)) >= how_many and None not in [*found, *osc]:
            break
        time.sleep(0.05)
    servers: list[dict[str, Any]] = []
    greeted: set[bytes] = set()
    for each in osc:
        if token:
            hello(socket.inet_ntoa(each.addresses[0]), each.port, token)
        greeted.add(each.addresses[0])
    # A server may have been found as one of the two kinds only by now; it would not know this client yet.
    for each in (each for each in found if each.addresses[0] in greeted):
        client = OSCQueryClient(each)
        info, tempo = client.get_host_info(), client.query_node("/antiphon/tempo")
        servers.append({
            "service": each.name, "address": socket.inet_ntoa(each.addresses[0]), "port": each.port, "name": info.name,
            "osc_port": info.osc_port, "osc_ip": info.osc_ip, "tempo": tempo.value, "full_path": tempo.full_path,
            "nothing": client.query_node("/nothing"),
        })  # fmt: skip
    print(json.dumps({"servers": servers, "osc": [[each.name, each.port] for each in osc]}))
    browser.zc.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
