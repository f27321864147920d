"""Every way of sounding an étude that eval_fidelity.py compares: instruments, decoder, Griffin-Lim, sound models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import librosa
import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from antiphon.domain import overtones
from antiphon.domain.score import STEMS
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.errors import BackendFailed
from antiphon.generation import bends
from antiphon.generation import sound as sound_code
from antiphon.generation.engines import SAMPLED_BY_DEFAULT
from antiphon.generation.sampler.playing import play_stem
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.pre_echo import stems_without_pre_echo
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import (
    FFT_FRAMES,
    HOP_FRAMES,
    LATENT_HOP_FRAMES,
    log_mel_circle,
    mel_pseudo_inverse,
)
from antiphon.generation.sound.spread import SPREAD_FILE, Spread
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.generation.sound.voice import Voice
from antiphon.training.corpus import Song
from antiphon.training.dataset import colour_row

Wave = NDArray[np.float32]
GRIFFIN_LIM_ITERATIONS = 32
_WEIGHTS = "diffusion_pytorch_model.safetensors"


class Sitting:
    """A song, and what models are told of it: worked out once, where it is asked for."""

    def __init__(self, song: Song) -> None:
        self.song = song

    @property
    def frames(self) -> int:
        return int(self.song.audio.shape[1])

    @cached_property
    def picture(self) -> Tensor:
        """The instruments' own log-mel pictures, (stems, frames / HOP_FRAMES, bands)."""
        return log_mel_circle(torch.from_numpy(self.song.audio))

    def source(self, voice: Voice) -> Tensor:
        beats, told = float(self.song.score.beats), zip(self.song.score.stems, self.song.colours, strict=True)
        how = {"bent": voice.bent, "own_overtones": voice.own_overtones}
        waves = [stem_source(stem, beats, self.frames, colours=said, **how) for stem, said in told]
        return torch.from_numpy(np.stack(waves))

    @cached_property
    def roll(self) -> Tensor:
        time, beats = self.frames // LATENT_HOP_FRAMES, float(self.song.score.beats)
        return torch.from_numpy(np.stack([stem_roll(stem, beats, time) for stem in self.song.score.stems]))

    @cached_property
    def timbre(self) -> Tensor:
        return torch.tensor([TIMBRE_INDEX[stem.timbre] for stem in self.song.score.stems])

    def colours(self, columns: int) -> Tensor:
        return torch.from_numpy(np.stack([colour_row(said, columns) for said in self.song.colours]))


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of sounding a song. `key` names it on disk: other weights or settings, another key."""

    name: str
    key: str
    sound: Callable[[Sitting], Wave]


def griffin_lim(picture: Tensor) -> Wave:
    """Griffin-Lim (1984) from the mel picture of one stem: float32 (frames,)."""
    magnitude = (picture.exp() @ mel_pseudo_inverse().T).clamp_min(0.0).numpy().T
    made: Wave = librosa.griffinlim(
        magnitude, n_iter=GRIFFIN_LIM_ITERATIONS, hop_length=HOP_FRAMES, n_fft=FFT_FRAMES, random_state=1
    )
    return made


def _griffin_lim_stems(sitting: Sitting) -> Wave:
    waves = [griffin_lim(picture) for picture in sitting.picture]
    return np.stack([np.pad(wave, (0, sitting.frames))[: sitting.frames] for wave in waves]).astype(np.float32)


def sampled(sitting: Sitting, stems: Collection[str] = STEMS) -> Wave:
    """Some of the stems by the sampler engine, as Antiphon plays them on any machine, the others silent: without
    FluidSynth, which plays the real renders' acoustic timbres."""
    song, per_beat = sitting.song, sitting.frames / float(sitting.song.score.beats)
    waves = [
        play_stem(stem, per_beat, sitting.frames, said, song.score.seed)
        if stem.stem in stems and stem.notes
        else np.zeros(sitting.frames, dtype=np.float32)
        for stem, said in zip(song.score.stems, song.colours, strict=True)
    ]
    return np.stack(waves)


REAL = Arm("real", "real", lambda sitting: sitting.song.audio)
SAMPLER = Arm("sampler engine", "sampler1", sampled)
GRIFFIN_LIM = Arm("Griffin-Lim", f"griffin{GRIFFIN_LIM_ITERATIONS}", _griffin_lim_stems)


