"""Other people's ways from ratings to clips' worth: sureal (subjective video tests) and crowd-kit (crowdsourcing).

Both are for evaluation alone: `pip install -e .[evaluation]`.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Comparisons taken from one rater's answers at most, so that it ends in reasonable time.
MOST_PAIRS = 60
#: Raters, clips, values on 1 to 5, number of clips → each clip's worth.
Aggregate = Callable[[Any, Any, Any, int], Floats]


def installed() -> tuple[dict[str, Aggregate], list[str]]:
    """Every method that can be imported, by name, and a sentence for each package that can't."""
    found: dict[str, Aggregate] = {}
    missing = []
    for package, methods in (("sureal", _sureal), ("crowd-kit", _crowd_kit)):
        try:
            found |= methods()
        except ImportError as error:
            missing.append(f"{package} could not be imported ({error}): pip install -e .[evaluation]")
    return found, missing


def _sureal() -> dict[str, Aggregate]:
    from sureal import subjective_model
    from sureal.dataset_reader import RawDatasetReader

    def by(model: Any) -> Aggregate:
        def worth(rater: Any, clip: Any, value: Any, clips: int) -> Floats:
            answers: list[dict[str, float]] = [{} for _ in range(clips)]
            for who, what, said in zip(rater, clip, value, strict=True):
                answers[what][f"s{who}"] = float(said)
            videos = [{"content_id": n, "asset_id": n, "os": said, "path": f"d{n}"} for n, said in enumerate(answers)]
            references = [{"content_id": n, "content_name": str(n), "path": f"r{n}"} for n in range(clips)]
            data = SimpleNamespace(dataset_name="study", ref_videos=references, dis_videos=videos, ref_score=5.0)
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                return np.array(model(RawDatasetReader(data)).run_modeling()["quality_scores"], dtype=float)

        return worth

    return {
        "sureal, BT.500 rejection": by(subjective_model.SubjrejMosModel),
        "sureal, P.913 bias removal": by(subjective_model.BiasremvMosModel),
        "sureal, maximum likelihood": by(subjective_model.SubjectMLEModelProjectionSolver2),
    }


def _crowd_kit() -> dict[str, Aggregate]:
    import pandas
    from crowdkit.aggregation import MACE, DawidSkene, NoisyBradleyTerry

    def expected(model: Callable[[], Any]) -> Aggregate:
        def worth(rater: Any, clip: Any, value: Any, clips: int) -> Floats:
            table = pandas.DataFrame({"task": clip, "worker": rater, "label": np.asarray(value, dtype=int)})
            chances = model().fit_predict_proba(table).reindex(range(clips)).fillna(0.0)
            return np.asarray(chances.to_numpy() @ chances.columns.to_numpy(dtype=float))

        return worth

    def pairwise(rater: Any, clip: Any, value: Any, clips: int) -> Floats:
        rows = []
        for who in np.unique(rater):
            mine = np.flatnonzero(rater == who)
            pairs = np.array(list(itertools.combinations(mine, 2)), dtype=int).reshape(-1, 2)
            for one, two in pairs[:: max(1, -(-len(pairs) // MOST_PAIRS))]:
                if value[one] != value[two]:
                    rows.append((who, clip[one], clip[two], clip[one] if value[one] > value[two] else clip[two]))
        table = pandas.DataFrame(rows, columns=["worker", "left", "right", "label"])
        scores = NoisyBradleyTerry(n_iter=50).fit_predict(table)
        return np.asarray(scores.reindex(range(clips)).fillna(scores.mean()).to_numpy(dtype=float))

    return {
        "crowd-kit, Dawid-Skene": expected(lambda: DawidSkene(n_iter=30)),
        "crowd-kit, MACE": expected(lambda: MACE(n_restarts=1, n_iter=30, random_state=0)),
        "crowd-kit, noisy Bradley-Terry": pairwise,
    }
