"""Which files may be read as songs: whatever leads out of the folders, or is no plain audio file, is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from antiphon.errors import AntiphonError, Forbidden, InvalidRequest, LimitExceeded, NotFound
from antiphon.references.folders import Allowed, allowed, looks_like_audio
from antiphon.references.uploads import sweep

WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)


@pytest.fixture
def files(tmp_path: Path) -> Allowed:
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "mine.wav").write_bytes(WAV)
    (tmp_path / "secret.wav").write_bytes(WAV)
    return allowed(tmp_path / "data", f"{tmp_path / 'songs'}, {tmp_path / 'later'}", 1, 2)


def test_a_song_is_found_by_its_path_and_below_the_folders(files: Allowed, tmp_path: Path) -> None:
    song = tmp_path / "songs" / "mine.wav"
    assert files.find(str(song)) == files.find("mine.wav") == files.find("../songs/mine.wav") == song


def test_a_folder_that_comes_later_or_is_a_link_counts(files: Allowed, tmp_path: Path) -> None:
    (tmp_path / "later").symlink_to(tmp_path / "songs")
    assert files.find(str(tmp_path / "later" / "mine.wav")) == tmp_path / "songs" / "mine.wav"


@pytest.mark.parametrize(
    "asked",
    ["../secret.wav", "{top}/secret.wav", "{top}/songs/../secret.wav", "{top}/songs/out.wav", "/dev/zero",
     "{top}/nothing.wav", "/etc/passwd", "/proc/self/environ", "~/x.wav/../../.."],
)  # fmt: skip
def test_whatever_leads_out_is_refused_in_the_same_words(files: Allowed, tmp_path: Path, asked: str) -> None:
    (tmp_path / "songs" / "out.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises((Forbidden, NotFound)) as refused:
        files.find(asked.format(top=tmp_path))
    assert "reference_folders" in refused.value.message or "there is no file" in refused.value.message
    assert "secret" not in refused.value.message.replace(asked, "")


def test_a_link_that_stays_inside_is_followed(files: Allowed, tmp_path: Path) -> None:
    (tmp_path / "songs" / "alias.wav").symlink_to("mine.wav")
    assert files.find("alias.wav").name == "mine.wav"


@pytest.mark.timeout(20)
def test_what_is_no_plain_file_is_refused_without_waiting(files: Allowed, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "songs" / "pipe.wav")
    (tmp_path / "songs" / "folder.wav").mkdir()
    (tmp_path / "songs" / "loop.wav").symlink_to("loop.wav")
    for name in ("pipe.wav", "folder.wav", "loop.wav", "."):
        with pytest.raises((Forbidden, NotFound)):
            files.find(name)


def test_a_file_that_becomes_a_link_between_request_and_work_is_not_followed(files: Allowed, tmp_path: Path) -> None:
    song = files.find("mine.wav")
    song.unlink()
    song.symlink_to(tmp_path / "secret.wav")
    with pytest.raises(Forbidden):
        files.open(song)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [("empty.wav", b"", InvalidRequest), ("text.wav", b"just some words, no song at all", InvalidRequest),
     ("large.wav", WAV + bytes(1 << 20), LimitExceeded), ("none.wav", None, NotFound)],
)  # fmt: skip
def test_what_is_no_song_is_told(
    files: Allowed, tmp_path: Path, name: str, content: bytes | None, fault: type[AntiphonError]
) -> None:
    if content is not None:
        (tmp_path / "songs" / name).write_bytes(content)
    with pytest.raises(fault, match=name):
        files.find(name)


@pytest.mark.parametrize(
    "asked", ["upload:", "upload:abc", "upload:../../secret", "upload:*", "upload:" + "0" * 12, "\0.wav"]
)
def test_nonsense_for_a_path_or_id_is_refused(files: Allowed, asked: str) -> None:
    with pytest.raises(AntiphonError):
        files.find(asked)


def test_an_upload_is_whole_or_not_there(files: Allowed, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "references"
    arrival = files.uploads.begin("../../My Song: 1.wav")
    arrival.write(WAV)
    assert files.uploads.all() == []
    upload = arrival.finish()
    arrival.abandon()
    assert (upload.name, upload.bytes) == ("My-Song-1.wav", len(WAV))
    assert files.find(f"upload:{upload.id}").parent == folder
    broken = files.uploads.begin("x.wav")
    broken.write(WAV)
    broken.abandon()
    (folder / ".0123456789ab__y.wav.part").write_bytes(WAV)  # what a crash leaves
    sweep(folder)
    assert [path.name for path in folder.iterdir()] == [f"{upload.id}__My-Song-1.wav"]
    files.uploads.delete(upload.id)
    with pytest.raises(NotFound):
        files.uploads.delete(upload.id)


def test_only_so_many_are_kept(files: Allowed) -> None:
    for _ in range(2):
        arrival = files.uploads.begin("song.wav")
        arrival.write(WAV)
        arrival.finish()
    with pytest.raises(LimitExceeded, match=r"limits\.references"):
        files.uploads.begin("song.wav")


def test_audio_is_known_by_its_first_bytes() -> None:
    for head in (b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"\xff\xfb\x90", b"FORM", b"caff"):
        assert looks_like_audio(head)
    for head in (b"", b"\xff", b"PK\x03\x04", b"\x7fELF", b"<html>"):
        assert not looks_like_audio(head)
