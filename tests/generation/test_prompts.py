"""What prompts mean, in three languages; that any string is read, and quickly."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.reading import SOUND_WORDS, WHOLE, Given, PromptReading, reading_from_json, reading_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.theory import MODES, parse_chords, parse_key, parse_meter
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.errors import SettingsError
from antiphon.generation.prompts import load_vocabulary, read_prompt, with_reading
from antiphon.generation.prompts.spelling import Spelling, distance
from antiphon.generation.prompts.tempo import TEMPO_LEVELS, tempo_range
from antiphon.generation.styles import get_style, style_names


def test_an_empty_prompt_says_nothing() -> None:
    assert read_prompt("") == read_prompt("  \n") == PromptReading()


@pytest.mark.parametrize("spelling", ["drum and bass", "Drum & Bass", "DRUM'N'BASS!", "dnb", "D&B", "ｄｎｂ", "🥁dnb"])
def test_spelling_does_not_matter(spelling: str) -> None:
    assert read_prompt(spelling).style == "dnb"


@pytest.mark.parametrize("name", style_names())
def test_every_style_is_found_by_its_name_title_and_words(name: str) -> None:
    for word in (name, get_style(name).title, *get_style(name).words):
        assert read_prompt(word.upper() + "!").style == name, word


@pytest.mark.parametrize("timbre", TIMBRES, ids=lambda timbre: timbre.name)
def test_every_timbre_is_found_by_a_word_before_its_stem(timbre) -> None:
    for word in timbre.words:
        assert read_prompt(f"{word} {timbre.stem}").timbres[timbre.stem] == timbre.name, word


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("dusty slow dub with a glassy lead", {
            "style": "dub", "tempo_bpm": [63, 72], "timbres": {"drums": "kit_dusty", "lead": "lead_bell"},
            "sounds": {"all": ["dusty"], "lead": ["glassy"]}}),
        ("staubiger, langsamer Dub mit gläsernem Lead", {
            "style": "dub", "tempo_bpm": [63, 72], "timbres": {"drums": "kit_dusty", "lead": "lead_bell"},
            "sounds": {"all": ["dusty"], "lead": ["glassy"]}}),
        ("埃っぽいゆっくりしたダブ、ガラスのようなリード", {
            "style": "dub", "tempo_bpm": [63, 72], "timbres": {"drums": "kit_dusty", "lead": "lead_bell"},
            "sounds": {"all": ["dusty"], "lead": ["glassy"]}}),
        ("no drums", {"stems": ["bass", "chords", "lead"]}),
        ("house with congas", {
            "style": "house", "stems": ["drums", "percussion", "bass", "chords", "lead"],
            "timbres": {"percussion": "perc_hand"}, "behaviours": {"percussion": "congas"}}),
        ("lofi with vinyl crackle", {
            "style": "lofi", "timbres": {"texture": "texture_vinyl"}, "sounds": {"all": ["lofi"]}}),
        ("techno with a drone", {
            "style": "techno", "stems": ["drums", "bass", "chords", "lead", "texture"],
            "timbres": {"texture": "texture_drone"}}),
        ("Jazz mit Plattenknistern und Rassel", {
            "style": "jazz", "stems": ["drums", "percussion", "bass", "chords", "lead", "texture"],
            "timbres": {"texture": "texture_vinyl", "percussion": "perc_hand"},
            "behaviours": {"percussion": "shaker"}}),
        ("雨音のあるジャズ、シェイカー", {
            "style": "jazz", "stems": ["drums", "percussion", "bass", "chords", "lead", "texture"],
            "timbres": {"texture": "texture_rain", "percussion": "perc_hand"},
            "behaviours": {"percussion": "shaker"}}),
        ("ambient without texture", {"style": "ambient", "stems": ["drums", "bass", "chords", "lead"]}),
        ("only percussion", {"stems": ["percussion"]}),
        ("techno ohne Perkussion", {"style": "techno"}),
        ("walking bass jazz", {"style": "jazz", "behaviours": {"bass": "walking"}}),
        ("ohne Schlagzeug", {"stems": ["bass", "chords", "lead"]}),
        ("ドラムなし", {"stems": ["bass", "chords", "lead"]}),
        ("only bass and pads", {"stems": ["bass", "chords"], "timbres": {"chords": "chords_pad"}}),
        ("bass and drums only", {"stems": ["drums", "bass"]}),
        ("ベースとドラムだけ", {"stems": ["drums", "bass"]}),
        ("nur Bass und Klavier", {"stems": ["bass", "chords"], "timbres": {"chords": "chords_piano"}}),
        ("without drums, bass or lead", {"stems": ["chords"]}),
        ("no drums, only bass and pads", {"stems": ["bass", "chords"], "timbres": {"chords": "chords_pad"}}),
        ("ドラムとベース抜き", {"stems": ["chords", "lead"]}),
        ("warm bass", {"timbres": {"bass": "bass_finger"}, "sounds": {"bass": ["warm"]}}),
        ("warm drums", {"sounds": {"drums": ["warm"]}}),
        ("drums should be dusty", {"timbres": {"drums": "kit_dusty"}, "sounds": {"drums": ["dusty"]}}),
        ("a bright lead", {"timbres": {"lead": "lead_saw"}, "sounds": {"lead": ["bright"]}}),
        ("bright", {"mode": "major", "sounds": {"all": ["bright"]}}),
        ("calm", {"style": "ambient", "energy": 0.2}),
        ("very calm jazz", {"style": "jazz", "energy": 0.08}),
        ("not calm jazz", {"style": "jazz", "energy": 0.68}),
        ("not too busy", {"density": 0.425}),
        ("あまり激しくない", {"energy": 0.38}),
        ("暗くないハウス", {"style": "house", "mode": "major", "avoided": ["dark"]}),
        ("nicht zu schnell", {"tempo_bpm": [80, 104]}),
        ("no reverb", {"sounds": {"all": ["dry"]}}),
        ("house without swing", {"style": "house", "swing": 0.0}),
        ("Dubtechno", {"style": "dub"}),
        ("Sägezahnbass", {"timbres": {"bass": "bass_saw"}}),
        ("saegezahnbass", {"timbres": {"bass": "bass_saw"}}),
        ("93 bpm", {"tempo_bpm": [93, 93]}),
        ("93,5 BPM", {"tempo_bpm": [93.5, 93.5]}),
        ("between 90 and 100bpm", {"tempo_bpm": [90, 100]}),
        ("90-100 bpm", {"tempo_bpm": [90, 100]}),
        ("around 120 bpm", {"tempo_bpm": [117, 123]}),
        ("テンポは93", {"tempo_bpm": [93, 93]}),
        ("at 120, 4 bars", {"tempo_bpm": [120, 120], "bars": 4}),
        ("eight bars of 3/4", {"bars": 8, "meter": "3/4"}),
        ("achttaktiger Walzer", {"bars": 8, "meter": "3/4"}),
        ("acht Takte im 6/8-Takt", {"bars": 8, "meter": "6/8"}),
        ("八小節のワルツ", {"bars": 8, "meter": "3/4"}),
        ("8分の6拍子", {"meter": "6/8"}),
        ("in A minor", {"key": "Am"}),
        ("in a minor key", {"mode": "minor"}),
        ("a dorian groove", {"mode": "dorian"}),
        ("in a-Moll", {"key": "Am"}),
        ("fis-moll", {"key": "F#m"}),
        ("B-Dur", {"key": "Bb"}),
        ("H-Dur", {"key": "B"}),
        ("Es-Dur", {"key": "Eb"}),
        ("D dorisch", {"key": "D dorian"}),
        ("イ短調", {"key": "Am"}),
        ("変ロ長調", {"key": "Bb"}),
        ("キーはF#m", {"key": "F#m"}),
        ("Cメジャー", {"key": "C"}),
        ("C sharp phrygian", {"key": "C# phrygian"}),
        ("in Eb", {"key": "Eb"}),
        ("sad, in C", {"key": "Cm"}),
        ("I don't want drums", {"stems": ["bass", "chords", "lead"]}),
        ("alles außer Schlagzeug", {"stems": ["bass", "chords", "lead"]}),
        ("ドラム以外", {"stems": ["bass", "chords", "lead"]}),
        ("drums, nothing else", {"stems": ["drums"]}),
        ("warmer, dreckiger Bass", {"timbres": {"bass": "bass_finger"}, "sounds": {"bass": ["warm", "gritty"]}}),
        ("dark, wide, deep bass", {
            "mode": "minor", "timbres": {"bass": "bass_sub"}, "sounds": {"all": ["dark", "wide"], "bass": ["deep"]}}),
        ("Klavierstück", {"timbres": {"chords": "chords_piano"}}),
        ("808 und Glocken", {"timbres": {"drums": "kit_808", "lead": "lead_bell"}}),
        ("schneller, heller Techno", {
            "style": "techno", "tempo_bpm": [138, 153], "mode": "major", "sounds": {"all": ["bright"]}}),
        ("no techno", {"avoided": ["techno"]}),
        ("ハウスキーパー", {"ignored": ["ハウスキーパー"]}),
    ],
)  # fmt: skip
def test_what_is_said_is_what_is_read(prompt: str, expected: dict[str, object]) -> None:
    found = reading_to_json(read_prompt(prompt))
    for told in ("understood", "resolved"):
        found.pop(told, None)
    assert found == expected


def test_a_misspelt_word_is_taken_for_the_nearest_and_said_so() -> None:
    found = read_prompt("dustty tehcno")
    assert found.style == "techno"
    assert [(each.words, each.known, each.misspelt) for each in found.understood] == [
        ("dustty", "dusty", True), ("tehcno", "techno", True),
    ]  # fmt: skip
    assert not any(each.misspelt for each in read_prompt("staubige Trommeln").understood)


def test_words_that_look_like_known_ones_are_left_alone() -> None:
    assert read_prompt("a horse, a mouse and a show in the park").understood == ()


def test_unknown_words_are_reported_and_function_words_are_not() -> None:
    found = read_prompt("a very flibbertish house with zigzag, please")
    assert found.ignored == ("flibbertish", "zigzag")
    assert [each.words for each in found.understood] == ["house"]


@pytest.mark.parametrize(
    ("given", "prompt", "field"),
    [
        (Given(bpm=93.0), "slow", "tempo_bpm"),
        (Given(bpm=93.0), "at 120 bpm", "tempo_bpm"),
        (Given(style="house"), "techno", "style"),
        (Given(key=parse_key("Am")), "in C major", "key"),
        (Given(key=parse_key("Am")), "happy", "mode"),
        (Given(chords=parse_chords("Am F")), "happy", "mode"),
        (Given(meter=parse_meter("4/4")), "waltz", "meter"),
        (Given(bars=4), "eight bars", "bars"),
        (Given(stems=("drums",)), "no drums", "stems"),
        (Given(energy=0.5), "calm", "energy"),
    ],
)
def test_keys_beat_words_and_that_is_told(given: Given, prompt: str, field: str) -> None:
    assert getattr(read_prompt(prompt), field) is not None
    found = read_prompt(prompt, given)
    assert getattr(found, field) is None
    assert any("gives way to the key" in each for each in found.resolved)


def test_words_that_contradict_each_other_are_resolved_and_that_is_told() -> None:
    found = read_prompt("jazz techno, slow but fast, 93 bpm, happy A minor, no drums no bass no chords no lead")
    assert (found.style, found.tempo_bpm, found.key, found.stems) == ("techno", (93.0, 93.0), parse_key("Am"), None)
    assert len(found.resolved) == 5


def test_slow_depends_on_the_style() -> None:
    assert read_prompt("slow techno").tempo_bpm == tempo_range(-1, "techno")
    assert read_prompt("slow", Given(style="techno")).tempo_bpm == tempo_range(-1, "techno")
    for name in (None, *style_names()):
        ranges = [tempo_range(level, name) for level in sorted(TEMPO_LEVELS.values())]
        assert ranges == sorted(ranges)
        assert all(20 <= low < high <= 400 for low, high in ranges)


def test_a_request_that_nobody_read_is_read_with_its_fields_as_given() -> None:
    read = with_reading(GenerateRequest(bpm=140.0, prompt="slow calm dub in A minor"))
    assert (read.bpm, read.style, read.energy) == (140.0, "dub", 0.2)
    assert read.key == parse_key("Am")
    assert with_reading(read) is read


prompts = st.lists(
    st.sampled_from(sorted(" ".join(forms) for forms in load_vocabulary().entries))
    | st.sampled_from(["93", "3/4", "bpm", ",", ".", "in A", "F#m", "8", "bars", "🥁", "xyzzy", "\u0301", "ﷺ", "〇"])
    | st.text(max_size=6),
    max_size=25,
).flatmap(lambda parts: st.sampled_from(["".join(parts), " ".join(parts)]))


@given(st.text(max_size=500) | prompts)
def test_any_text_is_read(prompt: str) -> None:
    found = read_prompt(prompt)
    assert found.style is None or found.style in style_names()
    assert all(TIMBRES[TIMBRE_INDEX[name]].stem == stem for stem, name in found.timbres.items())
    for level in (found.energy, found.density, found.swing):
        assert level is None or 0.0 <= level <= 1.0
    if found.tempo_bpm is not None:
        assert 20.0 <= found.tempo_bpm[0] <= found.tempo_bpm[1] <= 400.0
    assert found.mode is None or found.mode in MODES
    assert found.stems is None or set(found.stems) <= set(STEMS)
    assert found.bars is None or found.bars > 0
    assert all(stem in (*STEMS, WHOLE) and set(words) <= set(SOUND_WORDS) for stem, words in found.sounds.items())
    assert reading_from_json(json.loads(json.dumps(reading_to_json(found)))) == found


def test_no_prompt_takes_long() -> None:
    """Guards against patterns that explode; scripts/eval_prompts.py measures how quick reading is (about a tenth)."""
    for prompt in ("wonderfully dusty zyxwvutsr lead " * 15, "Donaudampfschifffahrtskapitän " * 16, "a" * 500,
                   "暗い謎めいた音ハウスキーパー" * 35, "aaaaaaaaa " * 50, "not very " * 55, "1/2" * 166,
                   "in A " * 100, "techno " * 71, "warm " * 99, "ドラムと" * 125):  # fmt: skip
        took = []
        for _ in range(5):
            began = time.process_time()
            read_prompt(prompt[:500])
            took.append(time.process_time() - began)
        assert min(took) < 0.05, prompt[:30]


@given(st.text("abcde", max_size=9), st.text("abcde", max_size=9))
def test_the_distance_is_symmetric_and_zero_for_equals(a: str, b: str) -> None:
    assert distance(a, b, 9) == distance(b, a, 9)
    assert (distance(a, b, 9) == 0) == (a == b)
    assert distance(a, b, 9) <= max(len(a), len(b))


def test_spelling_finds_what_comparing_with_every_word_finds() -> None:
    words = [forms[0] for forms in load_vocabulary().entries if len(forms) == 1 and forms[0].isascii()]
    spelling = Spelling(words)
    for word in [each for each in words if 6 <= len(each) <= 12][::9]:
        typed = word[:3] + "q" + word[3:]
        limit = 2 if len(typed) >= 8 else 1
        best = min(distance(typed, known, limit) for known in words if known[0] == typed[0])
        found = spelling.nearest(typed)
        assert found is not None
        assert distance(typed, found, limit) == best


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[styl]\ndub = ['x']", "did you mean 'style'"),
        ("[style]\ndubb = ['x']", "did you mean 'dub'"),
        ("[style]\ndub = 'x'", "list of words"),
        ("[style]\ndub = ['a b c d e f']", "1 to 5 words"),
        ("[style]\ndub = ['!!']", "1 to 5 words"),
        ("[energy]\n2 = ['x']", "number from 0 to 1"),
        ("[energy]\nhigh = ['x']", "number from 0 to 1"),
        ("[meter]\n'9/7' = ['x']", "a meter"),
        ("[number]\nfour = ['x']", "whole number"),
        ("[tempo]\nsloow = ['x']", "did you mean 'slow'"),
        ("style = 3", "table"),
        ("[style", "is not TOML"),
    ],
)
def test_a_mistake_in_a_vocabulary_is_named_with_its_file(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=says) as raised:
        load_vocabulary(tmp_path)
    assert "en.toml" in str(raised.value)


def test_a_folder_without_a_vocabulary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no vocabulary"):
        load_vocabulary(tmp_path)


def test_what_is_understood_is_not_told_as_ignored() -> None:
    """Also where a word was of no meaning once."""
    for prompt in ("guitar and choir", "gitarre und chor", "ギター"):
        found = read_prompt(prompt)
        assert found.understood
        assert not found.ignored
    assert read_prompt("vocals with a saxophone").ignored == ("vocals", "saxophone")
    for timbre in TIMBRES:
        found = read_prompt(timbre.name.replace("_", " "))
        assert not {each.words for each in found.understood} & {*found.ignored}, timbre.name
