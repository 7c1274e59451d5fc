"""ROC-AUC with its interval, and average precision: exact with ties, sorted once."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _midranks(x: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(x)]
    ranks = np.empty(len(x))
    ranks[order] = np.repeat((starts + 1 + ends) / 2.0, ends - starts)
    return ranks


def roc_auc(positive: Bools, score: Floats) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    Args:
        positive: shape (n,), True for the positive class; NaN when a class is absent.
        score: shape (n,), finite.

    >>> roc_auc(np.array([False, True, True]), np.array([0.1, 0.1, 0.7]))
    0.75
    """
    m = int(positive.sum())
    n = len(positive) - m
    if m == 0 or n == 0:
        return math.nan
    ranks = _midranks(score)
    return float((ranks[positive].sum() - m * (m + 1) / 2.0) / (m * n))


def delong_variance(positive: Bools, score: Floats) -> float:
    """Variance of the AUC; source: DeLong 1988 in the fast form of Sun and Xu 2014."""
    x, y = score[positive], score[~positive]
    m, n = len(x), len(y)
    if m < 2 or n < 2:
        return math.nan
    both = _midranks(np.r_[x, y])
    above = (both[:m] - _midranks(x)) / n
    below = 1.0 - (both[m:] - _midranks(y)) / m
    return float(above.var(ddof=1) / m + below.var(ddof=1) / n)


def roc_auc_interval(
    positive: Bools, score: Floats, *, level: float = 0.95
) -> tuple[float, float, str]:
    """Interval of the AUC and the name of its method.

    Newcombe's method 5 when the smaller class has fewer than 200 rows or the AUC is above 0.95
    (where DeLong covers far less than it says), else DeLong on the logit scale.
    Gives (nan, nan, "") when a class is absent. Source: Newcombe 2006, part 2.
    """
    auc = roc_auc(positive, score)
    m = int(positive.sum())
    n = len(positive) - m
    if math.isnan(auc):
        return math.nan, math.nan, ""
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    variance = delong_variance(positive, score)
    if min(m, n) < 200 or auc > 0.95 or not variance > 0.0:
        low, high = newcombe(auc, m, n, z)
        return low, high, "newcombe method 5"
    logit = math.log(auc / (1.0 - auc))
    half = z * math.sqrt(variance) / (auc * (1.0 - auc))
    return _expit(logit - half), _expit(logit + half), "logit delong"


def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def newcombe(auc: float, m: float, n: float, z: float) -> tuple[float, float]:
    """Newcombe's method 5: solve |theta - auc| = z se(theta).

    The variance is that of Hanley and McNeil with both sizes averaged. `m` and `n` are the
    (effective) numbers of positives and negatives, `z` the normal quantile.
    """
    star = (m + n) / 2.0 - 1.0

    def excess(theta: float) -> float:
        v = theta * (1.0 - theta)
        v *= 1.0 + star * (1.0 - theta) / (2.0 - theta) + star * theta / (1.0 + theta)
        return abs(theta - auc) - z * math.sqrt(v / (m * n))

    def bisect(inside: float, outside: float) -> float:
        if excess(outside) < 0.0:
            return outside
        for _ in range(80):
            middle = (inside + outside) / 2.0
            if excess(middle) < 0.0:
                inside = middle
            else:
                outside = middle
        return (inside + outside) / 2.0

    return bisect(auc, 0.0), bisect(auc, 1.0)


def average_precision(positive: Bools, score: Floats, weight: Floats | None = None) -> float:
    """Area under the precision-recall steps, ties taken as one step.

    Args:
        positive: shape (n,).
        score: shape (n,), finite.
        weight: shape (n,), how often each row counts; None counts each once.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.5, 0.4]))
    0.8333333333333333
    """
    order = np.argsort(-score, kind="stable")
    return _average_precision_sorted(positive[order], score[order], _take(weight, order))


def _take(weight: Floats | None, order: npt.NDArray[np.intp]) -> Floats | None:
    return None if weight is None else weight[order]


def _average_precision_sorted(positive: Bools, score: Floats, weight: Floats | None) -> float:
    hits = positive.astype(np.float64) if weight is None else positive * weight
    rows = np.ones(len(score)) if weight is None else weight
    last = np.r_[score[1:] != score[:-1], True]
    found = np.cumsum(hits)[last]
    asked = np.cumsum(rows)[last]
    if not len(found) or found[-1] == 0:
        return math.nan
    gained = np.diff(np.r_[0.0, found])
    keep = asked > 0
    return float((gained[keep] * (found[keep] / asked[keep])).sum() / found[-1])


def average_precision_interval(
    positive: Bools, score: Floats, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the average precision: sorted once, weights resampled."""
    from holdfast.stats.bootstrap import weighted_interval

    order = np.argsort(-score, kind="stable")
    p, s = positive[order], score[order]
    draws = 300 if len(s) <= 50_000 else 60
    return weighted_interval(
        lambda w: _average_precision_sorted(p, s, w), len(s), level=level, draws=draws, seed=seed
    )
