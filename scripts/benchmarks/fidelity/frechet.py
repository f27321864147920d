"""Fréchet distance between two sets of embeddings (Heusel et al., 2017; for audio Kilgour et al., 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plane:
    """The directions in which real renders vary most. A covariance of hundreds of dimensions can't be had from a few
    hundred patches; that of a few can. What an arm does outside of them is not seen, the same for all arms."""

    mean: Rows
    directions: Rows

    @classmethod
    def of(cls, rows: Rows, dims: int) -> Plane:
        mean = rows.mean(0)
        directions = np.linalg.svd(rows - mean, full_matrices=False)[2][:dims].T
        return cls(mean, directions)

    def project(self, rows: Rows) -> Rows:
        return np.asarray((rows - self.mean) @ self.directions)


def frechet_distance(a: Rows, b: Rows) -> float:
    """‖μa − μb‖² + tr(Σa + Σb − 2 (Σa Σb)^½), rows being samples; zero for equal sets.

    The trace of the root is the sum of the roots of the eigenvalues of Σa^½ Σb Σa^½, which is symmetric.
    """
    shift = a.mean(0) - b.mean(0)
    spread_a, spread_b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    values, vectors = np.linalg.eigh(spread_a)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ spread_b @ root), 0.0, None)).sum()
    return float(shift @ shift + np.trace(spread_a) + np.trace(spread_b) - 2.0 * shared)
