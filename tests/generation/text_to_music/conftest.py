"""Tiny models, each built once; a score to play."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from antiphon.domain.model_entry import ModelEntry
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.domain.theory import parse_key
from antiphon.generation.grammar import compose
from antiphon.generation.registry import load_backend
from antiphon.generation.text_to_music.backend import TextToMusicBackend
from tests.generation.text_to_music.tiny import build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of a family."""
    folder = tmp_path_factory.mktemp("models")
    return cache(lambda family: build(family, folder))


@pytest.fixture(scope="session")
def loaded(tiny: Callable[[str], Path]) -> Callable[[str], TextToMusicBackend]:
    """A tiny model as the worker loads it."""

    @cache
    def load(family: str) -> TextToMusicBackend:
        backend = load_backend("mine", "cpu", [ModelEntry("mine", path=str(tiny(family)))])
        assert isinstance(backend, TextToMusicBackend)
        return backend

    return load


@pytest.fixture(scope="session")
def score() -> Score:
    """A bar of house, with drums and bass."""
    return compose(GenerateRequest(bpm=151.7, bars=1, key=parse_key("Am"), style="house", stems=("drums", "bass")), 5)
