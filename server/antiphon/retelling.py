"""What is told once more of a job whose request is sent again."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon.domain.candidate import Candidate
from antiphon.domain.event import (
    CancelledJob,
    Done,
    Failed,
    PartsRead,
    PromptRead,
    SongsHeard,
    StemReady,
    StudioEvent,
    VersionMade,
)
from antiphon.domain.given import brought_from_json
from antiphon.domain.job import Job
from antiphon.domain.model_version import ModelVersion
from antiphon.domain.reading import reading_from_json
from antiphon.domain.reference import SONG


def understood(job: Job) -> list[StudioEvent]:
    """How the job's prompt and its MIDI files were read: what is told before any work is done."""
    events: list[StudioEvent] = []
    about = (job.client, job.request_id, job.job_id)
    if job.payload.get("reading") is not None:
        events.append(PromptRead(*about, reading_from_json(job.payload["reading"])))
    if job.payload.get("brought") is not None:
        events.append(PartsRead(*about, brought_from_json(job.payload["brought"])))
    return events


def told_again(job: Job, candidates: tuple[Candidate, ...], version: ModelVersion | None) -> list[StudioEvent]:
    """How the job's request was understood, and how it ended: with candidates, with a model version, or otherwise."""
    events = understood(job)
    about = (job.client, job.request_id, job.job_id)
    if version is not None:
        events.append(VersionMade(*about, version.version, version.state))
    elif job.state == "done":
        events += _heard_again(about, job, candidates)
        for candidate in candidates:
            files = (*candidate.stems, candidate.mix)
            events += [StemReady(*about, candidate.candidate_id, file) for file in files]
        events.append(Done(*about, candidates))
    elif job.state == "failed":
        events.append(Failed(*about, job.error_code or "internal", job.error_message or ""))
    elif job.state == "cancelled":
        events.append(CancelledJob(*about))
    return events


def _heard_again(about: tuple[str, str | int, str], job: Job, candidates: Sequence[Candidate]) -> list[StudioEvent]:
    """What was found in the songs of a job that is done, from what its first candidate has of it."""
    genome = candidates[0].genome if candidates else None
    if genome is None or not job.payload.get("wish"):
        return []
    has: dict[str, float | str] = {"bpm": genome.bpm, "key": genome.key.name}
    songs = tuple(each for each in genome.references if each.kind == SONG)
    found = {name for each in songs for name in has if getattr(each, name) is not None}
    used = {name: has[name] for name in job.payload["wish"]["open"] if name in found}
    return [SongsHeard(*about, songs, used)]
