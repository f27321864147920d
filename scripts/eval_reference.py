"""How well songs are heard, and how near to them loops come: measured on songs of our own, whose truth is known.

    python scripts/eval_reference.py --hearing 24 --songs 4 --json reference.json

Hearing: loops of all styles, played by the sampler, four times round, in random tempos and keys. Told: how often the
tempo is right (within 1 %; half and double told apart), how far the found beats lie from the true ones, how often they
lie between them, how often a found bar begins on a true one, how often the key is right, or its relative or neighbour.

Nearness: a song of ours, and a loop of another style in its tempo and key, made at rising strength. Told per strength,
against what the song's bars have for the same stems: mel distance in dB; correlation of the mix's chroma; distance of
its mean spectrum in dB (timbre); and the share of takes that pass the quality gate. Controls: the same loop from noise
of another seed, and the same measures against a song that was not brought. Reconstruction: the song's parts after
inversion and sampling, against unrelated noise.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from antiphon.domain.genome import Genome, NoiseRecipe
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.domain.theory import Key
from antiphon.evolution.noise import slerp
from antiphon.generation.backend import LoopAudio, SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.circle_rate import to_exact_length
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.songs.decode import SONG_RATE_HZ, Song
from antiphon.generation.songs.excerpt import Excerpt, cut
from antiphon.generation.songs.hearing import Heard, hear
from antiphon.generation.songs.picture import picture
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, log_mel_circle
from antiphon.generation.styles import get_style, style_names
from antiphon.paths import presets_dir
from antiphon.rendering.inspection import inspect_stems

Wave = NDArray[np.float32]
ROUNDS = 4
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
NEURAL = ("bass", "chords", "lead")
NATS_DB = 8.686


def drawn(
    style: str, rng: np.random.Generator, bpm: float | None = None, key: Key | None = None, bars: int = 4
) -> Genome:
    """A genome of a style, in a tempo from its range and a random key."""
    low, high = get_style(style).bpm
    tempo = float(rng.integers(int(low), int(high) + 1)) if bpm is None else bpm
    chosen = key or Key(int(rng.integers(12)), ("minor", "major")[int(rng.integers(2))])
    request = GenerateRequest(bpm=tempo, bars=bars, key=chosen, style=style, seed=int(rng.integers(2**31)))
    return draw_genome(request, request.seed)


def sounded(backend: TwoEngines, genome: Genome, engine: str | None = None, **more: object) -> dict[str, LoopAudio]:
    """A genome's stems; all through one engine, or as is the default."""
    engines = {genes.stem: engine or backend.default_engine(genes.stem) for genes in genome.stems}
    noise = {genes.stem: genes.noise for genes in genome.stems}
    request = SoundRequest(express(genome), genome.seed, backend.default_steps, SONG_RATE_HZ, noise, "", engines)
    [stems] = backend.generate([replace(request, **more)], lambda *_: None)  # type: ignore[arg-type]
    return stems


def mix_of(stems: dict[str, LoopAudio]) -> Wave:
    return np.sum(list(stems.values()), axis=0)[0].astype(np.float32)


