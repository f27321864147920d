#!/usr/bin/env python3
"""Start Antiphon from a fresh clone: makes its environment once, then serves. Standard library only.

python3 scripts/start.py [options of `antiphon serve`]
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Any

from environment import SetupFailed, prepare, python_path

WELCOME = """
  Antiphon is listening. Try:

    {url}        in a browser: make loops and hear them; every command is at {url}/docs
    oscsend localhost {osc} /antiphon/generate ssisiss r1 bpm 93 bars 4 key Am

  The stems come back as files in the data folder; `antiphon generate --bpm 93 --key Am --play` does it from here
  (the command is in {bin}). Ctrl+C stops the server.
"""


def welcome(ready: str) -> str:
    """What to do next, with the addresses from the server's `ready` line."""
    addresses = dict(re.findall(r"(\w+)=(\S+)", ready))
    url = addresses.get("http", "http://127.0.0.1:9011")
    port = addresses.get("osc", "127.0.0.1:9010").rpartition(":")[2]
    return WELCOME.format(url=url, osc=port, bin=python_path().parent)


def serve(python: str, arguments: list[str]) -> int:
    """Run the server until it ends, passing its lines on and the signals to it."""
    command = [python, "-u", "-m", "antiphon", "serve", *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace")
    assert server.stdout is not None

    def forward(number: int, _frame: Any) -> None:
        server.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl+C to the server too; it ends, then we do
    for line in server.stdout:
        print(line, end="", flush=True)
        if line.startswith("ready "):
            print(welcome(line), flush=True)
    return server.wait()


def main() -> int:
    try:
        python = prepare()
    except SetupFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to go on where it was.", file=sys.stderr)
        return 130
    return serve(str(python), sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
