"""A running control surface on free ports, above a studio in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.control.fields import Bounds, Vocabulary
from antiphon.control.server import ControlHandle, start_control
from antiphon.settings import Settings
from tests.control.memory_studio import MemoryStudio

VOCABULARY = Vocabulary(("house", "techno", "lofi"), ("clean", "dusty_tape"), ("builtin", "tuned-2"))


@pytest.fixture
def bounds() -> Bounds:
    return Bounds(Settings().limits, VOCABULARY)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), osc_port=0, http_port=0, data_dir=tmp_path)


@pytest.fixture
def studio(tmp_path: Path) -> MemoryStudio:
    return MemoryStudio(tmp_path / "audio")


@pytest.fixture
async def control(studio: MemoryStudio, settings: Settings) -> AsyncIterator[ControlHandle]:
    handle = await start_control(studio, settings, VOCABULARY)
    yield handle
    await handle.close()
