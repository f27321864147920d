"""The command table itself: that it is whole, and that what it says of values is what the decoder does."""

from __future__ import annotations

import dataclasses
import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.control import command_values as c
from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_osc, decode_values, find_command
from antiphon.control.fields import INT32_MAX, Bounds, Field, nearest
from antiphon.control.messages import MESSAGES
from antiphon.control.openapi import field_schema
from antiphon.domain.theory import parse_chords, parse_key, parse_meter
from antiphon.errors import InvalidRequest, LimitExceeded, OutOfRange, UnknownAddress, WrongType
from antiphon.settings import Settings

ALL_FIELDS = [(row.name, f) for row in COMMANDS.values() for f in row.fields]
NUMBERS = [(name, f) for name, f in ALL_FIELDS if f.kind in ("int", "float")]

PROTOCOL = [
    *("hello", "subscribe", "unsubscribe", "refresh", "generate", "vary", "cross", "restem", "evolve"),
    *("cancel", "rate", "prefer"),
    *("candidate/ID/rate", "current/rate", "playing", "stopped"),
    *("audition/next", "audition/previous", "audition/stop", "keep", "current/keep", "stem/NAME/level"),
    *("stem/NAME/mute", "describe", "train", "model/list", "model/use", "model/rollback"),
    *("tempo", "status"),
]


def test_the_table_holds_the_protocol() -> None:
    assert list(COMMANDS) == PROTOCOL
    assert COMMANDS["generate"].address == "/antiphon/generate"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_fits_its_value(name: str) -> None:
    row = COMMANDS[name]
    assert row.description.endswith(".")
    assert set(row.answers) | set(row.later) <= set(MESSAGES)
    takes = inspect.signature(row.make).parameters
    given_names = {f.target for f in row.fields} | ({row.id_name} if row.id_name else set())
    assert given_names <= set(takes)
    if dataclasses.is_dataclass(row.make) and name not in ("current/rate", "current/keep"):
        assert set(takes) == given_names, "every field of the value can be given"
    needed = {n for n, p in takes.items() if p.default is inspect.Parameter.empty}
    assert needed <= {f.target for f in row.fields if f.required} | {row.id_name}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_taken(name: str, bounds: Bounds) -> None:
    row = COMMANDS[name]
    _, path = find_command(row.example_address)
    for tag, value in row.example:
        assert {"s": str, "i": int, "f": float}[tag] is type(value)
    decode_osc(row, path, [value for _, value in row.example], bounds)


@pytest.mark.parametrize(("name", "f"), NUMBERS)
def test_the_ends_of_a_range_are_inside_and_what_follows_is_not(name: str, f: Field, bounds: Bounds) -> None:
    low, high = f.minimum, f.maximum_in(bounds)
    assert low is not None
    assert high is not None
    step = 1 if f.kind == "int" else 1e-6 * max(1.0, high)
    assert f.parse(int(low), bounds) == low
    assert f.parse(float(high), bounds) == high
    with pytest.raises(OutOfRange, match=f.name):
        f.parse(low - step, bounds)
    with pytest.raises(LimitExceeded if f.limit else OutOfRange, match=f.name):
        f.parse(high + step, bounds)
    for bad in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(OutOfRange, match="it must be"):
            f.parse(bad, bounds)
    for wrong in ("1", True, None, b"1", [1], {}):
        with pytest.raises(WrongType):
            f.parse(wrong, bounds)


@given(st.integers(0, INT32_MAX))
def test_ints_and_floats_stand_for_one_another_where_nothing_is_lost(seed: int) -> None:
    f = next(f for f in COMMANDS["generate"].keys if f.name == "seed")
    assert f.parse(float(seed), Bounds()) == seed
    assert type(f.parse(float(seed), Bounds())) is int
    with pytest.raises(WrongType, match="whole number"):
        f.parse(seed / 2 + 0.25, Bounds())


@given(
    st.dictionaries(
        st.sampled_from([f.name for f in COMMANDS["generate"].keys]) | st.text(max_size=12),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=4)),
        max_size=6,
    )
)
def test_any_values_are_taken_or_refused_with_our_errors(values: dict[str, object]) -> None:
    refusal = ""
    try:
        command: object = decode_values(COMMANDS["generate"], values, Bounds())
    except InvalidRequest as error:
        command, refusal = None, error.message
    assert isinstance(command, c.Generate) or refusal


