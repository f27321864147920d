"""The backend's own part: what a model is told, in which order, and what becomes of its failures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from antiphon.domain.genome import NoiseRecipe, noise_of
from antiphon.domain.model_entry import ModelEntry
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score, StemScore
from antiphon.domain.theory import Meter, parse_key
from antiphon.errors import BackendFailed, Cancelled
from antiphon.generation.backend import SoundRequest, plays_score
from antiphon.generation.grammar import compose
from antiphon.generation.text_to_music.ace_step import keyscale, time_signature, track_name
from antiphon.generation.text_to_music.backend import TextToMusicBackend, stem_seed
from antiphon.generation.text_to_music.caption import caption, key_words, timbre_words
from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played

RATE_HZ = 8000


class Player:
    """A model that plays a tone per stem, and keeps what it was told."""

    rate_hz, shortest_s, longest_s, default_steps = RATE_HZ, 0.0, 60.0, 4

    def __init__(self, in_context: bool = False, failure: Callable[[], None] = lambda: None) -> None:
        self.in_context, self._failure = in_context, failure
        self.told: list[Brief] = []

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        self.told.append(brief)
        on_played(1, 2)
        self._failure()
        on_played(2, 2)
        time_s = np.arange(round(brief.duration_s * RATE_HZ)) / RATE_HZ
        tone = 0.9 * np.sin(2 * np.pi * (100 + 50 * len(self.told)) * time_s)
        return np.stack([tone, tone]).astype(np.float32)


def score(**changes: object) -> Score:
    request = GenerateRequest(bpm=124.0, bars=2, key=parse_key("Am"), style="dub", **changes)
    return compose(request, 5)


def backend(player: Player) -> TextToMusicBackend:
    return TextToMusicBackend(ModelEntry("mine", path="x", negative_prompt="hiss"), "mine-1", player, "cpu")


def ask(player: Player, wanted: Score, prompt: str = "") -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    (stems,) = backend(player).generate([SoundRequest(wanted, 7, 3, 44100, prompt=prompt)], lambda done, total: None)
    return stems


def test_a_stem_is_told_in_words() -> None:
    player = Player()
    ask(player, score(), prompt="rainy night")
    drums, bass, *_ = player.told
    assert drums.text.startswith("rainy night, ")
    for word in ("dub", "drum loop", "drums only", "124 BPM", "4/4"):
        assert word in drums.text
    assert "A minor" in bass.text
    assert "A minor" not in drums.text
    assert bass.unwanted.startswith("hiss, drums, ")
    assert "melody" in drums.unwanted
    assert (bass.bpm, bass.key.name, bass.meter.name, bass.steps) == (124.0, "Am", "4/4", 3)


def test_each_stem_has_a_seed_of_its_own_whatever_stands_beside_it() -> None:
    player = Player()
    ask(player, score())
    seeds = {brief.stem: brief.seed for brief in player.told}
    assert seeds == {stem: stem_seed(7, stem) for stem in ("drums", "bass", "chords", "lead")}
    assert len(set(seeds.values())) == 4
    assert all(0 <= seed < 2**31 for seed in seeds.values())


def test_a_stem_whose_noise_is_kept_sounds_as_it_did() -> None:
    player, mixed = Player(), NoiseRecipe(((3, 0.6), (4, 0.8)))
    for seed, noise in ((7, {"bass": mixed}), (8, {"bass": mixed, "drums": noise_of(7)})):
        request = SoundRequest(score(stems=("drums", "bass")), seed, 3, 44100, noise)
        backend(player).generate([request], lambda done, total: None)
    drums, bass, drums_again, bass_again = player.told
    assert (drums.seed, drums.noise) == (drums_again.seed, drums_again.noise)
    assert (bass.seed, bass.noise) == (bass_again.seed, bass_again.noise)
    # What is left to chance beside the noise goes with its heaviest part.
    assert bass.noise == ((stem_seed(3, "bass"), 0.6), (stem_seed(4, "bass"), 0.8))
    assert bass.seed == stem_seed(4, "bass")


@pytest.mark.parametrize("in_context", [False, True])
def test_stems_made_in_context_hear_those_before_them(in_context: bool) -> None:
    player = Player(in_context)
    stems = ask(player, score(stems=("lead", "bass", "drums")))
    assert [brief.stem for brief in player.told] == ["drums", "bass", "lead"]
    assert [brief.context is not None for brief in player.told] == ([False, True, True] if in_context else [False] * 3)
    assert set(stems) == {"lead", "bass", "drums"}
    if in_context:
        context = player.told[2].context
        assert context is not None
        assert context.shape[0] == 2
        assert np.abs(context).max() <= 1.0


def test_stems_lie_at_the_levels_of_a_mix() -> None:
    stems = ask(Player(), score())
    level_db = {stem: 10 * np.log10(np.mean(np.square(audio))) for stem, audio in stems.items()}
    assert level_db["drums"] == pytest.approx(-18.0, abs=0.01)
    assert level_db["drums"] - level_db["chords"] == pytest.approx(6.0, abs=0.01)


def test_a_stem_without_notes_is_silent_and_costs_nothing() -> None:
    wanted = score()
    empty = tuple(dataclasses.replace(part, notes=()) if part.stem != "bass" else part for part in wanted.stems)
    player = Player()
    stems = ask(player, dataclasses.replace(wanted, stems=empty))
    assert [brief.stem for brief in player.told] == ["bass"]
    assert [stem for stem, audio in stems.items() if audio.any()] == ["bass"]
    nothing = ask(Player(), dataclasses.replace(wanted, stems=tuple(dataclasses.replace(p, notes=()) for p in empty)))
    assert not any(audio.any() for audio in nothing.values())


def test_progress_runs_through_all_loops_once() -> None:
    told: list[float] = []
    requests = [SoundRequest(score(), seed, 3, 44100) for seed in (1, 2)]
    backend(Player()).generate(requests, lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[0] == pytest.approx(1 / 16)
    assert told[-1] == 1.0


def fail(error: Exception) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "mine ran out of memory on cpu: ask for fewer bars"),
        (RuntimeError("sizes differ"), r"mine failed on the stem drums \(RuntimeError: sizes differ\): try another"),
        (ValueError("too long"), "try another tempo, length or number of steps"),
    ],
)
def test_failures_say_what_to_do(error: Exception, wanted: str) -> None:
    with pytest.raises(BackendFailed, match=wanted):
        ask(Player(failure=fail(error)), score())


def test_a_stop_is_no_failure() -> None:
    with pytest.raises(Cancelled):
        ask(Player(failure=fail(Cancelled("enough"))), score())


def test_samples_that_are_no_numbers_are_refused() -> None:
    class Broken(Player):
        def play(self, brief: Brief, on_played: OnPlayed) -> Played:
            return super().play(brief, on_played) * np.float32(np.nan)

    with pytest.raises(BackendFailed, match="no numbers on cpu: set dtype"):
        ask(Broken(), score())


def test_it_says_that_it_plays_its_own_notes() -> None:
    assert not plays_score(backend(Player()))
    assert plays_score(object())  # type: ignore[arg-type]


def test_words_for_keys_timbres_and_strangers() -> None:
    assert [key_words(parse_key(name)) for name in ("Am", "Eb", "D dorian")] == ["A minor", "Eb major", "D dorian"]
    assert timbre_words("bass_sub")[-1] == "sub"
    assert timbre_words("choir_of_whales") == ("choir", "of", "whales")
    strange = StemScore("whistle", "tin_whistle", ())
    text = caption(dataclasses.replace(score(), style="skiffle"), strange).text
    assert "skiffle" in text
    assert "whistle only" in text


def test_ace_step_is_told_what_it_was_trained_on() -> None:
    keys = {"F#m": "F# minor", "D dorian": "D minor", "E phrygian": "E minor", "Bb mixolydian": "Bb major"}
    assert {name: keyscale(parse_key(name)) for name in keys} == keys
    meters = {(4, 4): "4", (3, 4): "3", (6, 8): "6", (7, 8): None}
    assert {meter: time_signature(Meter(*meter)) for meter in meters} == meters
    assert track_name("chords", "chords_strings") == "strings"
    assert track_name("chords", "chords_organ") == "keyboard"
    assert track_name("lead", "lead_flute") == "woodwinds"
    assert track_name("drums", "kit_808") == "drums"
