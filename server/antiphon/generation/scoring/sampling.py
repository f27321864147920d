"""Sampling scores: noise in, pictures out, in few steps, with guidance and with stems that are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.score import ONE_VOICE, ChordSpan
from antiphon.domain.theory import Key
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.written import chord_at
from antiphon.generation.scoring.conditions import Wishes, loop_features, step_features, unguided, without_chords
from antiphon.generation.scoring.counting import COUNTED_LEVEL, one_voice, to_count
from antiphon.generation.scoring.enlarging import enlarged
from antiphon.generation.scoring.grid import CHANNELS, GLIDING, LANES, PITCHED, THRESHOLD, WRITTEN, Grid, channels_of
from antiphon.generation.scoring.ladder import DEGREES, HIGHEST, LOWEST, RUNGS, degree_of, pitch_of
from antiphon.generation.scoring.model import NotesTransformer, wound

DEFAULT_STEPS = 24
#: How far wishes are overstated: 1 not at all.
DEFAULT_GUIDANCE = 2.5
#: Called after each step with (steps done, steps in all).
OnStep = Callable[[int, int], None]


#: Steps of a loop that are drawn from another seed's noise: the stem, the seed, the steps.
Passage = tuple[str, int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A loop to be written. `seeds` names the noise of every stem; stems in `known` are taken from `given`, the picture
    of what is there, and stay exactly as they are. Of a stem in `opened` only those steps are written and the others
    stay (as inpainting does it: Lugmayr et al., "RePaint", 2022); `passages` are drawn from noise of their own."""

    frame: Frame
    key: Key
    chords: tuple[ChordSpan, ...]
    wishes: Wishes
    seeds: Mapping[str, int]
    given: Grid | None = None
    known: tuple[str, ...] = field(default=())
    opened: Mapping[str, frozenset[int]] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """What the model is told of some loops of one length; the second half of each is for guidance."""

    given: Tensor
    known: Tensor
    steps: Tensor
    loop: Tensor
    #: Lanes that the chords close to the chords stem: bool (loops, steps, CHANNELS).
    closed: Tensor
    #: Strokes that are asked for in what is not there already, by stem: float (loops,), nan where nobody says.
    asked: Mapping[str, Tensor]
    #: What is there already, and where it stays: float and bool (loops, steps, CHANNELS).
    there: Tensor
    stays: Tensor


def closed_lanes(canvas: Canvas) -> NDArray[np.bool_]:
    """The lanes that are out of their stem's range, and those of the chords stem that aren't tones of the chord: bool
    (steps, CHANNELS)."""
    closed = np.zeros((canvas.frame.total_steps, CHANNELS), dtype=np.bool_)
    for step, row in enumerate(closed):
        chord = chord_at(canvas.chords, canvas.frame, step)
        for stem in PITCHED:
            pitches = [pitch_of(rung, canvas.key, chord, stem) for rung in range(RUNGS[stem])]
            row[LANES[stem]] = [not LOWEST[stem] <= pitch <= HIGHEST[stem] for pitch in pitches]
        tones = {degree_of(pitch, canvas.key, chord) for pitch in (*chord.pitch_classes, chord.bass)}
        row[LANES["chords"]] |= [rung % DEGREES not in tones for rung in range(RUNGS["chords"])]
    return closed


def stem_noise(frame: Frame, seeds: Mapping[str, int]) -> NDArray[np.float32]:
    """Unit normal noise of a loop, stem by stem from seeds of their own: (steps, CHANNELS), float32."""
    noise = np.zeros((frame.total_steps, CHANNELS), dtype=np.float32)
    for index, stem in enumerate(WRITTEN):
        # The channel for glides has its noise after all others, so that the others' is what it was without it.
        channels = [channel for channel in channels_of(stem) if channel != GLIDING.get(stem)]
        generator = torch.Generator().manual_seed((seeds[stem] * len(WRITTEN) + index) % 2**63)
        noise[:, channels] = torch.randn(frame.total_steps, len(channels), generator=generator).numpy()
        if stem in GLIDING:
            noise[:, GLIDING[stem]] = torch.randn(frame.total_steps, generator=generator).numpy()
    return noise


