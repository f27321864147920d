"""Downloading, from a stand-in for the hub: what is asked of it, and what its refusals become."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FETCH = """
import sys
from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.text_to_music.hub import folder_of
try:
    print("folder", folder_of(ModelEntry("mine", hub=sys.argv[1])))
except BackendFailed as error:
    print("refused", error)
"""


class Hub:
    """Serves a folder as `owner/tiny`; `owner/gated` is for others; nothing else is there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sent = folder, set[str]()
        (folder / "unet.bin").write_bytes(b"pickle")
        (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
        (folder / "vae" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"twice")
        (folder / "model.safetensors").write_bytes(b"the same weights in another layout")
        (folder / "pipeline.py").write_text("raise SystemExit")

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = request.path.split("?")[0]
        if "owner/gated" in path:
            self._send(request, 403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
        elif path.startswith("/api/models/owner/tiny"):
            self._send(request, 200, json.dumps(self._listing(path)).encode(), {}, body)
        elif (name := path.partition(f"/owner/tiny/resolve/{COMMIT}/")[2]) and (self.folder / name).is_file():
            data = (self.folder / name).read_bytes()
            self.sent |= {name} if body else set()
            self._send(request, 200, data, {"ETag": f'"{name.replace("/", "-")}"', "X-Repo-Commit": COMMIT}, body)
        else:
            self._send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

    def _listing(self, path: str) -> object:
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
        names = [file.relative_to(self.folder).as_posix() for file in files]
        if "/tree/" in path:
            sizes = [file.stat().st_size for file in files]
            return [{"type": "file", "path": n, "size": s, "oid": n} for n, s in zip(names, sizes, strict=True)]
        return {"id": "owner/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str], body: bool
    ) -> None:  # fmt: skip
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if body:
            request.wfile.write(data)


@pytest.fixture
def hub(tiny: Callable[[str], Path], tmp_path: Path) -> Iterator[tuple[Hub, str]]:
    served = Hub(Path(shutil.copytree(tiny("stable-audio-open"), tmp_path / "served")))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self, body=True)

        def do_HEAD(self) -> None:
            served.answer(self, body=False)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield served, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch(endpoint: str, cache: Path, model: str, **environ: str) -> str:
    """Have a process of its own fetch a model: huggingface_hub reads its variables when it is imported."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, model], capture_output=True, text=True, timeout=100, check=False,
        env={**bare, **settings, **environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_only_the_models_own_safetensors_and_texts_are_fetched(hub: tuple[Hub, str], tmp_path: Path) -> None:
    served, endpoint = hub
    told = fetch(endpoint, tmp_path / "cache", "owner/tiny")
    folder = Path(told.removeprefix("folder "))
    assert folder.is_dir(), told
    wanted = {
        file.relative_to(served.folder).as_posix()
        for file in served.folder.rglob("*")
        if file.is_file() and file.suffix not in (".bin", ".py") and ".fp16." not in file.name
    } - {"model.safetensors"}
    assert served.sent == wanted
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == wanted
    # Once here, no network is needed.
    served.sent.clear()
    assert fetch(endpoint, tmp_path / "cache", "owner/tiny", HF_HUB_OFFLINE="1") == told
    assert not served.sent
    assert fetch("http://127.0.0.1:1", tmp_path / "cache", "owner/tiny") == told


def test_refusals_say_what_to_do(hub: tuple[Hub, str], tmp_path: Path) -> None:
    _, endpoint = hub
    gated = fetch(endpoint, tmp_path / "cache", "owner/gated")
    assert gated.startswith("refused owner/gated is only for those who accepted its licence"), gated
    missing = fetch(endpoint, tmp_path / "cache", "owner/missing")
    assert missing.startswith("refused the hub has no owner/missing, or it is private"), missing
    offline = fetch(endpoint, tmp_path / "cache", "owner/tiny", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE forbids" in offline
    unreachable = fetch("http://127.0.0.1:1", tmp_path / "cache", "owner/tiny")
    assert unreachable.startswith("refused owner/tiny could not be downloaded"), unreachable
