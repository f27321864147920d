"""Which engine plays percussion and textures better? Every timbre of both stems, by sampler and model, side by side.

    python scripts/eval_textures.py

Two bars at 96 bpm of congas, or of a texture that holds, from the same notes. The sampler's sound is what the model was
trained on, so it is the reference here. Of each engine
  attack    the 98th percentile of onset strength (librosa): how far single strokes and clicks stand out
  clicks    the kurtosis of the samples: 3 for even noise, far above for crackle
and mel, how far the model's log-mel picture is from the sampler's at the same level, in dB.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import librosa
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.domain.timbres import Timbre, timbres_of
from antiphon.generation.backend import SoundRequest
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.registry import load_backend
from antiphon.generation.sampler.backend import SamplerBackend

RATE_HZ = 44100
BEHAVIOURS = {"percussion": "congas", "texture": "hold"}


def score_of(timbre: Timbre) -> Score:
    """Two bars of one stem, played by the timbre."""
    request = GenerateRequest(bpm=96.0, bars=2, style="downtempo", stems=(timbre.stem,), energy=0.6)
    genome = draw_genome(request, 31)
    genes = replace(genome.genes(timbre.stem), timbre=timbre.name, behaviour=BEHAVIOURS[timbre.stem])
    return express(genome.with_genes(genes))


def attack(wave: NDArray[np.float32]) -> float:
    curve = librosa.onset.onset_strength(y=wave, sr=RATE_HZ, hop_length=256, n_fft=1024)
    return float(np.percentile(curve, 98))


def clicks(wave: NDArray[np.float32]) -> float:
    return float(np.mean(wave**4) / np.mean(wave**2) ** 2)


def picture(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-mel at one level, dB (64, frames)."""
    level = wave / np.sqrt(np.mean(wave**2))
    return np.asarray(librosa.power_to_db(librosa.feature.melspectrogram(y=level, sr=RATE_HZ, n_mels=64), amin=1e-6))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    engines = (SamplerBackend(), load_backend("builtin", "cpu"))
    table = Table("timbre", "attack", "model", "clicks", "model", "mel dB")
    for timbre in (*timbres_of("percussion"), *timbres_of("texture")):
        request = SoundRequest(score_of(timbre), 31, 4, RATE_HZ)
        sampler, model = (engine.generate([request], lambda *_: None)[0][timbre.stem][0] for engine in engines)
        figures = (attack(sampler), attack(model), clicks(sampler), clicks(model))
        distance_db = np.abs(picture(sampler) - picture(model)).mean()
        table.add_row(timbre.name, *(f"{figure:.1f}" for figure in figures), f"{distance_db:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
