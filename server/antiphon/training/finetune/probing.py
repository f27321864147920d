"""The part of the gate that needs no listener: a new version beside its base, on loops that nobody has trained on."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.domain.theory import Meter
from antiphon.generation.backend import LoopAudio
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.grammar import draw_genome
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ, log_mel_circle
from antiphon.rendering.inspection import inspect_stems
from antiphon.rendering.onsets import timing
from antiphon.rendering.pitches import tonality
from antiphon.training.finetune.known_corpus import KnownCorpus
from antiphon.training.finetune.pictures import sound_request
from antiphon.training.finetune.pieces import piecewise

#: Seeds of the loops that versions are judged on, and of the second noise of each.
_PROBE_SEED = 910_000
_SECOND_NOISE = 51_000
_PROBED_STEMS = ("bass", "chords", "lead")
#: How much may be lost: chroma match, spread of onsets in seconds, contrast of onsets and sharpness as shares.
MATCH_LOSS, SPREAD_LOSS_S, CONTRAST_SHARE, SHARPNESS_SHARE = 0.01, 0.003, 0.97, 0.93
DIVERSITY_SHARE = 0.95
#: Pictures that agree so closely are copies, unless the base's own agree as closely.
COPY, COPY_OVER_BASE = 0.97, 0.02
#: By sketches copies are told less exactly: those of the corpus's songs, with noise over them, come to 0.99, eight
#: songs that are not in it to between 0.72 and 0.94 (scripts/sketch_corpus.py).
CORPUS_COPY = 0.96

#: A version is softened by so much more than what is just allowed.
_MARGIN = 0.95

Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Probe:
    """One loop of one version, measured: means over its stems (None where nothing could be measured), and each stem's
    picture, float32 (time, dims), which are the latents."""

    faults: int
    match: float | None
    spread_s: float | None
    contrast: float | None
    sharpness: float
    pictures: Mapping[str, Picture]


def probe_genomes(count: int) -> list[Genome]:
    """The loops that versions are judged on: the same for all, drawn as users' loops are."""
    genomes = []
    for index in range(count):
        bpm = (92.0, 120.0, 140.0, 76.0)[index % 4]
        request = GenerateRequest(bpm=bpm, bars=2, meter=Meter(4, 4), stems=_PROBED_STEMS, seed=_PROBE_SEED + index)
        genomes.append(draw_genome(request, request.seed))
    return genomes


def probe(backend: BuiltinBackend, genome: Genome, noise_seed: int = 0) -> Generator[None, None, Probe]:
    """Sound a loop and measure it. `noise_seed` above 0 takes other noise than the genome's. Stops between its pieces,
    because somebody may wait."""
    request = sound_request(genome, backend, _PROBED_STEMS)
    if noise_seed:
        request = type(request)(request.score, noise_seed, request.steps, request.sample_rate)
    pictures = backend.pictures(request)
    yield
    (stems,) = backend.generate([request], lambda *_: None)
    yield
    seen = {} if pictures is None else {
        stem: pictures.latents[row].float().numpy() for row, stem in enumerate(pictures.stems)
    }  # fmt: skip
    return _measured(stems, request.score, seen)


def _measured(stems: Mapping[str, LoopAudio], score: Score, pictures: Mapping[str, Picture]) -> Probe:
    rate = round(MODEL_RATE_HZ)
    matches, spreads, contrasts, sharp = [], [], [], []
    for part in score.stems:
        if not part.notes:
            continue
        mono = np.asarray(stems[part.stem].mean(axis=0))
        if (tone := tonality(mono, part, score, rate)) is not None:
            matches.append(tone.match)
        if (time := timing(mono, part, score, rate)) is not None:
            spreads.append(time.spread_s)
            contrasts.append(time.contrast)
        sharp.append(_sharpness(mono))
    faults = len(inspect_stems(stems, score, rate))
    return Probe(faults, _mean(matches), _mean(spreads), _mean(contrasts), _mean(sharp) or 0.0, pictures)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _sharpness(mono: NDArray[np.float32]) -> float:
    """How much a mel picture moves in time, in nepers: a model that blurs has less."""
    with torch.inference_mode():
        frames = len(mono) // 1024 * 1024
        picture = log_mel_circle(torch.from_numpy(np.ascontiguousarray(mono[:frames]))[None]).clamp_min(-8.0)
    return float(picture.diff(dim=1).abs().mean())


@dataclass(frozen=True, slots=True)
class Finding:
    """One question of the gate: what was measured of base and version, the limit, and the answer in words."""

    name: str
    base: float
    version: float
    limit: float
    passed: bool
    text: str


