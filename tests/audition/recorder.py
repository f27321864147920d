"""A recorder for JACK, as a process: `python -m tests.audition.recorder SOURCE FILE` records until it is told to stop.

FILE is numpy's: `audio` (frames, 2) float32; `blocks`, for each block its first frame on JACK's own clock and
`time.monotonic` then. Frames that JACK lost show as a gap between blocks.
"""

from __future__ import annotations

import select
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import jack


def main() -> None:
    """Connect SOURCE's two outputs as soon as they are there, again and again, and record."""
    source, file = sys.argv[1], Path(sys.argv[2])
    client: Any = jack.Client(f"recorder-{file.stem}", no_start_server=True)
    ports = [client.inports.register(f"in_{k}") for k in (1, 2)]
    audio: list[np.ndarray[Any, Any]] = []
    blocks: list[tuple[float, float]] = []

    def process(_frames: int) -> None:
        blocks.append((client.last_frame_time, time.monotonic()))
        audio.append(np.stack([port.get_array() for port in ports], axis=1))

    client.set_process_callback(process)
    with client:
        print("recording", flush=True)
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            outputs = client.get_ports(f"{source}:.*", is_output=True, is_audio=True)
            for output, own in zip(outputs, ports, strict=False):
                if own not in client.get_all_connections(output):
                    client.connect(output, own)
    np.savez(file, audio=np.concatenate(audio), blocks=np.array(blocks))


if __name__ == "__main__":
    main()
