"""The key of what has pitch, over many études: a rate of rights and wrongs wants more songs than the other measures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import binomtest

from antiphon.training.corpus import render_song
from benchmarks.fidelity.arms import REAL, SAMPLER, Arm, Sitting, SoundModel
from benchmarks.fidelity.hearing import path_of, tonal_key
from benchmarks.judges import KeyFound
from benchmarks.report import Table, verdict

#: How much lower the model's rate may be than the real renders'.
BELOW_REAL = 0.03
#: What was found in one song, by the arm's name; None: nothing with a pitch was heard.
SongKeys = Mapping[str, KeyFound | None]


def key_arms(model: SoundModel, steps: int) -> list[Arm]:
    """The arms that are asked for the key; the last is the model, which the goal is for."""
    return [REAL, SAMPLER, model.decoder(), model.steps(steps)]


def keys_title(songs: int) -> str:
    return f"Key on {songs} études"


def _plain(found: KeyFound | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def key_figures(heard: Mapping[int, SongKeys]) -> dict[str, dict[int, dict[str, Any] | None]]:
    """What was found, by arm and seed, as plain values."""
    arms = dict.fromkeys(arm for song in heard.values() for arm in song)
    return {arm: {seed: _plain(song[arm]) for seed, song in heard.items()} for arm in arms}


def _kept(path: Path) -> KeyFound | None:
    found = json.loads(path.read_text(encoding="utf-8"))
    return None if found is None else KeyFound(**found)


def keep(path: Path, found: KeyFound | None) -> None:
    """Under another name first: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(_plain(found)), encoding="utf-8")
    partial.replace(path)


def key_path(folder: Path, arm: Arm, seed: int) -> Path:
    return path_of(folder / "keys", arm.key, seed).with_suffix(".json")


def song_keys(folder: Path, seed: int, arms: Sequence[Arm]) -> dict[str, KeyFound | None]:
    """The key found in a song in every arm, by the arm's name: heard once and kept in the folder."""
    sitting: Sitting | None = None
    found = {}
    for arm in arms:
        path = key_path(folder, arm, seed)
        if not path.exists():
            sitting = sitting or Sitting(render_song(seed))
            keep(path, tonal_key(sitting, arm.sound(sitting)))
        found[arm.name] = _kept(path)
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """One arm against the real renders of the same songs. `right`: share of songs whose key or its relative was found;
    `same`: share whose very key was; `lost`: songs right in the real render only; `won`: in the arm only."""

    right: float
    same: float
    lost: int
    won: int

    @property
    def p(self) -> float:
        """How often chance alone would divide the songs at least so unevenly: two-sided exact sign test."""
        differing = self.lost + self.won
        return float(binomtest(self.lost, differing).pvalue) if differing else 1.0


def tally(songs: Sequence[SongKeys], arm: str) -> Tally:
    """An arm's figures. An arm in which nothing with a pitch is heard has not found the key."""
    pairs = [(song[REAL.name], song[arm]) for song in songs]
    rights = [tuple(key is not None and key.right for key in pair) for pair in pairs]
    return Tally(
        right=fmean(made for _, made in rights),
        same=fmean(made is not None and made.same for _, made in pairs),
        lost=rights.count((True, False)),
        won=rights.count((False, True)),
    )


def keys_table(heard: Mapping[int, SongKeys], judged: str) -> Table:
    """The key in every arm, by seed, and whether the arm `judged` reaches its goal. Études in which no stem has a pitch
    count nowhere; there must be one that has."""
    songs = [song for song in heard.values() if song[REAL.name] is not None]
    real = tally(songs, REAL.name)
    rows = []
    for arm in songs[0]:
        one = tally(songs, arm)
        against = ("", "", "") if arm == REAL.name else (str(one.lost), str(one.won), f"{one.p:.2f}")
        # A rate of exactly so much less is enough.
        met = verdict(one.right >= real.right - BELOW_REAL - 1e-9) if arm == judged else ""
        rows.append((arm, f"{one.right:.3f}", f"{one.same:.3f}", *against, met))
    head = ("arm", "key or its relative found", "the key itself", "lost", "won", "sign test, p")
    notes = (
        "By essentia, on bass, chords and lead. Études wander through all modes and over the whole scale without "
        "coming home, so the rate is low in every arm; guessing is right in 2 of 24. Essentia answers major or minor: "
        "of other modes the key itself is never found, its relative can be.",
        "*Lost*: songs right in the real render and wrong in this arm; *won*: the other way about. Sign test: how "
        "often chance alone would divide these songs at least so unevenly (two-sided, exact).",
        f"{judged}: as delivered and alone are the same here, since the sampler's stems (drums, percussion, textures) "
        "are not heard.",
    )
    return Table(keys_title(len(heard)), (*head, f"goal ≥ real − {BELOW_REAL:g}"), tuple(rows), notes)
