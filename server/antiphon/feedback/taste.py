"""What listeners like, as far as a few ratings tell, and how sure that is: a Gaussian process over described loops.

Likings of the groups of features (`feedback.features`) add up (Duvenaud, Nickisch & Rasmussen, "Additive Gaussian
processes", NeurIPS 2011), so that two dozen ratings go a long way and every belief can be told group by group; one more
term over all groups at once holds how they work together. Which groups matter, and how smooth liking is, is not fitted
but averaged over (Murray & Adams, "Slice sampling covariance hyperparameters of latent Gaussian models", NeurIPS 2010),
because two dozen ratings can't fit it. Contexts share what they have in common (Bonilla, Chai & Williams, "Multi-task
Gaussian process prediction", NeurIPS 2007), and each rater may use the scale in their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from antiphon.feedback.features import Described, some_of

Vector = NDArray[np.float64]

#: The group that stands for all groups at once.
TOGETHER = "together"
#: A group of how loops sound counts so much before any rating, beside one of genes and notes, and stands aside from
#: TOGETHER: what is foretold is less sure, and whoever does not listen to sound must not pay for those who do.
HEARD_SHARE = 1.0 / 3.0
#: Hyperparameters of the posterior that are kept, steps between them and before the first.
KEPT, EVERY, BURN_IN = 16, 3, 12
#: Prior of the logarithms: mean and standard deviation. Liking 0 to 1 is expected to vary by about 0.2.
_LOG_SD, _LOG_NOISE, _LOG_RATER, _LOG_LENGTH = (-1.6, 0.4), (-1.9, 0.6), (-2.6, 0.6), (-0.4, 0.4)
_LOG_SHARE_SD = 1.3
_MEAN, _MEAN_SD = 0.45, 0.25
_JITTER = 1e-6
#: Draws that tell the prior's mean shares to a thousandth.
_PRIOR_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Reliable ratings of loops: `values` 0 to 1, float64 (ratings,); `weights`, how much each counts: 1 as one
    attentive rating, 0 not at all, 5 as five of them; who rated, and in which context (`""`: none)."""

    loops: Described
    values: Vector
    weights: Vector
    raters: tuple[str, ...]
    contexts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """`kinship` is how much one context's taste says of another's, 0 to 1."""

    kinship: float = 0.6


@dataclass(frozen=True, slots=True)
class _Draw:
    """One draw of the hyperparameters with what follows from it: training weights `alpha` (ratings,), the lower
    Cholesky factor `root` of the ratings' covariance, variances by group."""

    variances: Vector
    length: float
    alpha: Vector
    root: Vector


@dataclass(frozen=True)
class Taste:
    """The model, after `learn`."""

    evidence: Evidence
    settings: Settings
    scales: Mapping[str, float]
    draws: tuple[_Draw, ...]

    def predict(self, loops: Described, context: str = "") -> tuple[Vector, Vector]:
        """The expected liking of loops and its standard deviation, float64 (loops,) each."""
        far, kin = self._squares(loops), self._kinship(context)
        means, variances = [], []
        for draw in self.draws:
            cross = _kernel(far, draw.variances, draw.length) * kin + _MEAN_SD**2
            part = solve_triangular(draw.root, cross.T, lower=True)
            means.append(_MEAN + cross @ draw.alpha)
            variances.append(draw.variances.sum() + _MEAN_SD**2 - (part**2).sum(0))
        variance = np.mean(variances, axis=0) + np.var(means, axis=0)
        return np.mean(means, axis=0), np.sqrt(np.maximum(variance, 0.0))

    def reasons(self, loops: Described, context: str = "") -> dict[str, Vector]:
        """How much each group of features raises or lowers the expected liking of loops, (loops,) by group.

        The sum over groups, with the common mean, is `predict`'s.
        """
        far, kin = self._squares(loops), self._kinship(context)
        found: dict[str, Vector] = {}
        for place, name in enumerate(self.scales):
            parts = [
                draw.variances[place] * (np.exp(-far[place] / (2 * draw.length**2)) * kin) @ draw.alpha
                for draw in self.draws
            ]
            found[name] = np.mean(parts, axis=0)
        return found

    def importance(self) -> dict[str, float]:
        """The share of liking's variance that each group accounts for, as far as is known; sums to 1."""
        shares = np.mean([draw.variances / draw.variances.sum() for draw in self.draws], axis=0)
        return dict(zip(self.scales, map(float, shares), strict=True))

    def importance_before(self) -> dict[str, float]:
        """What `importance` would be before any rating: a share that is no larger tells of nobody's liking."""
        drawn = np.random.default_rng(0).standard_normal((_PRIOR_DRAWS, len(self.scales)))
        drawn = _proportions(drawn, _prior(self.scales, self.evidence.loops))
        shares = (drawn / drawn.sum(axis=1, keepdims=True)).mean(axis=0)
        return dict(zip(self.scales, map(float, shares), strict=True))

    def _squares(self, loops: Described) -> Vector:
        return _squares(loops, self.evidence.loops, self.scales)

    def _kinship(self, context: str) -> Vector:
        own = np.array([each == context for each in self.evidence.contexts])
        return np.where(own, 1.0, self.settings.kinship)


