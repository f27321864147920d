"""A finished loop as files: stems with their MIDI, the mix, and, when those are on the disk, the sidecar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon import __version__
from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.measures import LoopMeasures, measures_to_json
from antiphon.domain.reference import licence_line
from antiphon.domain.score import Score
from antiphon.domain.timbres import source_of
from antiphon.domain.wire import file_to_json
from antiphon.rendering.atomic import storage_failure
from antiphon.rendering.audio_file import write_audio
from antiphon.rendering.measures import measure_stems
from antiphon.rendering.midi import write_stem_midi
from antiphon.rendering.naming import base_name
from antiphon.rendering.sidecar import Provenance, sidecar_data, write_sidecar
from antiphon.rendering.wav_chunks import LoopInfo

if TYPE_CHECKING:
    from antiphon.rendering.finish import FinishedLoop

MIX = "mix"
OnFile = Callable[[RenderedFile], None]


def write_loop(
    finished: FinishedLoop,
    score: Score,
    folder: Path,
    candidate_id: str,
    source: Provenance,
    *,
    file_format: str = "wav",
    on_file: OnFile | None = None,
) -> Candidate:
    """Write a loop's files into `folder` and return the candidate they make up.

    `on_file` is called, on the calling thread, with each stem in turn once it is on the disk under its final name, then
    with the mix. Should a file fail, what was written is taken away again, and the error (StorageFailed) passes on.
    """
    folder = folder.absolute()
    written: list[Path] = []
    try:
        *stems, mix = _side_by_side(
            lambda stem: _write_stem(finished, score, folder, candidate_id, source, stem, file_format, written),
            (*finished.stems, MIX),
            on_file,
        )
        sidecar = folder / f"{base_name(score, 'sidecar', candidate_id)}.json"
        files = [_relative(file) for file in (*stems, mix)]
        written.append(sidecar)
        sounds = _sounds(finished, score)
        measured = _measured(finished, sounds)
        write_sidecar(sidecar, sidecar_data(candidate_id, score, finished.preset, source, files, measured))
    except BaseException as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_failure(error, folder / "loop") from error
        raise
    return Candidate(
        candidate_id=candidate_id,
        job_id=source.job_id,
        index=source.index,
        bpm=score.bpm,
        key=score.key.name,
        bars=score.bars,
        meter=score.meter.name,
        seed=source.seed,
        model_version=source.model_version,
        stems=tuple(stems),
        mix=mix,
        sidecar_path=str(sidecar),
        rejected_attempts=len(source.rejected),
        genome=source.genome,
        operator=source.operator,
        parents=source.parents,
        measures=sounds,
    )


def _side_by_side(
    write: Callable[[str], RenderedFile], stems: Sequence[str], on_file: OnFile | None
) -> list[RenderedFile]:
    """Write all at once, because most of the time goes by waiting for the disk; tell of each in order."""
    files = []
    # On leaving, also by an error, all that has begun is waited for: nothing is written after the cleaning up.
    with ThreadPoolExecutor(len(stems), thread_name_prefix="writing") as threads:
        for file in threads.map(write, stems):
            files.append(file)
            if on_file is not None:
                on_file(file)
    return files


def _write_stem(
    finished: FinishedLoop, score: Score, folder: Path, candidate_id: str, source: Provenance, stem: str,
    file_format: str, written: list[Path],
) -> RenderedFile:  # fmt: skip
    midi = None
    if source.plays_score and any(part.stem == stem for part in score.stems):
        midi = folder / f"{base_name(score, stem, candidate_id)}.mid"
        folder.mkdir(parents=True, exist_ok=True)
        written.append(midi)
        write_stem_midi(midi, score, stem)
    return _write_file(finished, score, folder, candidate_id, source, stem, file_format, written, midi)


def _write_file(
    finished: FinishedLoop, score: Score, folder: Path, candidate_id: str, source: Provenance, stem: str,
    file_format: str, written: list[Path], midi: Path | None,
) -> RenderedFile:  # fmt: skip
    path = folder / f"{base_name(score, stem, candidate_id)}.{file_format}"
    audio = finished.mix if stem == MIX else finished.stems[stem]
    info = LoopInfo(
        title=path.stem,
        stem=stem,
        candidate_id=candidate_id,
        score=score,
        frames=audio.shape[1],
        sample_rate=finished.sample_rate,
        loudness_lufs=finished.loudness_lufs[stem],
        peak_dbtp=finished.peak_dbtp[stem],
        software=f"Antiphon {__version__}",
        created_at=source.created_at,
        comment=f"seed {source.seed}, model {source.model_version}, preset {finished.preset.name}",
        # The mix has no timbre of its own, and the key's root note.
        pitched=source_of({part.stem: part.timbre for part in score.stems}.get(stem, "")) == "tone",
        licence=licence_line(source.genome.references) if source.genome else "",
    )
    written.append(path)
    write_audio(path, audio, info)
    return RenderedFile(
        stem=stem,
        path=str(path),
        frames=audio.shape[1],
        sample_rate=finished.sample_rate,
        channels=audio.shape[0],
        peak_dbtp=round(finished.peak_dbtp[stem], 2),
        loudness_lufs=round(finished.loudness_lufs[stem], 2),
        midi_path=None if midi is None else str(midi),
    )


def _relative(file: RenderedFile) -> dict[str, Any]:
    """A file's entry in the sidecar: by name only, so that a folder can be moved."""
    entry = file_to_json(file)
    entry["path"] = Path(file.path).name
    entry["midi_path"] = None if file.midi_path is None else Path(file.midi_path).name
    return entry


def _sounds(finished: FinishedLoop, score: Score) -> LoopMeasures:
    """How the stems sound, as they are delivered."""
    lufs = finished.loudness_lufs
    return measure_stems(finished.stems, lufs, lufs[MIX], score, finished.sample_rate)


def _measured(finished: FinishedLoop, sounds: LoopMeasures) -> Mapping[str, Any]:
    return {
        "sample_rate": finished.sample_rate,
        "frames": finished.frames,
        "gain_db": finished.gain_db,
        "reduction_db": finished.reduction_db,
        "balance_db": dict(finished.balance_db),
        "loudness_lufs": {name: round(value, 2) for name, value in finished.loudness_lufs.items()},
        "peak_dbtp": {name: round(value, 2) for name, value in finished.peak_dbtp.items()},
        "stems": measures_to_json(sounds),
    }
