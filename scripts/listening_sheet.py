#!/usr/bin/env python3
"""A page to listen to: loops of every style with their stems, spectrograms and measures, made as the worker makes them.

    python scripts/listening_sheet.py --out sheet                       12 styles, 4 loops each
    python scripts/listening_sheet.py --styles dub jazz --loops 2 --engine sampler

Open sheet/index.html. Everything lies in that one folder: audio as FLAC, pictures as PNG, figures as figures.json.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import shutil
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.engines import parse_engines
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_key, parse_meter
from antiphon.generation.registry import load_backend
from antiphon.generation.styles import get_style, style_names
from benchmarks.judges import (
    decibels,
    essentia_tempo_bpm,
    find_key,
    for_ears,
    is_tempo,
    tempo_levels,
    true_peak_db,
)
from benchmarks.seam import seams
from benchmarks.takes import make, rejected_faults

Audio = NDArray[np.float32]
#: A sheet is to be heard in one sitting: the first twelve styles by name, unless others are asked for.
DEFAULT_STYLES = 12
_PICTURE_WIDTH, _FLOOR_DB = 640, -80.0
#: Dark to bright, as (position, red, green, blue); in between interpolated.
_SHADES = np.array([(0.0, 8, 8, 24), (0.35, 74, 22, 96), (0.6, 196, 60, 78), (0.8, 250, 150, 60), (1.0, 252, 250, 200)])


def spectrogram(audio: Audio, rate: int, path: Path) -> None:
    """A mel spectrogram of a loop, 80 dB deep, low notes at the bottom."""
    mono = audio.mean(axis=0)
    hop = max(64, len(mono) // _PICTURE_WIDTH)
    mel = librosa.feature.melspectrogram(y=mono, sr=rate, n_fft=2048, hop_length=hop, n_mels=128, fmax=20000)
    loud_db = librosa.power_to_db(mel, ref=max(float(mel.max()), 1e-10), top_db=-_FLOOR_DB)
    place = np.clip(1.0 - loud_db / _FLOOR_DB, 0.0, 1.0)[::-1]
    rgb = np.stack([np.interp(place, _SHADES[:, 0], _SHADES[:, channel]) for channel in (1, 2, 3)], axis=-1)
    Image.fromarray(rgb.astype(np.uint8)).save(path)


def measures(file: RenderedFile, audio: Audio, candidate: Candidate) -> dict[str, Any]:
    """What can be said of one file by measurement."""
    found: dict[str, Any] = {
        "true peak dBTP": round(true_peak_db(audio), 2),
        "level dBFS": round(decibels(float(np.sqrt(np.mean(np.square(audio))))), 1),
        "centroid Hz": round(
            float(librosa.feature.spectral_centroid(y=audio.mean(axis=0), sr=file.sample_rate).mean())
        ),
    }
    if np.any(audio):
        seam = seams(audio, file.sample_rate)["step"]
        found["seam step / greatest inside"] = round(seam.wrap / max(seam.greatest, 1e-9), 3)
    ear = for_ears(audio, file.sample_rate)
    if file.stem == "drums" and np.any(audio):
        tempo_bpm = essentia_tempo_bpm(ear)
        found["tempo found"] = round(tempo_bpm, 2)
        found["tempo right"] = is_tempo(tempo_bpm, candidate.bpm, tempo_levels(parse_meter(candidate.meter)))
    if file.stem == "mix":
        key = find_key(ear, parse_key(candidate.key))
        found["key found"] = key.name
        found["key or relative right"] = key.right
    return found


def loop_row(candidate: Candidate, folder: Path) -> dict[str, Any]:
    """Copy a loop's audio as FLAC beside its pictures; returns what the page shows of it."""
    files = []
    for file in (candidate.mix, *candidate.stems):
        audio, rate = soundfile.read(file.path, dtype="float32", always_2d=True)
        name = f"{candidate.candidate_id}-{file.stem}"
        soundfile.write(folder / f"{name}.flac", audio, rate, subtype="PCM_24")
        spectrogram(audio.T, rate, folder / f"{name}.png")
        files.append({"stem": file.stem, "name": name} | {"measures": measures(file, audio.T, candidate)})
    sidecar = json.loads(Path(candidate.sidecar_path).read_text(encoding="utf-8"))
    timbres = {stem["stem"]: stem["timbre"] for stem in sidecar["score"]["stems"]}
    return {
        "id": candidate.candidate_id, "style": sidecar["score"]["style"], "bpm": candidate.bpm, "key": candidate.key,
        "meter": candidate.meter, "bars": candidate.bars, "preset": sidecar["preset"]["name"], "timbres": timbres,
        "engines": sidecar["engines"], "rejected": rejected_faults(candidate), "files": files,
    }  # fmt: skip


