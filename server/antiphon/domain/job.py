"""A job: work that was acknowledged and will therefore be done, whatever dies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: submitted → leased → done | failed | cancelled; a lease that expires goes back to submitted with attempt + 1.
JOB_STATES = ("submitted", "leased", "done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger. Times are seconds since the epoch (UTC)."""

    job_id: str
    kind: str
    #: The client that asked (a stable name or its address), and its own request id: together unique.
    client: str
    request_id: str | int
    #: The request as JSON-compatible data (`domain.wire.request_to_json`).
    payload: dict[str, Any]
    state: str
    attempt: int
    submitted_at_s: float
    lease_expires_at_s: float | None = None
    fraction: float = 0.0
    stage: str = ""
    error_code: str | None = None
    error_message: str | None = None
