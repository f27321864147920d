"""What lies on the disk, read by programs that aren't ours: libsndfile, sox, wavinfo, mutagen."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mutagen.flac
import numpy as np
import pytest
import soundfile
import wavinfo

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.reading import PromptReading, Understood
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score
from antiphon.errors import Cancelled, InvalidRequest, NotFound, StorageFailed
from antiphon.rendering import atomic
from antiphon.rendering.finish import FinishedLoop, finish, write_loop
from antiphon.rendering.naming import base_name, bpm_part, safe_part
from antiphon.rendering.preset import load_preset
from antiphon.rendering.sidecar import Provenance, read_sidecar, score_from_json, score_to_json
from tests.rendering.chunks import riff_chunks, sub_chunks
from tests.rendering.synth import play, random_score

WHEN = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
SAFE = re.compile(r"antiphon_[A-Za-z0-9_#-]+\.(wav|flac|mid|json)")


def _source() -> Provenance:
    return Provenance(
        job_id="j1", index=0, seed=7, steps=8,
        request=GenerateRequest(bpm=92.5, prompt="warm zzz", reading=PromptReading(
            sounds={"all": ("warm",)}, understood=(Understood("warm", "warm", ("warm sound",)),), ignored=("zzz",))),
        backend="builtin", model_version="builtin-1",
        rejected=({"seed": 6, "faults": ["bass: silent"]},), created_at=WHEN,
    )  # fmt: skip


@pytest.fixture(scope="module")
def score() -> Score:
    return random_score(21, bars=3, bpm=92.5, meter="4/4")


@pytest.fixture(scope="module")
def finished(score: Score) -> FinishedLoop:
    return finish(play(score), score, load_preset("clean"), 44100)


@pytest.fixture
def candidate(finished: FinishedLoop, score: Score, tmp_path: Path) -> Candidate:
    return write_loop(finished, score, tmp_path / "out", "c4nd1date0", _source())


def _files(candidate: Candidate) -> list[RenderedFile]:
    return [*candidate.stems, candidate.mix]


def test_files_hold_the_exact_samples_and_sum_to_the_mix(finished: FinishedLoop, candidate: Candidate) -> None:
    sums = 0
    for file in _files(candidate):
        samples, rate = soundfile.read(file.path, dtype="int32", always_2d=True)
        assert rate == 44100
        assert soundfile.info(file.path).subtype == "PCM_24"
        audio = finished.mix if file.stem == "mix" else finished.stems[file.stem]
        np.testing.assert_array_equal(samples.T / 2.0**31, audio)
        assert file.frames == len(samples) == finished.frames
        if file.stem != "mix":
            sums = sums + samples.astype(np.int64)
    np.testing.assert_array_equal(sums, samples)


def test_names_are_safe_and_carry_tempo_and_key(candidate: Candidate, score: Score) -> None:
    for file in Path(candidate.sidecar_path).parent.iterdir():
        assert SAFE.fullmatch(file.name), file.name
    assert Path(candidate.mix.path).name == f"antiphon_test_92-5_mix_c4nd1date0_{score.key.file_name}.wav"
    assert bpm_part(120.0) == "120"
    assert bpm_part(155.0390625) == "155-04"
    assert bpm_part(99.999) == "100"


@pytest.mark.parametrize("style", ["../../etc/passwd", "", "drum & bass", "Füße", "\0", "a" * 300, "C:\\x", "日本"])
def test_no_style_escapes_the_folder(style: str, score: Score) -> None:
    name = base_name(replace(score, style=style), "bass", "../../x")
    assert re.fullmatch(r"[A-Za-z0-9_#-]{1,200}", name)
    assert len(name.split("_")) == 6
    assert safe_part("drum & bass", "x") == "drum-bass"


def test_chunks_say_what_the_score_says(candidate: Candidate, score: Score, finished: FinishedLoop) -> None:
    chunks = riff_chunks(Path(candidate.stems[1].path))
    assert set(chunks) == {"fmt ", "bext", "acid", "smpl", "cue ", "LIST/adtl", "LIST/INFO", "data"}
    flags, root, _, _, beats, denominator, numerator, tempo = struct.unpack("<IHHfIHHf", chunks["acid"])
    assert (flags, root, beats, denominator, numerator, tempo) == (6, 60 + score.key.tonic, 12, 4, 4, 92.5)
    sampler = struct.unpack("<9I6I", chunks["smpl"])
    assert sampler[7] == 1
    assert sampler[10:13] == (0, 0, finished.frames - 1)
    count = struct.unpack_from("<I", chunks["cue "])[0]
    cues = [struct.unpack_from("<II4sIII", chunks["cue "], 4 + 24 * bar) for bar in range(count)]
    assert [cue[5] for cue in cues] == [round(bar * 4 * 60 / 92.5 * 44100) for bar in range(3)]
    assert [body[4:-1] for _, body in sub_chunks(chunks["LIST/adtl"])] == [b"bar 1", b"bar 2", b"bar 3"]
    drums = struct.unpack("<IHHfIHHf", riff_chunks(Path(candidate.stems[0].path))["acid"])
    assert drums[0] == 4


def test_no_acid_chunk_where_beats_are_not_whole(tmp_path: Path) -> None:
    score = random_score(2, bars=1, bpm=120.0, meter="7/8")
    finished = finish(play(score), score, load_preset("clean"), 44100)
    candidate = write_loop(finished, score, tmp_path, "x", _source())
    assert "acid" not in riff_chunks(Path(candidate.mix.path))


def test_wavinfo_reads_it(candidate: Candidate, score: Score, finished: FinishedLoop) -> None:
    read = wavinfo.WavInfoReader(candidate.stems[1].path)
    assert read.info.software == "Antiphon " + __import__("antiphon").__version__
    assert read.info.genre == "test"
    assert score.key.name in read.info.keywords
    assert read.bext.originator_date == "2026-03-01"
    assert read.bext.originator_time == "12:34:56"
    assert read.bext.time_reference == 0
    assert read.bext.version == 2
    assert read.bext.loudness_value == pytest.approx(finished.loudness_lufs["bass"], abs=0.01)
    assert read.bext.max_true_peak == pytest.approx(finished.peak_dbtp["bass"], abs=0.01)
    assert "A=PCM,F=44100,W=24,M=stereo" in read.bext.coding_history
    assert [cue[0] for cue in read.cues.each_cue()] == [1, 2, 3]
    assert read.smpl.sample_loops[0].end == finished.frames - 1


@pytest.mark.skipif(shutil.which("soxi") is None, reason="sox is not installed")
def test_sox_reads_it(candidate: Candidate, finished: FinishedLoop) -> None:
    for option, expected in (("-s", str(finished.frames)), ("-r", "44100"), ("-b", "24"), ("-c", "2")):
        told = subprocess.run(["soxi", option, candidate.mix.path], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == expected
        assert told.stderr == ""


def test_flac_holds_the_same_samples_and_tags(finished: FinishedLoop, score: Score, tmp_path: Path) -> None:
    candidate = write_loop(finished, score, tmp_path, "x", _source(), file_format="flac")
    samples, _ = soundfile.read(candidate.mix.path, dtype="int32")
    np.testing.assert_array_equal(samples.T / 2.0**31, finished.mix)
    tags = mutagen.flac.FLAC(candidate.mix.path)
    assert tags["bpm"] == ["92.5"]
    assert tags["initialkey"] == [score.key.name]
    assert tags["title"][0].startswith("antiphon_test_92-5_mix")
    assert tags.info.total_samples == finished.frames
    if shutil.which("soxi"):
        told = subprocess.run(["soxi", "-s", candidate.mix.path], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == str(finished.frames)


def test_the_same_loop_gives_the_same_bytes(finished: FinishedLoop, score: Score, tmp_path: Path) -> None:
    first = write_loop(finished, score, tmp_path / "a", "x", _source())
    second = write_loop(finished, score, tmp_path / "b", "x", _source())
    for one, two in zip(_files(first), _files(second), strict=True):
        assert Path(one.path).read_bytes() == Path(two.path).read_bytes()
    assert Path(first.sidecar_path).read_bytes() == Path(second.sidecar_path).read_bytes()


def test_each_file_is_there_when_it_is_told(finished: FinishedLoop, score: Score, tmp_path: Path) -> None:
    told: list[str] = []

    def on_file(file: RenderedFile) -> None:
        assert soundfile.info(file.path).frames == file.frames
        assert file.stem == "mix" or Path(str(file.midi_path)).stat().st_size > 20
        told.append(file.stem)

    write_loop(finished, score, tmp_path, "x", _source(), on_file=on_file)
    assert told == ["drums", "bass", "chords", "lead", "mix"]


def test_the_sidecar_makes_the_clip_again(candidate: Candidate, finished: FinishedLoop, score: Score) -> None:
    sidecar = read_sidecar(Path(candidate.sidecar_path))
    assert sidecar.score == score
    assert sidecar.request == _source().request
    assert (sidecar.seed, sidecar.steps, sidecar.model_version) == (7, 8, "builtin-1")
    assert sidecar.data["reading"] == {
        "sounds": {"all": ["warm"]}, "understood": [{"words": "warm", "means": ["warm sound"]}], "ignored": ["zzz"],
    }  # fmt: skip
    assert sidecar.data["rejected_attempts"][0]["seed"] == 6
    assert sidecar.data["packages"]["pedalboard"]
    assert candidate.rejected_attempts == 1
    again = finish(play(sidecar.score), sidecar.score, sidecar.preset, sidecar.sample_rate)
    np.testing.assert_array_equal(again.mix, finished.mix)
    assert score_from_json(json.loads(json.dumps(score_to_json(score)))) == score


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"candidate_id": 3, "preset": 4}', "[" * 5000, "\udcff"])
def test_a_damaged_sidecar_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidRequest, match=r"x\.json"):
        read_sidecar(path)
    with pytest.raises(NotFound, match="moved"):
        read_sidecar(tmp_path / "none.json")


class _FullAfter:
    """Lets some bytes through to the disk, then it is full."""

    def __init__(self, allowed: int) -> None:
        self.left = allowed
        self._lock = threading.Lock()

    def __call__(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            with self._lock:
                self.left -= len(block)
                full = self.left < 0
            if full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield block


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("file_format", ["wav", "flac"])
def test_a_full_disk_leaves_nothing_behind(
    share: float,
    file_format: str,
    finished: FinishedLoop,
    score: Score,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_loop(finished, score, tmp_path / "all", "x", _source(), file_format=file_format)
    needed = sum(path.stat().st_size for path in (tmp_path / "all").iterdir())
    full, write = _FullAfter(int(share * needed)), atomic.write_atomically
    for module in ("audio_file", "sidecar", "midi"):
        monkeypatch.setattr(
            f"antiphon.rendering.{module}.write_atomically", lambda path, blocks: write(path, full(iter(blocks)))
        )
    with pytest.raises(StorageFailed, match=r"no room .* free some space"):
        write_loop(finished, score, tmp_path / "out", "x", _source(), file_format=file_format)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_real_refusal_of_the_operating_system(
    finished: FinishedLoop, score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def on_full_device(self: Path, mode: str = "r", *rest: object) -> object:
        return real(Path("/dev/full"), "wb") if self.suffix == ".part" else real(self, mode, *rest)

    monkeypatch.setattr(Path, "open", on_full_device)
    with pytest.raises(StorageFailed, match="no room"):
        write_loop(finished, score, tmp_path, "x", _source())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(finished: FinishedLoop, score: Score, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StorageFailed, match="taken"):
        write_loop(finished, score, tmp_path / "taken" / "out", "x", _source())


def test_cancelling_between_files_takes_them_away(finished: FinishedLoop, score: Score, tmp_path: Path) -> None:
    def on_file(file: RenderedFile) -> None:
        if file.stem == "chords":
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        write_loop(finished, score, tmp_path, "x", _source(), on_file=on_file)
    assert list(tmp_path.iterdir()) == []
