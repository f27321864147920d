#!/usr/bin/env python3
"""Ten minutes of `antiphon serve --play`, recorded and judged to the sample: no gap, no click, on the bar, in time.

python scripts/check_audition.py --minutes 10            # needs jackd (package jackd2)
python scripts/check_audition.py --minutes 2 --swap      # and another model is put to use between many steps

A real server with a player, on JACK's dummy driver; a recorder beside it. Loops of several tempos are stepped through
at moments that are drawn at random. Every frame of the recording must be the frame of a loop's own files that is due,
but for 10 ms of crossfade before the bar line of each change. The music's time is held against the machine's clock at
the beginning and the end. Ends with 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.audition.judging import FADE, Verdict, judge
from tests.audition.served import Served, served
from tests.audition.sound_card import PERIOD_FRAMES, Recorder, Recording, SoundCard
from tests.integration.server import TONES
from tests.jack import RATE_HZ

from benchmarks.report import Report, Table

LOOPS = (
    {"bpm": 120, "bars": 2}, {"bpm": 120, "bars": 2, "meter": "3/4"}, {"bpm": 97.3, "bars": 1}, {"bpm": 141, "bars": 4},
)  # fmt: skip


def listen(
    server: Served, card: SoundCard, file: Path, seconds: float, rest_s: tuple[float, float], models: Sequence[str]
) -> tuple[Recording, int]:
    """Step to and fro, resting for between so many seconds on each loop, and record all of it. Between steps, one of
    `models` after the other is put to use, if there are any. Also how often that was."""
    random_, count, place, way = random.Random(1), len(server.loops), 0, 1
    swaps, others = 0, itertools.cycle(models)
    recorder = Recorder(card, "PortAudio", file)
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        time.sleep(random_.uniform(*rest_s))
        way = -1 if place == count - 1 else 1 if place == 0 else way
        server.step("next" if way > 0 else "previous")
        place += way
        if models and random_.random() < 0.5:
            server.post("model/use", request_id=f"swap-{swaps}", version=next(others))
            swaps += 1
    time.sleep(rest_s[0])
    return recorder.stop(), swaps


def table(verdict: Verdict, swaps: int) -> Table:
    rows = (
        ("recorded", f"{verdict.seconds:.1f} s"),
        ("changes of loop", f"{verdict.changes}"),
        ("models put to use meanwhile", f"{swaps}"),
        ("frames that are no loop's", f"{verdict.frames_of_no_loop} (crossfades: {verdict.changes * FADE})"),
        ("jumps after frames that the device lost", f"{verdict.jumps} ({verdict.lost_frames_told} frames told)"),
        ("latest change after its bar line", f"{verdict.latest_turn_frames} frames"),
        ("largest step at a change, as a share of the loops' own", f"{verdict.step_ratio:.2f}"),
        ("drift of the music against the machine's clock", f"{verdict.drift_frames:+.0f} frames"),
    )
    notes = (f"JACK's dummy driver at {RATE_HZ} Hz, {PERIOD_FRAMES} frames; loops of {len(LOOPS)} lengths.",)
    return Table("Playing", ("what", "found"), rows, notes)


def run(options: argparse.Namespace) -> tuple[Verdict, int]:
    card = SoundCard()
    os.environ.update({name: card.environ[name] for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")})
    card.plug()
    try:
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), options.model) as server:
            server.make(LOOPS, RATE_HZ)
            server.begin()
            before = server.player["lost_frames"]
            models = ("builtin", options.model) if options.swap else ()
            for model in models:
                # What is heard is the swap, not the loading of another model's libraries and weights.
                server.post("model/use", request_id=f"warm {model}", version=model)
            file, seconds = Path(folder) / "heard.npz", 60 * options.minutes
            recording, swaps = listen(server, card, file, seconds, tuple(options.rest_s), models)
            lost = server.player["lost_frames"] - before
            return judge(recording, server.loops, server.bar_frames, lost), swaps
    finally:
        card.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to listen")
    parser.add_argument("--rest-s", type=float, nargs=2, default=(4.0, 12.0), help="least and most seconds on a loop")
    parser.add_argument("--model", default=TONES, help="as in the settings")
    parser.add_argument("--swap", action="store_true", help="put this and the built-in model to use in turns meanwhile")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    report = Report.begin("check_audition", vars(options))
    verdict, swaps = run(options)
    report.add(table(verdict, swaps))
    report.figures |= {name: getattr(verdict, name) for name in Verdict.__slots__}
    report.figures |= {"faults": verdict.faults, "swaps": swaps}
    report.end(options.json)
    print("\n".join(verdict.faults), file=sys.stderr)
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
