"""Score models from before glides, in today's pictures: what is new is not heard, and says that nothing glides."""

from __future__ import annotations

import torch
from torch import Tensor

from antiphon.generation.scoring.conditions import LOOP_FEATURES
from antiphon.generation.scoring.grid import CHANNELS
from antiphon.generation.scoring.model import NotesTransformer, error_scale

#: What a new channel is guessed to be: a note that is struck.
_NO_GLIDE = -1.0


def _columns(weight: Tensor, patch: int, old: int, more: int) -> Tensor:
    """A layer's weight with `more` inputs of no effect behind the first `old` of each step's."""
    rows = weight.view(weight.shape[0], patch, -1)
    silent = rows.new_zeros(*rows.shape[:2], more)
    return torch.cat((rows[..., :old], silent, rows[..., old:]), -1).flatten(1)


def _rows(values: Tensor, patch: int, more: int, fill: float) -> Tensor:
    """A layer's weight or bias with `more` outputs at each step's end."""
    steps = values.view(patch, -1, *values.shape[1:])
    return torch.cat((steps, steps.new_full((patch, more, *values.shape[1:]), fill)), 1).flatten(0, 1)


def enlarged(model: NotesTransformer) -> NotesTransformer:
    """The model with as many channels and wishes as pictures and loops have today; itself where it has them already.

    What it makes of the older channels stays as it is, but for the last digits. Raises RuntimeError where the weights
    are of another shape in other ways too.
    """
    old, patch, features = int(model.config.channels), int(model.config.patch), int(model.config.loop_features)
    more, wishes = CHANNELS - old, LOOP_FEATURES - features
    if not more and not wishes:
        return model
    weights = model.state_dict()
    for layer in ("embed_picture", "embed_given"):
        weights[f"{layer}.weight"] = _columns(weights[f"{layer}.weight"], patch, old, more)
    weights["embed_loop.0.weight"] = _columns(weights["embed_loop.0.weight"], 1, features, wishes)
    weights["out.weight"] = _rows(weights["out.weight"], patch, more, 0.0)
    # In pure noise the correction is all that there is.
    bias = _NO_GLIDE / float(error_scale(torch.ones(())))
    weights["out.bias"] = _rows(weights["out.bias"], patch, more, bias)
    made = NotesTransformer(**{**dict(model.config), "channels": CHANNELS, "loop_features": LOOP_FEATURES})
    made.load_state_dict(weights)
    return made.to(model.device, model.dtype).train(model.training)
