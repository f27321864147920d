"""A pretrained text-to-music model behind the Backend seam: stems in words, one after the other, made into loops."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from antiphon.domain.genome import seed_of
from antiphon.domain.model_entry import ModelEntry
from antiphon.domain.score import Score, StemScore, loop_frames
from antiphon.errors import BackendFailed
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest
from antiphon.generation.text_to_music.caption import caption
from antiphon.generation.text_to_music.loop import Plan, close_loop, plan, to_loop_frames
from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played, TextToMusic

#: Such models play every stem as loud as a whole mix. RMS of the stems against each other, as a rough mix has them.
_BALANCE_DB = {"drums": 0.0, "bass": -1.0, "lead": -4.0, "chords": -6.0, "percussion": -6.0, "arp": -6.0, "pad": -8.0,
               "texture": -12.0}  # fmt: skip
_RMS_DBFS = -18.0
_SILENCE = 1e-5
#: Where stems are made in context, the ones that the others lean on come first.
_FIRST = ("drums", "percussion", "bass")


class TextToMusicBackend:
    """Satisfies `Backend`. `plays_score` is False: notes, and whether tempo and key are kept, are the model's choice;
    tempo and length are put right afterwards."""

    plays_score = False

    def __init__(self, entry: ModelEntry, version: str, model: TextToMusic, device: str) -> None:
        self.name, self.version, self.device = entry.name, version, device
        self._model, self._negative_prompt = model, entry.negative_prompt
        self.default_steps = model.default_steps

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        """Loops one after another, stems one after another: these models fill a GPU with one stem, and a stem must not
        depend on how many were asked for beside it. Raises BackendFailed."""
        playing = sum(len(_in_order(request.score)) for request in requests)
        loops: list[dict[str, LoopAudio]] = []
        before = 0
        for request in requests:
            loops.append(self._sound(request, _Progress(on_step, before, playing)))
            before += len(_in_order(request.score))
        return loops

    def _sound(self, request: SoundRequest, progress: _Progress) -> dict[str, LoopAudio]:
        score, model = request.score, self._model
        frames = loop_frames(score.beats, score.bpm, request.sample_rate)
        stems: dict[str, LoopAudio] = {part.stem: np.zeros((1, frames), np.float32) for part in score.stems}
        if not _in_order(score):
            return stems
        made = plan(score, model.shortest_s, model.longest_s)
        played = self._play(request, made, progress)
        # What was played in one context has one beat, and stays together; stems made for themselves each have theirs.
        for together in [played] if model.in_context else [{stem: audio} for stem, audio in played.items()]:
            circle = close_loop(_stacked(together), model.rate_hz, made)
            loop = to_loop_frames(circle, made.repeats, frames)
            for stem, audio in zip(together, np.split(loop, len(together)), strict=True):
                stems[stem] = _balanced(stem, audio)
        return stems

    def _play(self, request: SoundRequest, made: Plan, progress: _Progress) -> dict[str, Played]:
        played: dict[str, Played] = {}
        for part in _in_order(request.score):
            words = caption(request.score, part, request.prompt, self._negative_prompt)
            score = request.score
            recipe = request.noise_of(part.stem)
            noise = tuple((stem_seed(seed_of(source), part.stem), weight) for source, weight in recipe.parts)
            brief = Brief(
                text=words.text,
                unwanted=words.unwanted,
                stem=part.stem,
                timbre=part.timbre,
                bpm=score.bpm,
                key=score.key,
                meter=score.meter,
                duration_s=made.duration_s,
                seed=max(noise, key=lambda seed_and_weight: abs(seed_and_weight[1]))[0],
                noise=noise,
                steps=max(1, request.steps),
                context=_sum(played) if played and self._model.in_context else None,
            )
            played[part.stem] = self._asked(brief, progress.of_stem(len(played)))
        return played

    def _asked(self, brief: Brief, on_played: OnPlayed) -> Played:
        """Have the model play. Raises BackendFailed that says what to do."""
        try:
            audio = self._model.play(brief, on_played)
        except torch.OutOfMemoryError as error:
            raise BackendFailed(
                f"the model {self.name} ran out of memory on {self.device}: ask for fewer bars, close what else uses "
                "it, or set a smaller dtype for the model in the settings"
            ) from error
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise BackendFailed(
                f"the model {self.name} failed on the stem {brief.stem} ({type(error).__name__}: {error}): try another "
                "tempo, length or number of steps, and see logs/worker.log"
            ) from error
        if not np.all(np.isfinite(audio)):
            raise BackendFailed(
                f"the model {self.name} gave samples that are no numbers on {self.device}: set dtype to bfloat16 or "
                "float32 for it in the settings"
            )
        return audio


class _Progress:
    """Steps of one playing as steps of the whole, in thousandths of a stem: models count differently."""

    def __init__(self, on_step: OnStep, before: int, stems: int) -> None:
        self._on_step, self._before, self._stems = on_step, before, stems

    def of_stem(self, place: int) -> OnPlayed:
        def on_played(done: int, total: int) -> None:
            self._on_step(1000 * (self._before + place) + 1000 * done // max(1, total), 1000 * self._stems)

        return on_played


def stem_seed(seed: int, stem: str) -> int:
    """A stem's own seed (31 bits): the same whichever stems are asked for beside it."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{stem}".encode(), digest_size=4).digest(), "big") >> 1


def _in_order(score: Score) -> list[StemScore]:
    """The stems that have something to play; those that others lean on come first."""
    playing = [part for part in score.stems if part.notes]
    return sorted(playing, key=lambda part: _FIRST.index(part.stem) if part.stem in _FIRST else len(_FIRST))


def _stacked(played: Mapping[str, Played]) -> Played:
    """Channel upon channel, as long as the shortest."""
    frames = min(audio.shape[1] for audio in played.values())
    return np.concatenate([audio[:, :frames] for audio in played.values()])


def _sum(played: Mapping[str, Played]) -> Played:
    """What is played together, as long as the shortest of them, without going over full scale."""
    frames = min(audio.shape[1] for audio in played.values())
    total = sum((audio[:, :frames] for audio in played.values()), start=np.zeros((1, frames), np.float32))
    mixed: Played = (total / max(1.0, float(np.abs(total).max(initial=0.0)))).astype(np.float32)
    return mixed


def _balanced(stem: str, audio: LoopAudio) -> LoopAudio:
    """At the level that a stem has in a mix."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    if rms < _SILENCE:
        return audio
    gain = 10.0 ** ((_RMS_DBFS + _BALANCE_DB.get(stem, -6.0)) / 20.0) / rms
    return (audio * np.float32(gain)).astype(np.float32)
