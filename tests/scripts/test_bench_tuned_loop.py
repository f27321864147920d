"""The loop's benchmark with sound and fine-tuning: who is shown what by which version, and that the script runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_to_json
from antiphon.generation.builtin import BuiltinBackend
from bench_tuned_loop import AT_ONCE, OURS, PAPER, RANDOM, SEARCH, main, tables
from simulated_raters import contest
from simulated_raters.arms import draw, paper_arm
from simulated_raters.contest import Contestant, OnTrial, Place, Shown, Unchanged, UsedAtOnce, hold
from simulated_raters.ear import Ear
from simulated_raters.hearing import Memory, Sound, digest
from simulated_raters.listener import Listener, draw_listener
from simulated_raters.tunings import RatedSound, Tuned, one_epoch, payload
from tests.tiny_backend import load

PLANS = [draw(seed) for seed in range(8)]


class Imagined(Memory):
    """Sounds that follow from genome and version without being made: the better version is brighter."""

    def __init__(self, lead: Sound) -> None:
        super().__init__()
        self._lead = lead
        self.asked: list[tuple[str, Genome]] = []

    def hear(self, backend: BuiltinBackend, genomes: Any) -> list[Sound]:
        self.asked += [(backend.version, genome) for genome in genomes]
        seeds = [int(digest(genome_to_json(genome)), 16) for genome in genomes]
        sounds = [np.random.default_rng(seed).normal(size=3) for seed in seeds]
        return [sound + self._lead if "+" in backend.version else sound for sound in sounds]


def version(name: str) -> BuiltinBackend:
    return cast(BuiltinBackend, SimpleNamespace(version=name))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Place, Listener, list[dict[str, Any]]]:
    """A place where nothing is sounded, and fine-tuning gives a version at once that the listener likes better."""
    memory, jobs = Imagined(0.5 * Ear(7)._taste), []

    def at_once(job: dict[str, Any], base: BuiltinBackend, folder: Path) -> Tuned:
        jobs.append(job)
        return Tuned("trial", (), 1.0, version(job["version"]))

    monkeypatch.setattr(contest, "fine_tune", at_once)
    monkeypatch.setattr(contest, "lend_etudes", lambda *_: None)
    place = Place(version("base"), memory, tmp_path, tmp_path, per_generation=8)
    sounds = memory.hear(place.base, PLANS)
    return place, draw_listener(place.world, PLANS, PLANS, sounds, 7), jobs


def test_a_version_adds_where_it_is_used_and_is_only_tried_in_twins_otherwise(
    stage: tuple[Place, Listener, list[dict[str, Any]]],
) -> None:
    place, listener, jobs = stage
    memory = cast(Imagined, place.memory)
    without, taken = (hold(Contestant(paper_arm, each, 2), 2, listener, place, 7) for each in (Unchanged, UsedAtOnce))
    assert taken["gains"]["8"] == without["gains"]["8"], "until then they are the same"
    assert taken["gains"]["16"] > without["gains"]["16"]
    lead = taken["gains"]["16"] - without["gains"]["16"]
    assert np.mean(taken["leads"]["16"]) == pytest.approx(lead), "it adds this to the very same loops"
    assert min(taken["leads"]["16"]) > 0.0
    assert not without["tunings"]
    (job,) = jobs
    assert [each["model_version"] for each in job["loops"]] == ["base"] * 16
    assert all(0.0 <= each["value"] <= 1.0 and 0.0 <= each["weight"] < 1.0 for each in job["loops"])

    memory.asked.clear()
    tried = hold(Contestant(paper_arm, OnTrial), 3, listener, place, 7)
    assert tried["gains"]["16"] == without["gains"]["16"], "it is not in use"
    by_version = [genome for name, genome in memory.asked if "+" in name]
    assert len(by_version) == 3, "half of what is new is sounded by it"
    assert all(("base", genome) in memory.asked for genome in by_version), "each has its twin"
    assert [look["state"] for look in tried["looks"]] == ["trial"], "three loops tell nothing"


def test_loops_of_a_trial_come_in_twins_and_others_alone() -> None:
    model = Unchanged(Place(version("base"), Memory(), Path(), Path()), 1)
    assert [each.pair for each in contest.arranged(PLANS, model, 6, 1)] == [""] * 6
    model.on_trial = version("base+1")
    shown = contest.arranged(PLANS, model, 6, 1)
    assert [(each.genome, each.by.version) for each in shown[:2]] == [(PLANS[0], "base"), (PLANS[0], "base+1")]
    assert len({each.pair for each in shown}) == 3
    assert isinstance(shown[0], Shown)


def test_half_of_a_listeners_liking_is_in_the_sound() -> None:
    rng = np.random.default_rng(3)
    sounds = [rng.normal(size=3) for _ in PLANS]
    place = Place(version("base"), Memory(), Path(), Path())
    listener = draw_listener(place.world, PLANS, PLANS, sounds, 5)
    liking = listener.liking(PLANS, sounds)
    assert (liking.mean(), liking.std()) == pytest.approx((place.world.base_mean, place.world.base_sd), abs=1e-6)
    deaf = draw_listener(place.world, PLANS, PLANS, sounds, 5, sound_share=0.0)
    other = sounds[::-1]
    assert deaf.liking(PLANS, other) == pytest.approx(deaf.liking(PLANS, sounds))
    assert np.abs(listener.liking(PLANS, other) - liking).max() > 0.1


def test_the_papers_epoch_changes_how_loops_sound_and_leaves_the_base() -> None:
    base = load()
    before = {name: each.clone() for name, each in base.pipeline.transformer.state_dict().items()}
    loops = [RatedSound(PLANS[0], 1.0, 1.0, base.version), RatedSound(PLANS[1], 0.5, 1.0, base.version)]
    tuned = one_epoch(base, loops, {base.version: base}.__getitem__, 1e-3, 3, 1, "tiny~paper")
    assert tuned.version == "tiny~paper"
    assert tuned.base is base
    after = tuned.pipeline.transformer.state_dict()
    assert any(not before[name].equal(after[name]) for name in before)
    assert all(before[name].equal(each) for name, each in base.pipeline.transformer.state_dict().items())
    assert payload(loops, "tiny-1", "tiny-1+1", {})["loops"][1]["value"] == 0.5


def test_the_script_runs_and_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--quick", "--listeners", "101", "--generations", "1", "--keep", str(tmp_path), "--arms", RANDOM]
    main(words)
    first = (tmp_path / "runs.json").read_text()
    assert set(json.loads(first)) == {f"{RANDOM}/101/1"}
    heard = (tmp_path / "heard.jsonl").read_text()
    assert len(Memory(tmp_path / "heard.jsonl")._heard) == heard.count('["')
    main(words)
    assert (tmp_path / "runs.json").read_text() == first
    assert (tmp_path / "heard.jsonl").read_text() == heard, "nothing is sounded again"
    told = capsys.readouterr().out
    assert "| random | " in told
    assert "simulated" in told


def test_tables_pair_listeners_and_tell_of_how_many() -> None:
    def run(*gains: float, leads: dict[str, list[float]] | None = None) -> dict[str, Any]:
        told = [{"ratings": 48, "seconds": 120.0, "state": "trial", "reasons": []}]
        return {"gains": {str(24 * at): gain for at, gain in enumerate(gains, 1)}, "leads": leads or {},
                "tunings": told if leads else [], "looks": []}  # fmt: skip

    runs = {
        f"{PAPER}/101/2": run(0.1, 0.5), f"{PAPER}/102/2": run(0.1, 0.3), f"{SEARCH}/101/3": run(0.2, 1.5, 2.0),
        f"{AT_ONCE}/101/2": run(0.2, 1.6, leads={"48": [0.2, 0.1, -0.1]}), f"{OURS}/101/2": run(0.2, 0.4),
    }  # fmt: skip
    gain, beside, model = (table.markdown() for table in tables(runs))
    assert "| +1.50 (1) | +2.00 (1) |" in gain
    assert "+0.40 ± 1.27 (2)" in gain
    assert f"| {SEARCH} | 48 | 1 | +1.00 | 3.00 | met | met |" in beside
    assert f"| {OURS} | 48 | 1 | -0.10 | 0.80 | **missed** | **missed** |" in beside
    assert "none against it | 2 of 3 (66.7 %) | +0.07 | 2.0 |" in model
