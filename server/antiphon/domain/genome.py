"""A genome: everything that decides a loop, so that it can be made again, varied, and crossed with others.

A loop has genes that all its stems share (tempo, harmony, feel) and, per stem, genes of its own. A stem's notes follow
from its own genes and the common ones alone, so that exchanging one stem's genes changes that stem and no other; the
bass listens to the kick, and the percussion answers the drums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from antiphon.domain.given import GivenPart
from antiphon.domain.reference import Reference
from antiphon.domain.score import ChordSpan
from antiphon.domain.theory import Key, Meter


@dataclass(frozen=True, slots=True)
class NoiseRecipe:
    """The noise that a stem's sound starts from, as (source, weight) pairs: the sum of each source's noise times its
    weight. A source is a seed, whose noise is unit normal, or the name of noise that is kept in a file, because it was
    found in a song and not drawn. The squares of the weights sum to 1, so the sum is unit normal again (Bodin et al.,
    "Linear combinations of Gaussian latents in generative models", arXiv 2408.08558, 2024)."""

    parts: tuple[tuple[int | str, float], ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the kept noises in it."""
        return tuple(source for source, _ in self.parts if isinstance(source, str))


def seed_of(source: int | str) -> int:
    """A seed (31 bits) in the place of a noise's source, for backends whose noise has another shape than kept noise."""
    return source if isinstance(source, int) else int(source[:8], 16) >> 1


def noise_of(seed: int) -> NoiseRecipe:
    """The recipe of one seed's noise, as it is."""
    return NoiseRecipe(((seed, 1.0),))


@dataclass(frozen=True, slots=True)
class Twist:
    """A part told a little differently: in a `share` (0 to 1) of its half bars it plays what `seed` makes it play."""

    seed: int
    share: float


class Stroke(NamedTuple):
    """A note on the felt grid: its step and length in steps, how far off the swung grid the hand strikes it, and
    whether it glides in from the note before."""

    step: int
    length_steps: float
    pitch: int
    velocity: int
    drift_beats: float
    glide: bool = False


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """The notes that a model wrote for a stem: kept, because no seed draws them again without it.

    What they were written for stands beside them, so that they are written anew, in whole or in part, where a child has
    other genes: `origin` names genes and grid, `chords` is the harmony (empty for drums), `energy` the part's own
    (0 to 1), `version` the weights.
    """

    strokes: tuple[Stroke, ...]
    origin: str
    chords: tuple[ChordSpan, ...]
    energy: float
    version: str


@dataclass(frozen=True, slots=True)
class StemGenes:
    """What decides one stem. `behaviour` is how the part is played, one of its style's (drums have none: `""`).

    `density` (-1 to 1) is added to the loop's energy where it says how many notes there are; `register` moves the part
    by semitones; `timbre` is a name in `domain.timbres`.
    """

    stem: str
    #: Draws the notes.
    seed: int
    #: The style that the part is composed in; mostly the loop's own.
    style: str
    behaviour: str
    timbre: str
    noise: NoiseRecipe
    density: float = 0.0
    register: int = 0
    twists: tuple[Twist, ...] = ()
    #: What shall be true of the sound besides its timbre (`domain.timbres.COLOURS`).
    colours: tuple[str, ...] = ()
    #: `neural` or `sampler`; None: the server's choice.
    engine: str | None = None
    #: How loud it is beside the others, in LU against the loop, while it plays; None, in genomes from before stems were
    #: balanced: as loud as its engine gives it.
    level_lu: float | None = None
    #: How wide, 0 (mono) to 1; None: in genomes from before, as its engine gives it.
    width: float | None = None
    #: `grammar` or `model` (`domain.composers`); None: the grammar, as it was before there was a choice.
    composer: str | None = None
    #: What the model wrote, where it is the composer. Twists beside it are not yet in it.
    written: WrittenPart | None = None
    #: Notes that somebody brought: they stand as they are, whoever composes; twists tell half bars of them anew.
    given: GivenPart | None = None
    #: How likely a note glides in from the one before, 0 to 1, where its timbre can; None, in genomes from before there
    #: were glides, and for stems of many voices: none does.
    glide: float | None = None


@dataclass(frozen=True, slots=True)
class Genome:
    """What decides a loop. All stems have genes; those in `playing` are heard (the bass follows an unheard kick)."""

    bpm: float
    meter: Meter
    bars: int
    key: Key
    #: In order, from the loop's start to its end without a gap.
    chords: tuple[ChordSpan, ...]
    style: str
    #: How late off-beats are, 0 straight to 1 triplet, before fast tempos straighten it.
    swing: float
    energy: float
    #: The seed that the genome was drawn with: it names the take to people.
    seed: int
    stems: tuple[StemGenes, ...]
    playing: tuple[str, ...]
    #: The drums that the bass was composed to, where the loop's own have been exchanged since; None: its own.
    kick: StemGenes | None = None
    #: The same for the percussion: the drums that it was composed to answer.
    answered: StemGenes | None = None
    #: The effect preset by name; None: the server's choice.
    preset: str | None = None
    #: Sampler steps; None: the model's own number.
    steps: int | None = None
    #: Genes that a person asked for (`key`, `chords`, `preset`, `timbre bass`): mutation leaves them alone.
    fixed: tuple[str, ...] = ()
    #: Styles and timbres that a person did not want.
    avoided: tuple[str, ...] = ()
    #: The songs that the loop, or an ancestor of it, was made after: with their licences, for every descendant.
    references: tuple[Reference, ...] = ()

    @property
    def given(self) -> tuple[GivenPart, ...]:
        """The parts that somebody brought, heard or not."""
        return tuple(genes.given for genes in self.stems if genes.given is not None)

    def genes(self, stem: str) -> StemGenes:
        """The genes of one stem."""
        return next(genes for genes in self.stems if genes.stem == stem)

    def with_genes(self, *changed: StemGenes) -> Genome:
        """The same loop with other genes for some stems."""
        by_stem = {genes.stem: genes for genes in changed}
        return replace(self, stems=tuple(by_stem.get(genes.stem, genes) for genes in self.stems))

    def with_only(self, *changed: StemGenes) -> Genome:
        """Other genes for some stems, and for these only: a bass or percussion that stays goes on to play to the
        drums it knows, one that is exchanged listens to the drums that are there now."""
        stems = {genes.stem for genes in changed}
        kick = self._known_drums(self.kick, "bass", stems)
        answered = self._known_drums(self.answered, "percussion", stems)
        return replace(self.with_genes(*changed), kick=kick, answered=answered)

    def _known_drums(self, known: StemGenes | None, listener: str, changed: set[str]) -> StemGenes | None:
        """The drums that a stem plays to once some stems are exchanged; None: those that are there then."""
        if listener in changed:
            return None
        return known or self.genes("drums") if "drums" in changed else known
