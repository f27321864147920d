"""Performs a job: from drafts to finished loops on disk, each measured before anybody hears it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.composers import GRAMMAR, composers_of, parse_composers
from antiphon.domain.engines import Engines
from antiphon.domain.genome import Genome, StemGenes
from antiphon.domain.ids import candidate_folder, candidate_id_of
from antiphon.domain.score import Score
from antiphon.errors import BackendFailed, Conflict, QualityRejected
from antiphon.generation.backend import LoopAudio, SoundRequest, plays_score
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import express
from antiphon.generation.grammar.written import is_modelled
from antiphon.generation.registry import load_score_model
from antiphon.generation.styles import get_style
from antiphon.jobs.drafts import Draft, Drafts
from antiphon.jobs.kept_noise import KeptNoise
from antiphon.jobs.mending import Take, engines_of, inspected, unchosen
from antiphon.rendering.balance import places_of
from antiphon.rendering.delivery import write_loop
from antiphon.rendering.finish import finish
from antiphon.rendering.inspection import inspect_files
from antiphon.rendering.preset import load_preset
from antiphon.rendering.sidecar import Provenance

if TYPE_CHECKING:  # listening loads librosa, which only a request with songs waits for
    from antiphon.generation.scoring.score_model import ScoreModel
    from antiphon.jobs.songs import Songs

log = logging.getLogger(__name__)

#: The preset name that means: whatever goes with the style.
AUTO = "auto"
#: Share of a loop's progress at which its sound is there and finishing begins.
SOUND_SHARE = 0.8
#: Share of that which finding the way to songs takes, where there are any.
SONGS_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Bench:
    """What a take is made with. `batch_loops` is how many loops are sounded together after the first; `composers` is
    the setting, for new loops where nobody chose; `score_model` gives the model that writes for them."""

    backend: TwoEngines
    device: str
    preset: str
    engines: Engines
    quality_retries: int
    batch_loops: int
    #: Where noise lies that no seed draws; None where no genome names such noise.
    noises: KeptNoise | None = None
    composers: str = GRAMMAR
    score_model: Callable[[], ScoreModel] = load_score_model


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom to tell: `step(fraction, stage)`; `file(candidate_id, file)` for each file under its final name; `check()`
    raises Cancelled where the work shall stop."""

    step: Callable[[float, str], None]
    file: Callable[[str, RenderedFile], None]
    check: Callable[[], None]


@dataclass(slots=True)
class Made:
    """What of a job is made, by index, so that it can be put aside between two loops and gone on with."""

    candidates: dict[int, Candidate] = field(default_factory=dict)
    rejected_takes: int = 0


@dataclass(slots=True)
class _Loop:
    """One loop of the job on its way: `rejected` are its takes that were found broken, with their seeds; of the take in
    hand, `unchosen` are the stems whose engine nobody chose."""

    index: int
    rejected: list[dict[str, Any]] = field(default_factory=list)
    unchosen: frozenset[str] = frozenset()


