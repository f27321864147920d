#!/usr/bin/env python3
"""One round of learning, end to end over OSC: loops are rated, the model is fine-tuned, tried blind, swapped in.

    python scripts/check_round.py                       30 loops rated, /train, then a trial; at most 500 ratings in all
    python scripts/check_round.py --steps 20 --most 60  a short look
    python scripts/check_round.py --listeners 5         five rounds, each with its own listener and server

The rater is simulated: a hidden taste over what is heard in the delivered files (scripts/simulated_raters/ear.py), with
noise. It does not know which version made a loop. Everything goes through a real server, over UDP.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT), str(ROOT / "scripts")]

from benchmarks.report import Report, Table, median, points, share, spread, verdict  # noqa: E402
from benchmarks.server import Client, Heard, Server, Value, packet  # noqa: E402
from simulated_raters.ear import PITCHED, REACH, Ear  # noqa: E402

STYLES = ("lofi", "house", "ambient", "dub", "techno", "hiphop")
WORK_S = 1500.0
#: Loops behind each figure of speed, and pairs that are compared blind.
TIMED, PAIRS = 15, 36
#: How long a swap may be without a word of it.
SWAP_S = 10.0
#: More memory than this a training may not take (the GPU's own is another matter, and is not measured).
MOST_GB = 10.0
#: What is put to use at the end, one after another, before old loops are made again each time; "": roll back.
SWAPS = ("version", "base", "", "version", "", "base", "version", "")
#: Somebody asks for a loop now and then while the model learns, from its first minute to its report.
BETWEEN_S, BESIDE = 5.0, 24
OVER = ("/antiphon/done", "/antiphon/error", "/antiphon/cancelled", "/antiphon/rated")


@dataclass
class Visit:
    """One simulated listener at one server, and all that it was told."""

    client: Client
    ear: Ear
    rng: random.Random
    #: By request: all its answers. By candidate and stem: its file.
    answers: dict[str, list[Heard]] = field(default_factory=dict)
    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    count: int = 0
    rated: int = 0

    def send(self, address: str, *arguments: Value) -> str:
        """Send a command, with an id that is returned."""
        self.count += 1
        request_id = f"q{self.count}"
        self.client.send(packet(f"/antiphon/{address}", request_id, *arguments))
        return request_id

    def hear(self, timeout_s: float) -> Heard | None:
        try:
            message = self.client.wait(lambda heard: True, timeout_s)
        except TimeoutError:
            return None
        values = [str(each) for each in message.values]
        if message.address in ("/antiphon/stem", "/antiphon/mix"):
            self.files.setdefault(values[1], {})[values[2]] = Path(values[3])
        elif message.address == "/antiphon/model/changed":
            self.changed.append(values[0])
        self.answers.setdefault(values[0] if values else "", []).append(message)
        return message

    def over(self, request_id: str) -> Heard | None:
        """The message that ended a request. Raises RuntimeError where it failed."""
        last = next((each for each in self.answers.get(request_id, ()) if each.address in OVER), None)
        if last is not None and last.address == "/antiphon/error":
            raise RuntimeError(" ".join(map(str, last.values)))
        return last

    def done(self, request_id: str, patience_s: float = WORK_S) -> list[str]:
        """What the message that ends a request names, once it has come. Raises TimeoutError, RuntimeError."""
        until_s = time.perf_counter() + patience_s
        while (last := self.over(request_id)) is None:
            if time.perf_counter() > until_s:
                raise TimeoutError(f"{request_id} has not ended")
            self.hear(0.5)
        return [str(each) for each in last.values[1:]]

    def heard(self, candidate_id: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What there is to hear in a loop's pitched stems."""
        files = self.files[candidate_id]
        stems = [soundfile.read(files[stem]) for stem in PITCHED if stem in files]
        return self.ear.listen(np.sum([audio for audio, _ in stems], axis=0), stems[0][1])

    def rate(self, candidate_id: str) -> float:
        """Rate a loop, and wait until the rating is on disk."""
        self.rated += 1
        value = self.ear.rate(self.heard(candidate_id))
        self.done(self.send("rate", candidate_id, value), 30.0)
        return value

    def generate(self, *keys: Value) -> list[str]:
        return self.done(self.send("generate", *keys))

    def loop_s(self) -> float:
        """Seconds from asking for a loop of four bars to having it."""
        began_s = time.perf_counter()
        self.generate("bars", 4, "bpm", 93, "style", "lofi", "seed", self.rng.randrange(2**31))
        return time.perf_counter() - began_s

    def models(self) -> dict[str, str]:
        """State by version."""
        request_id = self.send("model/list")
        while self.hear(0.5) is not None or request_id not in self.answers:
            pass
        return {str(each.values[1]): str(each.values[2]) for each in self.answers[request_id]}

    def use(self, command: str, *arguments: Value) -> None:
        """`model/use` or `model/rollback`, once it is done."""
        request_id = self.send(f"model/{command}", *arguments)
        while not any(each.address == "/antiphon/model" for each in self.answers.get(request_id, ())):
            self.over(request_id)
            self.hear(0.5)


