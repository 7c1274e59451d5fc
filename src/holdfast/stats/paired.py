"""Two models on the same rows: exact McNemar, 5x2cv F, and shares that come in pairs."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from holdfast.stats.intervals import binomial_tail, wilson

Floats = npt.NDArray[np.float64]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value of McNemar's test.

    Args:
        only_first: rows that the first has right and the second wrong, >= 0.
        only_second: the reverse.

    Rows on which both agree say nothing. 1.0 when there is no row of either kind.
    Source: McNemar 1947; exact binomial form, twice the smaller tail, at most 1.

    >>> round(mcnemar_exact(3, 12), 6)
    0.035156
    """
    differing = only_first + only_second
    if not differing:
        return 1.0
    return min(1.0, 2.0 * binomial_tail(max(only_first, only_second), differing, 0.5))


def paired_share_interval(
    both: int, only_first: int, only_second: int, neither: int, level: float = 0.95
) -> tuple[float, float]:
    """Interval of share(first) - share(second) when both are counted on the same rows.

    Args:
        both: rows marked by both; at least one row over all four counts.
        only_first: rows marked by the first alone.
        only_second: rows marked by the second alone.
        neither: rows marked by neither.
        level: coverage, in (0, 1).

    Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10 (square-and-add of
    Wilson intervals, with the correlation of the pairs corrected for continuity).

    >>> low, high = paired_share_interval(36, 12, 2, 0)
    >>> round(low, 4), round(high, 4)
    (0.0569, 0.3404)
    """
    n = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    a, b = wilson(first, n, level), wilson(second, n, level)
    a_value, a_low, a_high = a.value or 0.0, a.low or 0.0, a.high or 0.0
    b_value, b_low, b_high = b.value or 0.0, b.low or 0.0, b.high or 0.0
    margins = float(first) * (n - first) * second * (n - second)
    correlation = 0.0
    if margins > 0:
        crossed = float(both) * neither - float(only_first) * only_second
        if crossed > 0:
            crossed = max(crossed - n / 2.0, 0.0)
        correlation = crossed / math.sqrt(margins)

    def half(left: float, right: float) -> float:
        return math.sqrt(max(0.0, left**2 - 2 * correlation * left * right + right**2))

    difference = a_value - b_value
    return (
        max(-1.0, difference - half(a_value - a_low, b_high - b_value)),
        min(1.0, difference + half(a_high - a_value, b_value - b_low)),
    )


def five_by_two_f(differences: Floats) -> tuple[float, float]:
    """Combined 5x2cv F test of two learning procedures.

    Args:
        differences: shape (5, 2), score of the first less that of the second in each fold of
            five repeated halvings.

    Returns:
        The statistic and its p-value under F(10, 5); (0, 1) when every difference is zero, and
        (inf, 0) when the differences are all equal and not zero.

    Source: Alpaydin, Neural Computation 11 (1999) 1885-1892.

    >>> f, p = five_by_two_f(np.array([[1, 2], [2, 1], [1, 1.5], [2, 2.5], [1.5, 1]]))
    >>> round(f, 3), round(p, 4)
    (9.727, 0.0108)
    """
    from scipy.special import fdtrc

    centred = differences - differences.mean(axis=1, keepdims=True)
    within = float((centred**2).sum())
    total = float((differences**2).sum())
    if total == 0.0:
        return 0.0, 1.0
    if within == 0.0:
        return math.inf, 0.0
    statistic = total / (2.0 * within)
    return statistic, float(fdtrc(10, 5, statistic))


def normal_p(value: float, error: float) -> float:
    """Two-sided p-value of ``value / error`` under the normal law; NaN error gives NaN.

    >>> round(normal_p(1.959964, 1.0), 6)
    0.05
    """
    if math.isnan(error):
        return math.nan
    if error <= 0.0:
        return 1.0 if value == 0.0 else 0.0
    return 2.0 * NormalDist().cdf(-abs(value / error))


def t_quantile(level: float, freedom: float) -> float:
    """Two-sided critical value of Student's t.

    >>> round(t_quantile(0.95, 10), 4)
    2.2281
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + level / 2.0))


def t_upper(statistic: float, freedom: float) -> float:
    """P(T >= statistic) for Student's t.

    >>> round(t_upper(2.2281, 10), 4)
    0.025
    """
    from scipy.special import stdtr

    return float(stdtr(freedom, -statistic))


def paired_bootstrap(
    draws: Floats, observed: float, level: float = 0.95
) -> tuple[float, float, float]:
    """Percentile interval and two-sided p-value of a difference from its resampled values.

    Args:
        draws: shape (draws,), the difference on resampled clusters; NaN draws are left out.
        observed: the difference itself.
        level: coverage, in (0, 1).

    Returns:
        low, high, p; p is twice the share of draws on the other side of zero (ties half), at
        least 1 / (draws + 1), and 1 where every draw is zero. NaNs without a usable draw.

    >>> paired_bootstrap(np.array([0.1, 0.2, 0.3, 0.2]), 0.2)[2]
    0.2
    """
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return math.nan, math.nan, math.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(kept, [tail, 1.0 - tail])
    if not kept.any():
        return float(low), float(high), 1.0
    beyond = float((kept < 0).sum() if observed >= 0 else (kept > 0).sum())
    beyond += 0.5 * float((kept == 0).sum())
    p = max(2.0 * beyond / len(kept), 1.0 / (len(kept) + 1))
    return float(low), float(high), min(1.0, p)
