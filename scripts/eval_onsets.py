"""How notes begin, with the decoder's pre-echo and without it (docs/architecture.md, decision ff).

    python scripts/eval_onsets.py                            8 held-out études, 40 loops
    python scripts/eval_onsets.py --songs 12 --loops 0 --json onsets.json

Études, beside their real renders, as decoded and without pre-echo: how far the level lies off before the score's onsets
(30 ms in steps of 5) and after them (85 ms), as the mean of |dB|, what lies 60 dB below the stem's peak left out; the
distance of log spectra round onsets (12 ms windows, top 60 dB); attack as in eval_fidelity.py.
Loops, as users ask for them: how many stems of the model the quality gate turns down at the first take, and for what.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from antiphon.domain.request import GenerateRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.grammar import draw_genome
from antiphon.generation.sound.pre_echo import onset_frames, stems_without_pre_echo
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ
from antiphon.rendering.inspection import Fault, inspect_stems
from antiphon.training.corpus import HELD_OUT_SEED, Song, render_song
from antiphon.training.etudes import ETUDE_STEMS
from antiphon.training.finetune.pictures import sound_request
from benchmarks.fidelity.arms import Sitting, SoundModel, Wave
from benchmarks.fidelity.closeness import sharpness
from benchmarks.report import Report, Table, median

ROOT = Path(__file__).resolve().parent.parent
MODELLED = ("bass", "chords", "lead")
#: What is asked for: style, tempo in bpm, bars.
ASKED = (("lofi", 82.0, 2), ("house", 124.0, 4), ("dnb", 174.0, 4), ("lofi", 76.0, 4), ("house", 120.0, 2))
LOOP_SEED = 770_000
_STEP = 220
_MEASURES = {"before": "level before onsets, dB off", "after": "level after onsets, dB off",
             "spectra": "spectra round onsets, dB off", "attack": "attack"}  # fmt: skip


def _levels_db(wave: Wave, floor: float) -> NDArray[np.float64]:
    power = np.square(wave[: wave.size // _STEP * _STEP], dtype=np.float64).reshape(-1, _STEP).mean(1)
    return np.asarray(10.0 * np.log10(power + floor))


def _around(values: NDArray[np.float64], onsets: NDArray[np.int64], hop: int, first: int, last: int) -> float:
    places = np.round(onsets / hop).astype(np.int64)[:, None] + np.arange(first, last)
    return float(np.take(values, places, mode="wrap").mean())


def _measured(real: Wave, made: Wave, onsets: NDArray[np.int64]) -> dict[str, float]:
    """How far one stem's onsets lie off the instrument's."""
    floor = 1e-6 * float(10.0 ** (_levels_db(real, 1e-20).max() / 10.0))
    off = np.abs(_levels_db(made, floor) - _levels_db(real, floor))
    sizes = [np.abs(librosa.stft(wave, n_fft=512, hop_length=128)).astype(np.float64) for wave in (real, made)]
    quiet = 1e-3 * sizes[0].max()
    apart = np.abs(20.0 * np.log10((sizes[1] + quiet) / (sizes[0] + quiet))).mean(0)
    seconds = onsets / MODEL_RATE_HZ
    return {
        "before": _around(off, onsets, _STEP, -6, 0), "after": _around(off, onsets, _STEP, 0, 17),
        "spectra": _around(apart, onsets, 128, -10, 28),
        "attack": sharpness(made, seconds) / max(sharpness(real, seconds), 1e-6),
    }  # fmt: skip


def _voices(model: SoundModel, song: Song) -> Iterator[tuple[str, Wave]]:
    """The song by decoder and model, with pre-echo and without."""
    score, beats = song.score, float(song.score.beats)
    for name, arm in (("decoder", model.decoder()), ("4 steps", model.steps(4))):
        made = arm.sound(Sitting(song))
        yield f"{name}, as decoded", made
        yield f"{name}, no pre-echo", stems_without_pre_echo(made, score.stems, beats)


def etudes_table(model: SoundModel, songs: int) -> Table:
    model.voice = model.voice._replace(no_pre_echo=False)
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in track(range(HELD_OUT_SEED, HELD_OUT_SEED + songs), description="études"):
        song = render_song(seed)
        for name, made in _voices(model, song):
            for row, stem in enumerate(song.score.stems):
                if not stem.notes or stem.stem == "texture":
                    continue
                onsets = onset_frames(stem, float(song.score.beats), made.shape[1])
                for measure, value in _measured(song.audio[row], made[row], onsets).items():
                    found[measure, stem.stem][name].append(value)
    names = list(next(iter(found.values())))
    rows = []
    for measure, name in ((measure, name) for measure in _MEASURES for name in ETUDE_STEMS if (measure, name) in found):
        middle = median if measure == "attack" else statistics.fmean
        cells = (f"{middle(values):.2f}" for values in found[measure, name].values())
        rows.append((f"{_MEASURES[measure]}: {name}", *cells))
    return Table(f"How notes begin, {songs} held-out études", ("measure", *names), tuple(rows))


def _called(fault: Fault) -> str:
    """The kind of a fault; of those in time, which."""
    if fault.kind != "off_grid":
        return fault.kind
    if fault.text.endswith((" late", " early")):
        return fault.text.rsplit(" ", 1)[-1]
    return "uneven" if "by turns" in fault.text else "soft"


def loops_table(backend: BuiltinBackend, loops: int) -> Table:
    others = [backend.sounding_as(version) for version in backend.voices]
    down: dict[str, Counter[str]] = {each.version: Counter() for each in others}
    for index in track(range(loops), description="loops"):
        style, bpm, bars = ASKED[index % len(ASKED)]
        asked = GenerateRequest(bpm=bpm, bars=bars, style=style, stems=MODELLED, seed=LOOP_SEED + index)
        request = sound_request(draw_genome(asked, asked.seed), backend, MODELLED)
        for each in others:
            (stems,) = each.generate([request], lambda *_: None)
            for fault in inspect_stems(stems, request.score, request.sample_rate):
                down[each.version][f"{fault.stem}: {_called(fault)}"] += 1
    kinds = sorted({kind for counts in down.values() for kind in counts})
    rows = [(kind, *(str(counts[kind]) for counts in down.values())) for kind in kinds]
    rows.append(("all", *(str(sum(counts.values())) for counts in down.values())))
    title = f"Faults at the first take, {loops} loops with {len(MODELLED)} stems"
    return Table(title, ("fault", *down), tuple(rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=8)
    parser.add_argument("--loops", type=int, default=40)
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = Report.begin("eval_onsets", vars(options))
    if options.loops:
        report.add(loops_table(BuiltinBackend.load(options.model, "cpu"), options.loops))
    if options.songs:
        report.add(etudes_table(SoundModel("model", options.model), options.songs))
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
