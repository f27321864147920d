"""OSCQuery: the tree follows from the table, over HTTP and WebSocket, as its clients ask for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_osc
from antiphon.control.fields import Bounds
from antiphon.control.messages import MESSAGES, message
from antiphon.control.oscquery import CANDIDATES_SHOWN
from antiphon.control.oscquery_tree import ATTRIBUTES, READABLE, method, namespace, node_at
from antiphon.control.server import ControlHandle, start_control
from antiphon.domain.score import STEMS
from antiphon.settings import Settings
from tests.control.clients import UdpClient, osc, read
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio

Node = dict[str, Any]
#: A value of each type tag that any argument without a RANGE takes.
ANYTHING = {"s": "c1", "i": 0, "f": 0.5}
EXAMPLES = {"key": "Am", "chords": "Am F", "stems": "bass", "engine": "drums:sampler", "composer": "bass:model"}


@pytest.fixture
async def http(control: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{control.http_port}") as session:
        yield session


async def get(http: ClientSession, path: str, **headers: str) -> tuple[int, Any]:
    async with http.get(path, headers=headers) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def made(http: ClientSession, studio: MemoryStudio, count: int) -> None:
    """So many candidates more."""
    there = len(studio.made)
    for start in range(0, count, 16):
        await http.post("/api/generate", json={"count": min(16, count - start)})
    assert len(studio.made) == there + count


class Listener:
    """A WebSocket client of OSCQuery."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, command: str, data: object) -> None:
        await self.socket.send_str(json.dumps({"COMMAND": command, "DATA": data}))

    async def packet(self) -> tuple[str, tuple[object, ...]]:
        frame = await self.socket.receive(5)
        assert frame.type is WSMsgType.BINARY, frame
        return read(frame.data)

    async def text(self) -> Node:
        frame = await self.socket.receive(5)
        assert frame.type is WSMsgType.TEXT, frame
        body: Node = json.loads(frame.data)
        return body

    async def until(self, wanted: str) -> list[Any]:
        """All frames up to the OSC packet of this address, or the text of this COMMAND."""
        got: list[Any] = []
        while True:
            frame = await self.socket.receive(5)
            assert frame.type in (WSMsgType.BINARY, WSMsgType.TEXT), frame
            got.append(read(frame.data) if frame.type is WSMsgType.BINARY else json.loads(frame.data))
            if wanted in (got[-1]["COMMAND"] if isinstance(got[-1], dict) else got[-1][0],):
                return got

    async def silence(self) -> bool:
        try:
            await self.socket.receive(0.15)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def listening(http: ClientSession, path: str = "/") -> AsyncIterator[Listener]:
    async with http.ws_connect(path) as socket:
        yield Listener(socket)


def methods(node: Node) -> list[Node]:
    below = [each for child in node.get("CONTENTS", {}).values() for each in methods(child)]
    return below + ([node] if "TYPE" in node else [])


def values_for(signature: Node) -> list[object]:
    """Arguments that a signature says are right, at the upper end of each range."""
    ranges = signature.get("RANGE") or [None] * len(signature["TYPE"])
    found: list[object] = []
    for tag, bound in zip(signature["TYPE"], ranges, strict=True):
        found.append((bound.get("VALS") or [bound.get("MAX")])[-1] if bound else ANYTHING[tag])
    return found


def test_every_command_is_a_method_and_every_state_a_value(bounds: Bounds, studio: MemoryStudio) -> None:
    state = [
        message(spec.address, *(stem if name == "stem" else 0 for name, _ in spec.arguments))
        for spec in MESSAGES.values() for stem in STEMS if spec.state
    ]  # fmt: skip
    root = namespace(bounds, state, [], "Studio B")
    for row in COMMANDS.values():
        node = node_at(root, row.address.replace("/NAME/", "/bass/"))
        assert (node is None) == ("/ID/" in row.address), row.address
        assert node is None or node["DESCRIPTION"] == row.description
    assert {node["FULL_PATH"] for node in methods(root) if node["ACCESS"] & 1} == READABLE
    assert {"/antiphon/tempo", "/antiphon/current/candidate_id", "/antiphon/model/changed"} <= READABLE


