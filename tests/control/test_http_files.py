"""Files over HTTP: ranges, HEAD and ETag work; whatever does not name a file gets the same 404."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from antiphon.control.server import ControlHandle
from tests.control.clients import UdpClient
from tests.control.memory_studio import MemoryStudio


@pytest.fixture
async def made(control: ControlHandle, studio: MemoryStudio) -> ControlHandle:
    """A control surface with one candidate, `c1`."""
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "bpm", 93)
        await client.until("/done")
    return control


async def test_names_ranges_head_and_etag(made: ControlHandle, studio: MemoryStudio) -> None:
    whole = Path(studio.made["c1"].mix.path).read_bytes()
    async with ClientSession(made.base_url) as http:
        for name in ("mix", "mix_93_Amin.wav"):
            async with http.get(f"/files/c1/{name}") as answer:
                assert (answer.status, await answer.read()) == (200, whole)
                etag = answer.headers["ETag"]
        async with http.get("/files/c1/mix", headers={"Range": "bytes=10-19"}) as answer:
            assert (answer.status, await answer.read()) == (206, whole[10:20])
            assert answer.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        async with http.get("/files/c1/mix", headers={"Range": f"bytes={len(whole)}-"}) as answer:
            assert answer.status == 416
        async with http.head("/files/c1/mix") as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(whole)))
        async with http.get("/files/c1/mix", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        async with http.get("/files/c1/drums?download") as answer:
            assert 'filename="drums_93_Amin.wav"' in answer.headers["Content-Disposition"]
        async with http.get("/files/c1/sidecar") as answer:
            assert "seed" in await answer.json()


def payloads(target: Path) -> list[str]:
    """Ways to write a path to somewhere else."""
    up = [".." + "/.." * n for n in range(8)]
    plain = [f"{each}/{name}" for each in up for name in ("etc/passwd", "secret.txt", "c2/mix")]
    plain += [str(target), "//" + str(target), "/etc/passwd", "//etc/passwd", "~/.ssh/id_rsa", "./mix_93_Amin.wav"]
    plain += [
        "\\\\host\\share\\x",
        "C:\\Windows\\win.ini",
        "c:/windows/win.ini",
        "..\\..\\etc\\passwd",
        "file:///etc/passwd",
    ]
    plain += [
        "mix\0.txt",
        "mix\0",
        "mix_93_Amin.wav\0",
        "mix_93_Amin.wav/",
        "mix_93_Amin.wav/.",
        "mix%00",
        "MIX",
        "mix ",
    ]
    plain += [".", "..", "...", "", "con", "nul", "aux.wav", "*", "?", "mix*", "$HOME", "${PATH}", "`id`", ";ls", "|ls"]
    plain += [
        "x" * 300,
        "x" * 5000,
        "é",
        "mix\r\nX: y",
        "mix\u202e",
        "link",
        "sidecar.json.bak",
        "＿",
        "．．／etc/passwd",
    ]
    encoded = [quote(each, safe="") for each in plain] + [quote(each) for each in plain]
    double = [quote(quote(each, safe=""), safe="") for each in plain]
    mixed = [each.replace("..", "%2e%2e") for each in plain[:24]] + [
        each.replace("..", "%252e%252e") for each in plain[:24]
    ]
    mixed += [each.replace("/", "%c0%af") for each in plain[:24]] + [
        "%",
        "%2",
        "%zz",
        "%ff%fe",
        "..;/",
        "....//....//etc",
    ]
    return list(dict.fromkeys(each for each in encoded + double + mixed if all(" " < c < "\x7f" for c in each)))


async def raw_get(port: int, target: str) -> tuple[int, bytes]:
    """GET exactly these characters, without a client that would tidy them up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_no_path_leads_anywhere_else(made: ControlHandle, studio: MemoryStudio, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    folder = Path(studio.made["c1"].mix.path).parent
    (folder / "secret.txt").write_text("the secret")
    (folder / "link").symlink_to(secret)
    targets = [f"/files/{prefix}{each}" for each in payloads(secret) for prefix in ("c1/", "", "c9/")]
    targets = [target for target in targets if not target.startswith("/files/?")]
    assert len(targets) > 200
    _, expected = await raw_get(made.http_port, "/files/c1/nothing")
    for target in targets:
        status, body = await raw_get(made.http_port, target)
        assert (status, body) == (404, expected), target


async def test_a_file_that_is_gone_is_the_same_404(made: ControlHandle, studio: MemoryStudio) -> None:
    Path(studio.made["c1"].mix.path).unlink()
    assert await raw_get(made.http_port, "/files/c1/mix") == await raw_get(made.http_port, "/files/c1/nothing")
