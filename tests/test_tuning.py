"""What the tuning knows of models' versions, beside what the tests of jobs show of whole trainings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from antiphon.domain.model_version import ModelVersion
from antiphon.jobs.supervisor import Supervisor
from antiphon.settings import Settings
from antiphon.tuning import Trusts, Tuning, Versions


def made(version: str, base_version: str) -> ModelVersion:
    return ModelVersion(version, "builtin", base_version, "", "promoted", 0.0, {}, 0.0)


class Made:
    """Two versions, of which one is of weights that are gone."""

    subject = None

    async def versions(self) -> list[ModelVersion]:
        return [made("builtin-6+1", "builtin-6"), made("builtin-5+1", "builtin-5")]


async def test_a_base_is_known_by_its_versions_where_it_is_not_warm() -> None:
    """So children of its loops are made by it, also after a restart with a version of it in use."""
    supervisor = SimpleNamespace(versions={"builtin-6+1": "builtin-6+1"})
    tuning = Tuning(
        Settings(), cast(Versions, Made()), cast(Supervisor, supervisor), ["builtin", "builtin-6+1"], print,
        cast(Any, print), cast(Trusts, SimpleNamespace(trust=None)),
    )  # fmt: skip
    assert await tuning.known() == {"builtin": "builtin-6", "builtin-6+1": "builtin-6+1"}
    # What is loaded is surer than what is noted.
    supervisor.versions = {"builtin": "builtin-7"}
    assert (await tuning.known())["builtin"] == "builtin-7"
