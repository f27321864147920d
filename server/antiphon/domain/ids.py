"""Ids that we make: short, URL-safe, and without meaning; and the folders that are named by them."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path

#: Digits and lower-case letters without i, l, o and u, so that people can read an id to each other.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 10


def new_id() -> str:
    """A fresh id of 50 random bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def candidate_id_of(job_id: str, index: int) -> str:
    """The id of a job's candidate number `index`.

    It follows from the job's id, so that a job that is run again after a crash writes the same files under the same
    names, and a client that heard of the first attempt's stems is not left with dead paths.
    """
    digest = hashlib.blake2b(f"{job_id}/{index}".encode(), digest_size=8).digest()
    bits = int.from_bytes(digest, "big")
    return "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(ID_LENGTH))


def candidate_folder(month_folder: Path, job_id: str, index: int) -> Path:
    """Where a job's candidate number `index` lies, below the folder of the job's month."""
    return month_folder / candidate_id_of(job_id, index)


def month_folder(library: Path, submitted_at_s: float) -> Path:
    """Where the candidates of a job lie that was asked for then (seconds since the epoch): `library/2025-11` in UTC."""
    return library / time.strftime("%Y-%m", time.gmtime(submitted_at_s))
