"""The command line: options follow the command table, mistakes are one line, all of it works on a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from antiphon import __version__
from antiphon.cli import app, main
from antiphon.cli.connection import ServerRefused
from antiphon.cli.generate import plain_words
from antiphon.cli.measure import Round, summarise
from antiphon.cli.play import LoopPlayer
from antiphon.cli.shell import server_url
from antiphon.control.commands import COMMANDS
from antiphon.domain.reading import Given, reading_to_json
from antiphon.domain.theory import parse_key
from antiphon.generation.prompts import read_prompt
from antiphon.settings import Settings

#: Loading the model on a busy machine takes a while; the server answers long before.
READY_TIMEOUT_S = 90.0
COMMAND_TIMEOUT_S = 200.0


def antiphon(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "antiphon", *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
        env={**os.environ, "COLUMNS": "200", **environ},
    )


def test_version() -> None:
    answer = antiphon("--version")
    assert answer.stdout.strip() == f"antiphon {__version__}"


def test_all_commands_are_there() -> None:
    help_text = CliRunner().invoke(app, ["--help"]).output
    for name in (
        "serve",
        "generate",
        "vary",
        "cross",
        "restem",
        "evolve",
        "play",
        "export",
        "status",
        "models",
        "doctor",
        "bench",
    ):
        assert re.search(rf"^│ {name}\b", help_text, flags=re.MULTILINE), name


@pytest.mark.parametrize("name", ["generate", "vary", "cross", "restem", "evolve"])
def test_what_makes_loops_takes_what_the_command_table_says(name: str) -> None:
    help_text = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
    for field in COMMANDS[name].keys:
        assert re.search(rf"--{field.name}\b", help_text), field.name
    for field in COMMANDS[name].positional:
        assert re.search(rf"\b{field.name.upper()}\b", help_text), field.name


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "told"),
    [
        (("status",), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
        (("generate", "--bpm", "93"), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
        (("play",), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
        (("export",), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
        (("export", "--format", "als"), {}, 2, "dawproject"),
        (("status", "--url", "http://no where"), {}, 1, "--url"),
        (("status",), {"ANTIPHON_HTPP_PORT": "1"}, 2, "ANTIPHON_HTTP_PORT"),
        (("serve", "--config", "no-such-file.toml"), {}, 2, "no-such-file.toml"),
        (("serve", "--osc-port", "70000"), {}, 2, "65535"),
        (("serve", "--host", "0.0.0.0"), {}, 1, "token"),
        (("generate", "--bmp", "93"), {}, 2, "--bpm"),
        (("bench", "--counts", "many"), {}, 2, "--counts"),
        (("vary",), {}, 2, "CANDIDATE_ID"),
        (("cross", "a", "b", "--count", "2"), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(
    arguments: tuple[str, ...], environ: dict[str, str], code: int, told: str, tmp_path: Path
) -> None:
    answer = antiphon(*arguments, **environ, XDG_DATA_HOME=str(tmp_path))
    assert answer.returncode == code, answer.stderr
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr + answer.stdout


def test_debug_shows_the_traceback() -> None:
    answer = antiphon("--debug", "status", ANTIPHON_HTTP_PORT="1")
    assert "Traceback" in answer.stderr
    assert "ServerUnreachable" in answer.stderr


def test_an_error_in_one_of_several_tasks_is_told_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ExceptionGroup(
            "tasks", [ExceptionGroup("inner", [ServerRefused("storage", "the disk is full: free some")])]
        )

    monkeypatch.setattr("antiphon.cli.app", fail)
    with pytest.raises(SystemExit) as ended:
        main(["status"])
    assert ended.value.code == 1
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        (None, Settings(), "http://127.0.0.1:9011"),
        (None, Settings(host="0.0.0.0", http_port=80), "http://127.0.0.1:80"),
        (None, Settings(host="::1"), "http://[::1]:9011"),
        ("studio:9011/", Settings(), "http://studio:9011"),
        ("https://studio/", Settings(), "https://studio"),
    ],
)
def test_server_url(url: str | None, settings: Settings, expected: str) -> None:
    assert server_url(url, settings) == expected


@given(length=st.integers(1, 50), blocks=st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_a_loop_is_played_round_and_round(length: int, blocks: list[int]) -> None:
    audio = np.arange(2 * length, dtype=np.float32).reshape(length, 2)
    player = LoopPlayer(audio, loop=True)
    heard = []
    for frames in blocks:
        block = np.full((frames, 2), np.nan, dtype=np.float32)
        player.fill(block)
        heard.append(block)
    expected = np.tile(audio, (sum(blocks) // length + 1, 1))[: sum(blocks)]
    assert np.array_equal(np.concatenate(heard), expected)
    assert not player.ended.is_set()


@given(length=st.integers(1, 50), blocks=st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_a_single_play_ends_in_silence(length: int, blocks: list[int]) -> None:
    audio = np.ones((length, 1), dtype=np.float32)
    player = LoopPlayer(audio, loop=False)
    heard = []
    for frames in blocks:
        block = np.full((frames, 1), np.nan, dtype=np.float32)
        player.fill(block)
        heard.append(block)
    played = np.concatenate(heard)[:, 0]
    assert played.sum() == min(length, sum(blocks))
    assert not played[length:].any()
    assert player.ended.is_set() == (sum(blocks) >= length)


def test_summaries_are_medians_per_count() -> None:
    rounds = [Round(1, 0.01, 1.0, 2.0, 8.0), Round(8, 0.01, 2.0, 8.0, 80.0), Round(1, 0.03, 3.0, 4.0, 8.0)]
    one, eight = summarise(rounds)
    assert (one.count, one.rounds, one.ack_s, one.first_stem_s, one.done_s) == (1, 2, 0.02, 2.0, 3.0)
    assert one.times_real_time == pytest.approx((4.0 + 2.0) / 2)
    assert eight.times_real_time == 10.0


def test_how_a_prompt_was_read_is_said_in_plain_words() -> None:
    reading = read_prompt("dustty slow dub, jazz, ohne Schlagzeug, flurbs", Given(key=parse_key("Am")))
    said = plain_words(json.loads(json.dumps(reading_to_json(reading))))
    assert said[0] == "understood"
    assert "  dustty (taken for dusty): drums: kit_dusty, dusty sound" in said
    assert "  Schlagzeug: no drums" in said
    assert "  “dub” gives way to “jazz”" in said
    assert any(line.startswith("  so the tempo lies from ") for line in said)
    assert said[-1] == "  not understood: flurbs"
    assert plain_words({}) == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with the built-in model, on free ports; yields its HTTP address."""
    folder = tmp_path_factory.mktemp("server")
    log = folder / "stderr.log"
    command = [sys.executable, "-u", "-m", "antiphon", "serve", "--osc-port", "0", "--http-port", "0"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--data-dir", str(folder / "data")], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        line = next((line for line in process.stdout if line.startswith("ready ")), "")
        watchdog.cancel()
        assert line, f"no ready line; the server said: {log.read_text()[-2000:]}"
        found = re.fullmatch(r"ready osc=127\.0\.0\.1:\d+ http=(http://127\.0\.0\.1:\d+) model=\S+\n", line)
        assert found, line
        yield found[1]
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()
    assert process.returncode == 0, log.read_text()[-2000:]


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_generate_brings_exact_stems_to_a_folder(server: str, tmp_path: Path) -> None:
    answer = antiphon("generate", "--url", server, "--bpm", "120", "--bars", "1", "--key", "Am", "--out", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    audio = sorted(tmp_path.glob("*.wav"))
    assert len(audio) == 5
    for file in audio:
        assert str(file) in answer.stdout
        assert soundfile.info(file).frames == 88200
    assert len(list(tmp_path.glob("*.mid"))) == 4
    (sidecar,) = tmp_path.glob("*.json")
    json.loads(sidecar.read_text())
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_children_are_made_by_command(server: str, tmp_path: Path) -> None:
    asked = ("--bpm", "140", "--bars", "1", "--stems", "drums bass", "--seed", "3", "--composer", "bass:model")
    made = antiphon("generate", "--url", server, *asked)
    assert made.returncode == 0, made.stderr
    parent = made.stdout.split()[0]
    with urllib.request.urlopen(f"{server}/api/candidates/{parent}") as told:
        assert json.load(told)["composers"] == {"drums": "grammar", "bass": "model score-2"}
    varied = antiphon("vary", parent, "--url", server, "--amount", "0.2", "--out", str(tmp_path))
    assert varied.returncode == 0, varied.stderr
    child = varied.stdout.split()[0]
    assert f"vary of {parent}" in varied.stdout
    (sidecar,) = tmp_path.glob("*.json")
    assert json.loads(sidecar.read_text())["lineage"]["parents"] == [parent]
    crossed = antiphon("cross", parent, child, "--url", server, "--stems", "bass")
    assert f"cross of {parent} and {child}" in crossed.stdout, crossed.stderr
    again = antiphon("restem", parent, "bass", "--url", server, "--prompt", "warm upright")
    assert f"restem of {parent}" in again.stdout, again.stderr
    refused = antiphon("restem", parent, "texture", "--url", server, "--composer", "model")
    assert (refused.returncode, "leave the composer to the grammar" in refused.stderr) == (1, True)
    unrated = antiphon("evolve", "--url", server)
    assert (unrated.returncode, "rate some candidates" in unrated.stderr) == (1, True)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_why_ratings_count_is_shown(server: str) -> None:
    made = antiphon(
        "generate", "--url", server, "--bpm", "140", "--bars", "1", "--stems", "drums", "--engine", "sampler"
    )
    candidate_id = made.stdout.split()[0]
    for rater, value in (("ann", 0.8), ("bob", 0.7)):
        body = {"candidate_id": candidate_id, "value": value, "rater": rater, "context": "lobby"}
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{server}/api/rate", json.dumps(body).encode(), headers)
        urllib.request.urlopen(asked).close()
    # What is believed may lag behind on a busy machine.
    until_s = time.monotonic() + READY_TIMEOUT_S
    while not {"ann", "bob"} <= set((shown := antiphon("ratings", "--url", server)).stdout.split()):
        assert time.monotonic() < until_s, shown.stdout + shown.stderr
    one = antiphon("ratings", "--url", server, "--candidate", candidate_id)
    assert " 4.0 " in shown.stdout
    assert "only 1 rating so far" in shown.stdout
    assert "believed" in one.stdout
    believed = antiphon("beliefs", "--url", server)
    assert candidate_id in believed.stdout, believed.stderr
    assert "lobby" in believed.stdout
    after = json.loads(antiphon("beliefs", "--generations", "--json", "--url", server).stdout)
    assert [(each["arm"], each["ratings"]) for each in after["arms"]] == [("asked", 2)]
    taste = antiphon("beliefs", "--taste", "--context", "lobby", "--url", server)
    assert "too few to tell (2 of at least 12)" in " ".join(taste.stdout.split()), taste.stdout + taste.stderr
    assert candidate_id in taste.stdout
    assert any(f"{kind} of the " in taste.stdout for kind in ("rhythm", "notes", "sound", "manner"))
    everybody = json.loads(antiphon("beliefs", "--taste", "--context", "all", "--json", "--url", server).stdout)
    assert (everybody["context"], everybody["ratings"], everybody["loops"]) == ("all", 2, 1)
    elsewhere = antiphon("beliefs", "--taste", "--context", "cellar", "--url", server)
    assert (elsewhere.returncode, "all or one of lobby" in " ".join(elsewhere.stderr.split())) == (1, True)
    assert antiphon("beliefs", "--context", "lobby", "--url", server).returncode == 2
    wrong = antiphon("ratings", "--url", server, "--candidate", "../status")
    assert (wrong.returncode, "there is" in wrong.stderr) == (1, True)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_status_says_what_the_server_does(server: str) -> None:
    shown, raw = antiphon("status", "--url", server), antiphon("status", "--url", server, "--json")
    assert shown.returncode == raw.returncode == 0
    status = json.loads(raw.stdout)
    assert status
    assert all(name.replace("_", " ") in shown.stdout for name in status)


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--bars", "1000000"), 1, "limits.bars"),
        (("--key", "H"), 1, "there is no key"),
        (("--stems", "violin"), 1, "there is no stem"),
        (("--part", "violin=beat.mid"), 2, "write one of drums, percussion, bass"),
        (("--out", "/dev/null/loops"), 1, "can't be made"),
    ],
)
def test_the_servers_errors_are_told_as_they_came(
    server: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    answer = antiphon("generate", "--url", server, *arguments)
    assert answer.returncode == code
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_play_plays_or_says_why_it_can_not(server: str) -> None:
    assert antiphon("generate", "--url", server, "--bpm", "240", "--bars", "1").returncode == 0
    answer = antiphon("play", "--url", server)
    assert answer.returncode == 0 or "no audio output" in answer.stderr, answer.stderr
    wrong = antiphon("play", "--url", server, "--stem", "violin")
    assert wrong.returncode == 1
    assert "drums" in wrong.stderr


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_bench_measures_the_running_server(server: str) -> None:
    answer = antiphon("bench", "--url", server, "--rounds", "1", "--bars", "1", "--counts", "2", "--json")
    assert answer.returncode == 0, answer.stderr
    (only,) = json.loads(answer.stdout)
    assert only["count"] == 2
    assert 0 < only["ack_s"] < only["first_stem_s"] <= only["done_s"]
    assert only["music_s"] == pytest.approx(2 * 4 * 60 / 93, abs=1e-3)
