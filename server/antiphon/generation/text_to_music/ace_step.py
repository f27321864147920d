"""ACE-Step 1.5 (Gong et al. 2026), through diffusers: told tempo, key and meter as numbers; its task `lego` makes a
track in the context of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from antiphon.domain.theory import NOTE_NAMES_FLAT, NOTE_NAMES_SHARP, Key, Meter
from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played, samples, seeded, starting_from, step_end

#: The tracks that the model was trained to name, for our stems and, before them, our timbres' own words.
_TRACKS = {"drums": "drums", "percussion": "percussion", "bass": "bass", "chords": "keyboard", "pad": "synth",
           "lead": "synth", "arp": "synth", "texture": "fx"}  # fmt: skip
_TRACKS_BY_TIMBRE = {"strings": "strings", "flute": "woodwinds", "guitar": "guitar", "brass": "brass"}
_BPM = (30, 300)
#: Meters that it knows, by the beats that it counts in a bar.
_TIME_SIGNATURES = {"2/4": "2", "3/4": "3", "4/4": "4", "6/8": "6", "12/8": "6"}


class AceStep:
    """Satisfies `TextToMusic`. Turbo weights make stems one by one: `lego` is what base and SFT weights can do."""

    shortest_s = 10.0
    longest_s = 600.0

    def __init__(self, pipeline: Any, steps: int, guidance: float) -> None:
        self._pipeline = pipeline
        self._guidance = 1.0 if pipeline.is_turbo else guidance
        self.rate_hz = int(pipeline.sample_rate)
        self.in_context = not pipeline.is_turbo
        self.default_steps = steps or (8 if pipeline.is_turbo else 50)

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        task: dict[str, Any] = {"task_type": "text2music"}
        if brief.context is not None and self.in_context:
            context = brief.context if len(brief.context) == 2 else np.repeat(brief.context, 2, axis=0)
            task = {
                "task_type": "lego",
                "track_name": track_name(brief.stem, brief.timbre),
                "src_audio": torch.from_numpy(np.ascontiguousarray(context)),
            }
        with seeded(brief.seed) as generator, starting_from(self._pipeline, brief.noise):
            output = self._pipeline(
                brief.text,
                lyrics="[Instrumental]",
                audio_duration=brief.duration_s,
                num_inference_steps=brief.steps,
                guidance_scale=self._guidance,
                bpm=round(min(max(brief.bpm, _BPM[0]), _BPM[1])),
                keyscale=keyscale(brief.key),
                timesignature=time_signature(brief.meter),
                generator=generator,
                callback_on_step_end=step_end(on_played, brief.steps),
                **task,
            )
        return samples(output.audios)


def track_name(stem: str, timbre: str) -> str:
    """The name of a track that the model was trained on."""
    by_timbre = next((track for word, track in _TRACKS_BY_TIMBRE.items() if word in timbre), None)
    return by_timbre or _TRACKS.get(stem, "synth")


def keyscale(key: Key) -> str:
    """A key as the model knows it: major or minor, whichever has the same third."""
    third = "major" if (key.tonic + 4) % 12 in key.scale else "minor"
    return f"{(NOTE_NAMES_FLAT if key.flats else NOTE_NAMES_SHARP)[key.tonic]} {third}"


def time_signature(meter: Meter) -> str | None:
    """None for meters that the model does not know: it then hears of them in the words only."""
    return _TIME_SIGNATURES.get(meter.name)
