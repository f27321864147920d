"""How a training goes, as one HTML page: losses, measures and samples of every stage, new at each checkpoint."""

from __future__ import annotations

import html
import json
import wave
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from antiphon.errors import BackendFailed
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ

Model = TypeVar("Model", bound=nn.Module)
PAGE = "report.html"
_WIDTH, _HEIGHT, _EDGE = 720, 220, 34


@dataclass(frozen=True, slots=True)
class Probed:
    """What a stage sounds and measures like at a checkpoint: figures by name, and mono float32 waveforms by name."""

    measures: Mapping[str, float] = field(default_factory=dict)
    sounds: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def keep_probe(folder: Path, stage: str, step: int, probed: Probed, rate_hz: int) -> None:
    """Write a checkpoint's figures and sounds beside its log: `STAGE.probes.jsonl`, `samples/STAGE-NAME.wav` (of sounds
    the newest only)."""
    samples = folder / "samples"
    samples.mkdir(exist_ok=True)
    for name, sound in probed.sounds.items():
        with wave.open(str(samples / f"{stage}-{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes((np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    with (folder / f"{stage}.probes.jsonl").open("a") as log:
        line = {"step": step, "measures": {name: round(value, 4) for name, value in probed.measures.items()}}
        print(json.dumps(line), file=log)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Losses over steps as an SVG line, its smoothed course on top; both axes linear, labelled at their ends."""
    steps, losses = (np.array(column) for column in zip(*points, strict=True))
    span = max(1, len(losses) // 20)
    smooth = np.convolve(np.pad(losses, (span, span), mode="edge"), np.ones(2 * span + 1) / (2 * span + 1), "valid")
    # The first losses are far off; they would press all that matters flat against the floor.
    low, high = float(losses.min()), float(np.quantile(losses, 0.98))
    x = _EDGE + (steps - steps.min()) / max(1.0, float(np.ptp(steps))) * (_WIDTH - 2 * _EDGE)
    parts = []
    for values, colour in ((losses, "#555"), (smooth, "#f96")):
        y = _HEIGHT - _EDGE - np.clip((values - low) / max(1e-9, high - low), 0, 1) * (_HEIGHT - 2 * _EDGE)
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline fill="none" stroke="{colour}" points="{path}"/>')
    labels = (
        (_EDGE, _HEIGHT - 10, f"step {int(steps[0])}"), (_WIDTH - 110, _HEIGHT - 10, f"step {int(steps[-1])}"),
        (2, _EDGE, f"{high:.3g}"), (2, _HEIGHT - _EDGE, f"{low:.3g}"),
    )  # fmt: skip
    parts += [f'<text x="{a}" y="{b}" fill="#999" font-size="11">{text}</text>' for a, b, text in labels]
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}">{"".join(parts)}</svg>'


def _waiting(lines: list[dict[str, Any]]) -> str:
    """How much of the stage's time went into waiting for songs: of all of it, and lately. Old logs don't say."""
    told = [line["waiting"] for line in lines if "waiting" in line]
    if not told:
        return ""
    seconds = np.diff([0.0, *(line["seconds"] for line in lines)])[-len(told) :]
    whole = float(np.average(told, weights=np.maximum(seconds, 1e-6)))
    return f"; waiting for songs: {whole:.1%} of the time, {float(np.mean(told[-10:])):.1%} of late"


def _measures(probes: list[dict[str, Any]]) -> str:
    """The figures of the last ten checkpoints as a table, the newest first."""
    if not probes:
        return ""
    names = list(probes[-1]["measures"])
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{probe['step']}</td>" + "".join(f"<td>{probe['measures'].get(n, '–')}</td>" for n in names) + "</tr>"
        for probe in reversed(probes[-10:])
    )
    return f"<table><tr><th>step</th>{head}</tr>{rows}</table>"


def write_report(folder: Path, about: Mapping[str, Any]) -> Path:
    """Write `report.html` from the logs in `folder`; `about` (recipe, corpus, revision) heads it. Returns its path."""
    parts = [_HEAD, f"<pre>{html.escape(json.dumps(about, indent=1))}</pre>"]
    for log in sorted(folder.glob("*.jsonl")):
        stage, lines = log.stem, _lines(log)
        if stage.endswith(".probes") or len(lines) < 2:
            continue
        last = lines[-1]
        parts.append(
            f"<h2>{html.escape(stage)}</h2><p>step {last['step']}, {last['seconds']:.0f} s of training, loss "
            f"{last['loss']:.4f}{_waiting(lines)}</p>{_curve([(line['step'], line['loss']) for line in lines])}"
        )
        parts.append(_measures(_lines(folder / f"{stage}.probes.jsonl")))
        for sample in sorted((folder / "samples").glob(f"{stage}-*.wav")):
            name = html.escape(sample.stem.removeprefix(f"{stage}-"))
            parts.append(f"<p>{name}<br><audio controls loop src='samples/{html.escape(sample.name)}'></audio></p>")
    path = folder / PAGE
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(parts), encoding="utf-8")
    partial.replace(path)
    return path


def reporting(
    folder: Path, about: Mapping[str, Any], stage: str, model: Model, probe: Callable[[Model], Probed]
) -> Callable[[int, dict[str, Tensor]], None]:
    """What a stage calls at each checkpoint with the step and the averaged weights: probes them in a copy of the model
    and writes the report anew. A probe that fails for want of a program is told of and left out."""
    copy = deepcopy(model)

    def report(step: int, weights: dict[str, Tensor]) -> None:
        copy.load_state_dict(weights)
        try:
            keep_probe(folder, stage, step, probe(copy), MODEL_RATE_HZ)
        except (BackendFailed, ImportError) as error:
            # A machine that was lent for training may lack the sound font: the losses are reported all the same.
            print(f"no sample at step {step}: {error}", flush=True)
        write_report(folder, about)

    return report


_HEAD = """<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=60><title>Antiphon: training</title>
<style>body{background:#111;color:#ddd;font:14px/1.5 system-ui;margin:2em}pre,td,th{font-size:12px;color:#999}
h2{font-weight:500}td,th{padding:2px 10px;text-align:right}</style><h1>Training</h1>"""
