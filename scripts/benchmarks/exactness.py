"""One request, made and judged: what the tables of bench_exactness.py are counted from."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from antiphon.domain.candidate import Candidate
from antiphon.domain.request import GenerateRequest
from antiphon.generation.backend import Backend
from antiphon.training.soundfont import RATE_HZ
from benchmarks.judges import (
    Audio,
    KeyFound,
    as_audio,
    decibels,
    essentia_tempo_bpm,
    find_key,
    for_ears,
    librosa_tempo_bpm,
    read_steps,
    true_peak_db,
)
from benchmarks.sampler import render_plainly
from benchmarks.seam import Seam, seams
from benchmarks.takes import make, rejected_faults

TRACKERS = {"essentia": essentia_tempo_bpm, "librosa": librosa_tempo_bpm}


@dataclass(slots=True)
class Judged:
    """Everything that was found out about one request."""

    request: dict[str, Any]
    failure: str = ""
    rejected_takes: int = 0
    #: What the gate found wrong with them.
    faults: list[str] = field(default_factory=list)
    wall_s: float = 0.0
    loop_s: float = 0.0
    wrong_frames: list[str] = field(default_factory=list)
    sum_error_db: float = -math.inf
    peak_dbtp: float = -math.inf
    #: Per tracker, what it found in our drums and in the sampler's; empty where the drums are silent.
    tempo_bpm: dict[str, float] = field(default_factory=dict)
    sampler_tempo_bpm: dict[str, float] = field(default_factory=dict)
    key: KeyFound | None = None
    sampler_key: KeyFound | None = None
    #: Per sounding stem and measure.
    seams: dict[str, dict[str, Seam]] = field(default_factory=dict)


def exact_frames(request: GenerateRequest) -> int:
    """round(beats × 60 / bpm × rate), in rationals, worked out here and not by the code that is judged."""
    beats = Fraction(request.bars * request.meter.numerator * 4, request.meter.denominator)
    return round(beats * 60 / Fraction(request.bpm) * request.sample_rate)


def judge_files(judged: Judged, request: GenerateRequest, candidate: Candidate) -> dict[str, Audio]:
    """Frames, sum, peaks and seams of the files as read back; returns the stems as float32 (channels, frames)."""
    expected, total, stems = exact_frames(request), None, {}
    for file in (*candidate.stems, candidate.mix):
        steps, rate = read_steps(Path(file.path))
        if steps.shape[1] != expected or rate != request.sample_rate:
            judged.wrong_frames.append(f"{file.stem}: {steps.shape[1]} at {rate} Hz, not {expected}")
            continue
        audio = as_audio(steps)
        judged.peak_dbtp = max(judged.peak_dbtp, true_peak_db(audio))
        if file.stem == "mix":
            error = np.abs(steps.astype(np.int64) - total).max() if total is not None else np.abs(steps).max()
            judged.sum_error_db = decibels(float(error) / max(1, int(np.abs(steps).max())))
            continue
        total = steps.astype(np.int64) if total is None else total + steps
        stems[file.stem] = audio
        if np.any(steps):
            judged.seams[file.stem] = seams(audio, rate)
    return stems


def judge_music(judged: Judged, request: GenerateRequest, stems: dict[str, Audio], plain: dict[str, Audio]) -> None:
    """Tempo of the drums and key of the pitched stems, in ours and in the sampler's rendering of the same score."""
    assert request.key is not None
    for source, rate, tempo, key_name in (
        (stems, request.sample_rate, judged.tempo_bpm, "key"),
        (plain, RATE_HZ, judged.sampler_tempo_bpm, "sampler_key"),
    ):
        drums = source.get("drums")
        if drums is not None and np.any(drums):
            mono = for_ears(drums, rate)
            tempo.update({name: track(mono) for name, track in TRACKERS.items()})
        pitched = [audio for stem, audio in source.items() if stem != "drums"]
        if pitched and any(np.any(audio) for audio in pitched):
            setattr(judged, key_name, find_key(for_ears(np.sum(pitched, axis=0), rate), request.key))


def judge(request: GenerateRequest, backend: Backend, folder: Path, number: int, sampler: bool) -> Judged:
    """Make one request's loop in `folder`, judge it, and take the files away again."""
    assert request.key is not None
    about = {
        "bpm": request.bpm, "bars": request.bars, "meter": request.meter.name, "key": request.key.name,
        "sample_rate": request.sample_rate, "style": request.style, "preset": request.preset, "seed": request.seed,
        "file_format": request.file_format,
    }  # fmt: skip
    judged = Judged(about, loop_s=exact_frames(request) / request.sample_rate)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made = make(request, backend, Path(place), f"exact{number}")
        judged.failure, judged.wall_s, judged.rejected_takes = made.failure, made.wall_s, made.rejected_takes
        if made.failure:
            return judged
        judged.faults = rejected_faults(made.candidates[0])
        stems = judge_files(judged, request, made.candidates[0])
        if not judged.wrong_frames:
            judge_music(judged, request, stems, render_plainly(made.candidates[0]) if sampler else {})
    return judged
