"""What simulated listeners hear of loops that a model sounds, and what the server measures of the same stems; what was
heard once is remembered, in a file too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_to_json
from antiphon.domain.measures import LoopMeasures, measures_from_json, measures_to_json
from antiphon.generation.builtin import BuiltinBackend
from antiphon.rendering.loudness import loudness_lufs
from antiphon.rendering.measures import measure_stems
from antiphon.training.finetune.pictures import sound_request
from simulated_raters.ear import PITCHED, Ear

RATE_HZ = 44100

#: What an ear takes from a loop, (3,): see `Ear.listen`.
Sound = NDArray[np.float64]


def hear(backend: BuiltinBackend, genome: Genome) -> tuple[Sound, LoopMeasures]:
    """What there is to hear in a loop's pitched stems, and what the server measures of them (`rendering.measures`),
    which the ear doesn't know."""
    request = sound_request(genome, backend, PITCHED)
    (stems,) = backend.generate([request], lambda *_: None)
    whole = np.sum([audio.mean(axis=0) for audio in stems.values()], axis=0, dtype=np.float64)
    lufs = {stem: loudness_lufs(audio, RATE_HZ) for stem, audio in stems.items()}
    level = loudness_lufs(whole[None].astype(np.float32), RATE_HZ)
    return Ear.listen(whole, RATE_HZ), measure_stems(stems, lufs, level, request.score, RATE_HZ)


class Memory:
    """Hears every loop of every version once. `path`: a file of JSON lines that remembers it beyond this process; a
    line that was cut off is heard again, and so is one without measures where these are asked for."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._heard, self._measured = path, dict[str, Sound](), dict[str, LoopMeasures]()
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            try:
                name, values, *measures = json.loads(line)
            except ValueError:
                continue
            self._heard[name] = np.array(values)
            if measures:
                self._measured[name] = measures_from_json(measures[0])

    def hear(self, backend: BuiltinBackend, genomes: Sequence[Genome]) -> list[Sound]:
        """What there is to hear in these loops, as this version sounds them."""
        return [self._heard[self._named(backend, genome, self._heard)] for genome in genomes]

    def measures(self, backend: BuiltinBackend, genomes: Sequence[Genome]) -> list[LoopMeasures]:
        """What the server measures of these loops, as this version sounds them."""
        return [self._measured[self._named(backend, genome, self._measured)] for genome in genomes]

    def _named(self, backend: BuiltinBackend, genome: Genome, known: Container[str]) -> str:
        """The name of a loop by a version, once it is known."""
        name = f"{backend.version}/{digest(genome_to_json(genome))}"
        if name not in known:
            self._heard[name], self._measured[name] = hear(backend, genome)
            if self._path is not None:
                line = [name, self._heard[name].tolist(), measures_to_json(self._measured[name])]
                with self._path.open("a") as file:
                    file.write(f"\n{json.dumps(line)}")
        return name


def digest(data: object) -> str:
    """A name for data, the same for the same data."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=8).hexdigest()