def hearing(backend: TwoEngines, count: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """One row per song."""
    rows = []
    for index in track(range(count), "hearing"):
        style = style_names()[index % len(style_names())]
        genome = drawn(style, rng)
        audio = np.tile(mix_of(sounded(backend, genome, "sampler")), ROUNDS)
        heard = hear(audio, max(1, round(float(genome.meter.beats_per_bar))))
        rows.append({"style": style, "bpm": genome.bpm, "key": genome.key.name, **_judged(heard, genome)})
    return rows


def _judged(heard: Heard, genome: Genome) -> dict[str, object]:
    found: dict[str, object] = {"found bpm": heard.bpm, "found key": heard.key and heard.key.name}
    if heard.bpm is not None:
        ratio = heard.bpm / genome.bpm
        kinds = {"right": 1.0, "half": 0.5, "double": 2.0}
        found["tempo"] = next((name for name, times in kinds.items() if abs(ratio / times - 1) < 0.01), "wrong")
        if found["tempo"] == "right":
            beats = heard.beats_s * genome.bpm / 60.0
            off = (beats + 0.25) % 1.0 - 0.25
            found["between beats"] = bool(np.median(off) > 0.25)
            found["beat error ms"] = float(np.median(np.abs((beats + 0.25) % 0.5 - 0.25))) * 60e3 / genome.bpm
            found["on the bar"] = bool(round(beats[heard.downbeat]) % 4 == 0 and not found["between beats"])
    if heard.key is not None:
        found["key"] = _key_relation(heard.key, genome.key)
    return found


def _key_relation(found: Key, true: Key) -> str:
    if found == true:
        return "right"
    if {*found.scale} == {*true.scale}:
        return "relative"
    return "neighbour" if len({*found.scale} & {*true.scale}) == 6 else "wrong"


def nearness(
    backend: TwoEngines, model: BuiltinBackend, count: int, rng: np.random.Generator
) -> Iterator[dict[str, float]]:
    """One row per song and strength, with all measures."""
    styles = style_names()
    songs = []
    for index in range(count + 1):
        genome = drawn(styles[int(rng.integers(len(styles)))], rng, bpm=120.0, bars=2)
        audio = np.tile(mix_of(sounded(backend, genome)), ROUNDS)
        songs.append((genome, Song(f"song {index}", "", audio), hear(audio, 4)))
    for index in track(range(count), "nearness"):
        genome = songs[index][0]
        target = drawn(styles[int(rng.integers(len(styles)))], rng, bpm=120.0, key=genome.key, bars=2)
        target = replace(target, playing=tuple(each for each in target.playing if each in NEURAL))
        own, other = (cut(s, h, 8, 120.0, 4) for _, s, h in (songs[index], songs[index + 1]))
        yield from _at_strengths(backend, model, target, own, other)


def _at_strengths(
    backend: TwoEngines, model: BuiltinBackend, genome: Genome, own: Excerpt, other: Excerpt
) -> Iterator[dict[str, float]]:
    score = express(genome)
    engines = dict.fromkeys(NEURAL, "neural")
    request = SoundRequest(score, genome.seed, backend.default_steps, SONG_RATE_HZ, {}, "", engines)
    found = backend.invert(request, [own], lambda *_: None)
    stems = tuple(found)
    want, foreign = (_pictures(excerpt, stems, score) for excerpt in (own, other))
    kept = {f"{index:032x}": noise for index, noise in enumerate(found.values())}
    names = dict(zip(stems, kept, strict=True))
    base = _made(backend, genome, stems, {}, {})
    for strength in STRENGTHS:
        noise = {s: slerp(genome.genes(s).noise, NoiseRecipe(((names[s], 1.0),)), strength) for s in stems}
        made = _made(backend, genome, stems, noise, kept)
        faults = inspect_stems({s: made[s] for s in stems}, score, SONG_RATE_HZ)
        yield {"strength": strength, "passes": float(not faults)} | _near(made, base, want, foreign, own, other)
    again = _made(backend, genome, stems, {s: NoiseRecipe(((genome.seed + 1, 1.0),)) for s in stems}, {})
    yield {"strength": -1.0, "passes": 1.0} | _near(again, base, want, foreign, own, other)


def _made(
    backend: TwoEngines, genome: Genome, stems: tuple[str, ...], noise: dict[str, NoiseRecipe], kept: dict[str, Wave]
) -> dict[str, Wave]:
    more = {"kept": kept} | ({"noise": noise} if noise else {})
    made = sounded(backend, genome, "neural", **more)
    return {stem: made[stem] for stem in stems}


def _pictures(excerpt: Excerpt, stems: tuple[str, ...], score: Score) -> NDArray[np.float32]:
    time = _time(score)
    return np.stack([picture(excerpt, stem, time, float(score.beats))[0].numpy() for stem in stems])


def _time(score: Score) -> int:
    return 2 * round(score.duration_s * SONG_RATE_HZ / LATENT_HOP_FRAMES / 2)


def _picture_of(wave: Wave, time: int) -> NDArray[np.float32]:
    circle = to_exact_length(torch.from_numpy(wave), time * LATENT_HOP_FRAMES)
    return log_mel_circle(circle)[0].numpy()


def _near(
    made: dict[str, Wave], base: dict[str, Wave], want: NDArray[np.float32], foreign: NDArray[np.float32],
    own: Excerpt, other: Excerpt,
) -> dict[str, float]:  # fmt: skip
    time = want.shape[1] // 2
    pictures = np.stack([_picture_of(wave, time) for wave in made.values()])
    before = np.stack([_picture_of(wave, time) for wave in base.values()])
    mix = np.sum(list(made.values()), axis=0)[0]
    mixes = {"": _harmony(own), " (other song)": _harmony(other)}
    found = {
        "mel dB": float(np.abs(pictures - want).mean()) * NATS_DB,
        "mel dB (other song)": float(np.abs(pictures - foreign).mean()) * NATS_DB,
        "mel dB to strength 0": float(np.abs(pictures - before).mean()) * NATS_DB,
        "timbre dB": float(np.abs(pictures.mean(1) - want.mean(1)).mean()) * NATS_DB,
        "timbre dB (other song)": float(np.abs(pictures.mean(1) - foreign.mean(1)).mean()) * NATS_DB,
    }
    return found | {f"chroma{name}": _chroma_likeness(mix, wave) for name, wave in mixes.items()}


def _harmony(excerpt: Excerpt) -> Wave:
    """The excerpt's bass and chords, from its first beat on."""
    first = int(excerpt.beats_s[0] * SONG_RATE_HZ)
    return (excerpt.parts["bass"] + excerpt.parts["chords"])[first:]


def _chroma_likeness(made: Wave, song: Wave) -> float:
    """Mean correlation of chroma, beat by beat of half a second, over the length that both have."""
    a, b = (librosa.feature.chroma_cqt(y=wave, sr=SONG_RATE_HZ, hop_length=512) for wave in (made, song))
    frames = min(a.shape[1], b.shape[1])
    step = round(0.5 * SONG_RATE_HZ / 512)
    pairs = [(a[:, i : i + step].mean(1), b[:, i : i + step].mean(1)) for i in range(0, frames - step + 1, step)]
    return float(np.mean([np.corrcoef(x, y)[0, 1] for x, y in pairs]))


def _share(rows: list[dict[str, object]], name: str, value: object) -> float:
    asked = [row for row in rows if name in row]
    return sum(row[name] == value for row in asked) / max(1, len(asked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearing", type=int, default=24)
    parser.add_argument("--songs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    model = BuiltinBackend.load(presets_dir() / "models" / "builtin", "cpu")
    backend = TwoEngines(model)
    heard = hearing(backend, asked.hearing, rng)
    for row in heard:
        print({name: round(float(value), 1) if isinstance(value, float) else value for name, value in row.items()})
    found = [row for row in heard if row["found bpm"] is not None]
    print(f"songs {len(heard)}, a beat found in {len(found)}")
    for name, value in (("tempo", "right"), ("tempo", "half"), ("tempo", "double"), ("between beats", True),
                        ("on the bar", True), ("key", "right"), ("key", "relative"), ("key", "neighbour")):  # fmt: skip
        print(f"{name} = {value}: {_share(heard, name, value):.0%}")
    near: dict[float, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for measured in nearness(backend, model, asked.songs, rng) if asked.songs else ():
        for name, value in measured.items():
            near[measured["strength"]][name].append(value)
    for measures in near.values():
        print({name: round(float(np.mean(values)), 2) for name, values in measures.items()})
    if asked.json:
        asked.json.write_text(
            json.dumps({"hearing": heard, "nearness": {str(k): v for k, v in near.items()}}, indent=1)
        )


if __name__ == "__main__":
    main()
