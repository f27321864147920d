"""What the sampler plays in the model's place, and what stays as it is: stems that hiss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from antiphon.domain.engines import parse_engines
from antiphon.domain.genome import NoiseRecipe
from antiphon.domain.given import BroughtParts, GivenPart
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note
from antiphon.domain.theory import parse_key
from antiphon.errors import Conflict
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.jobs.drafts import RequestedDrafts
from antiphon.jobs.mending import Take, engines_of, inspected
from antiphon.jobs.take import Bench, Reports, Takes
from antiphon.rendering.sidecar import read_sidecar
from tests.tone_backend import ToneBackend

STEMS = ("bass", "chords", "lead")
REQUEST = GenerateRequest(bpm=124.0, bars=1, key=parse_key("Am"), stems=STEMS, seed=5, style="house", preset="clean")


class Hissing(ToneBackend):
    """The tone backend with noise on its chords."""

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        loops = super().generate(requests, on_step)
        for stems in loops:
            if "chords" in stems:
                noise = np.random.default_rng(1).standard_normal(stems["chords"].shape).astype(np.float32)
                stems["chords"] = stems["chords"] + np.float32(0.02) * noise
        return loops

    def same_without(self, playing: int) -> bool:
        return True


class Improvising(Hissing):
    plays_score = False


def _made(model: ToneBackend, folder: Path, engines: str = "", setting: str = "") -> tuple[dict[str, Any], Path]:
    """One loop as the worker makes it: its sidecar, and where it lies."""
    bench = Bench(TwoEngines(model), "cpu", "auto", parse_engines(setting), quality_retries=0, batch_loops=1)
    drafts = RequestedDrafts(replace(REQUEST, engines=parse_engines(engines)))
    (candidate,) = Takes(
        "job", drafts, folder, bench, Reports(lambda *_: None, lambda *_: None, lambda: None)
    ).perform()
    sidecar = Path(candidate.sidecar_path)
    return dict(read_sidecar(sidecar).data), sidecar.parent


def test_a_stem_that_hisses_is_played_by_the_sampler_and_the_others_stay(tmp_path: Path) -> None:
    hissing, its_folder = _made(Hissing(), tmp_path / "hissing")
    ((mended,), noted) = hissing["mended"], hissing["noted"]
    assert (mended["stem"], mended["instead"], noted) == ("chords", "sampler", [])
    assert "hisses" in mended["fault"]
    assert hissing["engines"]["chords"].startswith("sampler")
    assert hissing["rejected_attempts"] == []
    asked, asked_folder = _made(ToneBackend(), tmp_path / "asked", "chords:sampler")
    assert asked["mended"] == asked["noted"] == []
    files = sorted(path.name for path in its_folder.glob("*.wav"))
    assert len(files) == len(STEMS) + 1
    for name in files:
        (made, _), (same, _) = soundfile.read(its_folder / name), soundfile.read(asked_folder / name)
        assert np.array_equal(made, same), f"{name} is what the genome says"


@pytest.mark.parametrize(("engines", "setting"), [("chords:neural", ""), ("", "chords:neural")])
def test_a_stem_that_somebody_chose_the_model_for_stays_and_the_sidecar_says_so(
    engines: str, setting: str, tmp_path: Path
) -> None:
    sidecar, _ = _made(Hissing(), tmp_path, engines, setting)
    assert sidecar["mended"] == sidecar["rejected_attempts"] == []
    ((noted),) = sidecar["noted"]
    assert noted["stem"] == "chords"
    assert "hisses" in noted["fault"]
    assert sidecar["engines"]["chords"].startswith("neural")


def test_what_plays_its_own_notes_is_not_asked(tmp_path: Path) -> None:
    sidecar, _ = _made(Improvising(), tmp_path)
    assert sidecar["mended"] == sidecar["noted"] == []


def test_a_stem_that_somebody_knows_as_it_is_stays() -> None:
    """Of a parent's, when another stem is made anew; and where the noise is a song's, whose hiss it may be."""
    backend = TwoEngines(Hissing())
    genome = engines_of(draw_genome(REQUEST, 5), (), backend)
    song = replace(genome.genes("chords"), noise=NoiseRecipe((("0a" * 16, 1.0),)))
    louder = replace(genome.genes("chords"), level_lu=-3.0)
    other_noise = replace(genome.genes("chords"), noise=NoiseRecipe(((77, 1.0),)))
    cases = [
        (genome, (), "mended"),
        (genome, (genome.with_genes(louder),), "noted"),
        (genome, (genome.with_genes(other_noise),), "mended"),
        (genome, (replace(genome, bpm=100.0),), "mended"),
        (genome, (replace(genome, playing=("bass",)),), "mended"),
        (genome.with_genes(song), (), "noted"),
    ]
    for child, known, outcome in cases:
        sound = SoundRequest(express(child), 5, 1, 44100, engines=dict.fromkeys(STEMS, "neural"))
        (stems,) = Hissing().generate([sound], lambda *_: None)
        take = inspected(Take(child, stems), sound, frozenset(STEMS), known, backend, lambda: None)
        assert take.faults == ()
        told = {"mended": take.mended, "noted": take.noted}
        assert [entry["stem"] for entry in told.pop(outcome)] == ["chords"]
        assert not any(told.values())
        assert take.genome.genes("chords").engine == ("sampler" if outcome == "mended" else "neural")
        assert (take.stems["chords"] is stems["chords"]) == (outcome == "noted")


def test_hiss_stays_where_the_sampler_would_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = TwoEngines(Hissing())
    genome = engines_of(draw_genome(REQUEST, 5), (), backend)
    sound = SoundRequest(express(genome), 5, 1, 44100, engines=dict.fromkeys(STEMS, "neural"))
    (stems,) = Hissing().generate([sound], lambda *_: None)
    silence = {"chords": np.zeros_like(stems["chords"])}
    monkeypatch.setattr(backend, "by_sampler", lambda *_: silence)
    take = inspected(Take(genome, stems), sound, frozenset(STEMS), (), backend, lambda: None)
    assert [entry["stem"] for entry in take.noted] == ["chords"]
    assert not take.faults
    assert not take.mended


RIFF = GivenPart("lead", tuple(Note(place / 2, 0.4, 72 + place, 100) for place in range(8)), 4.0, "riff.mid", "ff")


def test_what_plays_its_own_notes_takes_none_of_anybodys(tmp_path: Path) -> None:
    drafts = RequestedDrafts(replace(REQUEST, brought=BroughtParts((RIFF,))))
    bench = Bench(TwoEngines(Improvising()), "cpu", "auto", (), quality_retries=0, batch_loops=1)
    with pytest.raises(Conflict, match="chooses its own notes"):
        Takes("job", drafts, tmp_path, bench, Reports(lambda *_: None, lambda *_: None, lambda: None)).perform()


def test_notes_that_somebody_brought_are_not_judged_once_the_sampler_plays_them() -> None:
    backend = TwoEngines(ToneBackend())
    given = engines_of(draw_genome(replace(REQUEST, brought=BroughtParts((RIFF,))), 5), (), backend)
    composed = given.with_genes(replace(given.genes("lead"), given=None))
    sound = SoundRequest(express(given), 5, 1, 44100, engines=dict.fromkeys(STEMS, "neural") | {"lead": "sampler"})
    (stems,) = backend.generate([sound], lambda *_: None)
    late = {**stems, "lead": np.roll(stems["lead"], 4410, axis=1)}
    told = {}
    for name, genome, engine in (
        ("given", given, "sampler"),
        ("model's", given, "neural"),
        ("own", composed, "sampler"),
    ):
        genome = genome.with_genes(replace(genome.genes("lead"), engine=engine))
        take = inspected(Take(genome, late), sound, frozenset(STEMS), (), backend, lambda: None)
        told[name] = [len(take.faults), len(take.mended), len(take.noted)]
    # Of the model's playing it is a fault like any other, and the sampler plays instead.
    assert told == {"given": [0, 0, 1], "model's": [0, 1, 0], "own": [1, 0, 0]}