def findings(
    base: Sequence[Probe],
    version: Sequence[Probe],
    known: Iterable[Mapping[str, Picture]],
    corpus: KnownCorpus | None = None,
) -> list[Finding]:
    """The gate's questions, answered. `known` are the pictures of what was rated, `corpus` is what the base was trained
    on; without it nothing is said of that."""
    found = list(_kept(base, version))
    before, after = diversity(base), diversity(version)
    limit = DIVERSITY_SHARE * before
    text = f"its loops differ {after / before if before else 1.0:.0%} as much from one another as the base's"
    found.append(Finding("diversity", before, after, limit, after >= limit, text))
    known = list(known)
    of_base, of_version = closest(base, known), closest(version, known)
    limit = max(COPY, of_base + COPY_OVER_BASE)
    text = f"its closest likeness to a rated loop is {of_version:.2f} (the base's {of_base:.2f})"
    found.append(Finding("copies", of_base, of_version, limit, of_version <= limit, text))
    if corpus is not None:
        of_base, of_version = (corpus.closest(each.pictures for each in probes) for probes in (base, version))
        limit = max(CORPUS_COPY, of_base + COPY_OVER_BASE)
        text = f"its closest likeness to the base's own corpus is {of_version:.2f} (the base's {of_base:.2f})"
        found.append(Finding("corpus", of_base, of_version, limit, of_version <= limit, text))
    return found


def _kept(base: Sequence[Probe], version: Sequence[Probe]) -> Iterator[Finding]:
    """Quality and adherence to the score: nothing may have fallen by more than measuring is worth."""
    faults = (float(sum(each.faults for each in probes)) for probes in (base, version))
    before, after = faults
    text = f"{after:g} faults by the quality gate's measures (the base {before:g})"
    yield Finding("faults", before, after, before, after <= before, text)
    for name, of, floor, words in (
        ("pitch", "match", lambda x: x - MATCH_LOSS, "chroma agrees with the score's"),
        ("onsets", "contrast", lambda x: x * CONTRAST_SHARE, "onsets stand out where the score has them"),
        ("sharpness", "sharpness", lambda x: x * SHARPNESS_SHARE, "pictures are sharp"),
    ):
        values = [(getattr(b, of), getattr(v, of)) for b, v in zip(base, version, strict=True)]
        both = [(b, v) for b, v in values if b is not None and v is not None]
        if both:
            before, after = (float(np.mean(column)) for column in zip(*both, strict=True))
            limit = floor(before)
            yield Finding(name, before, after, limit, after >= limit, f"{words}: {after:.3f} (the base {before:.3f})")
    spreads = [(b.spread_s, v.spread_s) for b, v in zip(base, version, strict=True)]
    timed = [(b, v) for b, v in spreads if b is not None and v is not None]
    if timed:
        before, after = (float(np.mean(column)) for column in zip(*timed, strict=True))
        limit = before + SPREAD_LOSS_S
        text = f"onsets lie {1000 * after:.1f} ms from the score's (the base's {1000 * before:.1f})"
        yield Finding("timing", before, after, limit, after <= limit, text)


def bearable(found: Sequence[Finding], power: float) -> float:
    """How much of what a version does is likely to pass, 0.25 to 0.9, from findings that it failed, where
    what is lost grows like this power of the strength. What can't be told from a loss, as a fault that is there or not,
    is halved."""
    kept = 1.0
    for each in found:
        if not each.passed:
            lost, allowed = each.version - each.base, each.limit - each.base
            kept = min(kept, max(0.0, allowed / lost) ** (1.0 / power) if allowed and lost else 0.5)
    return float(np.clip(_MARGIN * kept, 0.25, 0.9))


def diversity(probes: Sequence[Probe]) -> float:
    """Mean Euclidean distance between the loops' stems, each as mean and deviation of its picture over time."""
    by_stem: dict[str, list[NDArray[np.float32]]] = {}
    for each in probes:
        for stem, picture in each.pictures.items():
            by_stem.setdefault(stem, []).append(np.concatenate([picture.mean(0), picture.std(0)]))
    distances = [
        float(np.linalg.norm(first - second))
        for rows in by_stem.values() for index, first in enumerate(rows) for second in rows[:index]
    ]  # fmt: skip
    return float(np.mean(distances)) if distances else 0.0


def closest(probes: Sequence[Probe], known: Sequence[Mapping[str, Picture]]) -> float:
    """The greatest likeness of any probed stem to the same stem of any known loop, -1 to 1."""
    found = [
        likeness(picture, other[stem]) for each in probes for stem, picture in each.pictures.items()
        for other in known if stem in other
    ]  # fmt: skip
    return max(found, default=0.0)


def likeness(first: Picture, second: Picture) -> float:
    """Greatest correlation of two pictures (time, dims) over all shifts, over the length of the shorter one: 1 for a
    copy, wherever it begins."""
    time = min(len(first), len(second))
    a, b = (each[:time] - each[:time].mean(0) for each in (first, second))
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    if scale <= 0.0:
        return 0.0
    spectrum = np.fft.rfft(a, axis=0) * np.conj(np.fft.rfft(b, axis=0))
    return float(np.fft.irfft(spectrum.sum(1), n=time).max() / scale)


def probed(backend: BuiltinBackend, count: int) -> Generator[float, None, list[Probe]]:
    """All probes of a version, each loop with two noises: yields the share that is done."""
    found: list[Probe] = []
    for index, genome in enumerate(probe_genomes(count)):
        for noise in (0, _SECOND_NOISE + index):
            found.append((yield from piecewise(probe(backend, genome, noise), len(found) / (2 * count))))
            yield len(found) / (2 * count)
    return found
