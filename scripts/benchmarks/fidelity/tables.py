"""What was heard, as tables: distances, the issue's measures beside their goals, and where it is worst."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from antiphon.domain.score import Score
from antiphon.training.corpus import song_colours, song_score
from antiphon.training.etudes import ETUDE_STEMS
from benchmarks.fidelity.frechet import Plane, Rows, frechet_distance
from benchmarks.fidelity.hearing import MIX, TONAL, Heard
from benchmarks.fidelity.keys import BELOW_REAL, keys_title
from benchmarks.fidelity.timbre_ears import Lesson, TimbreEars
from benchmarks.judges import is_tempo, tempo_levels
from benchmarks.report import Table, median, verdict

ALL_STEMS = "all stems"
TRACKS = (MIX, ALL_STEMS, *ETUDE_STEMS)
#: Directions of the plane in which distances are taken, and how many patches each of them must have at least.
_DIMS, _PATCHES_A_DIM = 24, 3
DISTANCE_GOAL = 1.5
_SONGS_FOR_A_VERDICT = 12
NAN = float("nan")
#: By arm, then by seed.
Arms = Mapping[str, Mapping[int, Heard]]


@dataclass(frozen=True, slots=True)
class Results:
    """`arms`: every arm on the same songs, the real renders first; `again`: real renders of other songs; `judged`: the
    arms that the goals are for, what is delivered by default and the model alone; `decoder`: the arm of the decoder
    alone."""

    arms: Arms
    again: Mapping[int, Heard]
    judged: tuple[str, str]
    real: str
    decoder: str

    @property
    def main(self) -> str:
        """The model alone."""
        return self.judged[1]


def _rows(heard: Mapping[int, Heard], listener: str, track: str) -> Rows:
    tracks = ETUDE_STEMS if track == ALL_STEMS else (track,)
    named = [song.embeddings.get((listener, one)) for song in heard.values() for one in tracks]
    found = [rows for rows in named if rows is not None]
    return np.concatenate(found).astype(np.float64) if found else np.zeros((0, 1))


def distances(results: Results, listener: str, track: str) -> dict[str, float]:
    """Distance of every arm to the real renders of other songs; `decoder's own`: of the decoder's songs to the same
    songs' real renders, which is what it alone adds. Empty where there is too little to tell."""
    real, again = (_rows(heard, listener, track) for heard in (results.arms[results.real], results.again))
    dims = min(_DIMS, min(len(real), len(again)) // _PATCHES_A_DIM)
    if dims < 2:
        return {}
    plane = Plane.of(np.concatenate((real, again)), dims)
    placed = {arm: plane.project(_rows(heard, listener, track)) for arm, heard in results.arms.items()}
    reference = plane.project(again)
    found = {arm: frechet_distance(rows, reference) for arm, rows in placed.items()}
    return found | {"decoder's own": frechet_distance(placed[results.decoder], placed[results.real])}


def ratio(found: Mapping[str, float], results: Results, arm: str) -> float:
    """An arm's distance in units of floor plus decoder."""
    return found[arm] / (found[results.real] + found["decoder's own"]) if found else NAN


def distance_verdict(share: float, songs: int) -> str:
    """Of few songs none: two handfuls of songs lie so far apart that anything would pass."""
    if songs < _SONGS_FOR_A_VERDICT:
        return f"(wants {_SONGS_FOR_A_VERDICT} songs)"
    return verdict(share <= DISTANCE_GOAL)


def frechet_table(results: Results, listener: str) -> Table:
    names = [*results.arms, "decoder's own"]
    rows = []
    for track in TRACKS:
        found = distances(results, listener, track)
        if found:
            verdicts: list[str] = []
            for arm in results.judged:
                share = ratio(found, results, arm)
                verdicts += [f"{share:.2f}", distance_verdict(share, len(results.again))]
            rows.append((track, *(f"{found[name]:.2f}" for name in names), *verdicts))
    goal = f"goal ≤ {DISTANCE_GOAL:g}"
    head = ("track", "floor: real", *names[1:], "ratio, delivered", goal, "ratio, model alone", goal)
    notes = (
        f"To real renders of {len(results.again)} other songs; the floor is the real renders of these "
        f"{len(results.arms[results.real])}. *decoder's own*: its distance to the same songs' real renders.",
        f"Ratios: {results.judged[0]} and {results.main} (alone) over the sum of floor and decoder's own.",
        f"In the {_DIMS} directions (fewer where there are fewer than {_PATCHES_A_DIM} patches for each) in which real "
        "renders vary most. Few songs make the floor large and the ratio kind: compare arms rather than runs.",
    )
    return Table(f"Fréchet distance, {listener}", head, tuple(rows), notes)


def lessons(heard: Mapping[int, Heard]) -> list[Lesson]:
    """Stems as the classifier meets them, of songs by their seed."""
    found = []
    for seed, song in heard.items():
        score, colours, seen = song_score(seed), song_colours(seed), song.traits
        for stem, said in zip(score.stems, colours, strict=True):
            if stem.stem in seen:
                found.append(Lesson(stem.stem, stem.timbre, said, seen[stem.stem]))
    return found


def words_heard(ears: TimbreEars, asked: Sequence[Lesson]) -> dict[str, float]:
    """Shares: of timbres told right, of colours heard that were asked for, of colours heard that were not, and of all
    words asked for (timbres and colours) that were heard."""
    told = ears.hear(asked)
    timbres = [one.timbre == lesson.timbre for one, lesson in zip(told, asked, strict=True)]
    there = [colour in one.colours for one, lesson in zip(told, asked, strict=True) for colour in lesson.colours]
    imagined = [
        colour in one.colours
        for one, lesson in zip(told, asked, strict=True)
        for colour in ears.known_colours - set(lesson.colours)
    ]
    return {
        "timbres told": fmean(timbres), "colours heard": fmean(there) if there else NAN,
        "colours imagined": fmean(imagined) if imagined else NAN, "words heard": fmean([*timbres, *there]),
    }  # fmt: skip


def _values(heard: Mapping[int, Heard], figure: str, stem: str | None = None) -> list[float]:
    stems = ETUDE_STEMS if stem is None else (stem,)
    return [
        float(song.figures[one][figure])
        for song in heard.values()
        for one in stems
        if one in song.figures and figure in song.figures[one]
    ]


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else NAN


def tempo_share(heard: Mapping[int, Heard], tracker: str) -> float:
    """Share of drum stems in which the tracker finds the tempo within 1 %."""
    hits = []
    for seed, song in heard.items():
        found = song.figures[MIX].get("tempo_bpm")
        if found:
            score: Score = song_score(seed)
            hits.append(is_tempo(found[tracker], score.bpm, tempo_levels(score.meter)))
    return _mean(hits)


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table of goals. `of` one arm's songs. The goal, where there is one: at least `least`, or no more
    than `below_real` less than the real renders."""

    name: str
    of: Callable[[Mapping[int, Heard]], float]
    digits: int = 2
    least: float | None = None
    below_real: float | None = None

    def goal(self) -> str:
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.below_real is None else f"≥ real − {self.below_real:g}"

    def judged(self, value: float, real: float) -> str:
        bar = self.least if self.below_real is None else real - self.below_real
        if bar is None or math.isnan(value):
            return ""
        # A share of 0.75 exactly is enough.
        return verdict(value >= bar - 1e-9)


def _of(figure: str, middle: Callable[[Sequence[float]], float], stem: str | None = None) -> Callable[..., float]:
    return lambda heard: middle(_values(heard, figure, stem))


def _most(values: Sequence[float]) -> float:
    return max(values, default=NAN)


def _word_measures(ears: TimbreEars) -> list[Measure]:
    def share(name: str) -> Callable[..., float]:
        return lambda heard: words_heard(ears, lessons(heard))[name]

    rest = ("timbres told", "colours heard", "colours imagined")
    return [Measure("words heard", share("words heard"), least=0.75), *(Measure(name, share(name)) for name in rest)]


def measures(ears: TimbreEars | None, key_songs: int = 0) -> list[Measure]:
    """Everything the table of goals holds, in its order. The key has a goal here only where it is not judged on
    `key_songs` songs of its own."""

    def tempo(tracker: str) -> Callable[..., float]:
        return lambda heard: tempo_share(heard, tracker)

    below = None if key_songs else BELOW_REAL
    return [
        *(_word_measures(ears) if ears else ()),
        Measure("key or its relative found", _of("key_right", _mean, MIX), below_real=below),
        *(Measure(f"tempo found, {name}", tempo(name), least=0.97) for name in ("essentia", "librosa")),
        *(Measure(f"chroma {stem}", _of("chroma", _mean, stem), 3, least=0.95) for stem in TONAL),
        *(Measure(f"attack {stem}, median", _of("attack", median, stem), least=0.80) for stem in ETUDE_STEMS),
        *(Measure(f"mel error {stem}, dB", _of("mel_db", _mean, stem), 1) for stem in ETUDE_STEMS),
        Measure("where it should sound (top 40 dB): made − real, dB", _of("loud_db", _mean), 1),
        Measure("level: made − real, dB, median", _of("level_db", median), 1),
        Measure("most excess in a band, dB, median", _of("band_excess_db", median), 1),
        Measure("energy over the source's, dB, worst stem", _of("excess_db", _most), 1),
        Measure("clicks a stem", _of("clicks", _mean), 1),
        Measure("DC, dBFS, worst stem", _of("dc_db", _most), 1),
    ]


def goals_table(results: Results, ears: TimbreEars | None, key_songs: int = 0) -> Table:
    """Every measure beside its goal. `key_songs`: how many songs the key is judged on in its own table; 0: none."""
    rows = []
    for measure in measures(ears, key_songs):
        values = {arm: measure.of(heard) for arm, heard in results.arms.items()}
        judged = (measure.judged(values[arm], values[results.real]) for arm in results.judged)
        cells = (f"{value:.{measure.digits}f}" for value in values.values())
        rows.append((measure.name, *cells, measure.goal(), *judged))
    notes = (
        f"The verdicts: {results.judged[0]}, where drums, percussion and textures are the sampler's unless somebody "
        f"chooses, and {results.main} for all stems.",
        "Attack: onset strength at the score's onsets; 1: the instrument's own.",
        "Words: a classifier that learnt from real renders of other songs; the column of the real renders says how "
        "well it hears at all. *Imagined* colours were heard and not asked for.",
        "Excess: energy above the real render's, in eleven bands; what lies 60 dB below its whole energy is left out.",
        "Key: essentia, on bass, chords and lead; études wander, so the real renders' rate is low."
        + (f" These are few songs: it is judged in the table *{keys_title(key_songs)}*." if key_songs else ""),
    )
    return Table(
        "What it must show", ("measure", *results.arms, "goal", "delivered", "model alone"), tuple(rows), notes
    )


def worst_tables(results: Results) -> list[Table]:
    """Per timbre, per colour and stem by stem, where the main arm is furthest from the instruments."""
    by: dict[str, dict[str, list[dict[str, float]]]] = {"timbre": defaultdict(list), "colour": defaultdict(list)}
    single = []
    for seed, song in results.arms[results.main].items():
        for stem, said in zip(song_score(seed).stems, song_colours(seed), strict=True):
            figures = song.figures.get(stem.stem)
            if figures:
                by["timbre"][stem.timbre].append(figures)
                for colour in said or ("no colour",):
                    by["colour"][colour].append(figures)
                pitch = fmean(note.pitch for note in stem.notes)
                about = f"{stem.timbre}{''.join(f', {c}' for c in said)}; {len(stem.notes)} notes around {pitch:.0f}"
                single.append((figures["mel_db"], (str(seed), about, *_cells([figures]))))
    head = ("mel error dB", "top 40 dB: made − real", "level dB", "chroma", "attack")
    tables = []
    for kind, groups in by.items():
        ordered = sorted(groups.items(), key=lambda item: -_mean([figures["mel_db"] for figures in item[1]]))
        rows = tuple((name, str(len(group)), *_cells(group)) for name, group in ordered)
        tables.append(Table(f"{results.main}: by {kind}, worst first", (kind, "stems", *head), rows))
    worst = tuple(row for _, row in sorted(single, reverse=True)[:12])
    return [*tables, Table(f"{results.main}: the twelve worst stems", ("song", "stem", *head), worst)]


def _cells(group: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    def mean(figure: str, digits: int) -> str:
        values = [figures[figure] for figures in group if figure in figures]
        return f"{fmean(values):.{digits}f}" if values else ""

    return mean("mel_db", 1), mean("loud_db", 1), mean("level_db", 1), mean("chroma", 3), mean("attack", 2)
