"""Fine-tuning on a tiny model: what is learnt from, what an adapter is, and what a kill costs."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_backend import load

from antiphon.domain.genome_wire import genome_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.errors import BackendFailed, Conflict
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.grammar import draw_genome
from antiphon.generation.sound.adapter import ADAPTER_FILE, read_adapter, soften
from antiphon.generation.sound.latents import LinearLatents
from antiphon.training.finetune.colour import Colour, Floats, RatedStem, beginning, liked_colour, never_softer, sounding
from antiphon.training.finetune.job import TuningJob
from antiphon.training.finetune.known_corpus import (
    CORPUS_FILE,
    HOP,
    KnownCorpus,
    read_corpus,
    sketch,
    write_corpus,
)
from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.material import FEW_PREFERENCES, RatedLoop, Recipe, Task, choose
from antiphon.training.finetune.objectives import cut, noised, pull_loss, velocity
from antiphon.training.finetune.pictures import (
    Sight,
    load_sight,
    rated_sight,
    replay_sight,
    save_sight,
    sound_request,
)
from antiphon.training.finetune.pieces import piecewise
from antiphon.training.finetune.probing import Finding, Probe, bearable, findings, likeness
from antiphon.training.finetune.session import FineTuning, Stage
from antiphon.training.finetune.shifting import ShiftLesson, StepTaken

RECIPE = Recipe(steps=6, replay_songs=1, check_steps=3, checkpoint_steps=2, rate=5e-3, held_share=0.4)


def _loop(number: int, value: float, **changes: object) -> RatedLoop:
    request = GenerateRequest(bpm=170.0, bars=1, stems=("bass", "lead"), seed=number, style="house")
    genome = draw_genome(request, number)
    return replace(RatedLoop(f"c{number}", genome, "tiny-1", "house", value, 0.8), **changes)  # type: ignore[arg-type]


LOOPS = tuple(_loop(number, number / 9) for number in range(10))


def _task(**changes: object) -> Task:
    return replace(Task("tiny-1+1", "tiny", "tiny-1", "", RECIPE, LOOPS), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny() -> BuiltinBackend:
    return load()


@pytest.fixture(scope="module")
def replayed(tiny: BuiltinBackend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The étude that every training here replays, rendered once."""
    path = tmp_path_factory.mktemp("replay") / "replay-0.picture.safetensors"
    kept: list[Sight] = []

    def work() -> Iterator[str]:
        kept.append((yield from piecewise(replay_sight(0, tiny.pipeline.codec, 64), "looking")))

    told = list(work())
    assert told == ["looking"] * len(kept[0].stems), "it can be put aside after every stem"
    save_sight(path, kept[0])
    return path


