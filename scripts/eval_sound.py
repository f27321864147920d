"""How close the built-in sound model comes to the instruments it was trained on, over held-out études.

    python scripts/eval_sound.py --songs 12 --steps 4 6 8

For every stem: chroma similarity (mean cosine of constant-Q chroma, pitched stems), mel error in dB, onset sharpness
(mean of the positive spectral flux at the score's onsets, as a ratio to the instrument's own; the median of the
songs), of
  decoder    the vocoder on the instrument's own picture, through the latents
  N steps    the sound model's picture with N sampler steps, through the vocoder
  griffin    Griffin-Lim, 32 iterations, on the instrument's own picture: the peer
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from antiphon.domain.timbres import COLOURS, TIMBRE_INDEX
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import (
    FFT_FRAMES,
    HOP_FRAMES,
    LATENT_HOP_FRAMES,
    MODEL_RATE_HZ,
    log_mel_circle,
    mel_pseudo_inverse,
)
from antiphon.training.corpus import HELD_OUT_SEED, Song, render_song
from antiphon.training.dataset import colour_vector
from antiphon.training.etudes import ETUDE_STEMS

Wave = NDArray[np.float32]
ROOT = Path(__file__).resolve().parent.parent


def chroma_similarity(real: Wave, made: Wave) -> float:
    """Mean cosine between constant-Q chroma vectors, over frames where the instrument sounds."""
    a, b = (librosa.feature.chroma_cqt(y=wave, sr=MODEL_RATE_HZ, norm=None) for wave in (real, made))
    sounding = np.linalg.norm(a, axis=0) > 0.05 * np.linalg.norm(a, axis=0).max()
    a, b = a[:, sounding], b[:, sounding]
    cosine = (a * b).sum(0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0) + 1e-9)
    return float(cosine.mean())


def sharpness(wave: Wave, onsets_s: NDArray[np.float64]) -> float:
    """Mean onset strength within 23 ms of the score's onsets."""
    envelope = librosa.onset.onset_strength(y=wave, sr=MODEL_RATE_HZ, hop_length=256, n_fft=1024)
    frames = np.clip(np.round(onsets_s * MODEL_RATE_HZ / 256).astype(int), 2, envelope.size - 5)
    return float(np.mean([envelope[frame - 2 : frame + 5].max() for frame in frames]))


def griffin_lim(picture: Tensor) -> Wave:
    """Griffin-Lim from the mel picture of one stem."""
    magnitude = (picture.exp() @ mel_pseudo_inverse().T).clamp_min(0.0).numpy().T
    made: Wave = librosa.griffinlim(magnitude, n_iter=32, hop_length=HOP_FRAMES, n_fft=FFT_FRAMES)
    return made


def renderings(
    pipeline: ScoreToStemsPipeline, song: Song, steps: list[int], griffin: bool
) -> Iterator[tuple[str, Wave]]:
    """Every way of making the song: (name, float32 (stems, frames))."""
    audio = torch.from_numpy(song.audio)
    time, beats = audio.shape[1] // LATENT_HOP_FRAMES, float(song.score.beats)
    source = torch.from_numpy(np.stack([stem_source(s, beats, audio.shape[1]) for s in song.score.stems]))
    roll = torch.from_numpy(np.stack([stem_roll(s, beats, time) for s in song.score.stems]))
    timbre = torch.tensor([TIMBRE_INDEX[s.timbre] for s in song.score.stems])
    columns = int(pipeline.transformer.config.colours)
    colours = np.zeros((len(song.colours), columns), dtype=np.float32)
    for row, said in zip(colours, song.colours, strict=True):
        row[: len(COLOURS)] = colour_vector(dict(said))
    picture = log_mel_circle(audio)
    with torch.inference_mode():
        yield "decoder", pipeline.decode(pipeline.codec.encode(picture), source).numpy()
    for count in steps:
        generator = torch.Generator().manual_seed(song.score.seed)
        said = torch.from_numpy(colours)
        output = pipeline(roll, timbre, source, said, num_inference_steps=count, generator=generator)
        assert output.audios is not None
        yield f"{count} steps", output.audios.numpy()
    if griffin:
        waves = [griffin_lim(p) for p in picture]
        yield "griffin", np.stack([np.pad(w, (0, audio.shape[1]))[: audio.shape[1]] for w in waves])


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
    pipeline = ScoreToStemsPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in track(range(HELD_OUT_SEED, HELD_OUT_SEED + args.songs), description="held-out études"):
        song = render_song(seed)
        for name, made in renderings(pipeline, song, args.steps, not args.no_griffin):
            for measure_name, value in measure(song, made).items():
                found[measure_name][name].append(value)
            if args.audio:
                import soundfile

                args.audio.mkdir(parents=True, exist_ok=True)
                soundfile.write(args.audio / f"{seed} {name}.wav", made.sum(0) * 0.5, MODEL_RATE_HZ, subtype="PCM_24")
    names = list(next(iter(found.values())))
    print("| measure | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for kind in ("chroma", "mel dB", "attack"):
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
