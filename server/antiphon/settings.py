"""All settings: frozen, validated once, from TOML, environment and command line, in rising order of precedence."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a request is refused at once with code `limit`."""

    bars: int = 16
    count: int = 16
    steps: int = 100
    queue: int = 64
    duration_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Settings:
    """See docs/settings.md, which is checked against this class by a test."""

    host: str = "127.0.0.1"
    osc_port: int = 9010
    http_port: int = 9011
    data_dir: Path = field(default_factory=lambda: Path("antiphon-data"))
    server_name: str = "Antiphon"
    model: str = "builtin"
    device: str = "auto"
    bpm: float = 120.0
    sample_rate: int = 44100
    preset: str = "clean"
    file_format: str = "wav"
    token: str = ""
    lease_s: float = 10.0
    max_attempts: int = 3
    quality_retries: int = 3
    limits: Limits = field(default_factory=Limits)
