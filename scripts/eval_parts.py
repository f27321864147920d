"""Do composed stems go with parts that somebody brings, and are key and chords found in these?

    python scripts/eval_parts.py --loops 20

  rhythm   three drummers who share only the first kick are given in turn, and a bass is composed to each, by grammar
           and by score model: on which share of the other kicks does it begin a note, on those of its own drums and on
           those of the other two?
  harmony  loops of the grammar, whose key and chords are known, give up their bass, chords or lead as parts: how often
           is the key found, or another of the same notes, and for which share of the time the chord's root?

Drums and loops are ours, made by seed; nothing here is anybody's taste.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import mean

from rich.console import Console
from rich.progress import track
from rich.table import Table

from antiphon.domain.composers import MODEL, parse_composers
from antiphon.domain.genome import Genome
from antiphon.domain.given import BroughtParts, GivenPart
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note
from antiphon.domain.theory import Key
from antiphon.domain.tonality import find_key, fit_harmony
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.grammar.given import step_of
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.registry import load_score_model
from antiphon.generation.styles import style_names

#: Kicks of three drummers, in sixteenths of a bar; and what else they play.
KICKS = ((0, 7, 10), (0, 3, 14), (0, 5, 11))
BARS = 2
STYLES = ("hiphop", "funk", "lofi", "trap", "downtempo", "dub")
#: What of a loop is brought.
BROUGHT = (("bass",), ("chords",), ("lead",), ("bass", "chords"))

Compose = Callable[[Genome], Genome]


def drummer(kicks: Sequence[int]) -> GivenPart:
    """Two bars of kick, snare on two and four, closed hats on eighths."""
    struck = [(36, step, 110) for step in kicks] + [(38, step, 100) for step in (4, 12)]
    struck += [(42, step, 70) for step in range(0, 16, 2)]
    notes = [Note(4.0 * bar + step / 4, 0.2, pitch, loud) for bar in range(BARS) for pitch, step, loud in struck]
    return GivenPart("drums", tuple(sorted(notes, key=lambda note: note.onset_beats)), 4.0 * BARS, "drummer", "")


def agreements(loops: int, composer: str, compose: Compose) -> Iterator[tuple[float, float]]:
    """For each bass, the share of its own drums' kicks on which it begins a note, and of the others'; the first kick,
    which all have, is not counted."""
    for seed in track(range(loops), f"basses by {composer}", transient=True):
        for which, kicks in enumerate(KICKS):
            request = GenerateRequest(
                bpm=92.0, bars=BARS, style=STYLES[seed % len(STYLES)], stems=("bass",),
                composers=parse_composers(f"bass:{composer}"), brought=BroughtParts((drummer(kicks),)),
            )  # fmt: skip
            genome = compose(draw_genome(request, seed))
            frame = frame_of(genome)
            begun = {step_of(note, frame) * frame.step_beats for note in express(genome).stem("bass").notes}
            shares = [
                mean(4.0 * bar + step / 4 in begun for bar in range(BARS) for step in each if step) for each in KICKS
            ]
            yield shares.pop(which), mean(shares)


def signature(key: Key) -> frozenset[int]:
    return frozenset(key.scale)


def harmonies(loops: int) -> Iterator[tuple[str, str, float]]:
    """What was brought, how the found key lies to the loop's own (`near`: of the same notes), and for which share of
    the time the root is right where the key is known."""
    for seed in track(range(loops), "harmony", transient=True):
        genome = draw_genome(GenerateRequest(bpm=110.0, bars=4, style=style_names()[seed % len(style_names())]), seed)
        score, beats = express(genome), 16.0
        for stems in BROUGHT:
            notes = [note for stem in stems for note in score.stem(stem).notes]
            key = find_key(notes, beats)
            lies = "right" if key == genome.key else "near" if signature(key) == signature(genome.key) else "other"
            bass = score.stem("bass").notes if "bass" in stems else ()
            spans = fit_harmony(notes, bass, genome.key, genome.meter, 4, "chords" in stems)
            right = mean(
                next(s for s in reversed(spans) if s.onset_beats <= beat).chord.root
                == next(s for s in reversed(genome.chords) if s.onset_beats <= beat).chord.root
                for beat in range(16)
            )
            yield " and ".join(stems), lies, right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loops", type=int, default=20, help="seeds for each")
    parser.add_argument("--no-model", action="store_true", help="the grammar alone")
    asked = parser.parse_args()
    console = Console()
    table = Table("bass by", "on its own drums' kicks", "on the others'", "own above others'")
    composers: dict[str, Compose] = {"grammar": lambda genome: genome}
    if not asked.no_model:
        composers[MODEL] = load_score_model().complete
    for composer, compose in composers.items():
        pairs = list(agreements(asked.loops, composer, compose))
        own, others = mean(a for a, _ in pairs), mean(b for _, b in pairs)
        ahead = mean(a > b for a, b in pairs)
        table.add_row(composer, f"{own:.0%}", f"{others:.0%}", f"{ahead:.0%} of {len(pairs)}")
    console.print(table)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    roots: dict[str, list[float]] = defaultdict(list)
    for brought, lies, right in harmonies(4 * asked.loops):
        found[brought][lies] += 1
        roots[brought].append(right)
    table = Table("brought", "key right", "its notes, another tonic", "another", "root right")
    for brought, keys in found.items():
        counts = [f"{keys[name]} of {keys.total()}" for name in ("right", "near", "other")]
        table.add_row(brought, *counts, f"{mean(roots[brought]):.0%}")
    console.print(table)


if __name__ == "__main__":
    main()
