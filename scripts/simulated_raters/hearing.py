"""What simulated listeners hear of loops that a model sounds; what was heard once is remembered, in a file too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_to_json
from antiphon.generation.builtin import BuiltinBackend
from antiphon.training.finetune.pictures import sound_request
from simulated_raters.ear import PITCHED, Ear

RATE_HZ = 44100

#: What an ear takes from a loop, (3,): see `Ear.listen`.
Sound = NDArray[np.float64]


def hear(backend: BuiltinBackend, genome: Genome) -> Sound:
    """What there is to hear in a loop's pitched stems."""
    (stems,) = backend.generate([sound_request(genome, backend, PITCHED)], lambda *_: None)
    return Ear.listen(np.sum([audio.mean(axis=0) for audio in stems.values()], axis=0, dtype=np.float64), RATE_HZ)


class Memory:
    """Hears every loop of every version once. `path`: a file of JSON lines that remembers it beyond this process; a
    line that was cut off is heard again."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._heard = path, dict[str, Sound]()
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            try:
                name, values = json.loads(line)
            except ValueError:
                continue
            self._heard[name] = np.array(values)

    def hear(self, backend: BuiltinBackend, genomes: Sequence[Genome]) -> list[Sound]:
        """What there is to hear in these loops, as this version sounds them."""
        return [self._hear_one(backend, genome) for genome in genomes]

    def _hear_one(self, backend: BuiltinBackend, genome: Genome) -> Sound:
        name = f"{backend.version}/{digest(genome_to_json(genome))}"
        if name not in self._heard:
            self._heard[name] = hear(backend, genome)
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(f"\n{json.dumps([name, self._heard[name].tolist()])}")
        return self._heard[name]


def digest(data: object) -> str:
    """A name for data, the same for the same data."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=8).hexdigest()
