"""What prompts mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.generation.prompt import Understanding, understand
from antiphon.generation.styles import get_style, style_names


def test_an_empty_prompt_says_nothing() -> None:
    assert understand("") == understand("  \n") == Understanding()


@pytest.mark.parametrize("spelling", ["drum and bass", "Drum & Bass", "DRUM'N'BASS!", "dnb", "D&B"])
def test_spelling_does_not_matter(spelling: str) -> None:
    assert understand(spelling).style == "dnb"


@pytest.mark.parametrize("name", style_names())
def test_every_style_is_found_by_its_name_title_and_words(name: str) -> None:
    for word in (name, get_style(name).title, *get_style(name).words):
        assert understand(word.upper() + "!").style == name, word


@pytest.mark.parametrize("timbre", TIMBRES, ids=lambda timbre: timbre.name)
def test_every_timbre_is_found_by_a_word_before_its_stem(timbre) -> None:
    for word in timbre.words:
        assert understand(f"{word} {timbre.stem}").timbres[timbre.stem] == timbre.name, word


def test_a_word_before_a_stem_is_about_that_stem_alone() -> None:
    assert understand("saw bass").timbres == {"bass": "bass_saw"}
    assert understand("saw lead").timbres == {"lead": "lead_saw"}
    assert understand("warm drums").timbres == {}


def test_the_surer_word_wins() -> None:
    found = understand("Warm, dusty lo-fi hip-hop with a Rhodes & upright bass!")
    assert found.style == "hiphop"
    assert found.timbres == {"drums": "kit_dusty", "bass": "bass_upright", "chords": "chords_epiano"}
    assert found.ignored == ()


def test_mood_and_energy() -> None:
    assert understand("happy and calm").mode == "major"
    assert understand("dark, energetic techno").mode == "phrygian"
    calm, wild = understand("calm").energy, understand("energetic").energy
    assert calm is not None
    assert wild is not None
    assert calm < 0.5 < wild


def test_unknown_words_are_reported_and_function_words_are_not() -> None:
    found = understand("a very xylophonish house with zigzag")
    assert found.ignored == ("xylophonish", "zigzag")
    assert found.understood == ("house",)


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    found = understand(text)
    assert found.style is None or found.style in style_names()
    assert all(name in TIMBRE_INDEX for name in found.timbres.values())
    assert found.energy is None or 0.0 <= found.energy <= 1.0
