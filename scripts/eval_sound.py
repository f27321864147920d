"""How close the built-in sound model comes to the instruments it was trained on, over held-out études.

    python scripts/eval_sound.py --songs 12 --steps 4 6 8

For every stem: chroma similarity (mean cosine of constant-Q chroma, pitched stems), mel error in dB, onset sharpness
(mean of the positive spectral flux at the score's onsets, as a ratio to the instrument's own; the median of the
songs), level in dB above the instrument's, of
  decoder    the vocoder on the instrument's own picture, through the latents
  N steps    the sound model's picture with N sampler steps, through the vocoder
  griffin    Griffin-Lim, 32 iterations, on the instrument's own picture: the peer

The quick look while training; eval_fidelity.py has all measures and their goals.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from antiphon.generation.sound.spectrum import MODEL_RATE_HZ, log_mel_circle
from antiphon.training.corpus import HELD_OUT_SEED, Song, render_song
from antiphon.training.etudes import ETUDE_STEMS
from benchmarks.fidelity.arms import GRIFFIN_LIM, Arm, Sitting, SoundModel, Wave
from benchmarks.fidelity.closeness import chroma_similarity, level_db, sharpness

ROOT = Path(__file__).resolve().parent.parent


def arms_of(folder: Path, steps: list[int], griffin: bool) -> list[Arm]:
    """Every way of making a song."""
    model = SoundModel("model", folder)
    made = [model.decoder(), *(replace(model.steps(count), name=f"{count} steps") for count in steps)]
    return [*made, replace(GRIFFIN_LIM, name="griffin")] if griffin else made


def measure(song: Song, made: Wave) -> dict[str, float]:
    """Measures of one rendering, keyed "measure stem"."""
    real_picture, made_picture = (log_mel_circle(torch.from_numpy(x)) for x in (song.audio, made))
    found: dict[str, float] = {}
    per_beat_s = song.audio.shape[1] / MODEL_RATE_HZ / float(song.score.beats)
    for index, stem in enumerate(song.score.stems):
        if not stem.notes:
            continue
        error = (made_picture[index] - real_picture[index]).abs().mean()
        found[f"mel dB {stem.stem}"] = float(error) * 8.686
        if stem.stem in ("bass", "chords", "lead"):
            found[f"chroma {stem.stem}"] = chroma_similarity(song.audio[index], made[index])
        found[f"level dB {stem.stem}"] = level_db(made[index]) - level_db(song.audio[index])
        onsets_s = np.unique([note.onset_beats * per_beat_s for note in stem.notes])
        real = sharpness(song.audio[index], onsets_s)
        found[f"attack {stem.stem}"] = sharpness(made[index], onsets_s) / max(real, 1e-6)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--no-griffin", action="store_true")
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--audio", type=Path, help="folder for the renderings, to listen to")
    args = parser.parse_args()
    arms = arms_of(args.model, args.steps, not args.no_griffin)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in track(range(HELD_OUT_SEED, HELD_OUT_SEED + args.songs), description="held-out études"):
        sitting = Sitting(song := render_song(seed))
        for arm in arms:
            name, made = arm.name, arm.sound(sitting)
            for measure_name, value in measure(song, made).items():
                found[measure_name][name].append(value)
            if args.audio:
                import soundfile

                args.audio.mkdir(parents=True, exist_ok=True)
                soundfile.write(args.audio / f"{seed} {name}.wav", made.sum(0) * 0.5, MODEL_RATE_HZ, subtype="PCM_24")
    names = list(next(iter(found.values())))
    print("| measure | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for kind in ("chroma", "mel dB", "level dB", "attack"):
        # Sharpness is a ratio, and a stem without sharp onsets can make one very large: the median, not the mean.
        middle = np.median if kind == "attack" else np.mean
        for stem in ETUDE_STEMS:
            row = found.get(f"{kind} {stem}")
            if row:
                print(f"| {kind} {stem} | " + " | ".join(f"{middle(row[name]):.3f}" for name in names) + " |")
    if args.json:
        args.json.write_text(json.dumps({m: {n: float(np.mean(v)) for n, v in r.items()} for m, r in found.items()}))


if __name__ == "__main__":
    main()