def learn(evidence: Evidence, rng: np.random.Generator, settings: Settings = Settings()) -> Taste:
    """Learn from ratings, however few: without any, every loop is expected to be liked alike."""
    counted = np.flatnonzero(evidence.weights > 0)
    evidence = _only(evidence, counted)
    scales = _scales(evidence.loops)
    squares = _squares(evidence.loops, evidence.loops, scales)
    prior = _prior(scales, evidence.loops)
    kin, same_rater = _alike(evidence.contexts, settings.kinship), _alike(evidence.raters, 0.0)

    def fitted(theta: Vector) -> tuple[float, _Draw]:
        variances, length, noise, rater = _unpacked(theta, prior)
        cov = _kernel(squares, variances, length) * kin + _MEAN_SD**2 + rater * same_rater
        cov[np.diag_indices_from(cov)] += noise / evidence.weights + _JITTER
        root = cholesky(cov, lower=True)
        residual = evidence.values - _MEAN
        alpha = cho_solve((root, True), residual)
        return float(-0.5 * residual @ alpha - np.log(np.diag(root)).sum()), _Draw(variances, length, alpha, root)

    return Taste(evidence, settings, scales, _posterior(fitted, len(scales) + 4, rng))


def _only(evidence: Evidence, places: NDArray[np.intp]) -> Evidence:
    raters = tuple(evidence.raters[place] for place in places)
    contexts = tuple(evidence.contexts[place] for place in places)
    return Evidence(
        some_of(evidence.loops, places), evidence.values[places], evidence.weights[places], raters, contexts
    )


def _alike(names: Sequence[str], otherwise: float) -> Vector:
    """1 where two ratings have the same name, `otherwise` elsewhere; (ratings, ratings)."""
    column = np.array(names, dtype=object)
    return np.where(column[:, None] == column[None, :], 1.0, otherwise) if len(names) else np.zeros((0, 0))


def _scales(loops: Described) -> dict[str, float]:
    """The mean squared distance of two loops, by group: the unit in which that group's distances are told.

    Groups in which all rated loops are the same (stems that nobody has heard) tell nothing, and would only dilute the
    others; they are left out, but where there is no other.
    """
    spreads = {name: 2.0 * float(columns.var(axis=0).sum()) if len(columns) else 0.0
               for name, columns in loops.groups.items()}  # fmt: skip
    found = {name: spread for name, spread in spreads.items() if spread > 1e-9}
    return {**(found or dict.fromkeys(spreads, 1.0)), TOGETHER: 1.0}


def _squares(first: Described, second: Described, scales: Mapping[str, float]) -> Vector:
    """Squared distances in units of `scales`, (groups + 1, first, second); the last one is the mean of all groups
    but those that are heard."""
    found = np.empty((len(scales), len(first), len(second)))
    for place, (name, scale) in enumerate(scales.items()):
        if name != TOGETHER:
            one, other = first.groups[name], second.groups[name]
            square = (one**2).sum(1)[:, None] + (other**2).sum(1)[None, :] - 2.0 * one @ other.T
            found[place] = np.maximum(square, 0.0) / scale
    # Where nothing but what is heard tells loops apart, that must do.
    together = [place for place, name in enumerate(scales) if name not in {*second.heard, TOGETHER}]
    found[-1] = found[together or slice(0, -1)].mean(axis=0)
    return found


def _kernel(squares: Vector, variances: Vector, length: float) -> Vector:
    return np.asarray(np.einsum("g,gij->ij", variances, np.exp(-squares / (2.0 * length**2))))


def _unpacked(theta: Vector, prior: Vector) -> tuple[Vector, float, float, float]:
    """Standard normal coordinates as hyperparameters: variances by group, length, variances of noise and raters."""
    groups = len(prior)
    variance, noise, rater = (
        np.exp(2 * (mean + sd * theta[groups + place]))
        for place, (mean, sd) in enumerate((_LOG_SD, _LOG_NOISE, _LOG_RATER))
    )
    length = float(np.exp(_LOG_LENGTH[0] + _LOG_LENGTH[1] * theta[groups + 3]))
    share = _proportions(theta[:groups], prior)
    return variance * share / share.sum(), length, float(noise), float(rater)


def _prior(scales: Mapping[str, float], loops: Described) -> Vector:
    """How much each group counts before any rating, (groups + 1,); the last one is what works together."""
    found = np.array([HEARD_SHARE if name in loops.heard else 1.0 for name in scales])
    found[-1] = found.sum() / 3  # as much as a third of all groups by themselves
    return found


def _proportions(theta: Vector, prior: Vector) -> Vector:
    """Groups' variances but for their sum, (…, groups) as the standard normal coordinates are."""
    return np.asarray(np.exp(_LOG_SHARE_SD * theta) * prior)


def _posterior(
    fitted: Callable[[Vector], tuple[float, _Draw]], size: int, rng: np.random.Generator
) -> tuple[_Draw, ...]:
    """Draws of the hyperparameters by elliptical slice sampling (Murray, Adams & MacKay, AISTATS 2010)."""
    theta = np.zeros(size)
    likelihood, draw = fitted(theta)
    kept = []
    for step in range(BURN_IN + KEPT * EVERY):
        nu = rng.standard_normal(size)
        floor = likelihood + np.log(rng.random())
        angle = rng.uniform(0.0, 2 * np.pi)
        low, high = angle - 2 * np.pi, angle
        while True:
            proposal = theta * np.cos(angle) + nu * np.sin(angle)
            likelihood, draw = fitted(proposal)
            if likelihood > floor:
                break
            low, high = (angle, high) if angle < 0 else (low, angle)
            angle = rng.uniform(low, high)
        theta = proposal
        if step >= BURN_IN and (step - BURN_IN) % EVERY == EVERY - 1:
            kept.append(draw)
    return tuple(kept)
