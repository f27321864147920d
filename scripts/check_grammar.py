"""Does an independent beat tracker find the tempo of our grooves? Run it after changing a style's tabs.

Composes random requests (50 to 220 bpm, 1 to 16 bars, 3/4, 4/4 and 6/8), plays their drums with a sound font, repeats
the loop to half a minute, and asks essentia's RhythmExtractor2013 for the beats. The pulse of 6/8 is the dotted
quarter; octaves are allowed. The tempo is taken from the mean distance of the beats, because the tracker rounds its own
figure to whole frames (3 % at 170 bpm).
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache

import essentia
import essentia.standard
import fluidsynth
import numpy as np
from numpy.typing import NDArray

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.domain.theory import parse_meter
from antiphon.generation.grammar import compose
from antiphon.generation.styles import style_names

RATE_HZ = 44100
LONG_ENOUGH_S = 30.0
TOLERANCE = 0.01


class Drums:
    """Strokes of a General MIDI kit, each played once and kept."""

    def __init__(self, sound_font: str) -> None:
        self._synth = fluidsynth.Synth(samplerate=float(RATE_HZ), gain=0.6)
        self._synth.program_select(9, self._synth.sfload(sound_font), 128, 0)
        self.stroke = cache(self._stroke)

    def _stroke(self, pitch: int, velocity: int) -> NDArray[np.float64]:
        self._synth.noteon(9, pitch, velocity)
        wave = self._synth.get_samples(RATE_HZ * 6 // 10).reshape(-1, 2).mean(1)
        self._synth.noteoff(9, pitch)
        self._synth.get_samples(2 * RATE_HZ)
        return wave / 32768.0

    def play(self, score: Score) -> NDArray[np.float32]:
        """The drums of a loop, repeated."""
        times = max(1, int(np.ceil(LONG_ENOUGH_S / score.duration_s)))
        audio = np.zeros(int((times * score.duration_s + 1.0) * RATE_HZ))
        for note in score.stem("drums").notes:
            wave = self.stroke(note.pitch, min(127, 8 * round(note.velocity / 8)))
            for number in range(times):
                at = int((number * score.duration_s + note.onset_beats * 60.0 / score.bpm) * RATE_HZ)
                audio[at : at + wave.size] += wave[: audio.size - at]
        return (audio / np.abs(audio).max() * 0.9).astype(np.float32)


def found_bpm(audio: NDArray[np.float32]) -> float:
    """The tempo by the mean distance of the tracker's beats."""
    beats_s = essentia.standard.RhythmExtractor2013(method="multifeature")(audio)[1]
    return float(60.0 * (len(beats_s) - 1) / (beats_s[-1] - beats_s[0])) if len(beats_s) > 1 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--style", choices=style_names(), help="only this style")
    parser.add_argument("--sound-font", default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    options = parser.parse_args()
    essentia.log.infoActive = essentia.log.warningActive = False
    rng, drums, tally = np.random.default_rng(options.seed), Drums(options.sound_font), Counter[tuple[str, bool]]()
    for number in range(options.requests):
        request = GenerateRequest(
            bpm=float(rng.uniform(50, 220)), bars=int(rng.integers(1, 17)), energy=float(rng.uniform(0, 1)),
            meter=parse_meter(str(rng.choice(["3/4", "4/4", "6/8"]))),
            style=options.style or str(rng.choice(style_names())),
        )  # fmt: skip
        found = found_bpm(drums.play(compose(request, number)))
        pulse = request.bpm / (request.meter.pulse_beats if request.meter.denominator == 8 else 1.0)
        hit = any(abs(found / (pulse * 2.0**octave) - 1.0) <= TOLERANCE for octave in range(-3, 4))
        tally[request.meter.name, hit] += 1
        if not hit:
            print(f"seed {number}: {request.style} {request.meter.name} pulse {pulse:.1f}, found {found:.1f}")
    for meter in sorted({meter for meter, _ in tally}):
        print(f"{meter}: {tally[meter, True]} of {tally[meter, True] + tally[meter, False]}")
    print(f"tempo found in {sum(n for (_, hit), n in tally.items() if hit)} of {options.requests}")


if __name__ == "__main__":
    main()
