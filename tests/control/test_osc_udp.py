"""OSC over UDP, end to end over real sockets."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pythonosc.udp_client import SimpleUDPClient

from antiphon.control.desk import Desk
from antiphon.control.osc_codec import MAX_DATAGRAM_BYTES
from antiphon.control.osc_surface import OscSurface
from antiphon.control.osc_tcp import TcpConnection
from antiphon.control.server import ControlHandle, start_control
from antiphon.control.subscriptions import Subscriptions
from antiphon.settings import Settings
from tests.control.clients import PATIENCE_S, UdpClient, osc
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio


def bundle(at_s: float | None, *elements: bytes) -> bytes:
    tag = 1 if at_s is None else int((at_s + 2_208_988_800) * 2**32)
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


async def test_hello(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        address, (request_id, version, protocol, name) = await client.ask("/hello", "h1", "pd")
        assert (address, request_id, protocol, name) == ("/welcome", "h1", 1, "Antiphon")
        assert version


async def test_generate_from_ack_to_done(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "bpm", 93, "bars", 4, "key", "Am", "count", 2.0, "stems", "drums, bass")
        got = await client.until("/done")
        assert [address for address, _ in got] == ["/ack", "/progress"] + ["/stem", "/stem", "/mix"] * 2 + ["/done"]
        assert got[0][1] == ("r1", "j1")
        assert got[-1][1] == ("r1", "c1", "c2")
        request_id, candidate_id, stem, path, url, frames, rate = got[2][1]
        assert (request_id, candidate_id, stem, frames, rate) == ("r1", "c1", "drums", 1000, 44100)
        assert str(path).startswith(str(studio.folder))
        assert str(url).startswith(f"http://127.0.0.1:{control.http_port}/files/c1/drums_93")
        assert max(client.raw_sizes) < 1400


async def test_an_integer_id_is_echoed_as_an_integer_and_pd_floats_count_as_one(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        assert (await client.ask("/status", 7))[1][0] == 7
        answer = (await client.ask("/status", 8.0))[1][0]
        assert answer == 8
        assert isinstance(answer, int)


async def test_a_repeat_gets_the_same_answers_and_does_the_work_once(
    control: ControlHandle, studio: MemoryStudio
) -> None:
    studio.delay_s = 0.05
    with UdpClient(control.osc_port) as client:
        for _ in range(3):
            client.send("/generate", "r1", "bpm", 100)
        await asyncio.sleep(0.3)
        client.send("/generate", "r1", "bpm", 100)
        await asyncio.sleep(0.1)
        client.send("/status", "end")
        got = await client.until("/status")
        acks = [arguments for address, arguments in got if address == "/ack"]
        assert acks == [("r1", "j1")] * 4
        assert [a for a, _ in got][-8:] == ["/ack", *(["/stem"] * 4), "/mix", "/done", "/status"]
        assert studio.work_done == 1


async def test_the_same_id_for_something_else_is_a_conflict(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "bpm", 100)
        await client.until("/done")
        address, (request_id, code, text) = await client.ask("/generate", "r1", "bpm", 101)
        assert (address, request_id, code) == ("/error", "r1", "conflict")
        assert "its own" in str(text)


async def test_a_repeat_after_a_restart_is_answered_by_the_studio(studio: MemoryStudio, settings: Settings) -> None:
    first = await start_control(studio, settings, VOCABULARY)
    with UdpClient(first.osc_port) as client:
        client.send("/generate", "r1")
        before = [reply for reply in await client.until("/done") if reply[0] != "/progress"]
        await first.close()
        second = await start_control(studio, settings, VOCABULARY)
        client._server = ("127.0.0.1", second.osc_port)
        client.send("/generate", "r1")
        after = await client.until("/done")
        await second.close()
    # The HTTP port, and so the URLs, differ.
    assert [(a, args[:3]) for a, args in after] == [(a, args[:3]) for a, args in before]
    assert studio.work_done == 1


@pytest.mark.parametrize(
    ("address", "arguments", "code", "hint"),
    [
        ("/generate", ("r", "bmp", 93), "unknown_key", "did you mean 'bpm'"),
        ("/generate", ("r", "reference", "x.wav"), "invalid", "licence"),
        ("/generate", ("r", "bpm", 0), "out_of_range", "20 to 400 beats per minute"),
        ("/generate", ("r", "bpm", math.nan), "out_of_range", "20 to 400"),
        ("/generate", ("r", "bpm", math.inf), "out_of_range", "20 to 400"),
        ("/generate", ("r", "bpm", "fast"), "wrong_type", "as an int or a float"),
        ("/generate", ("r", "bars", 1_000_000), "limit", "limits.bars"),
        ("/generate", ("r", "bars", 2.5), "wrong_type", "whole number"),
        ("/generate", ("r", "bars", 16, "bpm", 20), "limit", "limits.duration_s"),
        ("/generate", ("r", "count", -1), "out_of_range", "1 to 16 loops"),
        ("/generate", ("r", "count", 17), "limit", "limits.count"),
        ("/generate", ("r", "steps", 101), "limit", "limits.steps"),
        ("/generate", ("r", "key", "H"), "out_of_range", "there is no key"),
        ("/generate", ("r", "key", 3), "wrong_type", "key takes text"),
        ("/generate", ("r", "chords", "Am Xq"), "out_of_range", "there is no chord"),
        ("/generate", ("r", "meter", "9/3"), "out_of_range", "there is no meter"),
        ("/generate", ("r", "stems", "drums basss"), "out_of_range", "did you mean 'bass'"),
        ("/generate", ("r", "style", "tehcno"), "out_of_range", "did you mean 'techno'"),
        ("/generate", ("r", "preset", "dusty tape"), "out_of_range", "did you mean 'dusty_tape'"),
        ("/generate", ("r", "seed", -1), "out_of_range", "0 to 2147483647"),
        ("/generate", ("r", "seed", 2**40), "out_of_range", "0 to 2147483647"),
        ("/generate", ("r", "rate", 22050), "out_of_range", "44100, 48000, 96000"),
        ("/generate", ("r", "format", "mp3"), "out_of_range", "wav, flac"),
        ("/generate", ("r", "bpm"), "invalid", "has no value"),
        ("/generate", ("r", "bpm", 90, "bpm", 91), "invalid", "twice"),
        ("/generate", ("r", 5, 93), "wrong_type", "key value pairs"),
        ("/generate", ("r", "prompt", "x" * 501), "out_of_range", "at most 500"),
        ("/generate", ("r", "prompt", True), "wrong_type", "prompt takes text"),
        ("/rate", ("r", "c1"), "invalid", "value is missing"),
        ("/rate", ("r", "c1", 1.5), "out_of_range", "0 to 1"),
        ("/rate", ("r", "../c1", 0.5), "out_of_range", "not an id"),
        ("/rate", ("r", "nope", 0.5), "not_found", "no candidate"),
        ("/cancel", ("r",), "not_found", "no request"),
        ("/model/use", ("r", "nope"), "not_found", "model version"),
        ("/model/rollback", ("r",), "conflict", "before"),
        ("/train", ("r", "steps", 0), "out_of_range", "1 to"),
        ("/vary", ("r",), "invalid", "candidate_id is missing"),
        ("/vary", ("r", "nope"), "not_found", "no candidate"),
        ("/vary", ("r", "c1", "amount", 1.5), "out_of_range", "0 to 1"),
        ("/vary", ("r", "c1", "count", 1000), "limit", "limits.count"),
        ("/vary", ("r", "c1", "amuont", 0.5), "unknown_key", "did you mean 'amount'?"),
        ("/cross", ("r", "c1"), "invalid", "candidate_b is missing"),
        ("/cross", ("r", "c1", "c1"), "out_of_range", "/antiphon/vary"),
        ("/restem", ("r", "c1"), "invalid", "stem is missing"),
        ("/restem", ("r", "c1", "violin"), "out_of_range", "drums, percussion, bass, chords, lead, texture"),
        ("/evolve", ("r", "count", 0), "out_of_range", "1 to"),
        ("/generat", ("r",), "unknown_address", "did you mean /antiphon/generate?"),
    ],
)  # fmt: skip
async def test_every_mistake_gets_one_clear_error(
    control: ControlHandle, address: str, arguments: tuple[object, ...], code: str, hint: str
) -> None:
    with UdpClient(control.osc_port) as client:
        got, (request_id, got_code, text) = await client.ask(address, *arguments)
        assert (got, request_id, got_code) == ("/error", "r", code)
        assert hint in str(text)
        assert (await client.ask("/status", "after"))[0] == "/status"


@pytest.mark.parametrize("arguments", [(), (2**40,), ("",), ("x" * 65,), (0.5,), (b"blob",), ("a\nb",)])
async def test_a_bad_request_id_is_an_error_too(control: ControlHandle, arguments: tuple[object, ...]) -> None:
    with UdpClient(control.osc_port) as client:
        address, (request_id, _, _) = await client.ask("/status", *arguments)
        assert address == "/error"
        assert request_id == (str(2**40) if arguments == (2**40,) else "-")


async def test_commands_without_an_id_complain_under_a_dash(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        assert (await client.ask("/tempo", 0))[1][:2] == ("-", "out_of_range")
        assert (await client.ask("/current/rate", 0.5))[1][:2] == ("-", "not_found")
        assert (await client.ask("/playing", "nope"))[1][:2] == ("-", "not_found")


async def test_tempo_is_the_default_of_later_requests(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/tempo", 93.1)
        await client.ask("/generate", "r1")
        (job,) = studio.jobs.values()
        assert job.request.bpm == 93.1  # not the 93.09999847 that float32 makes of it


async def test_children_are_asked_for_as_loops_are(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "count", 2)
        first, second = (await client.until("/done"))[-1][1][1:]
        asked = (
            ("/vary", "v", first, "amount", 0.2, "count", 2, "stems", "bass, drums"),
            ("/cross", "x", first, second, "mix", 1, "stems", "lead"),
            ("/restem", "s", first, "bass", "seed", 7, "prompt", "warm upright"),
            ("/evolve", "e", "count", 3),
            ("/evolve", "e2"),
        )
        for address, request_id, *arguments in asked:
            client.send(address, request_id, *arguments)
            got = await client.until("/done")
            assert got[0] == ("/ack", (request_id, list(studio.jobs.values())[-1].job_id))
            assert [a for a, _ in got].count("/mix") == len(got[-1][1]) - 1
            client.send(address, request_id, *arguments)
            assert [each for each in got if each[0] != "/progress"] == await client.until("/done"), "once, told again"
        vary, cross, restem, evolve, evolve_2 = studio.bred
        assert (vary.candidate_ids, vary.amount, vary.count, vary.stems) == ((first,), 0.2, 2, ("drums", "bass"))
        assert (cross.candidate_ids, cross.mix, cross.stems) == ((first, second), 1.0, ("lead",))
        assert (restem.stems, restem.seed, restem.prompt, restem.count) == (("bass",), 7, "warm upright", 1)
        assert (evolve.operator, evolve.count, evolve_2.count) == ("evolve", 3, 4)
        assert vary.seed != evolve.seed


async def test_one_id_stands_for_one_job_whatever_its_kind(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual = True
    with UdpClient(control.osc_port) as client:
        await client.ask("/generate", "r1")
        assert (await client.ask("/evolve", "r1"))[1][:2] == ("r1", "conflict")
        await client.ask("/evolve", "r2")
        assert await client.ask("/cancel", "r2") == ("/cancelled", ("r2",))
        assert [job.state for job in studio.jobs.values()] == ["submitted", "cancelled"]


async def test_a_drawn_seed_is_recorded_and_a_given_one_kept(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        for request_id in ("a", "b"):
            client.send("/generate", request_id)
            await client.until("/done")
        client.send("/generate", "c", "seed", 42)
        await client.until("/done")
    a, b, c = (job.request.seed for job in studio.jobs.values())
    assert a != b
    assert c == 42


async def test_several_clients_get_their_own_replies_and_subscribers_every_event(control: ControlHandle) -> None:
    with (
        UdpClient(control.osc_port) as one,
        UdpClient(control.osc_port) as two,
        UdpClient(control.osc_port) as ear,
    ):
        assert await ear.ask("/subscribe", 0) == ("/subscribed", (ear.port, 0.0))
        one.send("/generate", "r1", "stems", "bass")
        two.send("/generate", "r1", "stems", "lead")
        for client, stem in ((one, "bass"), (two, "lead")):
            got = await client.until("/done")
            assert {args[2] for address, args in got if address == "/stem"} == {stem}
            assert "/job" not in {address for address, _ in got}
        assert await one.silence()
        seen = []
        while len([a for a, _ in seen if a == "/mix"]) < 2:
            seen.append(await ear.next())
        assert [args[2] for a, args in seen if a == "/job"] == ["leased", "done"] * 2
        assert {args[2] for address, args in seen if address == "/stem"} == {"bass", "lead"}
        assert not {"/ack", "/done", "/progress"} & {address for address, _ in seen}


async def test_a_subscription_moves_replies_to_its_port(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as sender, UdpClient(control.osc_port) as ear:
        sender.send("/subscribe", ear.port, 60)
        assert await ear.next() == ("/subscribed", (ear.port, 60.0))
        sender.send("/generate", "r1")
        got = await ear.until("/done")
        assert [a for a, _ in got].count("/stem") == 4, "once each, though it is both requester and subscriber"
        sender.send("/nonsense", "r2")
        assert (await ear.until("/error"))[-1][1][0] == "r2"
        assert await sender.silence()
        sender.send("/unsubscribe", ear.port)
        assert (await ear.until("/subscribed"))[-1][1] == (ear.port, -1.0)
        assert (await sender.until("/subscribed"))[-1][1] == (ear.port, -1.0)
        sender.send("/status", "s")
        assert (await sender.next())[0] == "/status"


async def test_who_sends_from_many_ports_hears_everything_where_it_listens(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as ear, UdpClient(control.osc_port) as first, UdpClient(control.osc_port) as other:
        with UdpClient(control.osc_port) as gone:
            gone.send("/subscribe", ear.port)
            await ear.until("/subscribed")
        first.send("/generate", "r1")
        got = [address for address, _ in await ear.until("/done")]
        assert (got.count("/ack"), got.count("/stem"), got.count("/mix")) == (1, 4, 1)
        assert (await first.until("/done"))[0][0] == "/ack", "its own port hears its replies too"
        first.send("/genrate", "r2")
        assert (await ear.until("/error"))[-1][1][0] == "r2"
        # Who has a name, or has subscribed, is known, and keeps its replies to itself.
        await other.ask("/hello", "h", "other")
        other.send("/status", "s1")
        assert (await other.next())[0] == "/status"
        first.send("/status", "s2")
        assert [args[0] for address, args in await ear.until("/status") if address == "/status"] == ["s2"]


async def test_a_request_can_be_cancelled_from_another_port(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual = True
    with UdpClient(control.osc_port) as one, UdpClient(control.osc_port) as two, UdpClient(control.osc_port) as three:
        await one.ask("/generate", "r1")
        await two.ask("/generate", "r1")
        # Who asked under this id itself cancels its own.
        assert (await one.ask("/cancel", "r1"))[0] == "/cancelled"
        assert [job.state for job in studio.jobs.values()].count("cancelled") == 1
        assert (await three.ask("/cancel", "r1"))[0] == "/cancelled"
        await three.ask("/hello", "h", "three")
        assert (await three.ask("/cancel", "r1"))[1][1] == "not_found", "a named client is nobody else"


async def test_another_port_of_the_machine_can_end_a_subscription(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as ear, UdpClient(control.osc_port) as other:
        await ear.ask("/subscribe", 0)
        await other.ask("/unsubscribe", ear.port)
        assert (await ear.next())[1] == (ear.port, -1.0)
        assert (await other.ask("/unsubscribe", ear.port))[1][1] == "not_found"


async def test_a_subscription_ends_after_its_ttl_and_says_so(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as ear:
        await ear.ask("/subscribe", 0, "127.0.0.1", 0.1)
        assert await ear.next() == ("/subscribed", (ear.port, -1.0))


@pytest.mark.parametrize("host", ["192.0.2.7", "example.org", "255.255.255.255", "0.0.0.0"])
async def test_events_cannot_be_sent_to_other_machines(control: ControlHandle, host: str) -> None:
    with UdpClient(control.osc_port) as client:
        assert (await client.ask("/subscribe", 9000, host))[1][1] == "invalid"


async def test_an_unreachable_subscriber_is_dropped(control: ControlHandle) -> None:
    control._osc.subscriptions = subscriptions = Subscriptions(control._osc._tell_ended, refusals=3, absence_s=0.0)
    control._osc.udp._refused = subscriptions.refused
    with UdpClient(control.osc_port) as gone, UdpClient(control.osc_port) as staying:
        await gone.ask("/subscribe", 0)
        await staying.ask("/subscribe", 0)
        assert len(subscriptions) == 2
    # `gone` is closed here; `staying` too, so that both are refused: replace one by a live ear.
    with UdpClient(control.osc_port) as ear:
        await ear.ask("/subscribe", 0)
        for count in range(20):
            ear.send("/audition/stop")
            assert (await ear.next())[0] == "/current", count
            await asyncio.sleep(0.01)
            if len(subscriptions) == 1:
                break
        assert len(subscriptions) == 1
        ear.send("/audition/stop")
        assert (await ear.next())[0] == "/current"


async def test_a_named_client_keeps_its_identity_over_a_port_change(
    control: ControlHandle, studio: MemoryStudio
) -> None:
    studio.manual = True
    with UdpClient(control.osc_port) as first, UdpClient(control.osc_port) as second:
        await first.ask("/hello", "h", "pd")
        assert (await first.ask("/generate", "r1"))[0] == "/ack"
        await second.ask("/hello", "h", "pd")
        assert await second.ask("/generate", "r1") == ("/ack", ("r1", "j1"))
        (job,) = studio.jobs.values()
        studio.finish(job)
        assert (await second.until("/done"))[-1][1][0] == "r1"
        assert await first.silence()


async def test_cancel_is_answered_once(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual, studio.delay_s = True, 0.05
    with UdpClient(control.osc_port) as client:
        # In one bundle: the cancel overtakes nothing.
        client.send_raw(bundle(None, osc("/generate", "r1"), osc("/cancel", "r1")))
        assert await client.next() == ("/ack", ("r1", "j1"))
        assert await client.next() == ("/cancelled", ("r1",))
        assert await client.silence()
        assert (await client.ask("/cancel", "r1"))[1][:2] == ("r1", "conflict")


async def test_a_failure_below_reaches_the_client(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual = True
    with UdpClient(control.osc_port) as client:
        await client.ask("/generate", 5)
        studio.finish(next(iter(studio.jobs.values())), fail=True)
        assert (await client.until("/error"))[-1][1] == (5, "backend", "the model fell over: try again")


async def test_a_full_queue_frees_the_id_again(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual, studio.queue = True, 1
    with UdpClient(control.osc_port) as client:
        await client.ask("/generate", "a")
        assert (await client.ask("/generate", "b"))[1][:2] == ("b", "limit")
        studio.queue = 2
        assert (await client.ask("/generate", "b"))[0] == "/ack"


async def test_rate_and_prefer(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "count", 2)
        await client.until("/done")
        rating = await client.ask("/rate", "v1", "c1", 0.8, "stem", "bass", "rater", "ann")
        assert rating == ("/rated", ("v1", "c1", 0.8))
        assert await client.ask("/rate", "v1", "c1", 0.8, "stem", "bass", "rater", "ann") == rating
        assert list(studio.ratings.values()) == [("c1", 0.8, "bass", "ann")]
        assert await client.ask("/prefer", "v2", "c1", "c2") == ("/rated", ("v2", "c1", 1.0))


async def test_a_knob_counts_once_it_rests(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1")
        await client.until("/done")
        client.send("/playing", "c1")
        for value in range(10):
            client.send("/current/rate", value / 10)
            client.send("/candidate/c1/rate", value / 10)
            await asyncio.sleep(0.02)
        address, (_, candidate_id, value) = await client.next()
        assert (address, candidate_id, value) == ("/rated", "c1", 0.9)
        assert await client.silence(0.5)
        assert len(studio.ratings) == 1


async def test_audition_and_listening(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client, UdpClient(control.osc_port) as ear:
        await ear.ask("/subscribe", 0)
        client.send("/generate", "r1", "count", 2, "stems", "bass")
        await client.until("/done")
        assert await client.ask("/audition/next") == ("/current", ("c1", 0, 2))
        assert await client.ask("/audition/next") == ("/current", ("c2", 1, 2))
        assert await client.ask("/audition/previous") == ("/current", ("c1", 0, 2))
        assert await client.ask("/audition/stop") == ("/current", ("", -1, 2))
        await ear.until("/current")
        await ear.until("/current")
        await ear.until("/current")
        await ear.until("/current")
        assert await ear.ask("/audition/next") == ("/current", ("c1", 0, 2)), "once, though it asked and watches"
        assert await ear.silence()
        client.send("/stopped", "c1")
        assert await client.silence()
        assert studio.heard[-1][1:] == ("stopped", "c1")


async def test_models(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        assert await client.ask("/model/list", "m") == ("/model", ("m", "builtin-1", "active", 0.0))
        assert (await client.next())[1] == ("m", "tuned-2", "available", 0.0)
        assert await client.ask("/model/use", "u", "tuned-2") == ("/model", ("u", "tuned-2", "active", 0.0))
        assert await client.ask("/model/rollback", "b") == ("/model", ("b", "builtin-1", "active", 0.0))


async def test_refresh_is_the_whole_state_in_brackets(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/refresh")
        assert await client.next() == ("/update", (1,))
        middle = []
        while (reply := await client.next()) != ("/update", (0,)):
            middle.append(reply)
        known = ["/tempo", "/model", "/model", "/current", *6 * ["/mixer"], "/player"]
        assert [address for address, _ in middle] == known


async def test_a_future_bundle_waits_without_holding_anything_up(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        started = time.monotonic()
        client.send_raw(bundle(time.time() + 0.4, osc("/status", "later")))
        # What came after it is answered before it, at once: nobody waits 0.4 s for an answer.
        assert (await client.ask("/status", "now"))[1][0] == "now"
        assert (await client.next())[1][0] == "later"
        assert time.monotonic() - started >= 0.35


async def test_a_far_future_bundle_is_an_error(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        client.send_raw(bundle(time.time() + 3600, osc("/status", "r9")))
        _, (request_id, code, text) = await client.next()
        assert (request_id, code) == ("r9", "out_of_range")
        assert "time tag" in str(text)


async def test_long_texts_are_cut_so_that_they_stay_true(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.extra_status = {"device": "cpu", "ä" * 30: "ü" * 3000}
    with UdpClient(control.osc_port) as client:
        _, (_, text) = await client.ask("/status", "s")
        status = json.loads(str(text))
        assert status.pop("discovery")["state"] == "off"
        assert status == {"queue": 0, "device": "cpu", "omitted": ["ä" * 30]}
        client.send("/generate", "r", "x" * 3000, 1)
        assert (await client.next())[1][1] == "unknown_key"
        assert max(client.raw_sizes) <= MAX_DATAGRAM_BYTES


async def test_our_own_messages_are_not_answered(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/error", "r1", "internal", "what another server said")
        client.send("/done", "r1", "c1")
        assert await client.silence()


async def test_complaints_are_rationed_and_commands_are_not(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        started = time.monotonic()
        for number in range(1000):
            client.send("/nonsense", number)
            if number % 50 == 0:
                await asyncio.sleep(0)  # the server shares this loop
        client.send("/status", "still")
        got = await client.until("/status")
        errors = sum(address == "/error" for address, _ in got)
        assert 0 < errors <= 100 + 100 * (time.monotonic() - started) + 1


async def test_python_osc_as_a_client(control: ControlHandle, studio: MemoryStudio) -> None:
    with SimpleUDPClient("127.0.0.1", control.osc_port) as client:
        client.send_message("/antiphon/generate", ["r1", "bpm", 93, "key", "Am"])
    async with asyncio.timeout(PATIENCE_S):
        while not studio.made:
            await asyncio.sleep(0.01)
    (job,) = studio.jobs.values()
    assert (job.request.bpm, job.request.key.name if job.request.key else None) == (93.0, "Am")


@pytest.mark.needs("oscsend", "oscdump")
async def test_liblo_as_a_client(control: ControlHandle) -> None:
    free = UdpClient(control.osc_port)
    with free:
        port = free.port
    dump = await asyncio.create_subprocess_exec("oscdump", "-L", str(port), stdout=asyncio.subprocess.PIPE)
    assert dump.stdout is not None
    try:
        await asyncio.sleep(0.3)  # until it listens
        server = ("localhost", str(control.osc_port))
        for arguments in (
            ("/antiphon/subscribe", "i", str(port)),
            ("/antiphon/generate", "ssisiss", "r1", "bpm", "93", "bars", "4", "key", "Am"),
        ):
            send = await asyncio.create_subprocess_exec("oscsend", *server, *arguments)
            assert await send.wait() == 0
        seen = ""
        async with asyncio.timeout(PATIENCE_S):
            while "/antiphon/mix" not in seen:
                seen += (await dump.stdout.readline()).decode()
        assert "/antiphon/subscribed" in seen
        assert all(f'"{stem}"' in seen for stem in ("drums", "bass", "chords", "lead"))
        assert '"r1"' in seen
    finally:
        dump.terminate()
        await dump.wait()


_FUZZ_SEEDS = [
    osc("/generate", "r1", "bpm", 93, "bars", 4, "key", "Am"),
    bundle(None, osc("/rate", "v1", "c1", 0.5), osc("/tempo", 124.0)),
    bundle(2e9, osc("/status", 5)),
]


@given(st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_the_surface_survives_any_packet(data: st.DataObject) -> None:
    """The whole surface over mutated packets: nothing but a decision, nothing raised."""
    packet = bytearray(data.draw(st.sampled_from(_FUZZ_SEEDS)))
    for _ in range(data.draw(st.integers(1, 8))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    asyncio.run(_receive(bytes(packet[: data.draw(st.integers(0, len(packet)))])))


async def _receive(packet: bytes) -> None:
    desk = Desk(MemoryStudio(Path("/nowhere"), manual=True), Settings(), VOCABULARY, "http://127.0.0.1:1")
    surface = OscSurface(desk)
    surface.receive(packet, TcpConnection(surface.tcp))
    await asyncio.sleep(0)
    await surface.close()
    desk.close()


async def test_a_new_tempo_is_told_to_whoever_watches_once(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as patch, UdpClient(control.osc_port) as other:
        assert await patch.ask("/subscribe", 0) == ("/subscribed", (patch.port, 0.0))
        other.send("/tempo", 93.1)
        assert await patch.next() == ("/tempo", (93.1,))
        other.send("/tempo", 93.1)
        assert await patch.silence()
        assert await other.silence()


async def test_keeping_is_told_to_whoever_watches(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as patch:

        async def last(answer: str, address: str, *arguments: object) -> tuple[object, ...]:
            patch.send(address, *arguments)
            return (await patch.until(answer))[-1][1]

        await patch.ask("/subscribe", 0)
        assert (await last("/error", "/current/keep"))[1] == "not_found"
        patch.send("/generate", "r1")
        await last("/current", "/audition/next")
        assert (await last("/error", "/keep", "nothing", 1))[1] == "not_found"
        assert await last("/kept", "/current/keep", 1) == ("c1", 1)
        assert list(studio.marked) == ["c1"]
        assert await last("/kept", "/keep", "c1", 0) == ("c1", 0)
        assert (await last("/error", "/keep", "c1", 2.0))[1] == "out_of_range"
        assert not studio.marked


async def test_stems_have_levels_and_mutes_that_watchers_hear_of(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as patch:
        await patch.ask("/subscribe", 0)
        assert await patch.ask("/stem/bass/level", 0.5) == ("/mixer", ("bass", 0.5, 0))
        assert await patch.ask("/stem/bass/mute", 1) == ("/mixer", ("bass", 0.5, 1))
        assert (await patch.ask("/stem/basss/mute", 1))[1][1] == "out_of_range"
        assert (await patch.ask("/stem/bass/pan", 1))[1][1] == "unknown_address"
        patch.send("/refresh")
        state = await patch.until("/update")
        state += await patch.until("/update")
        assert ("/mixer", ("bass", 0.5, 1)) in state
        assert ("/mixer", ("drums", 1.0, 0)) in state


async def test_a_prompt_is_told_as_it_was_understood(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "prompt", "dustty slow dub with a glassy lead, ドラムなし, flurbs", "bars", 2)
        got = await client.until("/done")
        assert [address for address, _ in got[:3]] == ["/ack", "/understood", "/progress"]
        request_id, text = got[1][1]
        told = json.loads(str(text))
        assert request_id == "r1"
        assert (told["style"], told["tempo_bpm"], told["stems"]) == ("dub", [63, 72], ["bass", "chords", "lead"])
        assert told["ignored"] == ["flurbs"]
        assert told["understood"][0] == {
            "words": "dustty", "known": "dusty", "misspelt": True, "means": ["drums: kit_dusty", "dusty sound"],
        }  # fmt: skip
        request = studio.jobs[next(iter(studio.jobs))].request
        assert (request.style, request.stems, request.bars) == ("dub", ("bass", "chords", "lead"), 2)
        client.send("/generate", "r1", "prompt", "dustty slow dub with a glassy lead, ドラムなし, flurbs", "bars", 2)
        again = await client.until("/done")
        assert again == [each for each in got if each[0] != "/progress"]


async def test_without_a_prompt_nothing_is_understood(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as client:
        for prompt in ((), ("prompt", "  ")):
            client.send("/generate", f"r{len(prompt)}", *prompt)
            assert "/understood" not in [address for address, _ in await client.until("/done")]


@pytest.mark.parametrize("words", ["a 日本 ", "dusty slow dub ", "very ", "foo1 bar2 ", "\U0001f941 techno ", '\\" '])
async def test_however_long_a_prompt_is_its_datagram_is_short(control: ControlHandle, words: str) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "prompt", (words * 500)[:500].strip())
        told = [arguments for address, arguments in await client.until("/done") if address == "/understood"]
        assert isinstance(json.loads(str(told[0][1])), dict)
        assert max(client.raw_sizes) < 1400


async def test_a_key_beats_the_words_and_bars_beyond_the_limit_are_cut(
    control: ControlHandle, studio: MemoryStudio
) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "prompt", "slow techno, 99 bars, in 3/4", "bpm", 141, "meter", "4/4")
        told = json.loads(str((await client.until("/understood"))[-1][1][1]))
        request = studio.jobs[next(iter(studio.jobs))].request
        assert (request.bpm, request.meter.name, request.bars) == (141.0, "4/4", 16)
        assert len(told["resolved"]) == 3
        assert "tempo_bpm" not in told


async def test_a_candidate_is_described_to_whoever_was_not_there(control: ControlHandle) -> None:
    with UdpClient(control.osc_port) as maker, UdpClient(control.osc_port) as late:
        maker.send("/generate", "r1", "bpm", 93, "bars", 2, "meter", "6/8", "stems", "drums bass")
        made = [reply for reply in await maker.until("/done") if reply[0] in ("/stem", "/mix")]
        assert await late.ask("/describe", "d1", "c1") == (
            "/candidate", ("d1", "c1", pytest.approx(93.0), 6.0, "6/8", "Am")
        )  # fmt: skip
        described = await late.until("/mix")
        assert [(address, values[1:]) for address, values in described] == [
            (address, values[1:]) for address, values in made
        ]
        assert {values[0] for _, values in described} == {"d1"}
        address, (request_id, code, text) = await late.ask("/describe", "d2", "c9")
        assert (address, request_id, code) == ("/error", "d2", "not_found")
        assert "c9" in str(text)