def page(rows: list[dict[str, Any]], model: str) -> str:
    """The sheet as HTML: a loop per row, mix and stems side by side; pressing a picture plays it in a loop."""
    parts = [_HEAD.format(model=html.escape(model), count=len(rows))]
    for row in rows:
        about = f"{row['style']} · {row['bpm']:g} bpm · {row['meter']} · {row['bars']} bars · {row['key']}"
        about += f" · {row['preset']}"
        parts.append(f"<section><h2>{html.escape(about)}</h2><div class=row>")
        for file in row["files"]:
            label = file["stem"]
            if label != "mix":
                label += f": {row['timbres'].get(label, '–')} ({row['engines'].get(label, '–')})"
            lines = "<br>".join(
                f"{html.escape(key)}: {html.escape(str(value))}" for key, value in file["measures"].items()
            )
            parts.append(
                f"<figure><img src='{file['name']}.png' data-audio='{file['name']}.flac' loading=lazy>"
                f"<figcaption><b>{html.escape(label)}</b><br>{lines}</figcaption></figure>"
            )
        rejected = "; ".join(row["rejected"])
        parts.append(
            f"</div>{'<p>Turned down before: ' + html.escape(rejected) + '</p>' if rejected else ''}</section>"
        )
    return "\n".join([*parts, _FOOT])


_HEAD = """<!doctype html><meta charset=utf-8><title>Antiphon: listening sheet</title>
<style>body{{background:#111;color:#ddd;font:14px/1.5 system-ui;margin:2em}}h2{{font-size:15px;font-weight:500}}
.row{{display:flex;flex-wrap:wrap;gap:12px}}figure{{margin:0;width:260px}}
img{{width:260px;height:120px;cursor:pointer;border:2px solid #222}}
img.plays{{border-color:#f96}}figcaption{{font-size:11px;color:#999}}b{{color:#eee;font-weight:500}}p{{color:#b87}}</style>
<h1>Listening sheet</h1><p style="color:#999">{count} loops by {model}. Press a picture to hear it go round,
again to stop.</p>"""
_FOOT = """<script>
let playing = null;
for (const picture of document.querySelectorAll("img")) picture.onclick = () => {
  const same = playing && playing.picture === picture;
  if (playing) { playing.audio.pause(); playing.picture.classList.remove("plays"); playing = null; }
  if (same) return;
  const audio = new Audio(picture.dataset.audio); audio.loop = true; audio.play();
  picture.classList.add("plays"); playing = {picture, audio};
};
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("sheet"))
    parser.add_argument("--styles", nargs="+", choices=style_names(), default=list(style_names()[:DEFAULT_STYLES]))
    parser.add_argument("--loops", type=int, default=4)
    parser.add_argument("--bars", type=int, default=4)
    parser.add_argument("--engine", default="auto", help="as the setting: auto, neural, sampler, drums:sampler …")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    made_in = args.out / "made"
    made_in.mkdir(parents=True)
    backend = load_backend(args.model, "auto")
    jobs = [(style, number) for style in args.styles for number in range(args.loops)]
    rows = []
    for style, number in track(jobs, description="loops"):
        low, high = get_style(style).bpm
        bpm = float(round(low + (high - low) * (number + 0.5) / args.loops))
        seed = args.seed + 1000 * number + sum(map(ord, style))
        request = GenerateRequest(bpm=bpm, bars=args.bars, style=style, seed=seed, engines=parse_engines(args.engine))
        made = make(request, backend, made_in, f"{style}{number}")
        rows += [loop_row(candidate, args.out) for candidate in made.candidates]
        if made.failure:
            print(f"{style} {number}: {made.failure}")
    shutil.rmtree(made_in)
    (args.out / "figures.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (args.out / "index.html").write_text(page(rows, f"{backend.name} {backend.version}"), encoding="utf-8")
    _say(rows, args.out)


def _say(rows: list[dict[str, Any]], out: Path) -> None:
    """The sheet in five lines."""
    files = [file["measures"] for row in rows for file in row["files"]]
    tempo = [file["tempo right"] for file in files if "tempo right" in file]
    key = [file["key or relative right"] for file in files if "key or relative right" in file]
    seam = max((file.get("seam step / greatest inside", 0.0) for file in files), default=math.nan)
    print(f"{len(rows)} loops, {len(files)} files: {out / 'index.html'}")
    print(f"tempo found in {sum(tempo)} of {len(tempo)} drum stems, key or relative in {sum(key)} of {len(key)} mixes")
    print(f"worst seam {seam:.2f} of the greatest step inside; {sum(bool(row['rejected']) for row in rows)} made again")


if __name__ == "__main__":
    main()
