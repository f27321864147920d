"""A fine-tuning as a job of the worker: learn, ask the gate, and say what became of it."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.sound.adapter import read_adapter, soften
from antiphon.training.finetune.known_corpus import CORPUS_FILE, KnownCorpus, read_corpus
from antiphon.training.finetune.material import task_from_json
from antiphon.training.finetune.pictures import load_sight
from antiphon.training.finetune.probing import Finding, Picture, Probe, bearable, findings, probed
from antiphon.training.finetune.session import FineTuning, Stage, Version

#: Shares of the progress bar at which learning ends, the base is measured, and each comparison ends: a version that
#: costs too much does less of what it does, twice at most.
_LEARNT, _MEASURED, _COMPARED = 0.9, 0.93, (0.96, 0.98, 1.0)
#: What is lost grows like this power of the strength: nearly its square where a version does much too much, nearly in
#: proportion where it is close to what is allowed (measured on three, at full strength and three shares of it).
_POWERS = (2.0, 1.0)


class TuningJob:
    """Runs a fine-tuning of `payload` in the folder of versions. `outcome` is there when `run` has ended:
    {"version", "state": "trial" or "rejected", "findings": [...], "reasons": [...], "course": {...}}."""

    def __init__(
        self, payload: Mapping[str, Any], base: BuiltinBackend, version_of: Version, versions: Path, revision: str
    ) -> None:
        self._task = task_from_json(payload)
        self._base = base
        self._folder = versions / self._task.version
        self._tuning = FineTuning(self._task, base, version_of, self._folder, revision)
        self.outcome: dict[str, Any] = {}

    def run(self) -> Iterator[Stage]:
        """One small piece of work at a time. Raises Conflict and BackendFailed."""
        if self._report.exists():
            # Killed when all was done but not yet told.
            self.outcome = json.loads(self._report.read_text())
            return
        yield from self._tuning.run()
        found = yield from self._as_strong_as_it_may_be()
        reasons = [each.text for each in found if not each.passed]
        course = read_adapter(self._tuning.adapter_path).about["course"]
        if course["checks"] and course["best_score"] <= 0.0:
            reasons.append("on held-out ratings it is no better than the base")
        self.outcome = {
            "version": self._task.version, "state": "rejected" if reasons else "trial",
            "findings": [asdict(each) for each in found],
            "reasons": reasons, "course": {name: course[name] for name in course if name != "losses"},
            "ratings": self._task.ratings,
        }  # fmt: skip
        self._tidy()

    def _as_strong_as_it_may_be(self) -> Generator[Stage, None, list[Finding]]:
        """The gate's findings about the version, which does less of what it does where that costs too much."""
        of_base = yield from self._probed(self._base, _LEARNT, _MEASURED)
        begins, found = _MEASURED, list[Finding]()
        for ends in _COMPARED:
            version = self._base.fine_tuned(self._tuning.adapter_path)
            of_version = yield from self._probed(version, begins, ends)
            found, begins = findings(of_base, of_version, self._known(), self._corpus()), ends
            softened = len(read_adapter(self._tuning.adapter_path).about.get("softened", ()))
            # A share of what a version of a version does could be less than its parent does.
            if all(each.passed for each in found) or self._task.parent or softened == len(_POWERS):
                break
            soften(self._tuning.adapter_path, bearable(found, _POWERS[softened]))
        return found

    def _probed(self, backend: BuiltinBackend, begins: float, ends: float) -> Generator[Stage, None, list[Probe]]:
        """What the gate measures of a version."""
        pieces = probed(backend, self._task.recipe.probes)
        while True:
            try:
                share = next(pieces)
            except StopIteration as done:
                return list(done.value)
            yield Stage(begins + (ends - begins) * share, "comparing it with the base")

    @property
    def _report(self) -> Path:
        return self._folder / "report.json"

    def _known(self) -> Iterator[Mapping[str, Picture]]:
        """The pictures of the loops that were rated."""
        for path in sorted(self._folder.glob("*.picture.safetensors")):
            if not path.name.startswith("replay-"):
                sight = load_sight(path)
                yield {stem: sight.latents[row].numpy() for row, stem in enumerate(sight.stems)}

    def _corpus(self) -> KnownCorpus | None:
        """What the base was trained on; None for a base that came without sketches of it."""
        folder = self._base.base.folder
        return None if folder is None else read_corpus(folder / CORPUS_FILE, self._base.pipeline.codec)

    def _tidy(self) -> None:
        """What was needed to learn goes; the adapter and the report stay."""
        partial = self._report.with_suffix(".part")
        partial.write_text(json.dumps(self.outcome, indent=1) + "\n")
        partial.replace(self._report)
        for path in (*self._folder.glob("*.picture.safetensors"), self._folder / "checkpoint.safetensors"):
            path.unlink(missing_ok=True)