class Takes:
    """Makes a job's loops: the first alone, so that it is heard early, then the others in batches.

    Stems that the model gets wrong are played by the sampler, unless somebody chose the model for them. A loop that
    measures as broken all the same is made again with another seed, up to `quality_retries` times. One that stays
    broken is left out. `rejected_takes` counts what was turned down, whatever becomes of the job. What `made` has
    already is not made again.
    """

    def __init__(
        self, job_id: str, drafts: Drafts, month_folder: Path, bench: Bench, reports: Reports,
        songs: Songs | None = None, bench_of: Callable[[str], Bench] | None = None,
        made: Made | None = None,
    ) -> None:  # fmt: skip
        self._job_id, self._drafts, self._month_folder = job_id, drafts, month_folder
        self._own = self._bench = bench
        self._bench_of, self._reports, self._songs = bench_of, reports, songs
        self._made = Made() if made is None else made
        self._settled = len(self._made.candidates)
        self._furthest = 0.0

    @property
    def rejected_takes(self) -> int:
        return self._made.rejected_takes

    def perform(self) -> tuple[Candidate, ...]:
        """Make all loops, in order. Raises QualityRejected where every one stays broken, Cancelled, BackendFailed."""
        made = self._made.candidates
        self._tell_again()
        broken: list[_Loop] = []
        for batch in self._batches():
            self._bench = self._bench_for(self._drafts.model(batch[0].index))
            while batch:
                again: list[_Loop] = []
                for loop, candidate in self._make(batch):
                    if candidate is not None:
                        made[loop.index] = candidate
                    elif len(loop.rejected) <= self._bench.quality_retries:
                        again.append(loop)
                    else:
                        broken.append(loop)
                self._settled += len(batch) - len(again)
                batch = again
        if not made:
            faults = "; ".join(broken[0].rejected[-1]["faults"])
            raise QualityRejected(
                f"every take was found broken by measurement ({faults}), so nothing is delivered: try another seed, "
                "style or preset"
            )
        return tuple(made[index] for index in sorted(made))

    def _batches(self) -> list[list[_Loop]]:
        loops = [_Loop(index) for index in range(self._drafts.count) if index not in self._made.candidates]
        rest, size = loops[1:], self._bench.batch_loops
        alike = [list(group) for _, group in groupby(rest, key=lambda loop: self._drafts.model(loop.index))]
        return [
            *([loops[:1]] if loops else []),
            *(part[start : start + size] for part in alike for start in range(0, len(part), size)),
        ]

    def _tell_again(self) -> None:
        """What was made before the job was put aside."""
        for candidate in self._made.candidates.values():
            for file in (*candidate.stems, candidate.mix):
                self._reports.file(candidate.candidate_id, file)

    def _bench_for(self, model: str | None) -> Bench:
        """What a loop is made with. A version on trial that can't be loaded must not cost anybody a loop."""
        if model is None or self._bench_of is None:
            return self._own
        try:
            return self._bench_of(model)
        except BackendFailed as error:
            log.warning("job %s: %s; its loops are made by the model in use", self._job_id, error)
            return self._own

    def _make(self, batch: Sequence[_Loop]) -> list[tuple[_Loop, Candidate | None]]:
        """Sound the loops of a batch together, then finish and judge one after another."""
        self._tell(0.0, "composing")
        drafts = [self._draft(loop, place) for place, loop in enumerate(batch)]
        scores = [express(draft.genome) for draft in drafts]
        sounds = [self._sound(draft, score) for draft, score in zip(drafts, scores, strict=True)]

        def on_step(done: int, total: int) -> None:
            before = SONGS_SHARE if self._songs else 0.0
            self._tell(SOUND_SHARE * len(batch) * (before + (1.0 - before) * done / total), "sounding")

        audio = self._bench.backend.generate(sounds, on_step)
        results: list[tuple[_Loop, Candidate | None]] = []
        for place, (loop, draft, sound, stems) in enumerate(zip(batch, drafts, sounds, audio, strict=True)):
            self._tell(SOUND_SHARE * len(batch) + (1 - SOUND_SHARE) * place, "finishing")
            results.append((loop, self._deliver(loop, draft, sound, stems)))
        return results

    def _draft(self, loop: _Loop, place: int) -> Draft:
        """The loop's next take, with all that the request left to this server decided; `place` is that in the batch."""
        draft = self._drafts.draft(loop.index, len(loop.rejected))
        genome, is_child = draft.genome, bool(draft.parents)
        self._check_parts(genome)
        loop.unchosen = unchosen(genome, is_child, self._bench.engines, self._bench.backend)
        stems = tuple(replace(genes, composer=self._composer(genes, is_child)) for genes in genome.stems)
        genome = replace(genome, preset=self._preset(genome), steps=self._steps(genome), stems=stems)
        draft = replace(draft, genome=self._written(engines_of(genome, self._bench.engines, self._bench.backend)))
        genome = draft.genome
        if self._songs is None:
            return draft

        def on_step(done: int, total: int) -> None:
            self._tell(SOUND_SHARE * SONGS_SHARE * (place + done / total), "coming near to the songs")

        def sound(genome: Genome) -> SoundRequest:
            return self._sound(replace(draft, genome=genome), express(genome))

        return replace(draft, genome=self._songs.onto(genome, sound, self._bench.backend, len(loop.rejected), on_step))

    def _check_parts(self, genome: Genome) -> None:
        """Raises Conflict where notes were brought, and the model plays others."""
        if genome.given and not plays_score(self._bench.backend):
            raise Conflict(
                f"the model {self._bench.backend.name} chooses its own notes, so parts can't stand in it: ask for "
                "model builtin, or leave out part"
            )

    def _composer(self, genes: StemGenes, is_child: bool) -> str | None:
        """As the genome has it; of a new loop, as the setting says. What a child has from before there was a choice is
        the grammar's."""
        if genes.composer or is_child:
            return genes.composer
        return dict(parse_composers(self._bench.composers)).get(genes.stem)

    def _written(self, genome: Genome) -> Genome:
        """The genome with every part that the score model shall write."""
        if not any(is_modelled(genes) and genes.stem in genome.playing for genes in genome.stems):
            return genome
        return self._bench.score_model().complete(genome, lambda *_: self._tell(0.0, "composing"))

    def _sound(self, draft: Draft, score: Score) -> SoundRequest:
        noise = {genes.stem: genes.noise for genes in draft.genome.stems}
        engines = {genes.stem: genes.engine or "neural" for genes in draft.genome.stems}
        request, steps = draft.request, self._steps(draft.genome)
        modelled = [stem for stem in draft.genome.playing if engines[stem] == "neural"]
        names = {name for stem in modelled for name in noise[stem].kept}
        kept = self._bench.noises.load(sorted(names)) if self._bench.noises is not None else {}
        widths = {genes.stem: genes.width for genes in draft.genome.stems if genes.width is not None}
        return SoundRequest(
            score, draft.genome.seed, steps, request.sample_rate, noise, request.prompt, engines, widths, kept=kept
        )

    def _deliver(self, loop: _Loop, draft: Draft, sound: SoundRequest, stems: dict[str, LoopAudio]) -> Candidate | None:
        """Finish, judge and write one loop; None where it is found broken."""
        score, rate = sound.score, draft.request.sample_rate
        # The music first, because there is no need to finish what is out of key; then the files.
        take = inspected(
            Take(draft.genome, stems), sound, loop.unchosen, draft.known, self._bench.backend, self._reports.check
        )
        draft, stems, faults = replace(draft, genome=take.genome), take.stems, take.faults
        if take.mended or take.noted:
            log.info("job %s, loop %d: mended: %s; left: %s", self._job_id, loop.index, take.mended, take.noted)
        finished = None
        if not faults:
            preset = load_preset(self._preset(draft.genome))
            finished = finish(stems, score, preset, rate, places_of(draft.genome))
            faults = inspect_files(finished, score)
        if finished is None or faults:
            self._made.rejected_takes += 1
            loop.rejected.append({"seed": score.seed, "faults": [fault.text for fault in faults]})
            log.info("job %s, loop %d: a take is broken: %s", self._job_id, loop.index, loop.rejected[-1])
            return None
        self._reports.check()
        folder = candidate_folder(self._month_folder, self._job_id, loop.index)
        candidate_id = candidate_id_of(self._job_id, loop.index)
        # What an attempt that was killed in the middle of a file has left.
        for half_written in folder.glob(".*.part"):
            half_written.unlink(missing_ok=True)
        return write_loop(
            finished,
            score,
            folder,
            candidate_id,
            self._provenance(loop, draft, take),
            file_format=draft.request.file_format,
            on_file=lambda file: self._reports.file(candidate_id, file),
        )

    def _provenance(self, loop: _Loop, draft: Draft, take: Take) -> Provenance:
        return Provenance(
            job_id=self._job_id,
            index=loop.index,
            request=draft.request,
            seed=draft.genome.seed,
            steps=self._steps(draft.genome),
            backend=self._bench.backend.name,
            model_version=self._bench.backend.version,
            engines={
                genes.stem: self._bench.backend.label(genes.engine or "neural")
                for genes in draft.genome.stems
                if genes.stem in draft.genome.playing
            },
            composers=composers_of(draft.genome),
            device=self._bench.device,
            rejected=tuple(loop.rejected),
            mended=take.mended,
            noted=take.noted,
            genome=draft.genome,
            operator=draft.operator,
            parents=draft.parents,
            breeding=draft.breeding,
            plays_score=plays_score(self._bench.backend),
        )

    def _steps(self, genome: Genome) -> int:
        return genome.steps or self._bench.backend.default_steps

    def _preset(self, genome: Genome) -> str:
        if genome.preset is not None:
            return genome.preset
        return get_style(genome.style).preset if self._bench.preset == AUTO else self._bench.preset

    def _tell(self, loops_done: float, stage: str) -> None:
        """Report progress, `loops_done` counted from the batch's start; stop here where that is wanted.

        A bar that people watch does not go back: while a broken take is made again, it waits.
        """
        self._reports.check()
        self._furthest = max(self._furthest, min(1.0, (self._settled + loops_done) / self._drafts.count))
        self._reports.step(self._furthest, stage)