@pytest.mark.parametrize("name", [name for name, row in COMMANDS.items() if not row.path_fields])
def test_what_a_type_and_range_promise_is_understood(name: str, bounds: Bounds) -> None:
    row = COMMANDS[name]
    found = method(row, bounds)
    for signature in [found, *found.get("OVERLOADS", [])]:
        if signature["TYPE"] == "N":
            decode_osc(row, {}, [], bounds)
            continue
        arguments = values_for(signature)
        # Text without a list of choices is free, but not every text is a key or a progression.
        for place, value in enumerate(arguments):
            if place and arguments[place - 1] in EXAMPLES and value == ANYTHING["s"]:
                arguments[place] = EXAMPLES[str(arguments[place - 1])]
        decode_osc(row, {}, arguments, bounds)


async def test_the_tree_in_full(http: ClientSession, studio: MemoryStudio) -> None:
    await made(http, studio, 1)
    status, root = await get(http, "/")
    assert (status, root["FULL_PATH"], root["ACCESS"]) == (200, "/", 0)
    assert set(root["CONTENTS"]) == {"antiphon"}
    for node in methods(root):
        assert set(node) <= set(ATTRIBUTES)
        assert "RANGE" not in node or len(node["RANGE"]) == len(node["TYPE"])
        assert (node["ACCESS"] in (1, 3)) == ("VALUE" in node)
    tempo = root["CONTENTS"]["antiphon"]["CONTENTS"]["tempo"]
    assert tempo == {
        "FULL_PATH": "/antiphon/tempo", "DESCRIPTION": COMMANDS["tempo"].description, "ACCESS": 3, "TYPE": "f",
        "RANGE": [{"MIN": 20.0, "MAX": 400.0}], "UNIT": ["time.bpm"], "VALUE": [120.0],
    }  # fmt: skip
    assert (await get(http, "/antiphon/tempo")) == (200, tempo)
    assert (await get(http, "/antiphon/tempo/")) == (200, tempo)
    _, generate = await get(http, "/antiphon/generate")
    assert (generate["TYPE"], generate["CRITICAL"], generate["ACCESS"]) == ("s", True, 2)
    full = generate["OVERLOADS"][0]
    at = full["RANGE"].index({"VALS": ["style"]})
    assert full["RANGE"][at + 1] == {"VALS": ["house", "techno", "lofi"]}
    _, rate = await get(http, "/antiphon/candidate/c1/rate")
    assert (rate["TYPE"], rate["RANGE"]) == ("f", [{"MIN": 0.0, "MAX": 1.0}])
    assert (await get(http, "/antiphon/candidate/c1?DESCRIPTION"))[1]["DESCRIPTION"].startswith("4 bars of 4/4 at 120")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/antiphon/tempo?VALUE", 200, {"VALUE": [120.0]}),
        ("/antiphon/tempo?VALUE=", 200, {"VALUE": [120.0]}),
        ("/antiphon/tempo?TYPE&ACCESS", 200, {"TYPE": "f", "ACCESS": 3}),
        ("/antiphon/current?ACCESS", 200, {"ACCESS": 0}),
        ("/antiphon/generate?VALUE", 204, None),
        ("/antiphon/current?TYPE", 204, None),
        ("/antiphon/tempo?CONTENTS", 204, None),
        ("/antiphon/tempo?CLIPMODE", 204, None),
        ("/antiphon/tempo?GABBA", 400, "out_of_range"),
        ("/antiphon/tempo?value", 400, "out_of_range"),
        ("/antiphon/tempo?VALUE=90", 400, "invalid"),
        ("/antiphon/temp", 404, "not_found"),
        ("/antiphon/tempo/more", 404, "not_found"),
        ("/antiphon/candidate/none/rate?VALUE", 404, "not_found"),
        ("/antiphon/%00", 404, "not_found"),
    ],
)
async def test_attributes_and_status_codes(http: ClientSession, path: str, status: int, body: Any) -> None:
    found = await get(http, path)
    assert found == (status, body) if isinstance(body, dict | None) else found[1]["error"]["code"] == body
    assert found[0] == status


