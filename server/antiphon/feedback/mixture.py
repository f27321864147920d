"""The hierarchical model of raters, and its posterior by Gibbs sampling.

    value = clip's worth + rater's bias + rater's noise × N(0, 1)       where the rater attends
    value = a habit of the rater's own, whatever plays                  where they don't
    value = (mirrored worth) + bias + noise × N(0, 1)                   where they answer the wrong way round

Bias and noise as in Li, Bampis, Krasula, Janowski & Katsavounidis, "A simple model for subject behavior in subjective
experiments" (Electronic Imaging 2020; ITU-T P.913), here with priors whose widths are estimated from the data, because
maximum likelihood collapses at three ratings a clip. The mixture over raters follows Hovy, Berg-Kirkpatrick, Vaswani &
Hovy, "Learning whom to trust with MACE" (NAACL 2013) and Raykar & Yu, "Eliminating spammers and ranking annotators"
(JMLR 2012). Sampling: Gelfand & Smith (JASA 1990); each rater's class, noise and bias are drawn together, with the bias
integrated out where the class is drawn, and means are Rao-Blackwellised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from antiphon.feedback.evidence import HABITS, WITHIN, Evidence
from antiphon.feedback.ratings import Floats, Ints

ATTENTIVE, INATTENTIVE, CONTRARY = 0, 1, 2
#: Raters of each kind of habit, as if seen before.
HABIT_PRIOR = 0.5
#: The noise that a rater may have, as a standard deviation on 0 to 1: from a knob's jitter to no information.
NOISE = np.geomspace(0.04, 0.6, 9)
#: Raters of each class, as if seen before: most people listen.
CLASS_PRIOR = np.array([30.0, 1.2, 0.4])
#: Standard deviations of clips and biases before data, and how many observations that belief weighs.
PRIOR_CLIP, PRIOR_BIAS, PRIOR_COUNT = 0.15, 0.1, 5.0
#: Where the mean of all clips lies before data, and how surely.
PRIOR_CENTRE, PRIOR_CENTRE_SD = 0.5, 0.15
#: The typical noise before data, the spread of its logarithm, and how many raters that belief weighs.
PRIOR_NOISE, PRIOR_NOISE_SPREAD, PRIOR_RATERS = 0.18, 0.3, 2.0
SWEEPS, BURN_IN = 200, 60
#: Chains run side by side as rows; fewer where there are many ratings.
MOST_CHAINS, FEWEST_CHAINS, PAIRS_AT_ONCE = 8, 3, 12000


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Means over the posterior. Clips (c,), raters (r,); `classes` (r, 3); all on the scale 0 to 1.

    `use` is the expected precision of a rater in units of 1 / noise², counting only where they attend.
    """

    clip_mean: Floats
    clip_sd: Floats
    classes: Floats
    bias: Floats
    noise: Floats
    use: Floats
    centre: float
    clip_spread: float
    bias_spread: float
    typical_noise: float
    shares: Floats


@dataclass(slots=True)
class _Chains:
    """Where each chain (rows, s) stands."""

    worth: Floats
    centre: Floats
    clip_variance: Floats
    bias_variance: Floats
    noise_log: Floats
    noise_spread: Floats
    log_shares: Floats
    log_habits: Floats


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One draw of every rater's class, noise and bias (s, r), and the class probabilities it came from (s, r, 3)."""

    kind: Ints
    level: Ints
    habit: Ints
    bias: Floats
    bias_mean: Floats
    classes: Floats
    noise_mean: Floats
    use: Floats


def posterior(data: Evidence, rng: np.random.Generator) -> Posterior:
    """The posterior of the model. At least one pair; the same rng gives the same answer."""
    return _Sampler(data, rng).run()


