"""Write requirements.lock: the exact version of everything that antiphon[dev] needs, as this environment has it.

    python scripts/lock.py            # after installing or upgrading something, with everything tested
    python scripts/lock.py --check    # exit 1 where the lock and the environment differ

The lock is a pip constraints file: it pins what is installed and installs nothing by itself. So one file serves every
system: a package that only Windows or only a CUDA build needs is simply not pinned. It has no hashes, because the CPU
and CUDA builds of torch share a version and differ in content. torch is pinned without its local part (`+cpu`), which
matches every build of that version.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
HEADER = "# Exact versions that were tested together; a pip constraints file written by scripts/lock.py.\n"


def canonical(name: str) -> str:
    """The name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether this system and these extras call for the requirement."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})


def closure(name: str, extras: frozenset[str]) -> dict[str, str]:
    """Versions of everything that `name[extras]` needs here, by canonical name, without `name` itself."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(name, extras)]
    while queue:
        package, wanted = queue.pop()
        if (canonical(package), wanted) in seen:
            continue
        seen.add((canonical(package), wanted))
        found = distribution(package)
        pins[canonical(package)] = found.version.partition("+")[0]
        needed = (r for r in map(Requirement, found.requires or ()) if applies(r, wanted))
        queue.extend((requirement.name, frozenset(requirement.extras)) for requirement in needed)
    del pins[canonical(name)]
    return pins


def lock_text() -> str:
    """The whole lock, sorted by name."""
    pins = closure("antiphon", frozenset({"dev"}))
    return HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def main() -> int:
    text = lock_text()
    if "--check" not in sys.argv[1:]:
        LOCK.write_text(text, encoding="utf-8")
        print(f"{LOCK.name}: {text.count('==')} packages")
        return 0
    if LOCK.exists() and LOCK.read_text(encoding="utf-8") == text:
        return 0
    print(f"{LOCK.name} differs from this environment: run python scripts/lock.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
