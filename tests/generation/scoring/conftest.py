"""A small score model."""

from __future__ import annotations

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import nn

from antiphon.generation.scoring.conditions import LOOP_FEATURES, STEP_FEATURES
from antiphon.generation.scoring.grid import CHANNELS, LANES
from antiphon.generation.scoring.model import NotesTransformer
from antiphon.generation.scoring.sampling import NotesPipeline


@pytest.fixture(scope="package")
def pipeline() -> NotesPipeline:
    """A small model with random weights: it plays nonsense, by the rules."""
    torch.manual_seed(0)
    model = NotesTransformer(CHANNELS, LANES["lead"].stop, STEP_FEATURES, LOOP_FEATURES, width=32, depth=2, heads=2)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.08)
    # Loud enough that strokes and notes come out of it.
    nn.init.normal_(model.out.weight, std=5.0)
    made = NotesPipeline(model.eval(), FlowMatchEulerDiscreteScheduler(shift=3.0))
    made.set_progress_bar_config(disable=True)
    return made
