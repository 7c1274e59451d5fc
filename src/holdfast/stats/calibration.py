"""Calibration of probabilities over bins of equal mass: error, decomposition, test, band."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from holdfast.stats.logistic import logistic_fit
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import Units, quantile_interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

BINS = 15
#: resamples of the null, and rows beyond which they are drawn from the normal approximation
NULL_DRAWS, MOST_EXACT = 500, 20_000
#: rows that slope and intercept are fitted on; more are gathered into so many groups
MOST_FITTED = 5_000


def logit(p: Floats) -> Floats:
    """Log odds, probabilities kept 1e-9 away from 0 and 1."""
    inside = np.clip(p, 1e-9, 1.0 - 1e-9)
    return np.asarray(np.log(inside / (1.0 - inside)))


def equal_mass(ranked: Ranked, bins: int = BINS) -> Ints:
    """Bin of each row, in the rows' own order; the highest scores are bin 0, ties stay together.

    With few distinct scores there are fewer bins than asked.
    """
    centre = ranked.asked - ranked.sizes / 2.0
    of_cut = np.minimum((centre * bins / ranked.n).astype(np.intp), bins - 1)
    of_cut = np.unique(of_cut, return_inverse=True)[1].reshape(-1)
    out = np.empty(ranked.n, np.intp)
    out[ranked.order] = np.repeat(of_cut, ranked.sizes)
    return out


class Reliability:
    """Forecast and truth over bins of equal mass.

    Args:
        positive: shape (n,), truth.
        score: shape (n,), probabilities.
        ranked: the same rows sorted.
        units: what belongs together.
        bins: number of bins.

    Attributes:
        rows, forecast, observed: shape (k,), size, mean probability and share of positives.
        effect: design effect of the mean of truth less probability.
    """

    def __init__(
        self, positive: Bools, score: Floats, ranked: Ranked, units: Units, bins: int = BINS
    ) -> None:
        self.positive, self.score, self.n = positive, score, len(score)
        self.code = equal_mass(ranked, bins)
        self.rows = np.bincount(self.code).astype(np.float64)
        self.forecast = np.bincount(self.code, weights=score) / self.rows
        self.observed = np.bincount(self.code, weights=positive) / self.rows
        error = positive - score
        self.gap = self.observed - self.forecast
        squared = np.bincount(self.code, weights=error**2) / self.rows - self.gap**2
        self.noise = np.maximum(squared, 0.0) / np.maximum(self.rows - 1, 1)
        self.effect = units.design_effect(error - error.mean())
        self.share = self.rows / self.n

    def error(self) -> float:
        """Debiased expected calibration error.

        The mean absolute gap over bins, times the root of the share of the squared gap that is
        not noise: ``ECE sqrt(max(0, 1 - sum w s2 / sum w gap2))``. The plain ECE of a perfectly
        calibrated model is far from 0; the median of this one is 0.
        Sources: Roelofs et al. 2022 (equal mass); Kumar et al. 2019 (unbiased squared gap).
        """
        return float(_debiased(self.share, self.gap, self.noise * self.effect))

    def error_interval(self, unit: Ints, weights: Floats, level: float) -> tuple[float, float]:
        """Bootstrap interval of `error`: a resample carries its own noise, removed twice."""
        k, count = len(self.rows), weights.shape[1]
        cell = unit * k + self.code

        def summed(values: Floats | None) -> Floats:
            flat = np.bincount(cell, weights=values, minlength=count * k)
            return weights @ flat.reshape(count, k).astype(np.float64)

        rows = summed(None)
        gap = summed(self.positive - self.score) / np.maximum(rows, 1.0)
        share = rows / rows.sum(axis=1, keepdims=True)
        draws = _debiased(share, gap, 2.0 * self.noise * self.effect)
        return quantile_interval(np.asarray(draws), level)

    def decomposition(self) -> tuple[float, float, float, float]:
        """Brier score as reliability - resolution + uncertainty + what is left inside bins.

        Sources: Murphy 1973; the last part Stephenson et al. 2008.
        """
        base = float(self.positive.mean())
        reliability = float(self.share @ self.gap**2)
        resolution = float(self.share @ (self.observed - base) ** 2)
        brier = float(((self.score - self.positive) ** 2).mean())
        uncertainty = base * (1.0 - base)
        return reliability, resolution, uncertainty, brier - reliability + resolution - uncertainty

    def null(self, level: float, seed: int) -> tuple[float, Floats]:
        """What a perfectly calibrated model would show on these scores.

        Returns:
            p, the chance of a departure as large as the observed one (the smaller of two tests,
            doubled: squared gaps over bins, and the score test of intercept and slope), and the
            consistency band, shape (k, 2), of the share of positives in each bin.

        Outcomes are drawn from the scores themselves (Bröcker and Smith 2007); beyond 20,000 rows
        from the normal approximation of each bin.
        """
        p, k = self.score, len(self.rows)
        spread = p * (1.0 - p)
        variance = np.bincount(self.code, weights=spread, minlength=k)
        lines = np.column_stack([np.ones(self.n), logit(p)])
        lines[:, 1] -= (lines[:, 1] @ spread) / max(float(spread.sum()), 1e-300)
        information = np.maximum((lines**2 * spread[:, None]).sum(axis=0), 1e-12)
        over = np.maximum(variance, 1.0)

        def statistics(sums: Floats, moments: Floats) -> tuple[Floats, Floats]:
            return (sums**2 / over).sum(axis=-1), (moments**2 / information).sum(axis=-1)

        rng = np.random.default_rng(seed)
        sums, moments = [], []
        if self.n <= MOST_EXACT:
            onto = np.zeros((self.n, k + 2))
            onto[np.arange(self.n), self.code] = 1.0
            onto[:, k:] = lines
            step = max(1, 2_000_000 // self.n)
            for start in range(0, NULL_DRAWS, step):
                size = min(step, NULL_DRAWS - start)
                both = ((rng.random((size, self.n)) < p) - p) @ onto
                sums.append(both[:, :k])
                moments.append(both[:, k:])
            drawn, moment = np.concatenate(sums), np.concatenate(moments)
        else:
            drawn = rng.normal(size=(NULL_DRAWS, k)) * np.sqrt(variance)
            moment = rng.normal(size=(NULL_DRAWS, 2)) * np.sqrt(information)
        error = self.positive - p
        seen = statistics(self.gap * self.rows, error @ lines)
        chance = [
            (1.0 + float((null >= value / self.effect - 1e-12).sum())) / (NULL_DRAWS + 1.0)
            for null, value in zip(statistics(drawn, moment), seen, strict=True)
        ]
        tail = (1.0 - level) / 2.0
        edges = np.quantile(drawn, [tail, 1.0 - tail], axis=0) * math.sqrt(self.effect)
        band = np.clip(self.forecast[:, None] + (edges / self.rows).T, 0.0, 1.0)
        return min(1.0, 2.0 * min(chance)), band


def _debiased(share: Floats, gap: Floats, noise: Floats) -> Floats:
    squared = (share * gap**2).sum(axis=-1)
    left = np.maximum(squared - (share * noise).sum(axis=-1), 0.0)
    plain = (share * np.abs(gap)).sum(axis=-1)
    return np.asarray(plain * np.sqrt(left / np.where(squared > 0, squared, 1.0)))


def slope_and_intercept(
    positive: Bools, score: Floats, ranked: Ranked
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Calibration slope and calibration-in-the-large, each with its standard error.

    The slope of a logistic regression of truth on the log odds of the score (1 is calibrated,
    below 1 the scores are too extreme), and the intercept with that slope held at 1 (0 is
    calibrated, above 0 the scores are too low). Beyond 5,000 rows neighbours are gathered.
    Source: Cox 1958; Steyerberg 2019, ch. 15. NaN where the fit has no finite answer.
    """
    odds, target = logit(score), positive.astype(np.float64)
    weight = None
    if len(score) > MOST_FITTED:
        code = equal_mass(ranked, MOST_FITTED // 2)
        weight = np.bincount(code).astype(np.float64)
        odds = np.bincount(code, weights=odds) / weight
        target = np.bincount(code, weights=target) / weight
    ones = np.ones((len(odds), 1))
    middle = float(odds.mean())
    spread = float(odds.std())
    if spread < 1e-9:
        slope = (math.nan, math.nan)
    else:
        design = np.column_stack([ones[:, 0], odds - middle])
        beta, cover = logistic_fit(design, target, weight=weight, ridge=1e-9)
        slope = (float(beta[1]), math.sqrt(float(cover[1, 1])))
    beta, cover = logistic_fit(ones, target, weight=weight, offset=odds, ridge=1e-9)
    return slope, (float(beta[0]), math.sqrt(float(cover[0, 0])))