def canvas_noise(canvas: Canvas) -> NDArray[np.float32]:
    """The noise that a loop is drawn from, its passages from theirs: float32 (steps, CHANNELS)."""
    noise = stem_noise(canvas.frame, canvas.seeds)
    for stem, seed, steps in canvas.passages:
        place = np.ix_(np.array(sorted(steps), dtype=np.int64), channels_of(stem))
        noise[place] = stem_noise(canvas.frame, {**canvas.seeds, stem: seed})[place]
    return noise


def staying(canvas: Canvas) -> NDArray[np.bool_]:
    """What of the given picture stays: all of the stems that are known, and the steps that are not open of others."""
    stays = np.zeros((canvas.frame.total_steps, CHANNELS), dtype=np.bool_)
    for stem in canvas.known:
        stays[:, channels_of(stem)] = True
    for stem, opened in canvas.opened.items():
        kept = np.array([step for step in range(canvas.frame.total_steps) if step not in opened], dtype=np.int64)
        stays[np.ix_(kept, channels_of(stem))] = True
    return stays


def asked_strokes(canvas: Canvas, stem: str) -> float:
    """How many strokes or notes a stem shall still get, at least one where it has none; nan where nobody says."""
    density = canvas.wishes.densities.get(stem)
    if density is None or stem in canvas.known:
        return math.nan
    wanted = density * canvas.frame.total_steps / canvas.frame.bar_steps
    if stem not in canvas.opened or canvas.given is None:
        return max(1.0, wanted)
    stands = [step for step in range(canvas.frame.total_steps) if step not in canvas.opened[stem]]
    return max(0.0, wanted - float((canvas.given[stands, LANES[stem]] > THRESHOLD).sum()))


