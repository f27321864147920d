"""The use cases, as control surfaces call them. `Studio` is the seam between control and everything below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from antiphon.domain.candidate import Candidate
from antiphon.domain.event import StudioEvent
from antiphon.domain.job import Job
from antiphon.domain.lineage import Breeding
from antiphon.domain.mixer import StemMix
from antiphon.domain.reading import Given, PromptReading
from antiphon.domain.request import GenerateRequest


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that is on disk. `repeated` is true where the same client had sent the same id before."""

    job_id: str
    repeated: bool


class LearningReports(Protocol):
    """Each report is JSON-compatible data, described in docs/learning.md; ratings and means are 0 to 1."""

    async def ratings(self, limit: int, candidate_id: str | None = None) -> dict[str, Any]:
        """The newest ratings that count, newest first, each with its weight and the words that explain it."""
        ...

    async def beliefs(self, limit: int) -> dict[str, Any]:
        """How it is believed, each context with its warning, the raters, and the best `limit` clips of each context."""
        ...

    async def candidate(self, candidate_id: str) -> dict[str, Any]:
        """What is believed of one candidate in each context, and the ratings that this rests on. Raises NotFound."""
        ...

    async def taste(self, context: str) -> dict[str, Any]:
        """What the people of a context (empty: the setting's; or `all`) like, group by group of what describes a loop,
        and why some of the loops that they rated are believed to be best and worst. Raises Conflict where nothing was
        rated there, LearnerAway where nobody could think it over."""
        ...

    async def generations(self) -> dict[str, Any]:
        """After the fact: how well each generation was liked, and each of its arms."""
        ...

    async def exposures(self, limit: int) -> dict[str, Any]:
        """After the fact: what was shown to whom, in which order, from which arm; newest first."""
        ...


class Studio(Protocol):
    """Every method returns only after what it promises is committed. All raise from `errors`."""

    def read_prompt(self, prompt: str, given: Given) -> PromptReading:
        """What a prompt asks for, besides what the request's own keys say. Pure and quick; takes every string."""
        ...

    async def generate(self, client: str, request_id: str | int, request: GenerateRequest) -> Submission:
        """Queue one generate job; the same client and id again return the first submission and replay its outcome.

        Two requests that differ in nothing but the seed count as the same, because the seed of a request without one
        is drawn anew each time it is sent. Where the request has a reading, listeners get `PromptRead` before anything
        else of the job. Raises Conflict for an id used for something else, LimitExceeded for a full
        queue, BackendFailed where no model can be loaded.
        """
        ...

    async def breed(self, client: str, request_id: str | int, breeding: Breeding) -> Submission:
        """Queue one job that makes children of candidates; ids, repeats and the queue's limit are as in `generate`.

        Raises NotFound for a candidate that isn't there, Conflict where one can't have children (it was made before
        loops kept their genome) or, for `evolve`, where nothing has been rated, OutOfRange for a stem that the
        candidate does not have.
        """
        ...

    async def train(self, client: str, request_id: str | int, steps: int | None) -> Submission:
        """Queue one fine-tuning on all that was rated; ids, repeats and the queue's limit are as in `generate`.

        Raises Conflict where nothing has been rated or the model in use can't be fine-tuned, BackendFailed.
        """
        ...

    async def cancel(self, client: str, request_id: str | int) -> None:
        """Cancel the client's job; NotFound where there is none, Conflict where it has ended."""
        ...

    async def rate(
        self,
        client: str,
        rating_id: str | int,
        candidate_id: str,
        value: float,
        *,
        stem: str | None,
        rater: str,
        listened_s: float | None,
        context: str,
        gesture: str = "sent",
    ) -> float:
        """Store a rating (0 to 1) once per rating id; returns the value that is stored.

        `context` and `gesture` are as in `records.Rating`. Raises OutOfRange for the context `all`.
        """
        ...

    async def prefer(
        self, client: str, rating_id: str | int, winner_id: str, loser_id: str, *, stem: str | None, rater: str,
        context: str = "",
    ) -> None: ...  # fmt: skip

    async def playing(self, client: str, candidate_id: str, context: str = "") -> None: ...

    async def stopped(self, client: str, candidate_id: str) -> None: ...

    async def audition(self, step: int, client: str = "", context: str = "") -> tuple[str, int, int]:
        """Move the current candidate by +1 or -1 (0: stop). Returns (candidate id, index from 0, count).

        It moves among all candidates, oldest first, and stays at the ends; from none, +1 goes to the first of the new
        job; now and then +1 goes to one that the client has rated before. What is shown to whom is noted, and whether
        it was gone on from before it could be heard. Raises NotFound where nothing has been made yet.
        """
        ...

    async def keep(self, client: str, candidate_id: str, kept: bool) -> None:
        """Mark a candidate as one to keep, or take the mark back. Raises NotFound."""
        ...

    async def is_kept(self, candidate_id: str) -> bool: ...

    async def kept(self) -> list[str]:
        """The ids of all kept candidates, the newest mark first."""
        ...

    async def set_stem(self, stem: str, *, level: float | None = None, muted: bool | None = None) -> StemMix:
        """Change a stem's level (0 to 1) or mute in the audition's mix; returns how it stands now."""
        ...

    @property
    def stem_mix(self) -> tuple[StemMix, ...]:
        """How each stem stands in the audition's mix."""
        ...

    @property
    def reports(self) -> LearningReports:
        """What anybody may ask about ratings, and what is made of them."""
        ...

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        """The rater's own latest rating of the whole candidate; None where there is none."""
        ...

    async def set_tempo(self, bpm: float) -> None: ...

    @property
    def tempo_bpm(self) -> float:
        """The tempo of later requests that name none: the session's, see `session_tempo`."""
        ...

    def follow_tempo(self, source: str, bpm: float | None, live: bool = True) -> None:
        """A host's tempo (`source`: link or midi_clock), or None where it has gone; see `session_tempo`. Not stored."""
        ...

    def follow_transport(self, source: str, playing: bool, beats: float) -> None:
        """A host started or stopped at this position in quarter notes."""
        ...

    async def job(self, job_id: str) -> Job:
        """The job as the ledger has it; NotFound where there is none."""
        ...

    async def candidate(self, candidate_id: str) -> Candidate: ...

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        """The newest first; of those made at `since_s` (seconds since the epoch) or later."""
        ...

    async def models(self) -> list[tuple[str, str, float]]:
        """(version, state, gain): state is `active`, `available`, `trial` (blind, beside the active one) or `rejected`
        (kept as a record); gain is the measured rise in mean rating on 0 to 5, or 0."""
        ...

    async def use_model(self, version: str) -> None: ...

    async def rollback_model(self) -> str: ...

    async def status(self) -> dict[str, Any]: ...

    def listen(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]:
        """Call `listener` in the event loop for every event; returns a function that ends it."""
        ...
