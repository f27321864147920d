"""Whole performances through real MIDI ports: each controller's own hands, lights against its map, plugs, noise."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from antiphon.control.midi.actions import Stage
from antiphon.control.midi.controller_map import Control, ControllerMap
from antiphon.control.midi.lights import message_for, shown
from antiphon.control.midi.map_file import load_map
from antiphon.control.settling import REST_S
from antiphon.domain.score import STEMS
from tests.control.midi.conftest import PRESETS, Playing
from tests.jack import Controller, JackServer

pytestmark = [pytest.mark.needs("jackd", "jack_lsp"), pytest.mark.integration]

MAPS = {path.stem: load_map(path) for path in sorted(PRESETS.glob("*.toml"))}
#: How each controller's port is called by the system.
PORTS = {name: each.ports[0] for name, each in MAPS.items() if each.ports}


def press(device: Controller, control: Control) -> None:
    """Press and let go."""
    source = control.source
    if source.kind == "note":
        device.note(source.number, 100, source.channel)
        device.note(source.number, 0, source.channel)
    elif source.kind == "program":
        device.send(0xC0 | source.channel - 1, source.number)
    else:
        device.cc(source.number, 127, source.channel)
        device.cc(source.number, 0, source.channel)


def turn(device: Controller, control: Control, value: int) -> None:
    assert control.source.kind == "cc"
    device.cc(control.source.number, value, control.source.channel)


def find(controller: ControllerMap, do: str, value: float | None = None, stem: str = "") -> Control:
    wanted = (
        each for each in controller.controls
        if each.action.do == do and each.action.value == value and each.action.stem in ("", stem)
    )  # fmt: skip
    return next(wanted)


def told(device: Controller, control: Control, stage: Stage) -> bool:
    """Whether the device's latest message for a control's light is the one that the map asks for."""
    assert control.light is not None
    wanted = message_for(control.light, shown(control, stage))
    width = wanted.index(wanted[-2]) if control.light.kind == "sysex" else 2
    head = wanted[: len(wanted) - 2] if control.light.kind == "sysex" else wanted[:width]
    own = [heard for heard in list(device.heard) if heard[: len(head)] == head]
    return bool(own) and own[-1] == wanted


@pytest.mark.parametrize("name", PORTS)
async def test_a_performance_with_each_controller(name: str, playing: Playing) -> None:
    controller, studio = MAPS[name], playing.studio
    device = await playing.plug(PORTS[name])
    client = f"midi:{PORTS[name]}"
    if controller.greeting:
        await playing.until(lambda: controller.greeting[0] in device.heard, "the greeting")

    press(device, find(controller, "generate"))
    await playing.until(lambda: len(studio.made) == 1, "generating")
    (made_for, _), job = next(iter(studio.jobs.items()))
    assert (made_for, job.request.bpm) == (client, 120.0)
    press(device, find(controller, "generate"))
    await playing.until(lambda: len(studio.made) == 2, "generating again")

    for wanted in ("c1", "c2"):
        press(device, find(controller, "next"))
        await playing.until(lambda wanted=wanted: playing.current == wanted, "stepping")
    turn(device, find(controller, "rate"), 100)
    await playing.until(lambda: studio.ratings, "rating")
    ((candidate_id, value, stem, rater),) = studio.ratings.values()
    assert (candidate_id, stem, rater) == ("c2", None, client)
    assert value == pytest.approx(100 / 127, abs=1e-6)

    press(device, find(controller, "keep"))
    await playing.until(lambda: list(studio.marked) == ["c2"], "keeping")
    if name == "lpd8":  # eight pads: no room for mutes, its knobs are levels
        turn(device, find(controller, "level", stem="bass"), 127)
        turn(device, find(controller, "level", stem="bass"), 0)
        await playing.until(lambda: studio.stem_mix[STEMS.index("bass")].level == 0, "turning a stem down")
    else:
        press(device, find(controller, "mute", stem="bass"))
        await playing.until(lambda: studio.stem_mix[STEMS.index("bass")].muted, "muting")
    press(device, find(controller, "previous"))
    await playing.until(lambda: playing.current == "c1", "stepping back")
    device.unplug()


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize("do", ["vary", "cross", "evolve"])
async def test_breeding_from_each_controller(name: str, do: str, playing: Playing) -> None:
    """Of what is auditioned, of it and the one before, of what was rated: children come; and the model goes back."""
    controller, studio = MAPS[name], playing.studio
    device = await playing.plug(PORTS[name])
    for number in (1, 2):
        press(device, find(controller, "generate"))
        await playing.until(lambda number=number: len(studio.made) == number, "generating")
    for candidate_id in ("c1", "c2"):
        await studio.playing("test", candidate_id)
    press(device, find(controller, do))
    await playing.until(lambda: len(studio.made) > 2, do)
    await studio.use_model("tuned-2")
    press(device, find(controller, "rollback"))
    await playing.until(lambda: studio._active == ["builtin-1"], "going back to the model before")
    device.unplug()


@pytest.mark.parametrize("name", [name for name in PORTS if any(each.light for each in MAPS[name].controls)])
async def test_lights_show_what_stands_as_the_map_says(name: str, playing: Playing) -> None:
    controller, studio = MAPS[name], playing.studio
    lit = [each for each in controller.controls if each.light is not None]
    device = await playing.plug(PORTS[name])
    stage = Stage()
    await playing.until(lambda: all(told(device, each, stage) for each in lit), "the first lights")

    press(device, find(controller, "generate"))
    press(device, find(controller, "generate"))
    await playing.until(lambda: len(studio.made) == 2, "generating")
    await studio.playing("test", "c2")
    await studio.rate("somebody", "r", "c2", 0.2, stem=None, rater="somebody", listened_s=None, context="")
    turn(device, find(controller, "rate"), 96)
    await playing.until(lambda: len(studio.ratings) == 2, "rating")
    await studio.keep("test", "c2", True)
    await studio.set_stem("drums", level=0.25, muted=True)
    stage = Stage(current="c2", index=1, count=2, rating=96 / 127, kept=True)
    stage.levels["drums"], stage.muted["drums"] = 0.25, True
    await playing.until(lambda: all(told(device, each, stage) for each in lit), "the lights")

    # Plugged in anew, it is told everything again.
    device.unplug()
    await playing.until(lambda: not playing.has(PORTS[name]), "unplugging")
    again = await playing.plug(PORTS[name])
    await playing.until(lambda: all(told(again, each, stage) for each in lit), "the lights after a replug")
    again.unplug()


async def test_ten_times_unplugged_and_plugged_in_again(playing: Playing) -> None:
    for round_ in range(1, 11):
        device = await playing.plug("LPD8")
        device.note(36)
        await playing.until(lambda round_=round_: len(playing.studio.made) == round_, f"round {round_}")
        device.unplug()
        await playing.until(lambda: not playing.has("LPD8"), "unplugging")


async def test_several_devices_at_once_have_clients_of_their_own(playing: Playing) -> None:
    pads, sliders = await playing.plug("LPD8"), await playing.plug("nanoKONTROL2")
    pads.note(36)
    await playing.until(lambda: playing.studio.made, "generating")
    pads.note(41)
    await playing.until(lambda: playing.current == "c1", "stepping")
    pads.cc(1, 20)
    sliders.cc(16, 110)
    await playing.until(lambda: len(playing.studio.ratings) == 2, "two ratings")
    raters = {rater: round(value, 3) for _, value, _, rater in playing.studio.ratings.values()}
    assert raters == {"midi:LPD8": 0.157, "midi:nanoKONTROL2": 0.866}
    pads.unplug()
    await playing.until(lambda: not playing.has("LPD8"), "unplugging one")
    sliders.cc(0, 127)
    assert playing.has("nanoKONTROL2")
    sliders.unplug()


async def test_a_sweep_of_2000_messages_in_a_second_leaves_one_rating(playing: Playing) -> None:
    device = await playing.plug("nanoKONTROL2")
    device.cc(41, 127)
    await playing.until(lambda: playing.studio.made, "generating")
    device.cc(44, 127)
    await playing.until(lambda: playing.current == "c1", "stepping")
    for number in range(2000):
        device.cc(16, 127 - abs(127 - number % 254))
        if number % 20 == 19:
            await asyncio.sleep(0.01)
    device.cc(16, 64)
    await playing.until(lambda: playing.studio.ratings, "rating")
    await asyncio.sleep(2 * REST_S)
    ((_, value, _, _),) = playing.studio.ratings.values()
    assert value == pytest.approx(64 / 127, abs=1e-6)
    device.unplug()


async def test_noise_is_survived(playing: Playing) -> None:
    """1 MB of random bytes, system exclusive among them, and 20,000 mutated messages; then it plays on."""
    device = await playing.plug("LPD8")
    random_ = random.Random(5)
    noise = random_.randbytes(1 << 20)
    place = sent = 0
    while place < len(noise):
        size = random_.choice((1, 2, 3, 3, 3, 200))
        chunk = noise[place : place + size]
        place += size
        # The library sends more than three bytes only as system exclusive.
        device.send(*(b"\xf0" + chunk + b"\xf7" if size > 3 else chunk))
        sent += size + 8
        if sent > 2048:  # the library's buffer is small, and it waits in vain where it is full
            sent = 0
            await asyncio.sleep(0.004)
    for number in range(20_000):
        message = bytearray((0xB0 | random_.randrange(16), random_.randrange(128), random_.randrange(128)))
        for _ in range(random_.randint(1, 3)):
            message[random_.randrange(len(message))] = random_.randrange(256)
        device.send(*message[: random_.randint(1, 3)])
        if number % 128 == 0:
            await asyncio.sleep(0.004)
    await asyncio.sleep(1.0)
    made = len(playing.studio.made)
    device.note(36, 0)
    device.note(36)
    await playing.until(lambda: len(playing.studio.made) > made, "playing on after the noise")
    device.unplug()


async def test_a_jack_server_that_is_started_again_is_found_again(playing: Playing, jack: JackServer) -> None:
    device = await playing.plug("LPD8")
    device.unplug()
    await playing.until(lambda: not playing.has("LPD8"), "unplugging")
    jack.stop()
    await playing.until(lambda: "no JACK server runs" in playing.midi.status()["fault"], "losing the server")
    jack.start()
    again = await playing.plug("LPD8")
    again.note(36)
    await playing.until(lambda: playing.studio.made, "generating")
    again.unplug()


async def test_a_map_of_ones_own_goes_before_ours(playing: Playing, tmp_path: Path) -> None:
    folder = playing.midi.map_folder
    folder.mkdir()
    (folder / "lpd8.toml").write_text(
        'title = "mine"\nports = ["LPD8"]\n[[controls]]\nname = "pad"\nnote = 50\ndo = "generate"\n'
    )
    await playing.midi.reload_maps()
    device = await playing.plug("LPD8")
    device.note(36)
    device.note(50)
    await playing.until(lambda: playing.studio.made, "generating")
    assert len(playing.studio.made) == 1
    device.unplug()
