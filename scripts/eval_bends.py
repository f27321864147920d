"""Does the sound follow what pitch does: glides, vibrato, a note that falls onto its pitch, the sway of a worn tape?

    python scripts/eval_bends.py                       the built-in model
    python scripts/eval_bends.py --model weights/new

Three notes of a timbre are rendered by the sampler, whose pitch is known, and made again by the decoder (from the
sampler's own picture) and by the whole model: with a source whose pitches are straight, and with one that bends as the
sampler does. Told is how far the pitch heard lies from the sampler's, in cents (the instantaneous frequency of the
fundamental, root mean square, weighted by both amplitudes, median of the notes; of those that glide the first 120 ms),
and the spectral distance.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray

from antiphon.domain.score import Note, StemScore
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.grammar.gliding import joined
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import pitch_hz, stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ, log_mel_circle
from antiphon.training.corpus import play_stem
from antiphon.training.dataset import colour_row
from antiphon.training.stages import spectral_distance
from benchmarks.report import Report, Table

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = round(MODEL_RATE_HZ)
#: A circle of four seconds, of so many beats; every 2.6 of them a note.
BEATS, FRAMES, APART, LONG = 8.0, 172 * LATENT_HOP_FRAMES, 2.6, 2.2
#: Where in a note the pitch is compared: in the middle of it, or at once where it falls or glides in.
STEADY_S, FALLING_S = (0.1, 0.9), (0.0, 0.12)

Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A timbre, in colours, at three pitches; `gliding` from each to the next."""

    timbre: str
    stem: str
    pitches: tuple[int, ...]
    colours: tuple[tuple[str, float], ...] = ()
    gliding: bool = False

    @property
    def score(self) -> StemScore:
        notes = joined([
            Note(APART * index, LONG, pitch, 100, self.gliding and index > 0)
            for index, pitch in enumerate(self.pitches)
        ])  # fmt: skip
        return StemScore(self.stem, self.timbre, tuple(notes))

    def __str__(self) -> str:
        return " ".join((self.timbre, *(colour for colour, _ in self.colours))) + ", gliding" * self.gliding


CASES = (
    Case("lead_sine", "lead", (64, 69, 76)),
    Case("lead_square", "lead", (64, 69, 76)),
    Case("bass_808", "bass", (33, 36, 40)),
    Case("lead_pluck", "lead", (64, 69, 72), (("wobbly", 0.8),)),
    Case("chords_epiano", "chords", (60, 64, 67), (("wobbly", 0.8),)),
    Case("bass_saw", "bass", (33, 36, 40), (("dusty", 0.8),)),
    Case("bass_acid", "bass", (33, 36, 33), gliding=True),
    Case("bass_808", "bass", (33, 36, 33), gliding=True),
    Case("bass_reese", "bass", (33, 36, 33), gliding=True),
    Case("bass_finger", "bass", (33, 36, 33), gliding=True),
    Case("lead_square", "lead", (64, 67, 64), gliding=True),
    Case("lead_sine", "lead", (64, 67, 64), gliding=True),
)


def fundamental(wave: Wave, pitch: int) -> tuple[Wave, Wave]:
    """Instantaneous frequency in Hz and amplitude of what lies within a fourth of a pitch: (frames − 1,) each."""
    hz = pitch_hz(pitch)
    band = scipy.signal.butter(4, [hz / 1.3, hz * 1.3], "band", fs=RATE_HZ, output="sos")
    analytic = scipy.signal.hilbert(scipy.signal.sosfiltfilt(band, wave))
    return np.diff(np.unwrap(np.angle(analytic))) * RATE_HZ / (2.0 * np.pi), np.abs(analytic)[1:]


def cents_off(case: Case, made: Wave, real: Wave) -> float:
    """How far the pitch of `made` lies from that of `real`."""
    off = []
    for index, pitch in enumerate(case.pitches):
        if case.gliding and not index:
            continue
        begins = int(APART * index * FRAMES / BEATS)
        span_s = FALLING_S if case.timbre == "bass_808" or case.gliding else STEADY_S
        within = slice(begins + int(span_s[0] * RATE_HZ), begins + int(span_s[1] * RATE_HZ))
        (real_hz, real_size), (made_hz, made_size) = fundamental(real, pitch), fundamental(made, pitch)
        weight = real_size[within] * made_size[within]
        cents = 1200.0 * np.log2(np.maximum(made_hz[within], 1.0) / np.maximum(real_hz[within], 1.0))
        off.append(float(np.sqrt((weight * cents**2).sum() / weight.sum())))
    return float(np.median(off))


@torch.inference_mode()
def sounds(backend: BuiltinBackend, case: Case, real: Wave, bent: bool) -> tuple[Wave, Wave]:
    """The case by the decoder alone and by the whole model."""
    pipeline, score, colours = backend.pipeline, case.score, dict(case.colours)
    source = torch.from_numpy(stem_source(score, BEATS, FRAMES, colours=colours, bent=bent))[None]
    latents = pipeline.codec.encode(log_mel_circle(torch.from_numpy(real.astype(np.float32))[None]))
    columns = int(pipeline.transformer.config.colours)
    output = pipeline(
        torch.from_numpy(stem_roll(score, BEATS, FRAMES // LATENT_HOP_FRAMES))[None],
        torch.tensor([TIMBRE_INDEX[case.timbre]]), source, torch.from_numpy(colour_row(colours, columns))[None],
        num_inference_steps=backend.default_steps, generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    assert output.audios is not None
    decoded: Any = pipeline.decode(latents, source)
    return decoded[0].double().numpy(), output.audios[0].double().numpy()


def row(backend: BuiltinBackend, case: Case) -> list[tuple[str, ...]]:
    real = play_stem(case.score, FRAMES / BEATS, FRAMES, dict(case.colours), 1).astype(np.float64)
    straight, bent = (sounds(backend, case, real, bends) for bends in (False, True))
    rows = []
    for way, before, after in zip(("decoder", "model"), straight, bent, strict=True):
        apart = [
            float(spectral_distance(*(torch.from_numpy(x)[None].float() for x in (made, real)), (512, 1024, 2048)))
            for made in (before, after)
        ]
        off = [cents_off(case, made, real) for made in (before, after)]
        rows.append((str(case), way, *(f"{each:.1f}" for each in off), *(f"{each:.2f}" for each in apart)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = Report.begin("eval_bends", vars(options))
    backend = BuiltinBackend.load(options.model, "cpu")
    columns = ("sound", "by", "cents off, straight", "cents off, bent", "distance, straight", "distance, bent")
    report.add(Table("Pitch that moves", columns, tuple(each for case in CASES for each in row(backend, case))))
    report.end(options.json)


if __name__ == "__main__":
    main()
