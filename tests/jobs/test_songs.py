"""Songs through a real floor, ledger and worker process: heard, told, kept with the loop, and with its children."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.domain.event import Done, Failed, SongsHeard
from antiphon.domain.genome import Genome, NoiseRecipe
from antiphon.domain.lineage import Breeding
from antiphon.domain.reference import Reference, Wish
from antiphon.domain.theory import parse_key
from antiphon.errors import Forbidden, NotFound, StorageFailed
from antiphon.jobs.kept_noise import KeptNoise
from tests.generation.songs.test_songs import band
from tests.jobs.conftest import REQUEST, MakeStudio, Studio


@pytest.fixture
def song(tmp_path: Path) -> Path:
    folder = tmp_path / "references"
    folder.mkdir()
    soundfile.write(folder / "tune.flac", band(100.0, 24), 44100)
    return folder / "tune.flac"


@pytest.fixture
async def studio(make_studio: MakeStudio) -> AsyncIterator[Studio]:
    async with make_studio() as studio:
        yield studio


WISH = Wish(("tune.flac",), "my own recording", 0.5, ("bpm", "key"))


async def _done(studio: Studio, request_id: str) -> Done:
    event = await studio.outcome(request_id)
    assert isinstance(event, Done), event
    return event


async def test_a_song_decides_what_is_open_and_goes_with_every_descendant(studio: Studio, song: Path) -> None:
    await studio.floor.generate("pd", "r1", replace(REQUEST, key=None, wish=WISH))
    done = await _done(studio, "r1")
    heard = await studio.until(lambda event: isinstance(event, SongsHeard))
    assert isinstance(heard, SongsHeard)
    assert dict(heard.used) == {"bpm": 100.0, "key": "Am"}
    [candidate] = done.candidates
    assert (candidate.bpm, candidate.key) == (100.0, "Am")
    genome = candidate.genome
    assert genome is not None
    [reference] = genome.references
    assert (reference.name, reference.licence, reference.bpm) == ("tune.flac", "my own recording", 100.0)
    recipe = genome.genes("bass").noise
    [kept] = recipe.kept
    np.testing.assert_allclose([weight for _, weight in recipe.parts], 0.5**0.5, rtol=1e-6)
    assert (studio.folder / "noise" / f"{kept}.safetensors").is_file()
    sidecar = json.loads(Path(candidate.sidecar_path).read_text())
    assert sidecar["references"][0]["licence"] == "my own recording"
    assert b"after tune.flac: my own recording" in Path(candidate.mix.path).read_bytes()
    # The song itself is not needed any more: children come from the kept noise, and keep the licence.
    song.unlink()
    await studio.floor.breed("pd", "r2", Breeding("vary", (candidate.candidate_id,), amount=0.3, seed=3))
    [child] = (await _done(studio, "r2")).candidates
    assert child.genome is not None
    assert child.genome.references == genome.references
    assert b"my own recording" in Path(child.mix.path).read_bytes()
    # Sent again, it is answered from the ledger, with what was heard.
    studio.forget()
    song.write_bytes(b"RIFF" + bytes(60))
    await studio.floor.generate("pd", "r1", replace(REQUEST, key=None, wish=WISH))
    again = await studio.until(lambda event: isinstance(event, SongsHeard))
    assert isinstance(again, SongsHeard)
    assert dict(again.used) == dict(heard.used)


async def test_what_the_request_says_stands_and_a_broken_song_disturbs_nothing(studio: Studio, song: Path) -> None:
    await studio.floor.generate("pd", "r1", replace(REQUEST, wish=replace(WISH, open=(), strength=0.0)))
    [candidate] = (await _done(studio, "r1")).candidates
    assert (candidate.bpm, candidate.key) == (REQUEST.bpm, "Am")
    assert candidate.genome is not None
    assert candidate.genome.genes("bass").noise.kept == ()
    song.with_name("broken.wav").write_bytes(b"RIFF" + bytes(300))
    await studio.floor.generate("pd", "r2", replace(REQUEST, wish=replace(WISH, songs=("broken.wav",))))
    failed = await studio.outcome("r2")
    assert isinstance(failed, Failed)
    assert (failed.code, "broken.wav" in failed.message) == ("invalid", True)
    for name, fault in (("/etc/passwd", Forbidden), ("missing.wav", NotFound), ("upload:0123456789ab", NotFound)):
        with pytest.raises(fault):
            await studio.floor.generate("pd", f"r-{name}", replace(REQUEST, wish=replace(WISH, songs=(name,))))
    await studio.floor.generate("pd", "r3", replace(REQUEST, key=parse_key("Dm")))
    assert (await _done(studio, "r3")).candidates


def test_kept_noise_is_read_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    noises = KeptNoise(tmp_path / "noise")
    noise = np.random.default_rng(1).standard_normal((30, 8)).astype(np.float32)
    name = noises.keep(noise)
    assert noises.keep(noise.copy()) == name
    assert np.array_equal(noises.load([name])[name], noise)
    [path] = (tmp_path / "noise").iterdir()
    content = bytearray(path.read_bytes())
    for damaged in (content[:-40], content[:-1] + bytes([content[-1] ^ 1]), b"", b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(StorageFailed, match="backup"):
            noises.load([name])
    path.unlink()
    with pytest.raises(NotFound, match="backup"):
        noises.load([name])
    with pytest.raises(NotFound):
        noises.load(["../../etc/passwd"])


def test_licences_of_both_parents_go_to_a_child() -> None:
    from antiphon.domain.genome_wire import genome_from_json, genome_to_json
    from antiphon.evolution import cross
    from antiphon.generation.grammar import draw_genome

    def parent(seed: int, licence: str) -> Genome:
        genome = draw_genome(replace(REQUEST, seed=seed), seed)
        bass = replace(genome.genes("bass"), noise=NoiseRecipe((("ab" * 16, 0.6), (seed, 0.8))))
        return replace(genome.with_genes(bass), references=(Reference("a.wav", "ff", licence, 99.0),))

    rng = np.random.default_rng(1)
    first, second = parent(1, "mine"), parent(2, "CC BY 4.0")
    for stems in ((), ("bass",)):
        child = cross(first, second, 0.5, rng, stems)
        assert {each.licence for each in child.references} == {"mine", "CC BY 4.0"}
        assert genome_from_json(json.loads(json.dumps(genome_to_json(child)))) == child
    assert len(cross(first, first, 0.5, rng).references) == 1
