"""How a score falls with age: slopes with intervals that know what the scores share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from holdfast.stats.paired import t_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: slope, low, high; NaNs where there is too little to tell
Slope = tuple[float, float, float]

_NONE: Slope = (math.nan, math.nan, math.nan)


def weighted_slope(x: Floats, y: Floats, error: Floats, level: float = 0.95) -> Slope:
    """Slope of a line through points of known error, by weighted least squares.

    Args:
        x: shape (k,).
        y: shape (k,).
        error: shape (k,), standard error of each y, > 0.
        level: coverage of the interval.

    The points may scatter more than their errors say: the variance is multiplied by the residual
    chi-square over k - 2 where that is above 1 (Birge's ratio), and t has k - 2 degrees of freedom.
    NaNs with fewer than three points, or all at one x.
    Source: R. T. Birge, Physical Review 40 (1932) 207-227.

    >>> [round(v, 3) for v in weighted_slope(np.arange(4.0), np.arange(4.0), np.full(4, 0.1))]
    [1.0, 0.808, 1.192]
    """
    k = len(x)
    if k < 3:
        return _NONE
    weight = 1.0 / np.maximum(error, 1e-12) ** 2
    centre = float((weight * x).sum() / weight.sum())
    spread = float((weight * (x - centre) ** 2).sum())
    if spread <= 0.0 or not math.isfinite(spread):
        return _NONE
    slope = float((weight * (x - centre) * y).sum() / spread)
    level_at = float((weight * y).sum() / weight.sum())
    rest = float((weight * (y - level_at - slope * (x - centre)) ** 2).sum()) / (k - 2)
    half = t_quantile(level, k - 2) * math.sqrt(max(1.0, rest) / spread)
    return slope, slope - half, slope + half


def within_slope(age: Floats, score: Floats, part: Ints, model: Ints, level: float = 0.95) -> Slope:
    """Slope of the score with the model's age: models of different age on the same rows.

    Args:
        age: shape (k,), one entry for each model on each part of the rows.
        score: shape (k,), the model's score there.
        part: shape (k,), code of the part: each has a level of its own (how hard it is).
        model: shape (k,), code of the model.
        level: coverage of the interval.

    Errors of one part belong together, and so do errors of one model: the variance is clustered
    both ways (at least the larger of the two, residuals freed of their leverage), with t of the
    smaller number of clusters less one. NaNs with fewer than three parts or models that tell
    anything.
    Source: Cameron, Gelbach and Miller, J. Business and Economic Statistics 29 (2011) 238-249.

    >>> part, model = np.triu_indices(5)[::-1]
    >>> age = (part - model).astype(float)
    >>> [round(v, 6) for v in within_slope(age, part - 0.5 * age, part, model)]
    [-0.5, -0.5, -0.5]
    """
    count = np.bincount(part)
    x = age - (np.bincount(part, weights=age) / np.maximum(count, 1))[part]
    y = score - (np.bincount(part, weights=score) / np.maximum(count, 1))[part]
    telling = np.abs(x) > 1e-12
    spread = float((x**2).sum())
    parts, models = len(np.unique(part[telling])), len(np.unique(model[telling]))
    if min(parts, models) < 3 or spread <= 0.0:
        return _NONE
    slope = float((x * y).sum() / spread)
    lever = np.minimum(1.0 / np.maximum(count, 1)[part] + x**2 / spread, 0.9)
    each = x * (y - slope * x) / (1.0 - lever)

    def clustered(codes: Ints, groups: int) -> float:
        return float((np.bincount(codes, weights=each) ** 2).sum()) * groups / (groups - 1)

    by_part, by_model = clustered(part, parts), clustered(model, models)
    both = by_part + by_model - float((each**2).sum())
    error = math.sqrt(max(both, by_part, by_model)) / spread
    half = t_quantile(level, min(parts, models) - 1) * error
    return slope, slope - half, slope + half