@pytest.fixture(autouse=True)
def _with_replay(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if "tiny" in request.fixturenames and "tmp_path" in request.node.fixturenames:
        for folder in (tmp_path, tmp_path / "a", tmp_path / "b"):
            folder.mkdir(exist_ok=True)
            shutil.copy(request.getfixturevalue("replayed"), folder)


def _tuning(tiny: BuiltinBackend, folder: Path, task: Task) -> FineTuning:
    return FineTuning(task, tiny, lambda version: tiny if version == "tiny-1" else None, folder, "test")


def _run(tuning: FineTuning) -> list[Stage]:
    return list(tuning.run())


def test_the_top_of_each_group_is_learnt_from_and_a_fixed_share_is_held_out() -> None:
    others = tuple(_loop(100 + number, 0.5 * number / 9, group="dub") for number in range(10))
    chosen = choose(_task(loops=LOOPS + others, recipe=replace(RECIPE, held_share=0.0)))
    by_group = {name: [part.value for part, _ in chosen.liked if part.loop.group == name] for name in ("house", "dub")}
    assert by_group["house"] == pytest.approx([1.0, 1.0, 8 / 9, 8 / 9, 7 / 9]), "a quarter of the stems"
    assert len(by_group["dub"]) == 5
    assert np.mean([weight for _, weight in chosen.liked]) == pytest.approx(1.0)
    held = {part.loop.candidate_id for part, _ in choose(_task()).held_out}
    more = {part.loop.candidate_id for part, _ in choose(_task(loops=LOOPS + others)).held_out}
    assert held
    assert held == {each for each in more if int(each[1:]) < 100}, "a loop that is held out once is held out always"
    assert not held & {part.loop.candidate_id for part, _ in choose(_task()).liked}
    assert sum(advantage for _, advantage in choose(_task()).held_out) == pytest.approx(0.0)


def test_a_stem_that_was_rated_by_itself_counts_as_that() -> None:
    plain = replace(RECIPE, held_share=0.0, top_share=1.0)
    genome = draw_genome(GenerateRequest(bpm=170.0, bars=1, stems=("drums", "bass", "chords"), seed=5), 5)
    whole = RatedLoop("w", genome, "tiny-1", "house", 0.5, 0.5, {"bass": (1.0, 0.5)})
    alone = replace(whole, candidate_id="a", stems={"bass": (0.2, 0.8)}, whole=False)
    chosen = choose(_task(loops=(whole, alone), recipe=plain))
    found = {(part.loop.candidate_id, part.stem): weight for part, weight in chosen.liked}
    mean = (2 * 0.25 + 0.5 + 0.16) / 4
    expected = {("w", "drums"): 0.25, ("w", "bass"): 0.5, ("w", "chords"): 0.25, ("a", "bass"): 0.16}
    assert found == pytest.approx({part: worth / mean for part, worth in expected.items()})
    liked = choose(_task(loops=(whole, alone), recipe=replace(plain, top_share=0.25))).liked
    assert [(part.loop.candidate_id, part.stem) for part, _ in liked] == [("w", "bass")]
    assert {(won.stem, won.loop.candidate_id, lost.loop.candidate_id) for won, lost in chosen.pairs} == {
        ("bass", "w", "a")
    }
    preferred = _task(loops=(whole, alone), recipe=plain, preferences=(("a", "w"),) * FEW_PREFERENCES)
    assert {won.stem for won, _ in choose(preferred).pairs} == {"drums", "bass", "chords"}
    held = choose(_task(loops=(whole, alone), recipe=replace(plain, held_share=1.0))).held_out
    assert [part.stem for part, advantage in held if advantage > 0.0] == ["bass"]
    with pytest.raises(Conflict, match="engine neural"):
        choose(_task(loops=(replace(alone, stems={"texture": (0.9, 0.5)}),)))


def test_what_the_sampler_played_is_not_learnt() -> None:
    genome = LOOPS[0].genome
    sampled = replace(genome, stems=tuple(replace(genes, engine="sampler") for genes in genome.stems))
    with pytest.raises(Conflict, match="engine neural"):
        choose(_task(loops=(replace(LOOPS[0], genome=sampled),)))
    with pytest.raises(Conflict, match="rated 0"):
        choose(_task(loops=(replace(LOOPS[0], value=0.0),)))


def test_a_rated_loop_is_seen_as_it_was_made(tiny: BuiltinBackend, tmp_path: Path) -> None:
    sight = rated_sight(LOOPS[3].genome, ("bass",), tiny)
    whole = tiny.pictures(sound_request(LOOPS[3].genome, tiny))
    assert sight is not None
    assert whole is not None
    assert sight.stems == ("bass",)
    assert torch.equal(sight.latents[0], whole.latents[whole.stems.index("bass")])
    save_sight(tmp_path / "x.safetensors", sight)
    again = load_sight(tmp_path / "x.safetensors")
    assert torch.equal(again.latents, sight.latents)
    assert float((again.roll - sight.roll).abs().max()) <= 0.0026


@pytest.mark.parametrize("objective", ["colour", "weighted", "pairs"])
def test_a_version_differs_from_its_base_and_is_the_same_each_time(
    tiny: BuiltinBackend, tmp_path: Path, objective: str
) -> None:
    request = sound_request(LOOPS[5].genome, tiny)
    before = tiny.pictures(request)
    tuning = _tuning(tiny, tmp_path, _task(recipe=replace(RECIPE, objective=objective)))
    stages = _run(tuning)
    assert [stage.fraction for stage in stages] == sorted(stage.fraction for stage in stages)
    first, again = tiny.fine_tuned(tuning.adapter_path), tiny.fine_tuned(tuning.adapter_path)
    made, remade, after = first.pictures(request), again.pictures(request), tiny.pictures(request)
    assert before is not None
    assert made is not None
    assert remade is not None
    assert after is not None
    assert torch.equal(made.latents, remade.latents)
    assert torch.equal(before.latents, after.latents), "the base is what it was"
    assert first.pipeline.vocoder is tiny.pipeline.vocoder
    own, base = dict(first.pipeline.transformer.named_parameters()), dict(tiny.pipeline.transformer.named_parameters())
    assert own["embed_timbre.weight"] is base["embed_timbre.weight"], "what does not change is shared"
    about = read_adapter(tuning.adapter_path).about
    if about["course"]["best_step"]:
        assert not torch.equal(made.latents, before.latents)
    assert about["recipe"]["objective"] == objective
    assert about["liked"]
    # A version of a version is laid over the base too.
    assert first.fine_tuned(tuning.adapter_path).base is tiny


def test_a_training_that_was_stopped_anywhere_ends_as_one_that_ran_through(
    tiny: BuiltinBackend, tmp_path: Path
) -> None:
    through, stopped = _tuning(tiny, tmp_path / "a", _task()), tmp_path / "b"
    _run(through)
    for steps in (1, 2, 9, 15, 17, 99):
        for done, _ in enumerate(_tuning(tiny, stopped, _task()).run(), 1):
            if done >= steps:
                break
    first, second = read_adapter(through.adapter_path), read_adapter(stopped / "adapter.safetensors")
    assert second.about["course"]["step"] == RECIPE.steps
    for name, tensor in first.tensors.items():
        torch.testing.assert_close(second.tensors[name], tensor, rtol=1e-5, atol=1e-7)
    assert _run(_tuning(tiny, stopped, _task())) == []


def _rated_stems(rng: np.random.Generator, loops: int, step: Floats, noise: float) -> list[RatedStem]:
    """Stems whose mean latents lie along `step` (2, dims), while they sound and besides where notes begin, as far as
    their loop is liked, and anywhere besides."""
    stems = []
    for loop in range(loops):
        liking = rng.standard_normal()
        for stem, height in (("bass", 36), ("lead", 72)):
            roll = np.zeros((40, 256), dtype=np.float32)
            roll[::8, height], roll[:30, 128 + height] = 0.7, 0.7
            dims = step.shape[1]
            latents = rng.standard_normal((40, dims)) + rng.standard_normal(dims) * noise
            latents[:30] += liking * step[0]
            latents[::8] += liking * step[1]
            value = 0.5 + 0.1 * liking + 0.05 * rng.standard_normal()
            tensors = (torch.from_numpy(latents.astype(np.float32)), torch.from_numpy(roll))
            stems.append(RatedStem(*tensors, f"c{loop}", stem, value, 0.7))
    return stems


def test_the_liked_colour_is_what_liked_stems_have_more_of() -> None:
    rng = np.random.default_rng(5)
    step = np.zeros((2, 12))
    step[0, :2], step[1, 4:6] = (1.5, -1.0), (-1.2, 1.4)
    colour = liked_colour(_rated_stems(rng, 40, step, 0.3))
    assert colour is not None
    assert colour.agreement > 0.6
    for part in (0, 1):
        assert np.linalg.norm(colour.step[part] - step[part]) < 0.45 * np.linalg.norm(step[part])
    attack = liked_colour(_rated_stems(rng, 40, step * np.array([[0.0], [1.0]]), 0.3))
    assert attack is not None
    assert attack.agreement > 0.4, "a taste about nothing but how notes begin"
    chance = liked_colour(_rated_stems(rng, 40, np.zeros((2, 12)), 0.3))
    assert chance is not None
    assert abs(chance.agreement) < 0.45
    assert liked_colour(_rated_stems(rng, 4, step, 0.3)) is None, "too few to ask how well the others foretell one"
    alike = [replace(each, value=0.5) for each in _rated_stems(rng, 9, step, 0.3)]
    assert liked_colour(alike) is None


def test_notes_may_begin_more_sharply_but_not_more_softly() -> None:
    """A mean log-mel of one band pair per latent: the first latent is louder, the second is not."""
    codec = LinearLatents(dims=2)
    codec.components[:, 0], codec.components[0, 1], codec.components[1, 1] = 0.1, 1.0, -1.0
    sharper, softer = torch.tensor([[-1.0, 0.5], [0.4, -3.0]]), torch.tensor([[1.0, 0.5], [-0.1, 3.0]])
    torch.testing.assert_close(never_softer(sharper, codec), sharper)
    torch.testing.assert_close(never_softer(softer, codec), torch.tensor([[1.0, 0.5], [0.0, 0.0]]))


def test_who_takes_the_step_makes_what_was_made_before_and_the_step(tiny: BuiltinBackend) -> None:
    sight = rated_sight(LOOPS[1].genome, ("bass", "lead"), tiny)
    assert sight is not None
    step = torch.stack([torch.linspace(-0.4, 0.4, sight.latents.shape[2]), torch.full(sight.latents.shape[2:], 0.2)])
    lesson = ShiftLesson(tiny.pipeline.transformer, [sight], [sight], step, (2, 1), 32, 1)
    (seen, told, wanted, sigma), *_ = lesson.asked()
    moved = sounding(seen.roll)[..., None] * step[0] + beginning(seen.roll)[..., None] * step[1]
    # Both ways to the clean sound: that of the teacher, from its own state, and that of who was taught.
    mixed = told - (1.0 - sigma)[:, None, None] * moved
    with torch.no_grad():
        before = mixed - sigma[:, None, None] * velocity(tiny.pipeline.transformer, seen, mixed, sigma)
    torch.testing.assert_close(told - sigma[:, None, None] * wanted, before + moved, rtol=1e-4, atol=1e-5)
    student = Student(tiny.pipeline.transformer, 4, 8.0, 1)
    judge = StepTaken(lesson, Colour(step.numpy(), 0.5))
    assert judge.score(student) == 0.0
    optimiser = torch.optim.Adam(student.parameters().values(), 0.02)
    for number in range(30):
        optimiser.zero_grad()
        lesson.loss(student, number).backward()
        optimiser.step()
    assert 0.1 < judge.score(student) <= 0.5


def test_the_pull_grows_with_the_distance_from_the_base(tiny: BuiltinBackend) -> None:
    student = Student(tiny.pipeline.transformer, 4, 8.0, 1)
    sight = rated_sight(LOOPS[1].genome, ("bass",), tiny)
    assert sight is not None
    seen = cut([(sight, 0, 0)], 32)
    assert pull_loss(student, seen, 5).item() == 0.0
    noise, sigma, mixed = noised(seen.latents, 5)
    with torch.no_grad():
        for name, parameter in student.parameters().items():
            if "lora_B" in name:
                parameter.add_(0.05)
        assert pull_loss(student, seen, 5).item() > 0.0
        with student.as_base() as base:
            as_base = velocity(base, seen, mixed, sigma)
        assert torch.equal(as_base, velocity(tiny.pipeline.transformer, seen, mixed, sigma))
    assert noise.shape == seen.latents.shape


def test_a_softened_version_does_a_share_of_what_it_did(tiny: BuiltinBackend, tmp_path: Path) -> None:
    tuning = _tuning(tiny, tmp_path, _task())
    _run(tuning)

    def change() -> torch.Tensor:
        version, base = (each.pipeline.transformer for each in (tiny.fine_tuned(tuning.adapter_path), tiny))
        return version.blocks[0].to_qkv.weight - base.blocks[0].to_qkv.weight

    whole = change()
    soften(tuning.adapter_path, 0.6)
    torch.testing.assert_close(change(), 0.6 * whole)
    soften(tuning.adapter_path, 0.5)
    torch.testing.assert_close(change(), 0.3 * whole)
    assert read_adapter(tuning.adapter_path).about["softened"] == [0.6, 0.5]


def _finding(base: float, version: float, limit: float, passed: bool) -> Finding:
    return Finding("onsets", base, version, limit, passed, "onsets")


def test_what_is_bearable_follows_from_what_was_lost() -> None:
    onsets, pitch = _finding(4.0, 3.52, 3.88, False), _finding(0.9, 0.89, 0.89, True)
    assert bearable([onsets, pitch], 2.0) == pytest.approx(0.95 * 0.5), "four times what is allowed: half as strong"
    assert bearable([onsets, _finding(0.9, 0.81, 0.89, False)], 2.0) == pytest.approx(0.95 / 3.0), (
        "the worse one decides"
    )
    assert bearable([onsets, pitch], 1.0) == 0.25
    assert bearable([_finding(4.0, 3.8, 3.88, False)], 1.0) == pytest.approx(0.95 * 0.6)
    assert bearable([_finding(0.0, 1.0, 0.0, False)], 1.0) == pytest.approx(0.475), "a fault is there or not"
    assert bearable([_finding(4.0, 0.0, 3.999, False)], 2.0) == 0.25
    assert bearable([_finding(4.0, 3.8799, 3.88, False)], 2.0) == 0.9


def _payload() -> dict[str, object]:
    """A job whose version has been learnt already."""
    return {
        "version": "tiny-1+1", "base_model": "tiny", "base_version": "tiny-1", "recipe": {"steps": 1},
        "loops": [
            {"candidate_id": each.candidate_id, "genome": genome_to_json(each.genome), "model_version": "tiny-1",
             "group": each.group, "value": each.value, "weight": each.weight}
            for each in LOOPS
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("allowed", "shares", "state"),
    [(1.0, 0, "trial"), (0.5, 1, "trial"), (0.05, 2, "trial"), (0.001, 2, "rejected")],
)
def test_a_version_is_as_strong_as_the_measures_allow(
    tiny: BuiltinBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: float, shares: int, state: str
) -> None:
    """The adapter is real; what it costs is made up: the square of what it does, where `allowed` may be lost."""
    costs: list[float] = []

    def measure(*_: object) -> Generator[float, None, list[Probe]]:
        yield 0.5
        return []

    def compare(*_: object) -> list[Finding]:
        about = read_adapter(tmp_path / "tiny-1+1" / ADAPTER_FILE).about
        costs.append(float(np.prod(about.get("softened", ())) ** 2))
        return [_finding(1.0, 1.0 - costs[-1], 1.0 - allowed, costs[-1] <= allowed)]

    monkeypatch.setattr("antiphon.training.finetune.job.probed", measure)
    monkeypatch.setattr("antiphon.training.finetune.job.findings", compare)
    recipe = replace(RECIPE, steps=1, held_share=0.0, objective="weighted")
    _run(_tuning(tiny, tmp_path / "tiny-1+1", _task(recipe=recipe)))
    job = TuningJob(_payload(), tiny, lambda version: tiny, tmp_path, "test")
    told = [stage.fraction for stage in job.run()]
    assert (job.outcome["state"], len(costs)) == (state, shares + 1)
    assert told == sorted(told), "the bar does not go back"
    assert costs == sorted(costs, reverse=True)


def test_an_adapter_of_another_base_is_refused_in_words(tiny: BuiltinBackend, tmp_path: Path) -> None:
    tuning = _tuning(tiny, tmp_path, _task(base_version="tiny-0", recipe=replace(RECIPE, steps=1)))
    _run(tuning)
    with pytest.raises(BackendFailed, match="was made for tiny-0"):
        tiny.fine_tuned(tuning.adapter_path)
    tuning.adapter_path.write_bytes(b"no adapter at all")
    with pytest.raises(BackendFailed, match="could not be read"):
        tiny.fine_tuned(tuning.adapter_path)


def _probe(rng: np.random.Generator, **changes: object) -> Probe:
    picture = rng.standard_normal((40, 8)).astype(np.float32)
    return replace(Probe(0, 0.9, 0.004, 2.0, 0.5, {"bass": picture}), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("", {}), ("faults", {"faults": 1}), ("pitch", {"match": 0.85}), ("onsets", {"contrast": 1.7}),
        ("timing", {"spread_s": 0.012}), ("sharpness", {"sharpness": 0.4}),
    ],
)  # fmt: skip
def test_the_gate_names_what_has_fallen(name: str, changes: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    base = [_probe(rng) for _ in range(4)]
    version = [replace(each, **changes) for each in base]  # type: ignore[arg-type]
    failed = [each.name for each in findings(base, version, []) if not each.passed]
    assert failed == ([name] if name else [])


def test_the_gate_sees_copies_and_sameness() -> None:
    rng = np.random.default_rng(2)
    base = [_probe(rng) for _ in range(4)]
    version = [_probe(rng) for _ in range(3)] + [replace(base[3], pictures={"bass": 2 * base[3].pictures["bass"]})]
    rated = {"bass": np.roll(version[0].pictures["bass"], 13, axis=0)}
    assert [each.name for each in findings(base, version, [rated]) if not each.passed] == ["copies"]
    alike = [replace(each, pictures=version[0].pictures) for each in version]
    assert [each.name for each in findings(base, alike, []) if not each.passed] == ["diversity"]
    assert likeness(base[0].pictures["bass"], version[0].pictures["bass"]) < 0.5


def test_the_gate_knows_the_corpus_by_sketches(tiny: BuiltinBackend, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    songs = [np.cumsum(rng.standard_normal((600, 64)), axis=0).astype(np.float32) for _ in range(3)]
    sketches = np.concatenate([sketch(song, range(0, 600, HOP)) for song in songs[:2]])
    codec = tiny.pipeline.codec
    write_corpus(tmp_path / CORPUS_FILE, KnownCorpus({"bass": sketches}, 2), codec)
    corpus = read_corpus(tmp_path / CORPUS_FILE, codec)
    assert corpus is not None
    assert corpus.songs == 2

    def version(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[Probe]:
        return [_probe(np.random.default_rng(4), pictures={"bass": picture})]

    stranger, copy = songs[2][:250], songs[1][300:500] + 0.2 * rng.standard_normal((200, 64)).astype(np.float32)
    for picture, failed in ((stranger, []), (copy, ["corpus"]), (np.zeros_like(stranger), [])):
        found = findings(version(stranger), version(picture), [], corpus)
        assert [each.name for each in found if not each.passed] == failed
    assert "corpus" not in {each.name for each in findings(version(copy), version(copy), [])}
    assert read_corpus(tmp_path / "none", codec) is None, "a model of one's own need not come with one"
    other = LinearLatents(codec.config.dims)
    assert read_corpus(tmp_path / CORPUS_FILE, other) is None, "other latents mean other sounds"


def test_sights_of_some_stems_keep_their_rows() -> None:
    rows = torch.arange(3.0)[:, None, None].expand(3, 4, 2)
    sight = Sight(("a", "b", "c"), rows, rows, rows, torch.arange(3), rows[:, 0])
    part = sight.of(("c", "a"))
    assert part.stems == ("a", "c")
    assert part.timbre.tolist() == [0, 2]