class SoundModel:
    """Weights from a pipeline folder; read when they are first needed, since everything may be on disk already."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        about = folder / "antiphon.json"
        self.voice = Voice.of(json.loads(about.read_text()) if about.exists() else {})
        self.key = _digest(folder, self.voice)

    @cached_property
    def pipeline(self) -> ScoreToStemsPipeline:
        kinds = {"codec": LinearLatents, "vocoder": HarmonicVocoder}
        parts = {name: kind.from_pretrained(self.folder / name) for name, kind in kinds.items()}
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(self.folder / "scheduler")
        made = ScoreToStemsPipeline(**parts, transformer=_transformer(self.folder / "transformer"), scheduler=scheduler)
        made.set_progress_bar_config(disable=True)
        return made

    @cached_property
    def spread(self) -> Spread | None:
        return Spread.read(self.folder / SPREAD_FILE) if self.voice.spread else None

    def _voiced(self, sitting: Sitting, decoded: Tensor) -> Wave:
        """What is done to decoded stems by the version that they are of."""
        score, circle = sitting.song.score, decoded.numpy()
        return stems_without_pre_echo(circle, score.stems, float(score.beats)) if self.voice.no_pre_echo else circle

    def decoder(self) -> Arm:
        """The decoder alone: the instruments' own pictures, through the latents, through the vocoder."""

        def sound(sitting: Sitting) -> Wave:
            with torch.inference_mode():
                latents = self.pipeline.codec.encode(sitting.picture)
                return self._voiced(sitting, self.pipeline.decode(latents, sitting.source(self.voice)))

        return Arm("decoder", f"decoder-{self.key}", sound)

    def steps(self, count: int, shift: float | None = None) -> Arm:
        """The whole model with so many steps; `shift` moves its noise levels up (Esser et al., 2024, eq. 23)."""

        def sound(sitting: Sitting) -> Wave:
            pipeline = self.pipeline
            own = pipeline.scheduler
            if shift is not None:
                pipeline.scheduler = FlowMatchEulerDiscreteScheduler.from_config(own.config, shift=shift)
            colours = sitting.colours(int(pipeline.transformer.config.colours))
            generator = torch.Generator().manual_seed(sitting.song.score.seed)
            output = pipeline(
                sitting.roll,
                sitting.timbre,
                sitting.source(self.voice),
                colours,
                num_inference_steps=count,
                generator=generator,
                gain=self.spread.at(count)[sitting.timbre] if self.spread else None,
            )  # fmt: skip
            pipeline.scheduler = own
            assert output.audios is not None
            return self._voiced(sitting, output.audios)

        name, key = f"{self.name}, {count} steps", f"steps{count}"
        if shift is not None:
            name, key = f"{name}, shift {shift:g}", f"{key}-shift{shift:g}"
        return Arm(name, f"{key}-{self.key}", sound)

    def delivered(self, count: int) -> Arm:
        """What somebody hears who chose no engine: the whole model but for the stems that the sampler then plays."""
        alone = self.steps(count)

        def sound(sitting: Sitting) -> Wave:
            made = alone.sound(sitting).copy()
            rows = [row for row, stem in enumerate(sitting.song.score.stems) if stem.stem in SAMPLED_BY_DEFAULT]
            made[rows] = sampled(sitting, SAMPLED_BY_DEFAULT)[rows]
            return made

        return Arm(f"{self.name}, as delivered", f"delivered-{alone.key}", sound)


def _digest(folder: Path, voice: Voice) -> str:
    """What tells this sound from others: the weights, their scheduler and the code that sounds them, hashed."""
    found = hashlib.sha256(repr(voice).encode())
    code = [*sorted(Path(sound_code.__file__).parent.glob("*.py")), Path(bends.__file__), Path(overtones.__file__)]
    spread = [folder / SPREAD_FILE] if voice.spread else []
    for path in (*sorted(folder.glob(f"*/{_WEIGHTS}")), *spread, folder / "scheduler" / "scheduler_config.json", *code):
        found.update(path.read_bytes())
    return found.hexdigest()[:10]


def _transformer(folder: Path) -> ScoreTransformer:
    """A sound model's transformer. Inputs that older weights don't have count nothing, as they did when they were new:
    `from_pretrained` would leave them without values."""
    weights = load_file(folder / _WEIGHTS)
    model: ScoreTransformer = ScoreTransformer.from_config(json.loads((folder / "config.json").read_text()))
    missing, unknown = model.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    new = {f"embed_{name}.weight" for name in ("source", "company", "colours")}
    if unknown or set(missing) - new:
        strange = ", ".join(sorted({*unknown, *missing} - new)[:4])
        raise BackendFailed(
            f"{folder} has other layers than this version's sound model ({strange}): choose other weights"
        )
    model.eval()
    return model


def all_arms(models: Sequence[SoundModel], steps: Sequence[int], shifts: Sequence[float]) -> list[Arm]:
    """The first model as it is delivered, with every number of steps, and with the fewest under every shift; the others
    with the fewest."""
    first, *others = models
    return [
        REAL, SAMPLER, first.decoder(), GRIFFIN_LIM,
        first.delivered(steps[0]), *(first.steps(count) for count in steps),
        *(first.steps(min(steps), shift) for shift in shifts), *(model.steps(min(steps)) for model in others),
    ]  # fmt: skip