def first_ratings(visit: Visit, count: int) -> list[float]:
    """Loops of several styles; the listener gets used to them, then rates each."""
    made: list[str] = []
    while len(made) < count:
        style = STYLES[len(made) // 5 % len(STYLES)]
        made += visit.generate("style", style, "bars", 2, "count", 5, "seed", visit.rng.randrange(2**31))
    visit.ear.get_used_to([visit.heard(each) for each in made[:count]])
    return [visit.rate(each) for each in made[:count]]


def train(visit: Visit, steps: int, console: Console) -> tuple[str, float, list[float]]:
    """Fine-tune while somebody goes on asking for loops now and then; returns the version, seconds, seconds a loop."""
    request_id = visit.send("train", *(("steps", steps) if steps else ()))
    began_s, again_s, beside_s = time.perf_counter(), 0.0, []
    while visit.over(request_id) is None:
        message = visit.hear(0.5)
        if message is None or message.address != "/antiphon/progress" or message.values[0] != request_id:
            continue
        console.print(f"  {message.values[1]:4.0%} {message.values[2]:<24}", end="\r")
        if len(beside_s) < BESIDE and time.perf_counter() > again_s:
            time.sleep(visit.rng.uniform(0.0, 3.0))
            if visit.over(request_id) is None:
                beside_s.append(visit.loop_s())
            again_s = time.perf_counter() + BETWEEN_S
    return str(visit.done(request_id)[0]), time.perf_counter() - began_s, beside_s


def trial(visit: Visit, version: str, most: int, console: Console) -> str:
    """Evolve and rate until the version is promoted or rejected; returns its state."""
    while (state := visit.models().get(version, "")) == "trial" and visit.rated < most:
        for candidate_id in visit.done(visit.send("evolve", "count", min(8, most - visit.rated))):
            visit.rate(candidate_id)
        console.print(f"  {visit.rated} ratings", end="\r")
    while state == "active" and version not in visit.changed and visit.hear(SWAP_S) is not None:
        pass
    return state


def blind_pairs(visit: Visit, new: str, base: str) -> list[float]:
    """The same requests made by both versions: by how much the listener, without noise, likes the new one's better, in
    points of 5."""
    leads = []
    for place in range(PAIRS):
        keys = ("style", STYLES[place % len(STYLES)], "bars", 2, "seed", 5_000_000 + place)
        liked = {
            model: visit.ear.liking(visit.heard(visit.generate(*keys, "model", model)[0])) for model in (new, base)
        }
        leads.append(5.0 * REACH * (liked[new] - liked[base]))
    return leads


def peak_gb(server: Server) -> float:
    """The most memory that the worker, which does the training, has had resident since its start, GB of 10⁹ bytes; NaN
    where the system doesn't tell (it has to be Linux)."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/api/status") as answer:
        pid = json.load(answer)["worker"]["pid"]
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((1024.0 * float(line.split()[1]) / 1e9 for line in lines if line.startswith("VmHWM:")), float("nan"))


def replays(visit: Visit, version: str, base: str) -> list[bool]:
    """After each of SWAPS a loop of either model is made again: whether each is as it was. (Of children nobody can ask
    for the same one again, for their seeds are drawn; tests/jobs/test_training.py shows it of these.)"""
    keys: tuple[Value, ...] = ("style", "dub", "bars", 2, "seed", 78)

    def made() -> list[str]:
        return [visit.generate(*keys, "model", model)[0] for model in (base, version)]

    before, same = made(), []
    for name in SWAPS:
        if name:
            visit.use("use", {"version": version, "base": base}[name])
        else:
            visit.use("rollback")
        same += [same_sound(visit, one, other) for one, other in zip(before, made(), strict=True)]
    return same


def same_sound(visit: Visit, one: str, other: str) -> bool:
    """Whether two loops are the same, stem by stem and sample for sample."""
    files = [visit.files[each] for each in (one, other)]
    return files[0].keys() == files[1].keys() and all(
        np.array_equal(soundfile.read(files[0][stem])[0], soundfile.read(files[1][stem])[0]) for stem in files[0]
    )


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one listener's round. `leads` are those of `blind_pairs`; times are seconds, `alone_s` and
    `beside_s` those of a loop without and with a training beside it."""

    ratings: list[float]
    training_s: float
    alone_s: list[float]
    beside_s: list[float]
    reasons: list[str]
    state: str
    rated: int
    swaps: list[str]
    leads: list[float]
    base: str
    back: str
    replayed: bool
    replays: list[bool]
    peak_gb: float

    @property
    def wins(self) -> int:
        return sum(lead > 0.0 for lead in self.leads)

    @property
    def slower(self) -> float:
        return median(self.beside_s) / median(self.alone_s) - 1.0 if self.beside_s else float("nan")


def visited(server: Server, steps: int, most: int, seed: int, console: Console) -> Round:
    """The whole round of one listener."""
    keys: tuple[Value, ...] = ("style", "dub", "bars", 2, "seed", 77)
    with server.client() as client:
        visit = Visit(client, Ear(seed), random.Random(seed))
        # Who subscribes is told when another version is in use.
        client.ask(packet("/antiphon/subscribe"), ("/antiphon/subscribed",))
        base = next(version for version, state in visit.models().items() if state == "active")
        first = visit.generate(*keys)[0]
        visit.loop_s()
        alone_s = [visit.loop_s() for _ in range(TIMED)]
        ratings = first_ratings(visit, 30)
        version, training_s, beside_s = train(visit, steps, console)
        most_gb = peak_gb(server)
        report = json.loads((server.data_dir / "models" / version / "report.json").read_text())
        state = trial(visit, version, most, console)
        swaps = list(visit.changed)
        leads = blind_pairs(visit, version, base)
        visit.use("use", version)
        visit.use("rollback")
        back = next(name for name, each in visit.models().items() if each == "active")
        replayed = same_sound(visit, first, visit.generate(*keys, "model", base)[0])
        again = replays(visit, version, base)
    return Round(
        ratings,
        training_s,
        alone_s,
        beside_s,
        report["reasons"],
        state,
        visit.rated,
        swaps,
        leads,
        base,
        back,
        replayed,
        again,
        most_gb,
    )


def round_table(seed: int, found: Round) -> Table:
    quick, undisturbed = found.training_s <= 900.0, found.slower <= 0.2
    rows = (
        ("loops rated before the training", "30", f"30, mean {statistics.fmean(found.ratings) * 5.0:.2f} of 5", ""),
        ("training, to the version's report", "≤ 15 min", f"{found.training_s / 60.0:.1f} min", verdict(quick)),
        ("a loop of 4 bars meanwhile", "≤ 20 % slower", f"{found.slower:+.0%} ({median(found.beside_s):.2f} s, alone "
         f"{median(found.alone_s):.2f} s; medians of {len(found.beside_s)} and {len(found.alone_s)})",
         verdict(undisturbed)),
        ("peak memory of the process that trains", f"≤ {MOST_GB:g} GB", f"{found.peak_gb:.1f} GB resident, loops "
         "meanwhile and all; a GPU's memory is not in it", verdict(found.peak_gb <= MOST_GB)),
        ("the gate's findings", "–", "; ".join(found.reasons) or "none against it", ""),
        ("trial", "–", f"{found.state} after {found.rated} ratings in all", ""),
        ("swap by itself", "–", ", ".join(found.swaps) or "none", ""),
        ("blind wins over the base", "≥ 70 %", share(found.wins, len(found.leads)),
         verdict(found.wins >= 0.7 * len(found.leads))),
        ("true liking, over the base", "–", f"{points(found.leads)} points", ""),
        ("roll back", found.base, found.back, verdict(found.back == found.base)),
        ("the first loop, made again", "bit-exact", "bit-exact" if found.replayed else "differs",
         verdict(found.replayed)),
        (f"loops of base and version, made again after each of {len(SWAPS)} more swaps", "bit-exact",
         f"{sum(found.replays)} of {len(found.replays)} are bit-exact", verdict(all(found.replays))),
    )  # fmt: skip
    return Table(f"One round, simulated listener {seed}", ("what", "goal", "measured", "verdict"), rows)


def all_table(rounds: dict[int, Round]) -> Table:
    """Over all listeners, each counted once."""
    wins, leads = (sum(each.wins for each in rounds.values()), sum(len(each.leads) for each in rounds.values()))
    rows = (
        ("versions promoted", ", ".join(f"{seed}: {each.state}" for seed, each in rounds.items())),
        ("blind wins over the base", share(wins, leads)),
        (
            "true liking over the base, points of 5, by listener",
            points([statistics.fmean(r.leads) for r in rounds.values()]),
        ),
        ("training, minutes", spread([each.training_s / 60.0 for each in rounds.values()], 1)),
    )
    return Table(f"{len(rounds)} rounds, simulated listeners", ("what", "measured"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=0, help="steps of learning, 0: as the setting says")
    parser.add_argument("--most", type=int, default=500, help="ratings in all")
    parser.add_argument("--seed", type=int, default=1, help="another number is another listener")
    parser.add_argument("--listeners", type=int, default=1, help="how many, one after another")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    console = Console(stderr=True)
    report = Report.begin("check_round", vars(args))
    rounds = {}
    for seed in range(args.seed, args.seed + args.listeners):
        with Server({"training.auto": False}) as server:
            server.ready_s()
            rounds[seed] = visited(server, args.steps, args.most, seed, console)
        report.add(round_table(seed, rounds[seed]))
    if len(rounds) > 1:
        report.add(all_table(rounds))
    report.end(args.json)


if __name__ == "__main__":
    main()