class _Sampler:
    def __init__(self, data: Evidence, rng: np.random.Generator) -> None:
        self.data, self.rng = data, rng
        pairs = max(len(data.value), 1)
        self.chains = int(np.clip(PAIRS_AT_ONCE // pairs, FEWEST_CHAINS, MOST_CHAINS))
        row = np.arange(self.chains)[:, None]
        self.rater_slot = (data.rater + data.raters * row).ravel()
        self.clip_slot = (data.clip + data.clips * row).ravel()
        self.count = np.bincount(data.rater, minlength=data.raters).astype(np.float64)
        self.rated = np.bincount(data.clip, minlength=data.clips) > 0
        self.mirror = float(data.value.mean())
        self.weight = self._fixed(np.ones(pairs))
        self.total, self.squares = self._fixed(data.value), self._fixed(data.value**2)
        # What doesn't change from sweep to sweep of the log likelihood: repeats, and weights' determinants.
        free = self.count + data.repeats
        self.constant = 0.5 * np.bincount(data.rater, np.log(data.precision), data.raters)
        self.constant = self.constant - 0.5 * (free * np.log(2 * np.pi) + data.repeats * np.log(WITHIN))
        self.per_noise = -0.5 * (
            2.0 * free[:, None] * np.log(NOISE) + data.repeat_squares[:, None] / (WITHIN * NOISE**2)
        )

    def _fixed(self, per_pair: Floats) -> Floats:
        return np.asarray(
            np.bincount(self.data.rater, self.data.precision * per_pair, self.data.raters), dtype=np.float64
        )

    def _sum(self, slot: Ints, per_pair: Floats, length: int) -> Floats:
        summed = np.bincount(slot, per_pair.ravel(), self.chains * length)
        return np.asarray(summed.reshape(self.chains, length), dtype=np.float64)

    def run(self) -> Posterior:
        state, data = self._start(), self.data
        sums: list[Floats] = []
        for sweep in range(SWEEPS):
            drawn = self._draw_raters(state)
            mean, variance = self._draw_clips(state, drawn)
            self._draw_population(state, drawn)
            if sweep >= BURN_IN:
                spreads = np.stack(
                    [state.centre, state.clip_variance**0.5, state.bias_variance**0.5, np.exp(state.noise_log)]
                )
                parts = (mean, variance + mean**2, drawn.bias_mean, drawn.noise_mean, drawn.use)
                row = [part.mean(0) for part in parts] + [drawn.classes.mean(0).ravel(), spreads.mean(1)]
                row.append(np.exp(state.log_shares).mean(0))
                sums.append(np.concatenate(row))
        total = np.mean(sums, axis=0)
        cuts = np.cumsum([data.clips, data.clips, data.raters, data.raters, data.raters, 3 * data.raters, 4])
        clip, square, bias, noise, use, classes, spreads, shares = np.split(total, cuts)
        spread = np.sqrt(np.maximum(square - clip**2, 0.0))
        centre, clip_spread, bias_spread, typical = (float(x) for x in spreads)
        table = classes.reshape(data.raters, 3)
        return Posterior(clip, spread, table, bias, noise, use, centre, clip_spread, bias_spread, typical, shares)

    def _start(self) -> _Chains:
        """Near the plain means, a little apart, so that the larger part of the raters says what is up."""
        data, chains = self.data, self.chains
        count = np.bincount(data.clip, minlength=data.clips)
        plain = np.bincount(data.clip, data.value - self.mirror, data.clips) / np.maximum(count, 1)
        worth = self.mirror + 0.6 * plain + self.rng.normal(0.0, 0.05, (chains, data.clips))
        return _Chains(
            worth,
            np.full(chains, self.mirror),
            np.full(chains, PRIOR_CLIP**2),
            np.full(chains, PRIOR_BIAS**2),
            np.full(chains, np.log(PRIOR_NOISE)),
            np.full(chains, PRIOR_NOISE_SPREAD),
            np.tile(np.log(CLASS_PRIOR / CLASS_PRIOR.sum()), (chains, 1)),
            np.full((chains, HABITS), -np.log(HABITS)),
        )

    def _deviations(self, worth: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Sums and sums of squares (s, r) of value − worth, and of value − mirrored worth."""
        data, twice = self.data, 2.0 * self.mirror
        near = worth[:, data.clip]
        weighted = data.precision * near
        first = self._sum(self.rater_slot, weighted, data.raters)
        square = self._sum(self.rater_slot, weighted * near, data.raters)
        cross = self._sum(self.rater_slot, weighted * data.value, data.raters)
        turned = self.total + first - twice * self.weight
        straight_squares = self.squares - 2.0 * cross + square
        turned_squares = self.squares + square + twice**2 * self.weight
        turned_squares = turned_squares + 2.0 * cross - 2.0 * twice * (self.total + first)
        return (self.total - first, straight_squares), (turned, turned_squares)

    def _likelihood(self, state: _Chains, deviation: tuple[Floats, Floats]) -> Floats:
        """Log likelihood (s, r, noise levels) with the bias integrated out."""
        first, square = deviation
        level = NOISE**2
        middle = first**2 / np.maximum(self.weight, 1e-12)
        inner = np.maximum(square - middle, 0.0)[..., None] / level
        shared = self.weight[:, None] * state.bias_variance[:, None, None] / level
        outer = middle[..., None] / level / (1.0 + shared)
        return np.asarray(self.constant[:, None] + self.per_noise - 0.5 * (np.log1p(shared) + inner + outer))

    def _draw_raters(self, state: _Chains) -> _Drawn:
        straight, turned = self._deviations(state.worth)
        prior = -0.5 * ((np.log(NOISE) - state.noise_log[:, None]) / state.noise_spread[:, None]) ** 2
        prior = (prior - logsumexp(prior, axis=1, keepdims=True))[:, None, :]
        shares, levels = state.log_shares[:, None, :], len(NOISE)
        attentive = self._likelihood(state, straight) + prior + shares[..., ATTENTIVE, None]
        contrary = self._likelihood(state, turned) + prior + shares[..., CONTRARY, None]
        habit = self.data.habit + state.log_habits[:, None, :] + shares[..., INATTENTIVE, None]
        logs = np.concatenate([attentive, contrary, habit], axis=2)
        chance = np.exp(logs - logs.max(axis=2, keepdims=True))
        chance /= chance.sum(axis=2, keepdims=True)
        pick = (chance.cumsum(axis=2) < self.rng.random((*chance.shape[:2], 1))).sum(axis=2)
        pick = np.minimum(pick, chance.shape[2] - 1)
        kind = np.where(pick < levels, ATTENTIVE, np.where(pick < 2 * levels, CONTRARY, INATTENTIVE))
        level = np.where(kind == INATTENTIVE, 0, pick % levels)
        habit_kind = np.where(kind == INATTENTIVE, pick - 2 * levels, -1)
        first = np.where(kind == CONTRARY, turned[0], straight[0])
        noise = NOISE[level] ** 2
        variance = 1.0 / (1.0 / state.bias_variance[:, None] + self.weight / noise)
        mean = np.where(kind == INATTENTIVE, 0.0, variance * first / noise)
        bias = np.where(kind == INATTENTIVE, 0.0, mean + np.sqrt(variance) * self.rng.normal(size=mean.shape))
        by_kind = (chance[..., :levels], chance[..., levels : 2 * levels])
        classes = np.stack([by_kind[0].sum(2), chance[..., 2 * levels :].sum(2), by_kind[1].sum(2)], axis=2)
        heard = by_kind[0] + by_kind[1] + 1e-12
        typical = (heard * NOISE).sum(2) / heard.sum(2)
        return _Drawn(kind, level, habit_kind, bias, mean, classes, typical, (by_kind[0] / NOISE**2).sum(2))

    def _draw_clips(self, state: _Chains, drawn: _Drawn) -> tuple[Floats, Floats]:
        data = self.data
        use = np.where(drawn.kind == INATTENTIVE, 0.0, 1.0 / NOISE[drawn.level] ** 2)[:, data.rater] * data.precision
        bias = drawn.bias[:, data.rater]
        turned = (drawn.kind == CONTRARY)[:, data.rater]
        said = np.where(turned, 2.0 * self.mirror + bias - data.value, data.value - bias)
        prior = 1.0 / state.clip_variance[:, None]
        precision = prior + self._sum(self.clip_slot, use, data.clips)
        mean = (prior * state.centre[:, None] + self._sum(self.clip_slot, use * said, data.clips)) / precision
        variance = 1.0 / precision
        state.worth = mean + np.sqrt(variance) * self.rng.normal(size=mean.shape)
        return mean, variance

    def _draw_population(self, state: _Chains, drawn: _Drawn) -> None:
        rng, prior = self.rng, 0.5 * PRIOR_COUNT
        worth = state.worth[:, self.rated]
        sure = worth.shape[1] / state.clip_variance + PRIOR_CENTRE_SD**-2
        said = worth.sum(1) / state.clip_variance + PRIOR_CENTRE * PRIOR_CENTRE_SD**-2
        state.centre = said / sure + rng.normal(size=self.chains) / np.sqrt(sure)
        squares = ((worth - state.centre[:, None]) ** 2).sum(1)
        state.clip_variance = (prior * PRIOR_CLIP**2 + 0.5 * squares) / rng.gamma(
            prior + 0.5 * worth.shape[1], size=self.chains
        )
        # Raters without a rating would only echo the prior.
        heard = (drawn.kind != INATTENTIVE) & (self.count > 0)
        people = heard.sum(1)
        squares = (drawn.bias**2 * heard).sum(1)
        state.bias_variance = (prior * PRIOR_BIAS**2 + 0.5 * squares) / rng.gamma(prior + 0.5 * people)
        usual = float(np.log(PRIOR_NOISE))
        logs = np.log(NOISE)[drawn.level]
        mean = (PRIOR_RATERS * usual + (logs * heard).sum(1)) / (PRIOR_RATERS + people)
        squares = ((logs - mean[:, None]) ** 2 * heard).sum(1) + PRIOR_RATERS * (mean - usual) ** 2
        start = 2.0 * PRIOR_NOISE_SPREAD**2
        spread = (start + 0.5 * squares) / rng.gamma(2.0 + 0.5 * people)
        state.noise_spread = np.sqrt(spread)
        state.noise_log = mean + np.sqrt(spread / (PRIOR_RATERS + people)) * rng.normal(size=self.chains)
        kinds = np.stack([((drawn.kind == kind) & (self.count > 0)).sum(1) for kind in range(3)], axis=1)
        shares = rng.gamma(CLASS_PRIOR + kinds)
        state.log_shares = np.log(shares / shares.sum(1, keepdims=True) + 1e-12)
        seen = np.stack([((drawn.habit == habit) & (self.count > 0)).sum(1) for habit in range(HABITS)], axis=1)
        habits = rng.gamma(HABIT_PRIOR + seen)
        state.log_habits = np.log(habits / habits.sum(1, keepdims=True) + 1e-12)
