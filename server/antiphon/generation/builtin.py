"""The built-in model behind the Backend seam: from score to stems of the exact length at the asked rate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.genome import NoiseRecipe
from antiphon.domain.score import Score, StemScore, loop_frames
from antiphon.domain.timbres import COLOURS, TIMBRE_INDEX, TOLD_COLUMN
from antiphon.errors import BackendFailed
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest, StemNoise
from antiphon.generation.circle_rate import to_exact_length
from antiphon.generation.songs.mixing import mixed
from antiphon.generation.songs.picture import picture
from antiphon.generation.sound.adapter import read_adapter, with_adapter
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.pre_echo import stems_without_pre_echo
from antiphon.generation.sound.roll import circle_latent_frames, stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ
from antiphon.generation.sound.spread import SPREAD_FILE, Spread
from antiphon.generation.sound.voice import Voice

if TYPE_CHECKING:  # decoding and listening load librosa, which only a request with songs waits for
    from antiphon.generation.songs.excerpt import Excerpt

DEFAULT_STEPS = 4
#: How strongly a colour that is asked for shall hold: the middle of what the corpus has.
COLOUR_STRENGTH = 0.8


class Pictures(NamedTuple):
    """What the sound model sees and makes of the playing stems of one loop, on its circle of `time` latent frames.

    roll float32 (stems, time, 256); source float32 (stems, time × 1024); timbre int64 (stems,); colours float32
    (stems, columns); latents float32 (stems, time, dims).
    """

    stems: tuple[str, ...]
    roll: Tensor
    timbre: Tensor
    source: Tensor
    colours: Tensor
    latents: Tensor


class BuiltinBackend:
    """Score → roll and harmonic source → `ScoreToStemsPipeline` → exact length. Satisfies `Backend`.

    `base` is what a fine-tuned version was laid over; None for the base itself. `folder` is where a base was loaded
    from. `voices`: all versions that have the base's weights, with how each sounds them; `spread`: for those with it.
    """

    name = "builtin"

    def __init__(
        self,
        pipeline: ScoreToStemsPipeline,
        version: str,
        default_steps: int = DEFAULT_STEPS,
        base: BuiltinBackend | None = None,
        folder: Path | None = None,
        voices: Mapping[str, Voice] = MappingProxyType({}),
        spread: Spread | None = None,
    ) -> None:
        self._pipeline = pipeline
        self.folder = folder
        self.version = version
        self.base = base or self
        self.voices: Mapping[str, Voice] = base.voices if base else voices or {version: Voice()}
        self.voice: Voice = base.voice if base else self.voices[version]
        self.spread: Spread | None = base.spread if base else spread
        self.device = str(pipeline.device)
        self.default_steps = default_steps
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def load(cls, folder: Path, device: str) -> BuiltinBackend:
        """Load weights from a pipeline folder onto `device` (a torch device name). Raises BackendFailed."""
        try:
            about = json.loads((folder / "antiphon.json").read_text())
            pipeline = ScoreToStemsPipeline.from_pretrained(folder).to(device)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BackendFailed(
                f"the model in {folder} could not be loaded ({error}); restore the folder from the release, "
                "or train it anew: python scripts/train_base.py"
            ) from error
        voices = {str(about["version"]): Voice.of(about)}
        voices |= {version: Voice.of(about | other) for version, other in about.get("earlier", {}).items()}
        spread = Spread.read(folder / SPREAD_FILE) if any(voice.spread for voice in voices.values()) else None
        steps = int(about.get("default_steps", DEFAULT_STEPS))
        return cls(pipeline, str(about["version"]), steps, folder=folder, voices=voices, spread=spread)

    def sounding_as(self, version: str) -> BuiltinBackend:
        """The base as a version that has the same weights sounds them. Raises BackendFailed where they are others."""
        base = self.base
        if version == base.version:
            return base
        if version not in base.voices:
            raise BackendFailed(
                f"{version} is not here any more: the weights are those of {', '.join(base.voices)}; use one of these, "
                "or train again"
            )
        return BuiltinBackend(
            base.pipeline, version, base.default_steps, folder=base.folder, voices=base.voices, spread=base.spread
        )

    def fine_tuned(self, path: Path) -> BuiltinBackend:
        """The version in an adapter's file, laid over this base, sounding as the base did that it was made for. It
        shares codec, vocoder and all that it does not change. Raises BackendFailed."""
        adapter = read_adapter(path)
        made_for = str(adapter.about["base_version"])
        if made_for not in self.base.voices:
            raise BackendFailed(
                f"{adapter.version} was made for {made_for}, and this is {self.base.version}: use the base, or "
                "train it anew"
            )
        base = self.sounding_as(made_for)
        parts = dict(base.pipeline.components)
        scheduler = type(parts["scheduler"]).from_config(parts["scheduler"].config)
        parts |= {"transformer": with_adapter(parts["transformer"], adapter), "scheduler": scheduler}
        return BuiltinBackend(ScoreToStemsPipeline(**parts), adapter.version, base.default_steps, base)

    def _conditions(self, score: Score) -> _Conditions:
        return _conditions(score, int(self._pipeline.transformer.config.colours), self.voice)

    def _gain(self, timbre: Tensor, steps: int) -> Tensor | None:
        """What brings the stems as far from the expected as this version has them, float32 (stems, dims)."""
        return self.spread.at(steps)[timbre] if self.spread and self.voice.spread else None

    @property
    def pipeline(self) -> ScoreToStemsPipeline:
        """The networks, for training and measuring."""
        return self._pipeline

    def pictures(self, request: SoundRequest) -> Pictures | None:
        """What `generate` would decode, bit by bit, before it is decoded; None where no stem plays."""
        playing = tuple(stem.stem for stem in request.score.stems if stem.notes)
        if not playing:
            return None
        conditions = self._conditions(request.score)
        time = conditions.roll.shape[1]
        noise = torch.cat([self._noise(request.noise_of(stem), time, request.kept) for stem in playing])
        output = self._pipeline(
            conditions.roll, conditions.timbre, conditions.source, conditions.colours,
            num_inference_steps=request.steps, latents=noise, output_type="latent",
            gain=self._gain(conditions.timbre, request.steps),
        )  # fmt: skip
        return Pictures(
            playing, conditions.roll, conditions.timbre, conditions.source, conditions.colours, output.latents.cpu()
        )

    def same_without(self, playing: int) -> bool:
        """Stems are rows of one batch. On a processor a row's bits are the same in every batch of two and more
        (tests/generation/sound/test_pipeline.py); a single one is multiplied in another order, and on a GPU the batch
        chooses the kernel."""
        return self.device == "cpu" and playing > 1

    def warm_up(self) -> None:
        """Run one tiny loop, so that the first listener does not wait for lazily built kernels."""
        roll = torch.zeros(4, 192, 256)
        source = torch.zeros(4, 192 * LATENT_HOP_FRAMES)
        self._pipeline(roll, torch.zeros(4, dtype=torch.long), source, num_inference_steps=1)

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        """Sound the loops one after another: the stems of one loop fill the processor, and a loop's samples must not
        depend on its neighbours in a batch (replay is bit-exact)."""
        total = sum(request.steps for request in requests)
        loops: list[dict[str, LoopAudio]] = []
        for request in requests:
            done = sum(earlier.steps for earlier in requests[: len(loops)])
            loops.append(self._sound(request, done, total, on_step))
        return loops

    def _sound(self, request: SoundRequest, done: int, total: int, on_step: OnStep) -> dict[str, LoopAudio]:
        score = request.score
        frames = loop_frames(score.beats, score.bpm, request.sample_rate)
        playing = [stem for stem in score.stems if stem.notes]
        stems = {stem.stem: np.zeros((1, frames), dtype=np.float32) for stem in score.stems}
        if not playing:
            return stems
        conditions = self._conditions(score)

        def callback(_: object, index: int, __: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
            on_step(done + index + 1, total)
            return state

        time = conditions.roll.shape[1]
        noise = torch.cat([self._noise(request.noise_of(stem.stem), time, request.kept) for stem in playing])
        output = self._pipeline(
            conditions.roll, conditions.timbre, conditions.source, conditions.colours,
            company=self._company(request, playing, conditions.source.shape[1]),
            num_inference_steps=request.steps, latents=noise, callback_on_step_end=callback,
            gain=self._gain(conditions.timbre, request.steps),
        )  # fmt: skip
        assert output.audios is not None
        circle = output.audios.cpu()
        if self.voice.no_pre_echo:
            circle = torch.from_numpy(stems_without_pre_echo(circle.numpy(), playing, float(score.beats)))
        audio = to_exact_length(circle, frames).numpy()
        return stems | {stem.stem: audio[index : index + 1] for index, stem in enumerate(playing)}

    @staticmethod
    def _company(request: SoundRequest, playing: Sequence[StemScore], circle_frames: int) -> list[Tensor | None] | None:
        """What each stem hears of the others on the model's circle, at the pitch that the circle has."""
        if not request.company:
            return None
        heard = {
            stem: to_exact_length(torch.from_numpy(mix[0]), circle_frames) for stem, mix in request.company.items()
        }
        return [heard.get(stem.stem) for stem in playing]

    def invert(self, request: SoundRequest, excerpts: Sequence[Excerpt], on_step: OnStep) -> StemNoise:
        """Satisfies `backend.Inverts`."""
        score = request.score
        playing = [stem for stem in score.stems if stem.notes]
        if not playing:
            return {}
        conditions = self._conditions(score)
        time, beats = conditions.roll.shape[1], float(score.beats)
        found = []
        for index, excerpt in enumerate(excerpts):
            pictures = torch.cat([picture(excerpt, stem.stem, time, beats) for stem in playing])
            before = index

            def step(done: int, total: int, before: int = before) -> None:
                on_step(before * total + done, len(excerpts) * total)

            found.append(self._pipeline.invert(*conditions, pictures, step).cpu().numpy())
        return {stem.stem: mixed([noise[row] for noise in found]) for row, stem in enumerate(playing)}

    def _noise(
        self, recipe: NoiseRecipe, time: int, kept: Mapping[str, NDArray[np.float32]] = MappingProxyType({})
    ) -> Tensor:
        """The noise of one stem, (1, time, dims): of several sources, their weighted sum."""
        parts = []
        for source, weight in recipe.parts:
            if isinstance(source, int):
                drawn = self._pipeline.initial_noise(1, time, torch.Generator().manual_seed(source))
            else:
                drawn = self._fitted(kept[source], time)
            parts.append(weight * drawn)
        return torch.stack(parts).sum(0)

    def _fitted(self, noise: NDArray[np.float32], time: int) -> Tensor:
        """Kept noise on a circle of another length: frames are repeated or left out, because a mean of two would have
        less power than noise has."""
        dims = int(self._pipeline.transformer.config.latent_dims)
        if noise.ndim != 2 or noise.shape[1] != dims:
            raise BackendFailed(
                f"this loop's noise was found with another model ({noise.shape[-1]} latent dimensions, {self.version} "
                f"has {dims}): make it with the model it comes from"
            )
        index = torch.arange(time) * noise.shape[0] // time
        return torch.from_numpy(noise)[index][None].to(self._pipeline.device)


