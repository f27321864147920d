"""The families of models we can run, and what each can do. Loads nothing: the command line shows this table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.generation.text_to_music.abilities import Abilities


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model. `recognised_by` is the class that its `model_index.json` or `config.json` names."""

    name: str
    title: str
    recognised_by: str
    abilities: Abilities
    #: Steps and guidance where neither request nor settings name them; 0 steps: the model says.
    steps: int
    guidance: float
    #: The precision its makers recommend on a GPU.
    gpu_dtype: str
    #: Of the published weights, in words: size and what it takes to run them.
    needs: str
    #: Of the published weights; what a folder's own model card says goes before it.
    licence: str
    #: Modules, besides diffusers and transformers, that parts of its pipeline come from.
    modules: tuple[str, ...] = ()


_STABLE_AUDIO_OPEN = Family(
    name="stable-audio-open",
    title="Stable Audio Open",
    recognised_by="StableAudioPipeline",
    abilities=Abilities(
        "one by one", "in words", "in words", notes=False, negative_prompt=True, seeds=True, channels=2,
        rate_hz=44100, longest_s=47.0, default_steps="100", guidance=7.0,
    ),
    steps=100,
    guidance=7.0,
    gpu_dtype="float16",
    needs="about 5 GB of weights (1.0: 1.2 billion parameters); a GPU with 8 GB",
    licence="Stability AI Community",
    modules=("stable_audio",),
)  # fmt: skip
_STABLE_AUDIO_3 = Family(
    name="stable-audio-3",
    title="Stable Audio 3",
    recognised_by="StableAudio3Pipeline",
    abilities=Abilities(
        "one by one", "in words", "in words", notes=False, negative_prompt=True, seeds=True, channels=2,
        rate_hz=44100, longest_s=384.0, default_steps="8, base 100", guidance=1.0,
    ),
    steps=0,
    guidance=1.0,
    gpu_dtype="float16",
    needs="several GB of weights, to be converted to diffusers' format by yourself; a GPU with 8 GB or more",
    licence="Stability AI Community",
    modules=("stable_audio_3",),
)  # fmt: skip
_ACE_STEP = Family(
    name="ace-step",
    title="ACE-Step 1.5",
    recognised_by="AceStepPipeline",
    abilities=Abilities(
        "in context", "asked", "asked", notes=False, negative_prompt=False, seeds=True, channels=2,
        rate_hz=48000, longest_s=600.0, default_steps="50", guidance=7.0,
    ),
    steps=0,
    guidance=7.0,
    gpu_dtype="bfloat16",
    needs="about 6 GB of weights (2 billion parameters; XL: 4 billion); a GPU with 8 GB (XL: 16 GB)",
    licence="MIT",
    modules=("ace_step",),
)  # fmt: skip
_AUDIOLDM2 = Family(
    name="audioldm2",
    title="AudioLDM 2",
    recognised_by="AudioLDM2Pipeline",
    abilities=Abilities(
        "one by one", "in words", "in words", notes=False, negative_prompt=True, seeds=True, channels=1,
        rate_hz=16000, longest_s=10.24, default_steps="100", guidance=3.5,
    ),
    steps=100,
    guidance=3.5,
    gpu_dtype="float16",
    needs="about 4 GB of weights (1.1 billion parameters); a GPU with 6 GB",
    licence="CC BY-NC-SA 4.0",
    modules=("audioldm2",),
)  # fmt: skip
_MUSICGEN = Family(
    name="musicgen",
    title="MusicGen",
    recognised_by="MusicgenForConditionalGeneration",
    abilities=Abilities(
        "one by one", "in words", "in words", notes=False, negative_prompt=False, seeds=True, channels=1,
        rate_hz=32000, longest_s=30.0, default_steps="", guidance=3.0, small_steps=False,
    ),
    steps=1,
    guidance=3.0,
    gpu_dtype="float16",
    needs="about 2.4 GB of weights (small: 0.6 billion parameters; medium 2, large 3.3); a processor will do for small",
    licence="CC BY-NC 4.0",
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in (_STABLE_AUDIO_OPEN, _STABLE_AUDIO_3, _ACE_STEP, _AUDIOLDM2, _MUSICGEN)}
)
#: ACE-Step's weights that were distilled to need no guidance: they can't hear the other stems.
ACE_STEP_TURBO = dataclasses.replace(_ACE_STEP.abilities, stems="one by one", default_steps="8", guidance=0.0)
#: What the built-in model can do, in the same words. Its own stems are mono; width is given where a loop is finished.
BUILTIN = Abilities(
    "native", "exact", "exact", notes=True, negative_prompt=False, seeds=True, channels=1, rate_hz=44100,
    longest_s=120.0, default_steps="4", whole_prompt=False, songs=True, fine_tunes=True,
    sampled=("drums", "percussion", "texture"),
)  # fmt: skip


def family_named_by(class_name: str) -> Family | None:
    """The family whose pipeline or model class has this name."""
    return next((family for family in FAMILIES.values() if family.recognised_by == class_name), None)
