"""Trainings and their versions: asked for or started by ratings, tried blind, promoted or kept as a record."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from antiphon.domain.event import JobChanged, StudioEvent, VersionMade
from antiphon.domain.model_version import Heard, ModelVersion, Subject
from antiphon.errors import AntiphonError, BackendFailed, NotFound
from antiphon.jobs.ledger import Entry
from antiphon.jobs.supervisor import Supervisor
from antiphon.settings import Settings
from antiphon.training.promotion import Look, Verdict, judge

log = logging.getLogger(__name__)

#: Ratings are 0 to 1 inside; people read 0 to 5.
POINTS = 5.0


class Versions(Protocol):
    """Where versions and trainings are kept. Every method returns after its COMMIT; all raise StorageFailed."""

    subject: Subject | None
    reliable: Callable[[str, str | None], tuple[float, float] | None]
    started: deque[str]

    async def versions(self) -> list[ModelVersion]:
        """Those that were made, the oldest first."""
        ...

    async def on_trial(self) -> ModelVersion | None: ...

    async def of_job(self, job_id: str) -> ModelVersion | None: ...

    async def change(self, version: str, state: str, gain: float, report: Mapping[str, Any]) -> None: ...

    async def heard(self, trial: ModelVersion, other: str) -> tuple[list[Heard], list[Heard]]:
        """What people said of the loops of both versions that were made since the trial began."""
        ...

    async def train(
        self, client: str, request_id: str | int, recipe: Mapping[str, Any], queue_limit: int
    ) -> tuple[Entry, str]:
        """Queue a training on all that was rated. Raises Conflict where there is nothing, LimitExceeded."""
        ...


def recipe_of(settings: Settings, steps: int | None = None) -> dict[str, Any]:
    """How a training is done here; what is not said is `training.finetune.material.Recipe`'s own."""
    own = settings.training
    return {
        "steps": own.steps if steps is None else steps, "objective": own.objective, "minutes": own.minutes,
        "top_share": own.top_share, "pull": own.pull, "rank": own.rank, "alpha": 2.0 * own.rank,
        "replay_songs": own.replay_songs, "probes": own.probes,
    }  # fmt: skip


class Trusts(Protocol):
    """What ratings are worth: `learning.beliefs.Beliefs`."""

    def trust(self, candidate_id: str, stem: str | None) -> tuple[float, float] | None:
        """How good a candidate is, or one of its stems, and how far that can be trusted, both 0 to 1; None where
        nothing is believed yet."""
        ...

    async def current(self) -> object:
        """Wait until the newest ratings are thought over."""
        ...