def colour_columns(colours: Sequence[str], columns: int) -> NDArray[np.float32]:
    """Colours as the model's columns, float32 (columns,). Raises BackendFailed for a colour the model never heard."""
    row = np.zeros(columns, dtype=np.float32)
    for colour in colours:
        if colour not in COLOURS:
            raise BackendFailed(f"the sound model knows no colour {colour!r}; it knows {', '.join(COLOURS)}")
        row[COLOURS.index(colour)] = COLOUR_STRENGTH
    row[TOLD_COLUMN] = 1.0
    return row


class _Conditions(NamedTuple):
    roll: Tensor
    timbre: Tensor
    source: Tensor
    colours: Tensor


def _conditions(score: Score, columns: int, voice: Voice) -> _Conditions:
    """What the pipeline is told of every stem that has notes, on the circle, with the source that the voice has."""
    time, beats = circle_latent_frames(score), float(score.beats)
    circle_frames = time * LATENT_HOP_FRAMES
    # The circle is resampled to its exact length afterwards; its pitches are set off by the same ratio before.
    pitch_scale = score.duration_s * MODEL_RATE_HZ / circle_frames
    playing = [stem for stem in score.stems if stem.notes]
    roll = np.stack([stem_roll(stem, beats, time) for stem in playing])
    said = [dict.fromkeys(stem.colours, COLOUR_STRENGTH) for stem in playing]
    source = np.stack([
        stem_source(stem, beats, circle_frames, pitch_scale, colours, voice.bent, voice.own_overtones)
        for stem, colours in zip(playing, said, strict=True)
    ])  # fmt: skip
    colours = np.stack([colour_columns(stem.colours, columns) for stem in playing])
    timbre = torch.tensor([TIMBRE_INDEX[stem.timbre] for stem in playing])
    return _Conditions(torch.from_numpy(roll), timbre, torch.from_numpy(source), torch.from_numpy(colours))
