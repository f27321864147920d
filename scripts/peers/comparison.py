"""The peers, measured and laid out beside ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.report import Table, median, spread
from peers import latent_audio_diffusion, stable_audio_open

STEMS = 4
#: What Stable Audio Open computes at once.
OWN_S = stable_audio_open.SAMPLE_FRAMES / stable_audio_open.LATENTS_PER_S
Say = Callable[[str], None]


def peers_measured(threads: int, runs: int, loop_s: float, say: Say) -> list[tuple[str, ...]]:
    """A row of the table for each peer and way of running it."""
    from diffusers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(threads)
    return [paper_row(*measure_paper(runs, say)), *measure_stable_audio(runs, loop_s, say)]


def our_parameters() -> str:
    """The size of the built-in model, from its weight files' headers."""
    from safetensors import safe_open

    from antiphon.paths import presets_dir

    count = 0
    for path in sorted((presets_dir() / "models" / "builtin").rglob("*.safetensors")):
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            count += sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    return f"{count / 1e6:.0f} M"


def measure_paper(runs: int, say: Say) -> tuple[Any, list[Any]]:
    """The built pipeline and its passes over four pictures, after one to warm it up."""
    say("building the paper's pipeline …")
    peer = latent_audio_diffusion.build()
    passes = []
    for run in range(-1, runs):
        say(f"the paper's pipeline, run {run + 1} of {runs} …" if run >= 0 else "warming it up …")
        made = latent_audio_diffusion.sound(peer, STEMS)
        passes += [made] if run >= 0 else []
    return peer, passes


def paper_row(peer: Any, passes: list[Any]) -> tuple[str, ...]:
    walls = [each.wall_s for each in passes]
    last = passes[-1]
    what = (
        f"batch of {STEMS} pictures of {last.audio_s:.2f} s, {peer.steps} DDIM steps: UNet {last.unet_s:.1f} s, "
        f"decoder {last.decoder_s:.1f} s, Griffin-Lim {last.griffin_lim_s:.1f} s"
    )
    speed = [last.audio_s / wall for wall in walls]
    return (
        "paper's pipeline (latent audio diffusion, 256 × 256)",
        f"{peer.parameters / 1e6:.0f} M",
        what,
        spread(walls, 1),
        spread(speed, 3),
    )


def measure_stable_audio(runs: int, loop_s: float, say: Say) -> list[tuple[str, ...]]:
    """One step each at the pipeline's own length and at the loop's, float32 and bfloat16, times the steps."""
    import torch

    from peers import stable_audio_open as stable_audio_open

    say("building Stable Audio Open's transformer (4.3 GB) …")
    peer = stable_audio_open.build()
    short = round(loop_s * stable_audio_open.LATENTS_PER_S)
    rows: list[tuple[str, ...]] = []
    for dtype in (torch.float32, torch.bfloat16):
        for frames, audio_s, words in (
            (stable_audio_open.SAMPLE_FRAMES, OWN_S, "all 1024 latents, as its pipeline computes; all 47.6 s counted"),
            (short, loop_s, f"only {short} latents, which its pipeline does not do; {loop_s:.1f} s counted"),
        ):
            name = str(dtype).removeprefix("torch.")
            say(f"Stable Audio Open, {name}, {frames} latents …")
            stable_audio_open.forward_s(peer, frames, dtype)
            steps_s = [stable_audio_open.forward_s(peer, frames, dtype) for _ in range(runs)]
            walls = [STEMS * stable_audio_open.STEPS * step_s for step_s in steps_s]
            steps = f"{stable_audio_open.STEPS} steps × {STEMS} stems"
            what = f"{name}, {words}: {median(steps_s):.2f} s a step with guidance × {steps}"
            speed = [audio_s / wall for wall in walls]
            rows.append(
                (
                    "Stable Audio Open 1.0, transformer alone",
                    f"{peer.parameters / 1e6:.0f} M",
                    what,
                    spread(walls, 0),
                    spread(speed, 4),
                )
            )
    return rows


def peer_table(ours: tuple[str, ...], rows: list[tuple[str, ...]], loop_s: float) -> Table:
    used = f"{100 * loop_s / OWN_S:.0f} %"
    notes = (
        "Random weights: speed does not depend on them. Same process, threads and cores as ours.",
        "Ours is the whole way to finished files. The paper's pipeline ends at its mono 22 kHz waveform; Stable Audio "
        "Open's rows hold neither text encoder nor decoder. Neither makes stems: four outputs count as four stems.",
        "All of a peer's audio is counted, though neither can be asked for a length that closes a loop. Stable Audio "
        "Open's steps are measured one by one and multiplied, not run to the end.",
        f"Asked for {loop_s:.1f} s, Stable Audio Open's pipeline computes {OWN_S:.1f} s all the same: of the rows that "
        f"count those, {used} would be used.",
    )
    head = ("what", "parameters", "what was run", "wall s", "s of four-stem music per s")
    return Table("Peers at their published size", head, (ours, *rows), notes)