class Tuning:
    """Keeps the fine-tuned versions. `names` are the models that requests may ask for: versions are added to it.
    `use` puts a model to use; `beliefs` tells what ratings are worth."""

    def __init__(
        self, settings: Settings, versions: Versions, supervisor: Supervisor, names: list[str],
        emit: Callable[[StudioEvent], None], use: Callable[[str], Awaitable[None]],
        beliefs: Trusts,
    ) -> None:  # fmt: skip
        self._settings, self._versions, self._supervisor = settings, versions, supervisor
        self._names, self._emit, self._use = names, emit, use
        versions.reliable = beliefs.trust
        self._beliefs = beliefs
        self._judging: asyncio.Task[None] | None = None
        self._judge_again = False

    def notice(self, event: StudioEvent) -> None:
        """A version that was made can be asked for by name from now on."""
        if isinstance(event, VersionMade) and event.version not in self._names:
            self._names.append(event.version)

    def offer(self) -> None:
        """Say what can be fine-tuned now, before a rating or a request may want it."""
        ready = self._supervisor.ready
        tunable = ready is not None and ready.tunable
        self._versions.subject = Subject(ready.model, ready.version) if ready is not None and tunable else None

    async def train(self, client: str, request_id: str | int, steps: int | None) -> Entry:
        """Queue a training. Raises Conflict, LimitExceeded, BackendFailed."""
        if self._supervisor.fault:
            raise BackendFailed(self._supervisor.fault)
        self.offer()
        recipe = recipe_of(self._settings, steps)
        entry, _ = await self._versions.train(client, request_id, recipe, self._settings.limits.queue)
        return entry

    async def rated(self) -> None:
        """A rating is on disk: tell of the training that it started, if it did, and look at the trial."""
        while self._versions.started:
            job_id = self._versions.started.popleft()
            self._emit(JobChanged(job_id, "train", "submitted", 0.0))
            self._supervisor.wake()
        self._judge_again = True
        if self._judging is None or self._judging.done():
            self._judging = asyncio.create_task(self._judge())

    async def listed(self, models: Sequence[str]) -> list[tuple[str, str, float]]:
        """(name, state, gain) of all: state is active, available, trial or rejected."""
        active, rows = self._supervisor.model, []
        versions = {each.version: each for each in await self._versions.versions()}
        for name in dict.fromkeys((*models, *versions)):
            made = versions.get(name)
            state = made.state if made is not None and made.state in ("trial", "rejected") else "available"
            rows.append((name, "active" if name == active else state, made.gain if made is not None else 0.0))
        return rows

    async def outcome(self, job_id: str) -> ModelVersion | None:
        """The version that a training has made."""
        return await self._versions.of_job(job_id)

    async def describe(self, version: str) -> ModelVersion:
        """One version with its report. Raises NotFound."""
        found = next((each for each in await self._versions.versions() if each.version == version), None)
        if found is None:
            raise NotFound(
                f"there is no fine-tuned version {version[:40]!r}: /antiphon/model/list names those there are"
            )
        return found

    async def on_trial(self) -> str:
        """The version that a share of what is made shall be made with, for the blind comparison; empty for none."""
        trial = await self._versions.on_trial()
        return "" if trial is None or trial.version == self._supervisor.model else trial.version

    async def base(self) -> str:
        """The model that the version in use was made of: what the baseline is made with; empty where it is in use."""
        used = self._supervisor.model
        return next((each.base_model for each in await self._versions.versions() if each.version == used), "")

    async def known(self) -> dict[str, str]:
        """The versions of models, by the models' names: of those that are loaded, and of those that versions here were
        made of. Who uses a version still has children of its base's own loops, also where the base is not warm now."""
        # Only versions that can be loaded tell what their base is today.
        made = [each for each in await self._versions.versions() if each.version in self._names]
        return {each.base_model: each.base_version for each in made} | self._supervisor.versions

    async def _judge(self) -> None:
        while self._judge_again:
            self._judge_again = False
            try:
                await self._look()
            except AntiphonError as error:
                log.error("the version on trial could not be judged: %s", error.message)

    async def _look(self) -> None:
        trial = await self._versions.on_trial()
        other = self._supervisor.versions.get(self._supervisor.model, "")
        if trial is None or not other or trial.version == other:
            return
        await self._beliefs.current()
        of_trial, of_other = await self._versions.heard(trial, other)
        before = tuple(Look(*look) for look in trial.report.get("looks", ()))
        verdict = judge(of_trial, of_other, before)
        if verdict.looks != before:
            await self._settle(trial, verdict)

    async def _settle(self, trial: ModelVersion, verdict: Verdict) -> None:
        last = verdict.looks[-1]
        looks = [[look.loops, look.probability, look.gain, look.evidence] for look in verdict.looks]
        reasons = [*trial.report.get("reasons", ()), *([verdict.text] if verdict.state == "rejected" else ())]
        report = dict(trial.report) | {"looks": looks, "heard": verdict.text, "reasons": reasons}
        log.info("%s: %s (%s)", trial.version, verdict.state, verdict.text)
        if verdict.state == "promoted":
            # First to use, then noted: where it can't be loaded, it stays on trial.
            await self._use(trial.version)
        await self._versions.change(trial.version, verdict.state, POINTS * last.gain, report)
