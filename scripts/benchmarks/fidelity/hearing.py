"""What is heard of one song in one arm, and where it is kept: so a run can be broken off, and a new model costs only
itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from antiphon.domain.score import StemScore
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ, log_mel_circle
from antiphon.training.corpus import MEASURED, render_song
from benchmarks.fidelity.arms import Arm, Sitting, Wave
from benchmarks.fidelity.closeness import chroma_similarity, clicks, dc_db, excess_db, level_db, sharpness
from benchmarks.fidelity.listeners import PATCH_FRAMES, Listener, pictures
from benchmarks.fidelity.timbre_ears import traits
from benchmarks.judges import KeyFound, essentia_tempo_bpm, find_key, for_ears, librosa_tempo_bpm

#: Raised when anything here would answer otherwise, so that nothing old is read.
HEARING_VERSION = 1
MIX = "mix"
TONAL = ("bass", "chords", "lead")
_TRACKERS = {"essentia": essentia_tempo_bpm, "librosa": librosa_tempo_bpm}
#: One patch for so many seconds.
_PATCH_S = 3.0
_DB = 8.686


@dataclass(frozen=True, slots=True)
class Heard:
    """One song in one arm. `figures`: what was measured, per stem and for the whole ("mix"); `embeddings`: per listener
    and track float32 (patches, dims); `traits`: per stem, for the classifier."""

    figures: dict[str, dict[str, Any]]
    embeddings: dict[tuple[str, str], NDArray[np.float32]]
    traits: dict[str, NDArray[np.float32]]


def path_of(folder: Path, arm_key: str, seed: int) -> Path:
    return folder / f"v{MEASURED.version}-{HEARING_VERSION}" / arm_key / f"{seed}.npz"


def _stem_figures(stem: StemScore, real: Wave, made: Wave, seconds_per_beat: float) -> dict[str, Any]:
    """Closeness of one stem to the instrument's own, and its faults."""
    pictures_db = [log_mel_circle(torch.from_numpy(wave)[None])[0].numpy() * _DB for wave in (real, made)]
    loud = pictures_db[0] > pictures_db[0].max() - 40.0
    onsets_s = np.unique([note.onset_beats * seconds_per_beat for note in stem.notes])
    worst_db, whole_db = excess_db(real, made)
    found = {
        "mel_db": float(np.abs(pictures_db[1] - pictures_db[0]).mean()),
        "loud_db": float((pictures_db[1] - pictures_db[0])[loud].mean()),
        "level_db": level_db(made) - level_db(real),
        "attack": sharpness(made, onsets_s) / max(sharpness(real, onsets_s), 1e-6),
        "clicks": clicks(made, onsets_s), "dc_db": dc_db(made), "band_excess_db": worst_db, "excess_db": whole_db,
    }  # fmt: skip
    if stem.stem in TONAL:
        found["chroma"] = chroma_similarity(real, made)
    return found


def tonal_key(sitting: Sitting, made: Wave) -> KeyFound | None:
    """The key of what has pitch in one rendering, float32 (stems, frames); None where nothing of it is heard."""
    score = sitting.song.score
    rows = {stem.stem: index for index, stem in enumerate(score.stems) if stem.notes}
    tonal = [made[rows[stem]] for stem in TONAL if stem in rows]
    if not tonal or not np.any(tonal):
        return None
    return find_key(for_ears(np.sum(tonal, axis=0)[None], MODEL_RATE_HZ), score.key)


def _mix_figures(sitting: Sitting, made: Wave) -> dict[str, Any]:
    """Key of what has pitch, tempo of the drums."""
    rows = {stem.stem: index for index, stem in enumerate(sitting.song.score.stems) if stem.notes}
    found: dict[str, Any] = {}
    key = tonal_key(sitting, made)
    if key:
        found |= {"key": key.name, "key_same": key.same, "key_right": key.right}
    if "drums" in rows and np.any(made[rows["drums"]]):
        mono = for_ears(made[rows["drums"]][None], MODEL_RATE_HZ)
        found["tempo_bpm"] = {name: track(mono) for name, track in _TRACKERS.items()}
    return found


def hear(sitting: Sitting, made: Wave, listeners: Mapping[str, Listener]) -> Heard:
    """Everything about one rendering, float32 (stems, frames)."""
    score, real = sitting.song.score, sitting.song.audio
    seconds = sitting.frames / MODEL_RATE_HZ
    figures: dict[str, dict[str, Any]] = {MIX: _mix_figures(sitting, made)}
    seen: dict[str, NDArray[np.float32]] = {}
    tracks = {MIX: made.sum(0) * np.float32(0.5)}
    for index, stem in enumerate(score.stems):
        if stem.notes:
            figures[stem.stem] = _stem_figures(stem, real[index], made[index], seconds / float(score.beats))
            seen[stem.stem] = traits(made[index], stem, float(score.beats))
            tracks[stem.stem] = made[index]
    embeddings: dict[tuple[str, str], NDArray[np.float32]] = {}
    for track, wave in tracks.items() if listeners else ():
        patches = pictures(wave, max(2, round(seconds / _PATCH_S)))
        assert patches.shape[1] == PATCH_FRAMES
        embeddings |= {(name, track): listen(patches).numpy() for name, listen in listeners.items()}
    return Heard(figures, embeddings, seen)


def save(path: Path, heard: Heard) -> None:
    """Under another name first: a file that is there is whole."""
    arrays: dict[str, Any] = {f"{name}/{track}": values for (name, track), values in heard.embeddings.items()}
    arrays |= {f"traits/{stem}": values for stem, values in heard.traits.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, figures=np.array(json.dumps(heard.figures)), **arrays)
    partial.replace(path)


def load(path: Path) -> Heard:
    with np.load(path) as file:
        figures = json.loads(str(file["figures"]))
        named = {tuple(name.split("/")): file[name] for name in file.files if "/" in name}
    return Heard(
        figures,
        {(name, track): values for (name, track), values in named.items() if name != "traits"},
        {track: values for (name, track), values in named.items() if name == "traits"},
    )


class Hearings:
    """Songs in arms, heard once and kept in a folder."""

    def __init__(self, folder: Path, listeners: Mapping[str, Listener]) -> None:
        self._folder, self._listeners = folder, listeners

    def song(self, seed: int, arms: list[Arm]) -> dict[str, Heard]:
        """What is heard of a song in every arm, by the arm's name."""
        sitting: Sitting | None = None
        found = {}
        for arm in arms:
            path = path_of(self._folder, arm.key, seed)
            if not path.exists():
                sitting = sitting or Sitting(render_song(seed))
                save(path, hear(sitting, arm.sound(sitting), self._listeners))
            found[arm.name] = load(path)
        return found

    def lesson(self, seed: int) -> Heard:
        """A real song's traits alone: what the classifier learns from."""
        path = path_of(self._folder, "lessons", seed)
        if not path.exists():
            song = render_song(seed)
            beats = float(song.score.beats)
            rows = zip(song.score.stems, song.audio, strict=True)
            seen = {stem.stem: traits(wave, stem, beats) for stem, wave in rows if stem.notes}
            save(path, Heard({}, {}, seen))
        return load(path)
