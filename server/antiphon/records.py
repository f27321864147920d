"""What the studio remembers besides jobs: candidates, ratings, listening, what it stands at. Storage implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from antiphon.domain.candidate import Candidate
from antiphon.domain.exposure import Exposure
from antiphon.domain.lineage import Parent
from antiphon.domain.mixer import StemMix
from antiphon.domain.request import GenerateRequest


@dataclass(frozen=True, slots=True)
class Rating:
    """One gesture of one person: `value` 0 to 1 for a candidate, or for one of its stems.

    `context` empty: that in which the candidate was shown to this client, else the setting's. `gesture`: `sent`, or
    `knob` where a control came to rest.
    """

    client: str
    rating_id: str | int
    candidate_id: str
    value: float
    stem: str | None
    rater: str
    listened_s: float | None
    context: str
    gesture: str = "sent"


@dataclass(frozen=True, slots=True)
class Preference:
    """One gesture of one person: this candidate (or its stem) rather than that one. `context` empty: the setting's."""

    client: str
    rating_id: str | int
    winner_id: str
    loser_id: str
    stem: str | None
    rater: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A rating, with all that helps to weigh it.

    `listened_s`: how long it was heard, as told, else as measured; None where nobody knows. `loop_s` is the loop's
    length. `repeat_showing`: the exposure at which it was given, where the clip was slipped in once more; else 0.
    `made_for`, `generation`, `arm`, `probability`: by which draw the candidate came to be.
    """

    sequence: int
    candidate_id: str
    stem: str | None
    rater: str
    context: str
    value: float
    rated_at_s: float
    gesture: str
    repeat_showing: int
    listened_s: float | None
    loop_s: float
    made_for: str
    generation: int
    arm: str
    probability: float


@dataclass(frozen=True, slots=True)
class Preferred:
    """A preference as evidence: this candidate (or its stem) rather than that one."""

    sequence: int
    winner_id: str
    loser_id: str
    stem: str | None
    rater: str
    context: str


@dataclass(frozen=True, slots=True)
class Generation:
    """The candidates that one `evolve` made for a context, counted from 1; 0 is what was asked for as it is."""

    context: str
    number: int
    loops: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """By which draw a candidate came to be."""

    candidate_id: str
    context: str
    generation: int
    arm: str
    probability: float


class Records(Protocol):
    """Every method returns after its COMMIT. All raise StorageFailed, and NotFound for a candidate that isn't there."""

    async def rate(self, rating: Rating) -> float:
        """Keep a rating once per client and rating id; returns the value that is kept under that id.

        A correction is a new rating with an id of its own: earlier ones stay, the latest of a rater in a context
        counts; what is said of a repeat counts beside it. Raises Conflict where the id stands for another candidate or
        stem.
        """
        ...

    async def prefer(self, preference: Preference) -> None:
        """Keep a preference once per client and rating id. Raises Conflict where the id stands for another one."""
        ...

    async def playing(self, client: str, candidate_id: str, context: str = "") -> tuple[int, int]:
        """The client listens to this now, and it becomes the current candidate. Returns (index, count) among all.

        It counts as shown to the client, unless it is what the client is being shown already.
        """
        ...

    async def listening(self, client: str, candidate_id: str) -> None:
        """The client listens to this now; the current candidate stays what it is."""
        ...

    async def stopped(self, client: str, candidate_id: str) -> None:
        """The client's listening has ended."""
        ...

    async def move_current(self, step: int, client: str = "", context: str = "") -> tuple[str, int, int]:
        """Move the current candidate among all, oldest first, and stay at the ends; 0 sets none.

        From none, +1 goes to the first candidate of the newest job and -1 to the newest candidate. Now and then +1 goes
        to one that the client has rated before, and the next +1 goes on from where the walk stood. All this is noted as
        shown to the client. Returns (candidate id or "", index from 0 or -1, count).
        """
        ...

    async def current(self) -> tuple[str, int, int]:
        """The current candidate as (id or "", index from 0 or -1, count)."""
        ...

    async def candidate(self, candidate_id: str) -> Candidate: ...

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        """The newest first; of those made at `since_s` (seconds since the epoch) or later."""
        ...

    async def rated(self, limit: int, context: str | None = None) -> list[Parent]:
        """The candidates rated last that have a genome, with the mean of their standing ratings, newest first.

        Ratings of a stem count as ratings of its candidate; `context` None: ratings of all contexts count.
        """
        ...

    async def evidence(self, limit: int, since: int = 0) -> list[Evidence]:
        """The newest ratings after the one with sequence `since`, the oldest of them first; also those that no longer
        stand, because they were corrected (see `learning.standing`)."""
        ...

    async def preferences(self, limit: int, since: int = 0) -> list[Preferred]:
        """The newest preferences after the one with sequence `since`, the oldest of them first."""
        ...

    async def contexts(self) -> dict[str, int]:
        """The contexts that were rated in, with the number of ratings that count in each."""
        ...

    async def generations(self) -> list[Generation]:
        """Every generation that was made, and what was asked for as it is, where any of that was rated."""
        ...

    async def drawn(self, candidate_id: str) -> Drawn:
        """By which draw the candidate came to be."""
        ...

    async def exposures(self, limit: int) -> list[Exposure]:
        """What was shown last, to whom and how; newest first."""
        ...

    async def requests(self, limit: int, context: str | None = None) -> list[GenerateRequest]:
        """What people asked for themselves (`/generate`) and got, in a context (None: in any), newest first."""
        ...

    async def candidate_ids(self) -> set[str]: ...

    async def count_ratings(self) -> int: ...

    async def keep(self, client: str, candidate_id: str, kept: bool) -> None:
        """Mark a candidate as one to keep, or take the mark back."""
        ...

    async def kept(self) -> list[str]:
        """The ids of all kept candidates, the newest mark first."""
        ...

    async def is_kept(self, candidate_id: str) -> bool: ...

    async def stem_mix(self) -> dict[str, StemMix]:
        """How each stem stands in the audition's mix."""
        ...

    async def set_stem_mix(self, mix: StemMix) -> None: ...

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        """The rater's latest rating of the whole candidate; None where there is none."""
        ...

    async def tempo_bpm(self) -> float | None:
        """The tempo that was set last, None where none ever was."""
        ...

    async def set_tempo(self, bpm: float) -> None: ...

    async def choose_model(self, setting: str) -> str:
        """The model to start with: the one put to use last, or the setting where that has changed since."""
        ...

    async def use_model(self, model: str) -> None:
        """Note that `model` is in use from now on."""
        ...

    async def previous_model(self) -> str:
        """The model in use before the active one. Raises Conflict where there is none."""
        ...
