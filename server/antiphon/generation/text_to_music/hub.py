"""Models by their id on the Hugging Face hub: looked up in the local cache, downloaded only where the settings name
the id and HF_HUB_OFFLINE doesn't forbid it, and then nothing but safetensors and plain text."""

from __future__ import annotations

from pathlib import Path

from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.text_to_music.weights import components, family_of

_ABOUT = ["model_index.json", "config.json", "README.md", "LICENSE*"]
_PLAIN = ("*.json", "*.txt", "*.model", "*.safetensors")
#: Second copies of the same weights in half precision.
_TWICE = ["*.fp16.*", "*.non_ema.*"]


def cached(entry: ModelEntry) -> Path | None:
    """The entry's folder on this machine, without any network; None where it was never downloaded."""
    if entry.path:
        return Path(entry.path).expanduser()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(entry.hub, revision=entry.revision or None, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError):
        return None


def folder_of(entry: ModelEntry) -> Path:
    """The entry's folder, downloaded where need be. Raises BackendFailed that says what to do."""
    if entry.path:
        return Path(entry.path).expanduser()
    from huggingface_hub import errors as hub
    from huggingface_hub import snapshot_download

    revision = entry.revision or None
    try:
        about = Path(snapshot_download(entry.hub, revision=revision, allow_patterns=_ABOUT))
        return Path(
            snapshot_download(entry.hub, revision=revision, allow_patterns=wanted(about), ignore_patterns=_TWICE)
        )
    except hub.GatedRepoError as error:
        raise BackendFailed(
            f"{entry.hub} is only for those who accepted its licence: do that on its page at huggingface.co, then log "
            "in on this machine with: hf auth login"
        ) from error
    except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError, hub.HFValidationError) as error:
        raise BackendFailed(
            f"the hub has no {entry.hub}{f' at {entry.revision}' if entry.revision else ''}, or it is private: check "
            f"hub and revision of the model {entry.name} in the settings; for a private one: hf auth login"
        ) from error
    except (hub.LocalEntryNotFoundError, hub.HfHubHTTPError, OSError, RuntimeError) as error:
        raise BackendFailed(_unreachable(entry, error)) from error


def _unreachable(entry: ModelEntry, error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            f"{entry.hub} is not on this machine, and HF_HUB_OFFLINE forbids to download it: unset that once, or put "
            f"the model into a folder and name it as path of the model {entry.name}"
        )
    first = str(error).strip().splitlines()
    return (
        f"{entry.hub} could not be downloaded ({first[0] if first else type(error).__name__}): check network and disk "
        f"space, or put the model into a folder and name it as path of the model {entry.name}"
    )


def wanted(about: Path) -> list[str]:
    """Patterns of the files that make up the model, once it is clear from what it says of itself that we can run it."""
    family = family_of(about)
    if not (about / "model_index.json").is_file():
        return [*_ABOUT, *_PLAIN]
    return [*_ABOUT, *(f"{part}/{pattern}" for part in components(about, family) for pattern in _PLAIN)]