@pytest.mark.parametrize("path", ["/?HOST_INFO", "?HOST_INFO", "/antiphon?HOST_INFO"])
async def test_host_info(control: ControlHandle, http: ClientSession, path: str) -> None:
    status, info = await get(http, path, Accept="text/html")
    assert status == 200
    assert info | {"EXTENSIONS": {}} == {
        "NAME": "Antiphon", "OSC_IP": "127.0.0.1", "OSC_PORT": control.osc_port, "OSC_TRANSPORT": "UDP",
        "WS_IP": "127.0.0.1", "WS_PORT": control.http_port, "EXTENSIONS": {},
    }  # fmt: skip
    assert info["EXTENSIONS"]["LISTEN"] is True
    assert info["EXTENSIONS"]["PATH_RENAMED"] is False


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json, text/plain, */*", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
async def test_a_browser_gets_the_page_and_everybody_else_the_namespace(
    http: ClientSession, accept: str, kind: str
) -> None:
    async with http.get("/", headers={"Accept": accept}) as answer:
        assert (answer.status, answer.content_type) == (200, kind)


async def test_listening_follows_what_others_change(control: ControlHandle, http: ClientSession) -> None:
    async with listening(http) as client:
        await client.say("LISTEN", "/antiphon/tempo")
        assert await client.packet() == ("/tempo", (120.0,))
        with UdpClient(control.osc_port) as knob:
            knob.send("/tempo", 93.1)
            assert await client.packet() == ("/tempo", (93.1,))
            await client.say("IGNORE", "/antiphon/tempo")
            await client.say("LISTEN", "/antiphon/generate")  # nothing to hear, and no mistake
            knob.send("/tempo", 100.0)
            assert await client.silence()


async def test_a_container_is_listened_to_as_a_whole(http: ClientSession, studio: MemoryStudio) -> None:
    await made(http, studio, 2)
    async with listening(http) as client:
        await client.say("LISTEN", "/antiphon/current")
        before = [await client.packet() for _ in range(3)]
        assert dict(before) == {"/current/candidate_id": ("",), "/current/index": (0,), "/current/count": (0,)}
        await http.post("/api/audition/next", json={})
        after = [await client.packet() for _ in range(3)]
        assert dict(after) == {"/current/candidate_id": ("c1",), "/current/index": (0,), "/current/count": (2,)}
        await client.say("LISTEN", "/antiphon/model")
        assert await client.packet() == ("/model/changed", ("builtin-1",))
        await http.post("/api/model/use", json={"version": "tuned-2"})
        assert await client.packet() == ("/model/changed", ("tuned-2",))


async def test_levels_and_mutes_of_stems(control: ControlHandle, http: ClientSession) -> None:
    _, level = await get(http, "/antiphon/stem/bass/level")
    assert (level["ACCESS"], level["TYPE"], level["VALUE"]) == (3, "f", [1.0])
    assert level["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}]
    async with listening(http) as client:
        await client.say("LISTEN", "/antiphon/stem/bass")
        assert dict([await client.packet() for _ in range(2)]) == {"/stem/bass/level": (1.0,), "/stem/bass/mute": (0,)}
        with UdpClient(control.osc_port) as fader:
            fader.send("/stem/drums/level", 0.25)
            fader.send("/stem/bass/level", 0.5)
            assert dict([await client.packet() for _ in range(2)])["/stem/bass/level"] == (0.5,)
    assert (await get(http, "/antiphon/stem/drums/level?VALUE")) == (200, {"VALUE": [0.25]})


async def test_paths_come_and_go(http: ClientSession, studio: MemoryStudio) -> None:
    await made(http, studio, CANDIDATES_SHOWN)
    async with listening(http) as client:
        await client.say("LISTEN", "/antiphon/tempo")
        await client.packet()
        await made(http, studio, 1)
        assert await client.text() == {"COMMAND": "PATH_REMOVED", "DATA": "/antiphon/candidate/c1"}
        new = f"/antiphon/candidate/c{CANDIDATES_SHOWN + 1}"
        assert await client.text() == {"COMMAND": "PATH_ADDED", "DATA": new}
        assert (await get(http, f"{new}/rate?ACCESS")) == (200, {"ACCESS": 2})
        assert (await get(http, "/antiphon/candidate/c1"))[0] == 404


async def test_osc_goes_both_ways_as_binary(http: ClientSession, studio: MemoryStudio) -> None:
    async with listening(http) as client, listening(http) as other:
        await client.socket.send_bytes(osc("/generate", "w1", "bars", 2))
        got = await client.until("/done")
        assert got[0] == ("/ack", ("w1", "j1"))
        assert {"/progress", "/stem", "/mix"} <= {each[0] for each in got if isinstance(each, tuple)}
        await client.socket.send_bytes(osc("/rate", "w2", "c1", 0.75))
        assert (await client.until("/rated"))[-1] == ("/rated", ("w2", "c1", 0.75))
        await client.socket.send_bytes(b"not osc")
        assert (await client.until("/error"))[-1][1][1] == "malformed"
        # The other one hears of the new path and, once it has subscribed, of events; not of others' replies.
        assert await other.text() == {"COMMAND": "PATH_ADDED", "DATA": "/antiphon/candidate/c1"}
        await other.socket.send_bytes(osc("/subscribe", 0))
        assert (await other.packet())[0] == "/subscribed"
        await client.socket.send_bytes(osc("/audition/next"))
        assert await other.packet() == ("/current", ("c1", 0, 1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid"),
        ("[" * 5000, "invalid"),
        ("[]", "invalid"),
        ('{"COMMAND": "START_OSC_STREAMING", "DATA": {"LOCAL_SERVER_PORT": 1}}', "invalid"),
        ('{"COMMAND": "LISTEN"}', "invalid"),
        ('{"COMMAND": "LISTEN", "DATA": 5}', "invalid"),
        ('{"COMMAND": "LISTEN", "DATA": "/nothing"}', "not_found"),
        ('{"COMMAND": ["LISTEN"], "DATA": "/antiphon/tempo"}', "invalid"),
    ],
)
async def test_bad_text_is_answered_and_harms_nobody(http: ClientSession, text: str, code: str) -> None:
    async with listening(http) as client:
        await client.socket.send_str(text)
        answer = await client.text()
        assert (answer["COMMAND"], answer["DATA"]["code"]) == ("ERROR", code)
        await client.say("LISTEN", "/antiphon/tempo")
        assert await client.packet() == ("/tempo", (120.0,))


async def test_other_sites_and_strangers_stay_out(studio: MemoryStudio, settings: Settings) -> None:
    handle = await start_control(studio, replace(settings, token="open sesame"), VOCABULARY)
    try:
        async with ClientSession(f"http://127.0.0.1:{handle.http_port}") as http:
            for path in ("/", "/?HOST_INFO", "/antiphon/tempo", "/antiphon"):
                assert (await get(http, path))[0] == 401
                assert (await get(http, path, Origin="http://evil.example"))[0] == 403
                assert (await get(http, path, Host="evil.example"))[0] == 403
            async with http.get("/", headers={"Upgrade": "websocket", "Connection": "Upgrade"}) as answer:
                assert answer.status == 401
            bearer = {"Authorization": "Bearer open sesame"}
            async with http.ws_connect("/", headers=bearer) as socket:
                await socket.send_bytes(osc("/tempo", 99.0))
                await asyncio.wait_for(_until(lambda: studio.tempo_bpm == 99.0), 5)
            # OSCQuery clients can send no header: a hello with the token from their machine lets them in, to this only.
            with UdpClient(handle.osc_port) as patch:
                assert (await patch.ask("/hello", "h", "me", "token", "wrong"))[0] == "/welcome"
                assert (await get(http, "/antiphon/tempo?VALUE"))[0] == 401
                assert (await patch.ask("/hello", "h", "me", "token", "open sesame"))[0] == "/welcome"
            assert (await get(http, "/antiphon/tempo?VALUE")) == (200, {"VALUE": [99.0]})
            assert (await get(http, "/antiphonal"))[0] == 404
            assert (await get(http, "/api/candidates"))[0] == 401
            assert (await get(http, "/files/c1/mix"))[0] == 401
            assert (await get(http, "/api/status"))[0] == 401
            async with http.get("/", headers={"Accept": "text/html"}) as answer:
                assert (answer.status, "password" in await answer.text()) == (401, True)
            assert (await get(http, "/antiphon/tempo", Origin="http://evil.example"))[0] == 403
    finally:
        await handle.close()


async def _until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_who_does_not_read_is_cut_off_and_nobody_else(
    http: ClientSession, studio: MemoryStudio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.extra_status = {"noise": "x" * 100_000}
    asked = 1000
    async with listening(http) as client, listening(http) as lazy:
        assert lazy.socket._response.connection is not None
        transport: Any = lazy.socket._response.connection.transport
        transport.pause_reading()
        for number in range(asked):
            await lazy.socket.send_bytes(osc("/status", number))
        await client.say("LISTEN", "/antiphon/tempo")
        assert await client.packet() == ("/tempo", (120.0,))
        async with asyncio.timeout(30):
            while "does not read" not in caplog.text:
                await asyncio.sleep(0.05)
        transport.resume_reading()
        got = 0
        while (await lazy.socket.receive(10)).type is WSMsgType.BINARY:
            got += 1
        assert got < asked
        await client.say("LISTEN", "/antiphon/model")
        assert await client.packet() == ("/model/changed", ("builtin-1",))


async def _as_juce_asks(port: int, path: str) -> Node:
    """GET as JUCE's own HTTP client sends it: no Accept header, one request to a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: JUCE\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200")
    found: Node = json.loads(body)
    return found


def _as_chataigne_reads(node: Node, address: str = "") -> dict[str, tuple[str, Any, Any]]:
    """The controls that Chataigne's OSCQuery module makes of a namespace: kind, least and greatest value or choices.

    After GenericOSCQueryModule: what has CONTENTS is a group, and of the rest only single types become controls.
    """
    kinds = {"N": "trigger", "I": "trigger", "i": "int", "f": "float", "s": "text", "T": "bool", "F": "bool"}
    made: dict[str, tuple[str, Any, Any]] = {}
    for name, child in node.get("CONTENTS", {}).items():
        if "CONTENTS" in child:
            made |= _as_chataigne_reads(child, f"{address}/{name}")
        elif child["TYPE"] in kinds:
            bound = (child.get("RANGE") or [None])[0] or {}
            made[f"{address}/{name}"] = (kinds[child["TYPE"]], bound.get("MIN"), bound.get("MAX"))
    return made


async def test_chataigne_s_sequence(control: ControlHandle, http: ClientSession, studio: MemoryStudio) -> None:
    info = await _as_juce_asks(control.http_port, "/?HOST_INFO")
    assert info["NAME"]
    assert info["EXTENSIONS"]["LISTEN"] is True
    made_controls = _as_chataigne_reads(await _as_juce_asks(control.http_port, "/"))
    assert made_controls["/antiphon/tempo"] == ("float", 20.0, 400.0)
    assert made_controls["/antiphon/current/rate"] == ("float", 0.0, 1.0)
    assert made_controls["/antiphon/stem/lead/mute"] == ("int", 0, 1)
    assert made_controls["/antiphon/audition/next"] == ("trigger", None, None)
    assert made_controls["/antiphon/generate"][0] == "text"
    async with listening(http) as client:
        for address in made_controls:  # it listens to every control of a group, whether that has a value or not
            await client.say("LISTEN", address)
        for _ in READABLE:
            assert (await client.packet())[0]
        with UdpClient(info["OSC_PORT"]) as chataigne:
            chataigne.send("/generate", "now")
            assert (await chataigne.until("/done"))[0][0] == "/ack"
            chataigne.send("/audition/next")
            assert (await chataigne.until("/current"))[-1][1][0] == "c1"
        heard = [await client.socket.receive(5) for _ in range(4)]
        packets = [read(each.data) for each in heard if each.type is WSMsgType.BINARY]
        assert ("/current/candidate_id", ("c1",)) in packets