class NotesPipeline(DiffusionPipeline):
    """The score model with its scheduler, in a folder as diffusers keeps them. `knows_glides` is False for weights from
    before there were any: they write none."""

    def __init__(self, transformer: NotesTransformer, scheduler: FlowMatchEulerDiscreteScheduler) -> None:
        super().__init__()
        self.knows_glides = int(transformer.config.channels) == CHANNELS
        self.register_modules(transformer=enlarged(transformer), scheduler=scheduler)

    @classmethod
    def from_pretrained(cls, folder: str | Path, torch_dtype: torch.dtype = torch.float32) -> NotesPipeline:
        """Load a folder that `save_pretrained` wrote, of today's weights or of older ones, which write no glides. Only
        safetensors are read."""
        place = Path(folder)
        transformer = NotesTransformer.from_pretrained(
            place / "transformer", torch_dtype=torch_dtype, use_safetensors=True
        )
        return cls(transformer, FlowMatchEulerDiscreteScheduler.from_pretrained(place / "scheduler"))

    @torch.inference_mode()
    def __call__(
        self,
        canvases: Sequence[Canvas],
        num_inference_steps: int = DEFAULT_STEPS,
        guidance_scale: float = DEFAULT_GUIDANCE,
        on_step: OnStep | None = None,
        hold_chords: bool = True,
    ) -> list[Grid]:
        """The pictures of some loops that have the same number of steps. The same canvas gives the same picture on the
        same device, but for the last digits, whatever is sampled beside it.

        With `hold_chords` the chords stem is kept to tones of the chords, and every part to its range, at every step of
        the way, so that the rest of the loop grows around them; without, they play what the model thinks (for
        measuring).
        """
        totals = {canvas.frame.total_steps for canvas in canvases}
        if len(totals) != 1:
            raise ValueError(f"loops are sampled together that have different lengths: {sorted(totals)} steps")
        circle = wound(totals.pop(), int(self.transformer.config.patch))
        told = self._told(canvases, circle)
        noise = self._stack([canvas_noise(canvas) for canvas in canvases], circle)
        state = noise
        self.scheduler.set_timesteps(
            sigmas=np.linspace(1.0, 1.0 / num_inference_steps, num_inference_steps), device=self.device
        )
        for index, timestep in enumerate(self.scheduler.timesteps):
            sigma = self.scheduler.sigmas[index].to(self.device)
            state = torch.where(told.stays, torch.lerp(told.there, noise, sigma), state)
            clean = self._agreed(self._clean(state, sigma, told, guidance_scale), canvases[0].frame)
            if hold_chords:
                clean = clean.masked_fill(told.closed, -1.0)
            if float(sigma) <= COUNTED_LEVEL:
                clean = self._counted(clean, told)
            state = self.scheduler.step((state - clean) / sigma, timestep, state, return_dict=False)[0]
            if on_step is not None:
                on_step(index + 1, num_inference_steps)
        state = torch.where(told.stays, told.there, state)
        return [picture.cpu().numpy() for picture in state[:, : canvases[0].frame.total_steps]]

    def _agreed(self, wound_round: Tensor, frame: Frame) -> Tensor:
        """Where a circle was wound round several times, the turns agree on one picture."""
        turns = wound_round.view(len(wound_round), -1, frame.total_steps, CHANNELS)
        return turns.mean(1, keepdim=True).expand_as(turns).reshape(wound_round.shape)

    def _counted(self, clean: Tensor, told: _Told) -> Tensor:
        """The guess with as many strokes as were asked for."""
        clean = clean.clone()
        for stem, asked in told.asked.items():
            lanes = LANES[stem]
            guess = one_voice(clean[..., lanes]) if stem in ONE_VOICE else clean[..., lanes]
            counted = to_count(guess, asked.nan_to_num(0.0), ~told.stays[..., lanes])
            clean[..., lanes] = torch.where(asked.isnan()[:, None, None], clean[..., lanes], counted)
        return clean

    def _clean(self, state: Tensor, sigma: Tensor, told: _Told, guidance: float) -> Tensor:
        """The clean picture as it is guessed, wishes overstated."""
        twice = torch.cat((state, state))
        guessed = self.transformer(twice, sigma.expand(len(twice)), told.given, told.known, told.steps, told.loop)
        wished, plain = guessed.chunk(2)
        return torch.lerp(plain, wished, guidance)

    def _told(self, canvases: Sequence[Canvas], circle: NDArray[np.int64]) -> _Told:
        steps = [step_features(canvas.key, canvas.chords, canvas.frame) for canvas in canvases]
        loops = [loop_features(canvas.wishes) for canvas in canvases]
        empty = np.zeros((canvases[0].frame.total_steps, CHANNELS), dtype=np.float32)
        given, known = [], []
        for canvas in canvases:
            picture = empty.copy()
            if canvas.given is None and (canvas.known or canvas.opened):
                raise ValueError("some stems are said to be given, but there is no picture of them")
            for stem in canvas.known:
                assert canvas.given is not None
                picture[:, channels_of(stem)] = canvas.given[:, channels_of(stem)]
            given.append(picture)
            mask = np.array([float(stem in canvas.known) for stem in WRITTEN], dtype=np.float32)
            known.append(np.tile(mask, (len(empty), 1)))
        vectors = torch.from_numpy(np.stack(loops + [unguided(loop) for loop in loops])).to(self.device)
        return _Told(
            given=self._stack(given * 2, circle),
            known=self._stack(known * 2, circle),
            steps=self._stack(steps + [without_chords(rows) for rows in steps], circle),
            loop=vectors,
            closed=self._stack([closed_lanes(canvas) for canvas in canvases], circle),
            asked=self._asked(canvases, len(circle) // len(empty)),
            there=self._stack([empty if canvas.given is None else canvas.given for canvas in canvases], circle),
            stays=self._stack([staying(canvas) for canvas in canvases], circle),
        )

    def _asked(self, canvases: Sequence[Canvas], turns: int) -> dict[str, Tensor]:
        """The strokes that are asked for, on circles that are wound round so many times."""
        rows = {stem: [asked_strokes(canvas, stem) * turns for canvas in canvases] for stem in WRITTEN}
        return {stem: torch.tensor(row, device=self.device) for stem, row in rows.items()}

    def _stack(self, pictures: Sequence[NDArray[Any]], circle: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.stack(pictures)[:, circle]).to(self.device)
