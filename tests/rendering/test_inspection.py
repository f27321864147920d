"""The quality gate finds every fault that is planted, and lets clean loops pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note, Score, StemScore
from antiphon.domain.theory import Key, Meter
from antiphon.domain.timbres import timbres_of
from antiphon.generation.backend import SoundRequest
from antiphon.generation.grammar import compose
from antiphon.generation.sampler.backend import SamplerBackend
from antiphon.rendering.finish import FinishedLoop, finish
from antiphon.rendering.inspection import inspect, inspect_stems
from antiphon.rendering.preset import effect_presets, load_preset
from tests.rendering.synth import Audio, play, random_score

RATE = 44100


def _finished(stems: dict[str, Audio], score: Score) -> FinishedLoop:
    return finish(stems, score, load_preset("clean"), RATE)


def _kinds(finished: FinishedLoop, score: Score) -> set[tuple[str, str]]:
    return {(fault.kind, fault.stem) for fault in inspect(finished, score)}


@pytest.fixture
def score() -> Score:
    return random_score(11, bars=4, bpm=112.0, meter="4/4")


@pytest.mark.parametrize("seed", range(40))
def test_clean_loops_pass(seed: int) -> None:
    score = random_score(seed)
    rate = (44100, 48000, 96000)[seed % 3] if seed < 12 else RATE
    names = sorted(effect_presets())
    finished = finish(play(score, rate, seed), score, load_preset(names[seed % len(names)]), rate)
    assert inspect(finished, score) == ()


@pytest.mark.parametrize("stem", ["drums", "bass", "chords", "lead"])
class TestPlanted:
    def test_silence(self, score: Score, stem: str) -> None:
        stems = play(score)
        stems[stem] = stems[stem] * np.float32(1e-4)
        assert ("silence", stem) in _kinds(_finished(stems, score), score)

    def test_a_gap(self, score: Score, stem: str) -> None:
        stems = play(score)
        stems[stem] = stems[stem].copy()
        frames = stems[stem].shape[1]
        stems[stem][:, frames // 4 : frames // 2] = 0
        assert _kinds(_finished(stems, score), score) == {("silence", stem)}

    @pytest.mark.parametrize("shift_ms", [-30, 18, 30])
    def test_off_the_grid(self, score: Score, stem: str, shift_ms: int) -> None:
        stems = play(score)
        stems[stem] = np.roll(stems[stem], int(shift_ms / 1000 * RATE), axis=1)
        assert _kinds(_finished(stems, score), score) == {("off_grid", stem)}

    def test_another_rhythm(self, score: Score, stem: str) -> None:
        rng = np.random.default_rng(4)
        drunk = replace(
            score,
            stems=tuple(
                replace(part, notes=tuple(
                    replace(note, onset_beats=(note.onset_beats + rng.uniform(-0.2, 0.2)) % float(score.beats))
                    for note in part.notes))
                for part in score.stems
            ),
        )  # fmt: skip
        stems = play(score)
        stems[stem] = play(drunk)[stem]
        assert _kinds(_finished(stems, score), score) == {("off_grid", stem)}

    @pytest.mark.parametrize("semitones", [1, -2, 6])
    def test_out_of_key(self, score: Score, stem: str, semitones: int) -> None:
        if stem == "drums":
            return
        moved = replace(
            score,
            stems=tuple(
                replace(part, notes=tuple(replace(note, pitch=note.pitch + semitones) for note in part.notes))
                for part in score.stems
            ),
        )
        stems = play(score)
        stems[stem] = play(moved)[stem]
        assert _kinds(_finished(stems, score), score) == {("out_of_key", stem)}

    def test_clipping_by_the_model(self, score: Score, stem: str) -> None:
        stems = play(score)
        peak = float(np.abs(stems[stem]).max())
        stems[stem] = np.clip(stems[stem], -0.5 * peak, 0.5 * peak)
        assert ("clipping", stem) in _kinds(_finished(stems, score), score)

    def test_clipping_in_the_file(self, score: Score, stem: str) -> None:
        finished = _finished(play(score), score)
        loud = {**finished.stems, stem: finished.stems[stem] / np.abs(finished.stems[stem]).max()}
        assert _kinds(replace(finished, stems=loud), score) == {("clipping", stem)}

    def test_dc(self, score: Score, stem: str) -> None:
        finished = _finished(play(score), score)
        shifted = {**finished.stems, stem: finished.stems[stem] * np.float32(0.8) + np.float32(0.01)}
        assert _kinds(replace(finished, stems=shifted), score) == {("dc", stem)}

    def test_a_seam(self, score: Score, stem: str) -> None:
        finished = _finished(play(score), score)
        audio = finished.stems[stem].copy()
        largest = float(np.abs(np.diff(audio)).max())
        ramp = np.exp(-np.arange(200) / 60).astype(np.float32)
        audio[:, :200] += ramp * np.float32(1.5 * largest)
        assert _kinds(replace(finished, stems={**finished.stems, stem: audio}), score) == {("seam", stem)}

    def test_length(self, score: Score, stem: str) -> None:
        finished = _finished(play(score), score)
        cut = {**finished.stems, stem: finished.stems[stem][:, :-1]}
        assert _kinds(replace(finished, stems=cut), score) == {("length", stem)}

    def test_not_a_number(self, score: Score, stem: str) -> None:
        stems = play(score)
        stems[stem] = stems[stem].copy()
        stems[stem][0, 77] = np.nan
        assert ("not_finite", stem) in _kinds(_finished(stems, score), score)


def test_a_tone_cut_off_at_the_loops_end_is_heard_as_a_seam(score: Score) -> None:
    finished = _finished(play(score), score)
    time = np.arange(finished.frames) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 110.37 * time + 1.0)).astype(np.float32)
    cut = {**finished.stems, "bass": np.stack([tone, tone])}
    assert ("seam", "bass") in _kinds(replace(finished, stems=cut), score)


def test_a_stem_without_notes_may_be_silent(score: Score) -> None:
    empty = replace(score, stems=tuple(replace(p, notes=()) if p.stem == "lead" else p for p in score.stems))
    stems = play(score)
    stems["lead"] = np.zeros_like(stems["lead"])
    assert inspect(_finished(stems, empty), empty) == ()


def test_faults_are_told_in_plain_words(score: Score) -> None:
    stems = play(score)
    stems["bass"] = np.roll(stems["bass"], int(0.03 * RATE), axis=1)
    (fault,) = inspect_stems(stems, score, RATE)
    assert fault.text == f"bass: {fault.measured * 1000:.0f} ms late"
    assert fault.measured == pytest.approx(0.03, abs=0.005)
    assert fault.limit == pytest.approx(0.012)


@pytest.mark.parametrize(
    ("timbre", "pitch"),
    [
        ("bass_acid", 32), ("bass_pick", 32), ("chords_brass", 57), ("chords_super", 57), ("chords_choir", 60),
        ("lead_trumpet", 76), ("lead_sine", 69),
    ],
)  # fmt: skip
def test_no_instrument_is_late_by_its_own_nature(timbre: str, pitch: int) -> None:
    notes = tuple(Note(i * 0.5, 0.45, pitch + (0, 3, 5, 7)[i % 4], 100) for i in range(16))
    stem = timbre.partition("_")[0]
    score = Score(120.0, Meter(4, 4), 2, Key(9, "minor"), (), 0.0, "test", 1, (StemScore(stem, timbre, notes),))
    (played,) = SamplerBackend().generate([SoundRequest(score, 3, 1, RATE)], lambda *_: None)
    assert not [fault for fault in inspect_stems(played, score, RATE) if fault.kind == "off_grid"]


def test_a_texture_has_no_onsets_to_judge_and_rain_no_pitch() -> None:
    """Percussion is judged as drums; a texture that is there passes, also late or in no key; a silent one does not."""
    request = GenerateRequest(bpm=90.0, bars=2, style="lofi", stems=("percussion", "texture"))
    score = compose(request, 3)
    for timbre in timbres_of("texture"):
        parts = tuple(replace(s, timbre=timbre.name) if s.stem == "texture" else s for s in score.stems)
        played = SamplerBackend().generate([SoundRequest(replace(score, stems=parts), 3, 1, RATE)], lambda *_: None)[0]
        assert inspect_stems(played, replace(score, stems=parts), RATE) == (), timbre.name
        late = {stem: np.roll(audio, 2000, axis=1) for stem, audio in played.items()}
        assert {f.stem for f in inspect_stems(late, replace(score, stems=parts), RATE)} == {"percussion"}, timbre.name
        silent = played | {"texture": played["texture"] * np.float32(1e-4)}
        faults = inspect_stems(silent, replace(score, stems=parts), RATE)
        assert [(f.kind, f.stem) for f in faults] == [("silence", "texture")], timbre.name