def test_a_whole_request(bounds: Bounds) -> None:
    arguments = [
        "r1",
        "key",
        "Bb minor",
        "chords",
        "Bbm7 | Gb",
        "meter",
        "6/8",
        "bpm",
        93,
        "bars",
        8.0,
        "style",
        "house",
    ]
    arguments += ["stems", "lead,drums lead", "preset", "clean", "rate", 48000.0, "format", "flac", "energy", 1]
    command = decode_osc(COMMANDS["generate"], {}, arguments, bounds)
    assert command == c.Generate(
        "r1", style="house", bpm=93.0, key=parse_key("Bbm"), bars=8, meter=parse_meter("6/8"),
        chords=parse_chords("Bbm7 Gb"), stems=("drums", "lead"), energy=1.0, preset="clean", sample_rate=48000,
        file_format="flac",
    )  # fmt: skip


def test_what_is_left_out_comes_from_settings_tempo_and_chance() -> None:
    settings = dataclasses.replace(Settings(), sample_rate=48000, file_format="flac")
    requests = [c.Generate("r").to_request(101.5, settings) for _ in range(20)]
    assert {(r.bpm, r.sample_rate, r.file_format, r.key) for r in requests} == {(101.5, 48000, "flac", None)}
    assert len({r.seed for r in requests}) == 20
    assert all(0 <= r.seed <= INT32_MAX for r in requests)


def test_a_beat_is_a_quarter_note_when_the_duration_is_limited() -> None:
    # 16 bars of 6/8 are 48 beats: at 24 bpm exactly 120 s, which the limit allows.
    assert c.Generate("r", bars=16, meter=parse_meter("6/8")).to_request(24.0, Settings()).bars == 16
    with pytest.raises(LimitExceeded, match=r"limits\.duration_s"):
        c.Generate("r", bars=16, meter=parse_meter("6/8")).to_request(23.99, Settings())


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/antiphon/generat", "did you mean /antiphon/generate?"),
        ("/generate", "did you mean /antiphon/generate?"),
        ("/antiphon/GENERATE", "did you mean /antiphon/generate?"),
        ("/antiphon/", "there is no address"),
        ("/antiphon/candidate/../rate", "there is no address"),
        ("/antiphon/candidate/ID", "there is no address"),
        ("/antiphon/generate/", "did you mean /antiphon/generate?"),
    ],
)
def test_unknown_addresses_name_the_nearest(address: str, says: str) -> None:
    with pytest.raises(UnknownAddress) as caught:
        find_command(address)
    assert says in caught.value.message


def test_optional_arguments_may_be_skipped(bounds: Bounds) -> None:
    def decoded(*arguments: object) -> c.AnyCommand:
        return decode_osc(COMMANDS["subscribe"], {}, arguments, bounds)

    assert decoded() == c.Subscribe()
    assert decoded(9020, 60) == c.Subscribe(9020, "", 60.0)
    assert decoded(9020, "localhost", 60.5) == c.Subscribe(9020, "localhost", 60.5)
    for wrong in (("9020", "x", "y"), (9020, "h", 5, 6), (70000,), (9020, "h", -1)):
        with pytest.raises(InvalidRequest):
            decoded(*wrong)
    hello = COMMANDS["hello"]
    assert decode_osc(hello, {}, ["h", "token", "t"], bounds) == c.Hello("h", "", "t")
    assert decode_osc(hello, {}, ["h", "live", "token", "t"], bounds) == c.Hello("h", "live", "t")


@pytest.mark.parametrize(("word", "found"), [("bmp", "bpm"), ("BPM", "bpm"), ("chrods", "chords"), ("zzzz", None)])
def test_nearest(word: str, found: str | None) -> None:
    assert nearest(word, [f.name for f in COMMANDS["generate"].keys]) == found


@pytest.mark.parametrize(("name", "f"), ALL_FIELDS)
def test_every_field_can_be_shown(name: str, f: Field, bounds: Bounds) -> None:
    assert f.description
    assert f.required or f.default or f.kind == "text"
    assert f.python_type in (int, float, str)
    assert json.loads(json.dumps(field_schema(f, bounds)))["description"]
