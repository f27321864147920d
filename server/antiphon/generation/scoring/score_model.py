"""The score model as requests meet it: a genome goes in, and comes back with every part written that it shall write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from antiphon.domain.genome import Genome, StemGenes, WrittenPart
from antiphon.errors import BackendFailed
from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.grammar.written import (
    harmony_of,
    is_modelled,
    open_steps,
    origin_of,
    part_energy,
    standing,
)
from antiphon.generation.scoring.grid import WRITTEN, Grid
from antiphon.generation.scoring.sampling import NotesPipeline, OnStep
from antiphon.generation.scoring.writing import (
    Commission,
    asked_densities,
    asked_glides,
    canvas_of,
    known_to,
    strokes_of,
    with_known,
)

Opened = dict[str, frozenset[int]]


class ScoreModel:
    """The model with its version (`score-2`)."""

    def __init__(self, pipeline: NotesPipeline, version: str) -> None:
        self._pipeline, self.version = pipeline, version
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def load(cls, folder: Path, device: str) -> ScoreModel:
        """Load a folder that `training.score_stage` exported. Raises BackendFailed that says what to do."""
        try:
            version = str(json.loads((folder / "antiphon.json").read_text())["version"])
            return cls(NotesPipeline.from_pretrained(folder).to(device), version)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BackendFailed(
                f"the score model in {folder} could not be loaded ({error}): ask with composer grammar, restore the "
                "folder from the release, or train it anew (python scripts/train_base.py --stages score)"
            ) from error

    def complete(self, genome: Genome, on_step: OnStep | None = None) -> Genome:
        """The genome with all notes that its stems of the model have still to get, each written in the company of the
        stems that stand; nothing else of it changes. The same genome gives the same notes on the same device."""
        frame = frame_of(genome)
        opened = unwritten(genome, frame)
        if not opened:
            return genome
        commission = known_to(self._pipeline, commission_of(genome, opened, frame))
        (picture,) = self._pipeline([canvas_of(commission)], on_step=on_step)
        return genome.with_genes(*(self._written(commission, stem, picture, frame) for stem in opened))

    def _written(self, commission: Commission, stem: str, picture: Grid, frame: Frame) -> StemGenes:
        """The stem's genes with its part: what stands, and what the picture has in the steps that were open."""
        genome, opened = commission.genome, commission.opened
        genes = genome.genes(stem)
        strokes = strokes_of(picture, genome, stem, frame, commission.glides.get(stem))
        new = [stroke for stroke in strokes if stroke.step in opened[stem]]
        part = WrittenPart(
            tuple(sorted([*standing(genes, opened[stem]), *new])), origin_of(genome, genes, frame),
            harmony_of(genome, stem), part_energy(genome, genes), self.version,
        )  # fmt: skip
        return replace(genes, written=part, twists=())


def unwritten(genome: Genome, frame: Frame) -> Opened:
    """The steps that are still to be written of each stem that plays and that the model composes."""
    found = {
        genes.stem: open_steps(genome, genes, frame)
        for genes in genome.stems
        if genes.stem in genome.playing and is_modelled(genes)
    }
    return {stem: steps for stem, steps in found.items() if steps}


def commission_of(genome: Genome, opened: Opened, frame: Frame) -> Commission:
    """What the model is asked for: the open steps, beside the notes of all that stands."""
    heard = {part.stem: part.notes for part in express(with_known(genome)).stems if part.stem in WRITTEN}
    given = {stem: notes for stem, notes in heard.items() if stem not in opened}
    if "drums" in opened and genome.kick is None and genome.genes("bass").given is None:
        # The grammar's bass will listen to drums that are not there yet, so nobody can know it by now.
        given.pop("bass", None)
    return Commission(genome, given, asked_densities(genome), opened, asked_glides(genome))
