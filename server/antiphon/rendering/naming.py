"""File names that every sampler, DAW and sample store accepts: A–Z a–z 0–9 _ - # only, with tempo and key.

    antiphon_<style>_<bpm>_<stem>_<candidate id>_<key>.wav

The tempo is the one number that DAWs look for in a name: it is rounded to two decimals, written without trailing zeros,
and its decimal point becomes a hyphen (120, 92-5, 155-04), as a point would end the name for some of them.
"""

from __future__ import annotations

import re
import unicodedata

from antiphon.domain.score import Score

_MAX_PART = 32


def safe_part(text: str, fallback: str) -> str:
    """`text` with everything that a name can't hold turned into hyphens; `fallback` where nothing is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9#]+", "-", ascii_text).strip("-")[:_MAX_PART].rstrip("-") or fallback


def bpm_part(bpm: float) -> str:
    """The tempo as it stands in a name: 120.0 → `120`, 92.5 → `92-5`, 155.039 → `155-04`."""
    return f"{bpm:.2f}".rstrip("0").rstrip(".").replace(".", "-")


def base_name(score: Score, stem: str, candidate_id: str) -> str:
    """The name of one stem's files (or the mix's), without an ending and without any folder."""
    parts = (safe_part(score.style, "loop"), bpm_part(score.bpm), safe_part(stem, "stem"), safe_part(candidate_id, "x"))
    return "_".join(("antiphon", *parts, score.key.file_name))
