"""The audio library: one folder per candidate below `library/<year>-<month>/`, named by its id."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from antiphon.domain.ids import candidate_folder, month_folder
from antiphon.domain.job import Job

log = logging.getLogger(__name__)


class AudioLibrary:
    """Removes what jobs without an outcome have left. It touches nothing else: people keep files of their own there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def discard(self, job: Job) -> None:
        """Remove the folders of a job that delivers nothing. Not to be called while its worker still writes."""
        await asyncio.to_thread(self._discard, job)

    def _discard(self, job: Job) -> None:
        month = month_folder(self.root, job.submitted_at_s)
        for index in range(int(job.payload.get("count", 1))):
            folder = candidate_folder(month, job.job_id, index)
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
                log.info("removed %s: its job delivered nothing", folder)
