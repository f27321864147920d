"""Children: what a client asks for, and the parents they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.exposure import Draw
from antiphon.domain.genome import Genome
from antiphon.domain.measures import LoopMeasures
from antiphon.domain.reading import PromptReading
from antiphon.domain.request import GenerateRequest

#: How a candidate came to be: asked for by itself, or made of others.
GENERATE = "generate"
#: Loops of an `evolve` that names no count.
GENERATION = 4
OPERATORS = ("vary", "cross", "restem", "evolve")


@dataclass(frozen=True, slots=True)
class Breeding:
    """Children as a client asks for them. Which values count depends on the operator (see the command table).

    `stems` are the stems to vary, those taken from the second parent, or the one to make anew; empty: the server's
    choice. `composer` writes the stem that is made anew; None: who wrote it before.
    """

    operator: str
    candidate_ids: tuple[str, ...] = ()
    count: int = 1
    seed: int = 0
    amount: float = 0.3
    mix: float = 0.5
    stems: tuple[str, ...] = ()
    prompt: str = ""
    #: Whose taste counts: a context, or `all` of them.
    context: str = ""
    composer: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rating as it counts: `value` 0 to 1, `weight` 0 to 1 as far as it can be relied on."""

    rater: str
    value: float
    weight: float = 1.0
    context: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """A candidate as children see it: its genome, and how well it is liked.

    `mean_rating` (0 to 1) is what the learner believes of `ratings` ratings, `rating_sd` how unsure it is; where it
    believes nothing yet, the plain mean, and None. `verdicts` are the ratings one by one, where they are known.
    """

    candidate_id: str
    genome: Genome
    mean_rating: float = 0.0
    ratings: int = 0
    rating_sd: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    #: How its stems sound, as far as that was measured.
    measures: LoopMeasures = ()


@dataclass(frozen=True, slots=True)
class Child:
    """A genome and the ids of the candidates it comes from: one or two, of a generation by taste sometimes more."""

    genome: Genome
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChildrenRequest:
    """Children to be made, with all that decides them: whoever does the work twice makes the same ones."""

    breeding: Breeding
    #: For `evolve` the whole population, else the parents in the order in which they were named.
    parents: tuple[Parent, ...]
    sample_rate: int = 44100
    file_format: str = "wav"
    model: str | None = None
    #: What the prompt was read as, where there is one.
    reading: PromptReading | None = None
    #: The arm of each child, for `evolve`; empty: all are what was asked for.
    draws: tuple[Draw, ...] = ()
    #: What baseline children are drawn for: requests that people made themselves.
    baselines: tuple[GenerateRequest, ...] = ()
    #: Whether taste goes by how loops sound, too; no in jobs from before it could.
    hears: bool = False
