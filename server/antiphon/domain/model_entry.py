"""A model that a user has added in the settings."""

from __future__ import annotations

from dataclasses import dataclass

#: In what precision a model computes. `auto`: float32 on a processor, what its makers recommend on a GPU.
DTYPES = ("auto", "float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One `[[models]]` table of the settings: a name for requests, and where the weights are.

    Exactly one of `path` (a folder, as `save_pretrained` writes it) and `hub` (an id as `owner/model`) is given; the
    others have a value that means: as the server or the model has it.
    """

    name: str
    path: str = ""
    hub: str = ""
    #: A branch, tag or commit of the hub.
    revision: str = ""
    #: A torch device; empty: the setting `device`.
    device: str = ""
    dtype: str = "auto"
    #: Sampler steps of requests that name none; 0: the model's own.
    steps: int = 0
    #: Weight of the prompt (classifier-free guidance); 0: the model's own.
    guidance: float = 0.0
    #: What the sound shall not be, for models that heed it.
    negative_prompt: str = ""

    @property
    def place(self) -> str:
        """Where the weights come from, for people."""
        return self.path or f"hub: {self.hub}"
