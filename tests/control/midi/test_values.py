"""MIDI by value: decoding, the ways controls speak, pick-up, maps and their mistakes, lights, wishes, the queue."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.control.command_values import Generate, Keep, KnobRate, StemLevel, StemMute
from antiphon.control.fields import Bounds
from antiphon.control.midi.actions import DEEDS, STATES, Action, Stage, command_for
from antiphon.control.midi.controller_map import bare_port_name, map_for
from antiphon.control.midi.inbox import Inbox
from antiphon.control.midi.lights import BATCH, HANDS_OFF_S, Lights, message_for
from antiphon.control.midi.map_file import load_map, load_maps, parse_map, write_map
from antiphon.control.midi.sources import PickUp, Reading, Source, relative_steps
from antiphon.control.midi.wire import Decoder, Received, control_change, note, pitch
from antiphon.control.midi.wishes import parse_wishes
from antiphon.errors import NotFound, SettingsError
from tests.control.midi.conftest import PRESETS

MAPS = {path.stem: load_map(path) for path in sorted(PRESETS.glob("*.toml"))}


def decoded(*messages: bytes) -> list[Received]:
    decoder = Decoder()
    return [received for message in messages for received in decoder.feed(message)]


def test_every_kind_of_message_is_decoded() -> None:
    assert decoded(b"\xb0\x10\x40", b"\x9f\x3c\x64", b"\x8f\x3c\x64", b"\x9f\x3c\x00", b"\xc0\x05") == [
        Received("cc", 1, 16, 64), Received("note", 16, 60, 100), Received("note", 16, 60, 0),
        Received("note", 16, 60, 0), Received("program", 1, 5, 127),
    ]  # fmt: skip
    assert decoded(b"\xe1\x00\x40", b"\xe0\x7f\x7f", b"\xf8", b"\xfa", b"\xfb", b"\xfc", b"\xf2\x10\x01") == [
        Received("pitch", 2, 0, 8192), Received("pitch", 1, 0, 16383), Received("clock", 0, 0, 0),
        Received("start", 0, 0, 0), Received("continue", 0, 0, 0), Received("stop", 0, 0, 0),
        Received("position", 0, 0, 144),
    ]  # fmt: skip
    assert decoded(b"\xf0\x00\x20\x29\xf7", b"\xfe", b"", b"\x12\x34", b"\x90" * 100) == []


def test_what_we_send_is_what_we_decode() -> None:
    assert decoded(control_change(11, 9, 13), note(9, 41, 60), pitch(3, 12345)) == [
        Received("cc", 11, 9, 13), Received("note", 9, 41, 60), Received("pitch", 3, 0, 12345),
    ]  # fmt: skip


@given(st.lists(st.binary(max_size=80), max_size=30))
def test_noise_never_raises_and_never_silences_what_follows(chunks: list[bytes]) -> None:
    decoder = Decoder()
    for chunk in chunks:
        list(decoder.feed(chunk))
    assert list(decoder.feed(b"\xb0\x07\x33"))[-1] == Received("cc", 1, 7, 0x33)


@pytest.mark.parametrize(
    ("mode", "right", "left", "most"),
    [("twos_complement", 1, 127, (63, 63)), ("binary_offset", 65, 63, (127, 63)), ("sign_magnitude", 1, 65, (63, 63))],
)
def test_the_three_relative_encodings(mode: str, right: int, left: int, most: tuple[int, int]) -> None:
    assert (relative_steps(mode, right), relative_steps(mode, left)) == (1, -1)
    assert relative_steps(mode, most[0]) == most[1]
    assert all(-64 <= relative_steps(mode, value) <= 63 for value in range(128))


def positions(source: Source, *received: Received) -> list[float | None]:
    reading = Reading([source])
    return [signal.position for each in received for signal in reading.feed(each)]


def test_fourteen_bits_in_two_controllers() -> None:
    source = Source("cc14", 1, 16)
    got = positions(source, Received("cc", 1, 16, 127), Received("cc", 1, 48, 127), Received("cc", 1, 16, 64))
    assert got == [127 * 128 / 16383, 1.0, 64 * 128 / 16383]
    assert positions(source, Received("cc", 2, 16, 127), Received("cc", 1, 17, 3)) == []


def test_nrpn_data_entry_and_steps() -> None:
    source = Source("nrpn", 1, 1 << 7 | 5)
    select = (Received("cc", 1, 99, 1), Received("cc", 1, 98, 5))
    assert positions(source, *select, Received("cc", 1, 6, 127), Received("cc", 1, 38, 127)) == [127 * 128 / 16383, 1.0]
    assert positions(source, Received("cc", 1, 99, 1), Received("cc", 1, 98, 6), Received("cc", 1, 6, 127)) == []
    assert positions(source, *select, Received("cc", 1, 101, 0), Received("cc", 1, 6, 127)) == [], "an RPN is not it"
    reading = Reading([source])
    for each in select:
        assert not list(reading.feed(each))
    assert [s.steps for value in (96, 97) for s in reading.feed(Received("cc", 1, value, 0))] == [1, -1]


def test_a_knob_has_to_meet_the_value_that_stands() -> None:
    knob = PickUp()
    assert knob.takes(0.2, None), "nothing stands: it counts at once"
    assert knob.takes(0.3, 0.2), "it is followed by what it set"
    assert not knob.takes(0.35, 0.9), "somebody else set another value"
    assert not knob.takes(0.7, 0.9)
    assert knob.takes(0.95, 0.9), "it went through it"
    assert knob.takes(0.1, 0.95)
    knob.release()
    assert not knob.takes(0.1, 0.5)
    assert knob.takes(0.495, 0.5), "near enough"


def test_every_map_that_comes_with_antiphon_is_sound() -> None:
    assert set(MAPS) == {
        "generic", "launch_control_xl", "lpd8", "midi_fighter_twister", "midimix", "nanokontrol2", "xtouch_mini",
    }  # fmt: skip
    for name, each in MAPS.items():
        assert not each.tried, f"{name}: say in docs/midi.md who tried it, and with what"
        done = {control.action.do for control in each.controls}
        assert {"rate", "next", "previous", "generate", "vary", "cross", "evolve", "keep", "rollback"} <= done, name
        assert each.setup
        assert each.sources
    assert {control.source.kind for control in MAPS["generic"].controls} >= {"cc", "cc14", "nrpn", "note", "program"}


@pytest.mark.parametrize(
    ("port", "name"),
    [
        ("nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ SL 20:0", "nanokontrol2"),
        ("nanoKONTROL2 SLIDER/KNOB", "nanokontrol2"),
        ("2- nanoKONTROL2 1", "nanokontrol2"),
        ("a2j:LPD8 [24] (capture): LPD8 MIDI 1", "lpd8"),
        ("X-TOUCH MINI:X-TOUCH MINI MIDI 1 28:0", "xtouch_mini"),
        ("Midi Fighter Twister", "midi_fighter_twister"),
        ("MIDI Mix:MIDI Mix MIDI 1 24:0", "midimix"),
        ("Launch Control XL", "launch_control_xl"),
        ("Launch Control XL HUI", None),
        ("Midi Through:Midi Through Port-0 14:0", None),
    ],
)
def test_ports_are_known_by_the_beginning_of_their_names(port: str, name: str | None) -> None:
    found = map_for(port, MAPS)
    assert (found.name if found else None) == name
    assert bare_port_name(bare_port_name(port)) == bare_port_name(port)


GOOD: dict[str, Any] = {"title": "box", "controls": [{"name": "a", "cc": 1, "do": "rate"}]}


def control(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "controls": [{key: value for key, value in (GOOD["controls"][0] | changes).items() if value != ()}]}


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({}, "title is missing"),
        ({**GOOD, "controls": []}, "controls has 0 entries"),
        ({**GOOD, "tilte": 1}, r"tilte is not known here \(did you mean 'title'\?\)"),
        (control(do="rat"), r"control 1 \(a\): do is 'rat' \(did you mean 'rate'\?\)"),
        (control(cc=128), "cc is 128, but must lie from 0 to 127"),
        (control(cc="1"), "cc is '1', but must be a whole number"),
        (control(cc=True), "cc is 'True', but must be a whole number"),
        (control(note=3), "must have one of cc, cc14, .*, but has cc, note"),
        (control(cc=()), "but has none"),
        (control(cc=(), cc14=32), "cc14 is 32"),
        (control(channel=0), "channel is 0"),
        (control(mode="relative"), "mode is 'relative'; known: absolute"),
        (control(cc=(), note=3), "a button sends no value: give the value"),
        (control(do="next"), "takes a press: add mode = 'button'"),
        (control(do="mute", mode="button"), "stem is missing"),
        (control(do="level", stem="voice"), "stem is 'voice'; known: drums"),
        (
            control(do="generate", mode="button", keys={"bqm": 3}),
            r"keys\.bqm is no key of generate \(did you mean 'bpm'",
        ),
        (control(do="set", key="enery"), r"key is 'enery' \(did you mean 'energy'\?\)"),
        (control(do="set", key="energy", minimum=1, maximum=0), "maximum is 0"),
        (control(light={"cc": 1, "nte": 2}), "nte is not known here"),
        (control(light={"sysex": "F0 00 {value}"}), "must begin with F0, end with F7"),
        (control(light={"sysex": "F0 80 {value} F7"}), "data bytes go from 00 to 7F"),
        (control(light={"note": 1, "shows": "level"}), "the control has no stem"),
        (control(light={"note": 1, "shows": "ratin"}), r"shows is 'ratin' \(did you mean 'rating'"),
        ({**GOOD, "controls": 2 * GOOD["controls"]}, "'a' and 'a' both are CC 1 on channel 1"),
        ({**GOOD, "greeting": ["00"]}, "begins with F0 and ends with F7"),
    ],
)
def test_a_mistake_in_a_map_is_explained(data: dict[str, Any], wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        parse_map("box", data, "box.toml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
            ("title", "ports", "controls", "name", "cc", "note", "do", "light", "keys", "mode", "channel", "sysex")
        ), inner, max_size=5),
        max_leaves=12,
    )
)  # fmt: skip
def test_whatever_a_map_holds_it_is_read_or_it_is_our_error(data: Any) -> None:
    with contextlib.suppress(SettingsError):
        parse_map("x", data, "x")


def test_one_broken_map_does_not_take_the_others_away(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("title = ")
    (tmp_path / "binary.toml").write_bytes(b"\xff\x00")
    maps, faults = load_maps([PRESETS, tmp_path])
    assert set(maps) == set(MAPS)
    assert len(faults) == 2
    assert all("is not valid TOML" in fault for fault in faults)


def test_a_written_map_reads_back(tmp_path: Path) -> None:
    written = write_map(tmp_path / "new" / "box.toml", {**GOOD, "ports": ["Box"]})
    assert load_map(tmp_path / "new" / "box.toml") == written
    with pytest.raises(SettingsError):
        write_map(tmp_path / "bad.toml", {"title": "x"})
    assert not (tmp_path / "bad.toml").exists()


def test_actions_become_commands_filled_in_with_what_is_auditioned() -> None:
    stage = Stage(current="c2", previous="c1", kept=True, settings={"energy": 0.7, "bars": 8})
    bounds = Bounds()
    assert command_for(Action("rate"), stage, 0.25, bounds) == KnobRate(0.25)
    assert command_for(Action("rate", value=0.75), stage, None, bounds) == KnobRate(0.75)
    assert command_for(Action("keep"), stage, None, bounds) == Keep(False)
    assert command_for(Action("mute", stem="bass"), stage, None, bounds) == StemMute("bass", True)
    assert command_for(Action("level", stem="bass"), stage, 0.5, bounds) == StemLevel("bass", 0.5)
    asked = command_for(Action("generate"), stage, None, bounds)
    assert isinstance(asked, Generate)
    assert (asked.energy, asked.bars) == (0.7, 8)
    with pytest.raises(NotFound, match="asked for nothing"):
        command_for(Action("cancel"), stage, None, bounds)


def test_lights_send_changes_only_a_few_at_a_time_and_wait_for_hands() -> None:
    lights, stage = Lights(MAPS["nanokontrol2"]), Stage()
    lit = sum(each.light is not None for each in MAPS["nanokontrol2"].controls)
    lights.draw(stage)
    first = lights.batch(0.0)
    assert len(first) == BATCH
    sent = first
    while batch := lights.batch(0.0):
        sent += batch
    assert len(sent) == lit
    lights.draw(stage)
    assert lights.wait_s(0.0) is None
    stage.muted["drums"] = True
    for _ in range(1000):
        stage.muted["drums"] = not stage.muted["drums"]
        lights.draw(stage)
    assert lights.batch(0.0) == [control_change(1, 48, 127)], "only the latest state is sent"
    number = next(n for n, each in enumerate(MAPS["nanokontrol2"].controls) if each.source.number == 48)
    lights.touched(number, 10.0)
    stage.muted["drums"] = False
    lights.draw(stage)
    assert lights.batch(10.0) == []
    assert lights.wait_s(10.0) == pytest.approx(HANDS_OFF_S)
    assert lights.batch(10.0 + HANDS_OFF_S) == [control_change(1, 48, 0)]
    lights.forget()
    lights.draw(stage)
    assert lights.wait_s(20.0) == 0.0


def test_a_value_goes_from_low_to_high_and_no_value_is_dark() -> None:
    ring = next(each.light for each in MAPS["xtouch_mini"].controls if each.name == "encoder 1")
    assert ring is not None
    assert [message_for(ring, value)[2] for value in (None, 0.0, 0.5, 1.0)] == [0, 1, 7, 13]
    knob = next(each.light for each in MAPS["launch_control_xl"].controls if each.name == "control 1")
    assert knob is not None
    assert message_for(knob, True) == bytes.fromhex("F0 00 20 29 02 11 78 08 20 0F F7")


def test_the_wishes_of_the_settings() -> None:
    wishes = parse_wishes("auto, BeatStep: generic, LPD8: off", MAPS)
    assert wishes.map_of("BeatStep:BeatStep MIDI 1", MAPS) is MAPS["generic"]
    assert wishes.map_of("LPD8:LPD8 MIDI 1", MAPS) is None
    assert wishes.map_of("MIDI Mix", MAPS) is MAPS["midimix"]
    assert parse_wishes("BeatStep: generic", MAPS).map_of("MIDI Mix", MAPS) is None
    for text, wanted in (("x: genric", "did you mean 'generic'"), ("generic", "write auto"), ("", "write auto")):
        with pytest.raises(SettingsError, match=wanted):
            parse_wishes(text, MAPS)


async def test_the_inbox_keeps_order_and_the_newest_and_lets_others_in() -> None:
    got: list[bytes] = []
    inbox = Inbox(asyncio.get_running_loop(), lambda at_s, data: got.append(data), size=1000)
    thread = threading.Thread(target=lambda: [inbox.put(bytes((n // 256, n % 256))) for n in range(5000)])
    # Nothing is delivered while the loop is held up.
    thread.start()
    thread.join()
    assert inbox.dropped == 4000
    turns = 0
    while len(got) < 1000:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 1000 // 128
    assert [data[0] * 256 + data[1] for data in got] == list(range(4000, 5000))
    inbox.close()
    inbox.put(b"late")
    await asyncio.sleep(0.01)
    assert got[-1] != b"late"


def test_every_action_and_state_says_what_it_is() -> None:
    assert all(deed.description and deed.shows in STATES for deed in DEEDS.values())
