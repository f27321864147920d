"""The scripts about hearing: the table of usual sounds is written as the server reads it, and both run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import eval_hearing
import measure_timbres
from antiphon.domain.genome_wire import genome_to_json
from antiphon.domain.measures import MEASURES, measures_to_json
from antiphon.domain.score import STEMS
from antiphon.evolution.hearing import plans_of


def measured(count: int) -> list[measure_timbres.Measured]:
    """Loops whose stems sound as high as they play, and else by chance."""
    rng, loops = np.random.default_rng(0), []
    for seed in range(count):
        genome = measure_timbres.drawn(seed)
        plans = plans_of(genome)
        heard = {stem: (plans[stem].get("pitch", 0.0), *rng.normal(size=len(MEASURES) - 1)) for stem in sorted(STEMS)}
        sounds = tuple((stem, tuple(map(float, values))) for stem, values in heard.items())
        loops.append(measure_timbres.Measured(genome, sounds))
    return loops


def test_a_table_is_written_as_the_server_reads_it_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep, out = tmp_path / "kept.jsonl", tmp_path / "timbres" / "measures.json"
    loops = measured(200)
    lines = (
        {"seed": measure_timbres.FIRST_SEED + place, "genome": genome_to_json(loop.genome),
         "measures": measures_to_json(loop.measures)}
        for place, loop in enumerate(loops)
    )  # fmt: skip
    keep.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = ["--loops", "200", "--keep", str(keep), "--out", str(out)]
    measure_timbres.main(asked)
    stems = json.loads(out.read_text())["stems"]
    assert [*stems] == [*STEMS]
    shipped = json.loads((measure_timbres.ROOT / "presets" / "timbres" / "measures.json").read_text())["stems"]
    assert stems["lead"].keys() == shipped["lead"].keys()
    assert np.shape(stems["lead"]["weights"]) == (len(stems["lead"]["names"]), len(MEASURES))
    measure_timbres.main([*asked, "--check"])
    rows = {
        line.split("|")[1].strip(): line.split("|")[2:] for line in capsys.readouterr().out.splitlines() if "|" in line
    }
    assert {*STEMS} <= {*rows}
    pitched = float(rows["lead"][0].split("/")[1])
    assert pitched > 0.85, "what follows from the notes is foretold"


def test_timbres_are_drawn_evenly_and_some_have_colours() -> None:
    loops = [measure_timbres.drawn(seed) for seed in range(40)]
    assert len({loop.genes("lead").timbre for loop in loops}) > 10
    coloured = [genes for loop in loops for genes in loop.stems if genes.colours]
    assert 0.3 < len(coloured) / (40 * len(STEMS)) < 0.5


def test_the_evaluation_runs_and_goes_on_from_what_was_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eval_hearing.main(["--quick", "--keep", str(tmp_path)])
    first, heard = capsys.readouterr().out, (tmp_path / "heard.jsonl").read_text()
    for way in eval_hearing.WAYS:
        assert f"| {way} |" in first
    assert "who listens to plans alone" in first
    eval_hearing.main(["--quick", "--keep", str(tmp_path)])
    assert capsys.readouterr().out == first
    assert (tmp_path / "heard.jsonl").read_text() == heard, "nothing is sounded twice"
