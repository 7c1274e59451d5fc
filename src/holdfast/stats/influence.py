"""What each row adds to a score, so that a variance can add up the rows of one entity or day.

Clustered DeLong, means, R².
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from holdfast.stats.ranking import _midranks as midranks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def auc_influence(positive: Bools, score: Floats) -> tuple[float, Floats]:
    """The AUC, and what each row adds to it.

    Args:
        positive: shape (n,), True for the positive class.
        score: shape (n,), finite; ties count half.

    Returns:
        The AUC and shape (n,) influences that sum to zero; their summed squares are the variance
        (DeLong's, with m and n in place of m - 1 and n - 1). (NaN, zeros) when a class is absent.

    Source: DeLong 1988; for clusters Obuchowski, Biometrics 53 (1997) 567-578.

    >>> auc, rows = auc_influence(np.array([False, True, True]), np.array([0.1, 0.1, 0.7]))
    >>> auc, [round(x, 3) for x in rows.tolist()]
    (0.75, [0.0, -0.125, 0.125])
    """
    m = int(positive.sum())
    n = len(positive) - m
    if not m or not n:
        return math.nan, np.zeros(len(positive))
    up, down = score[positive], score[~positive]
    both = midranks(np.r_[up, down])
    above = (both[:m] - midranks(up)) / n
    below = 1.0 - (both[m:] - midranks(down)) / m
    auc = float(above.mean())
    out = np.empty(len(positive))
    out[positive] = (above - auc) / m
    out[~positive] = (below - auc) / n
    return auc, out


def delong_paired_variance(positive: Bools, first: Floats, second: Floats) -> float:
    """Variance of AUC(second) - AUC(first) on the same rows; NaN with fewer than 2 of a class.

    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845.

    >>> truth = np.array([True, True, False, False])
    >>> delong_paired_variance(truth, np.array([4.0, 1, 2, 3]), np.array([4.0, 3, 2, 1]))
    0.25
    """
    m = int(positive.sum())
    n = len(positive) - m
    if m < 2 or n < 2:
        return math.nan
    gap = auc_influence(positive, second)[1] - auc_influence(positive, first)[1]
    up, down = float((gap[positive] ** 2).sum()), float((gap[~positive] ** 2).sum())
    return up * m / (m - 1) + down * n / (n - 1)


def mean_influence(values: Floats) -> tuple[float, Floats]:
    """A mean and what each row adds to it.

    >>> mean_influence(np.array([1.0, 3.0]))
    (2.0, array([-0.5,  0.5]))
    """
    if not len(values):
        return math.nan, np.zeros(0)
    mean = float(values.mean())
    return mean, (values - mean) / len(values)


def r2_influence(truth: Floats, predicted: Floats) -> tuple[float, Floats]:
    """R² against the mean of these rows, and what each row adds to it (delta method).

    >>> r2_influence(np.array([0.0, 2.0]), np.array([0.0, 2.0]))[0]
    1.0
    """
    n = len(truth)
    if not n:
        return math.nan, np.zeros(0)
    spread = (truth - truth.mean()) ** 2
    error = (truth - predicted) ** 2
    total, wrong = float(spread.mean()), float(error.mean())
    if total <= 0.0:
        return math.nan, np.zeros(n)
    ratio = wrong / total
    return 1.0 - ratio, -((error - wrong) - ratio * (spread - total)) / (total * n)


def cluster_error(influence: Floats, clusters: Sequence[Ints | None]) -> tuple[float, int]:
    """Standard error from influences, the largest over the given ways to cluster.

    Args:
        influence: shape (n,), sums to zero.
        clusters: ways to put rows together, each shape (n,) with codes from 0; None is each row
            by itself. A way with fewer than two clusters cannot be used and is left out.

    Returns:
        The standard error, with the factor c/(c - 1) of c clusters, and that c; (NaN, 0) when no
        way can be used.

    >>> round(cluster_error(np.array([-0.5, 0.5]), [None])[0], 4)
    1.0
    """
    worst, count = math.nan, 0
    for codes in clusters:
        sums = influence if codes is None else np.bincount(codes, weights=influence)
        used = len(sums) if codes is None else int((np.bincount(codes) > 0).sum())
        if used < 2:
            continue
        error = math.sqrt(float((sums**2).sum()) * used / (used - 1))
        if math.isnan(worst) or error > worst:
            worst, count = error, used
    return worst, count
