"""Does a stem that is made anew fit the others better where it hears them? `/restem` on loops by seed, both ways.

    python scripts/eval_restem.py --loops 12 --steps 4

Per loop bass, chords and lead are made anew by the model, as `/restem` does it: once without and once with the mix of
the other stems (their own dry sound), from the same notes and the same noise. Of each, and of what it replaces:

  key      agreement of the stem's chroma (librosa, constant-Q) with the others' pitched mix: the best correlation of
           both with one of the 24 key profiles (Krumhansl and Kessler, 1982), as the lesser of the two
  groove   correlation of the stem's onset curve with the others', on sixteenths of a beat, and how many of its onsets
           (librosa) lie within 35 ms of the score's
  notes    cosine of the stem's chroma with that of the sampler playing the same notes
  mel      distance of its log-mel picture from the sampler's (dB), the mean over frames that sound
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, Score
from antiphon.evolution import restem
from antiphon.generation.backend import SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.registry import load_backend
from antiphon.generation.sampler.backend import SamplerBackend
from antiphon.generation.styles import get_style, style_names

Wave = NDArray[np.float32]
RATE_HZ = 44100
RESTEMMED = ("bass", "chords", "lead")
#: Krumhansl and Kessler's probe-tone profiles.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_PROFILES = np.stack([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])


def chroma(wave: Wave) -> NDArray[np.float64]:
    """Constant-Q chroma without normalisation, (12, frames)."""
    return np.asarray(librosa.feature.chroma_cqt(y=wave, sr=RATE_HZ, norm=None), dtype=np.float64)


def key_agreement(stem: Wave, others: Wave) -> float:
    """How well the stem and the others are in one key, the one that suits both best."""
    sums = [chroma(wave).sum(1) for wave in (stem, others)]
    fits = [[np.corrcoef(total, profile)[0, 1] for profile in _PROFILES] for total in sums]
    return float(np.min(np.array(fits), axis=0).max())


def slots(wave: Wave, score: Score) -> NDArray[np.float64]:
    """Onset strength in sixteenths of a beat's quarter, (slots,)."""
    curve = librosa.onset.onset_strength(y=wave, sr=RATE_HZ, hop_length=256)
    count = int(float(score.beats) * 4)
    places = np.minimum((np.arange(curve.size) * count) // curve.size, count - 1)
    return np.array([curve[places == slot].max(initial=0.0) for slot in range(count)])


def groove_agreement(stem: Wave, others: Wave, score: Score) -> float:
    """Correlation of what begins when."""
    return float(np.corrcoef(slots(stem, score), slots(others, score))[0, 1])


def on_the_score(stem: Wave, score: Score, name: str) -> float:
    """The share of heard onsets that lie within 35 ms of one of the score's."""
    onsets_s = librosa.onset.onset_detect(y=stem, sr=RATE_HZ, hop_length=256, units="time")
    written_s = np.array([note.onset_beats for note in score.stem(name).notes]) * 60.0 / score.bpm
    written_s = np.concatenate((written_s, written_s - score.duration_s, written_s + score.duration_s))
    if not len(onsets_s):
        return 1.0
    return float(np.mean([np.abs(written_s - onset).min() < 0.035 for onset in onsets_s]))


def likeness(stem: Wave, model: Wave) -> tuple[float, float]:
    """Cosine of chroma, and mel distance in dB, to the sampler's rendering of the same notes at the same level."""
    model = model * np.float32(np.sqrt(np.mean(stem**2) / (np.mean(model**2) + 1e-12)))
    a, b = chroma(stem), chroma(model)
    heard = np.linalg.norm(b, axis=0) > 0.05 * np.linalg.norm(b, axis=0).max()
    cosine = (a * b).sum(0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0) + 1e-9)
    mels = [
        librosa.power_to_db(librosa.feature.melspectrogram(y=w, sr=RATE_HZ), ref=1.0, amin=1e-6) for w in (stem, model)
    ]
    loud = mels[1].max(0) > mels[1].max() - 40.0
    return float(cosine[heard].mean()), float(np.abs(mels[0] - mels[1])[:, loud].mean())


def loops(count: int) -> list[Genome]:
    """Genomes of all styles in turn, each at a tempo of its own."""
    names = style_names()
    found = []
    for seed in range(count):
        style = get_style(names[seed % len(names)])
        bpm = float(round(np.mean(style.bpm)))
        found.append(draw_genome(GenerateRequest(bpm=bpm, bars=4, style=style.name, stems=CORE_STEMS), 5000 + seed))
    return found


def measure(genome: Genome, backend: BuiltinBackend, both: TwoEngines, steps: int) -> dict[str, dict[str, list[float]]]:
    """Figures of one loop by way of making: lists over the stems that were made anew."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    score = express(genome)
    engines = {stem: both.default_engine(stem) for stem in CORE_STEMS}
    whole = both.generate([SoundRequest(score, genome.seed, steps, RATE_HZ, engines=engines)], lambda *_: None)[0]
    for name in RESTEMMED:
        child = restem(genome, name, 9000 + genome.seed)
        new = express(child)
        mix = np.sum([audio.mean(0) for stem, audio in whole.items() if stem != name], axis=0)
        pitched = np.sum([audio.mean(0) for stem, audio in whole.items() if stem not in (name, "drums")], axis=0)
        alone = replace(new, stems=(new.stem(name),))
        request = SoundRequest(alone, child.seed, steps, RATE_HZ, noise={name: child.genes(name).noise})
        reference = SamplerBackend().generate([request], lambda *_: None)[0][name][0]
        told = replace(request, company={name: mix[None].astype(np.float32)})
        ways = {
            "the stem that was there": (whole[name][0], score),
            "alone": (backend.generate([request], lambda *_: None)[0][name][0], new),
            "in company": (backend.generate([told], lambda *_: None)[0][name][0], new),
            "sampler": (reference, new),
        }
        for way, (wave, played) in ways.items():
            row = found[way]
            row["key"].append(key_agreement(wave, pitched))
            row["groove"].append(groove_agreement(wave, mix, played))
            row["on the score"].append(on_the_score(wave, played, name))
            if way != "the stem that was there":
                notes, mel_db = likeness(wave, reference)
                row["notes"].append(notes)
                row["mel dB"].append(mel_db)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=12)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    asked = parser.parse_args()
    backend = load_backend("builtin", "cpu")
    assert isinstance(backend, BuiltinBackend)
    both = TwoEngines(backend)
    all_figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for genome in track(loops(asked.loops)):
        for way, figures in measure(genome, backend, both, asked.steps).items():
            for name, values in figures.items():
                all_figures[way][name] += values
    names = ("key", "groove", "on the score", "notes", "mel dB")
    table = Table("way", *names)
    for way, figures in all_figures.items():
        table.add_row(way, *(f"{np.mean(figures[name]):.3f}" if figures.get(name) else "" for name in names))
    Console().print(table)
    for name in names:
        gain = np.array(all_figures["in company"][name]) - np.array(all_figures["alone"][name])
        error = gain.std(ddof=1) / np.sqrt(gain.size)
        Console().print(f"{name}: company changes it by {gain.mean():+.4f} ± {1.96 * error:.4f} ({gain.size} stems)")
    if asked.json:
        asked.json.write_text(json.dumps({way: dict(figures) for way, figures in all_figures.items()}, indent=1))


if __name__ == "__main__":
    main()
