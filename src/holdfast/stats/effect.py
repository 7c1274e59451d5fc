"""How large a difference is, in standard deviations, each with its interval.

One unit throughout: the standard deviation of a score of the column in the reference. For a
number the score is its rank; for a yes/no it is the yes; over cells the *strength* is the shift
of the score that shifts most, so no score one could think of has moved further.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from holdfast.records import Estimate
from holdfast.stats.twosample import chi_square

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def mid_ranks(counts: Ints) -> Floats:
    """The mean rank of each cell's rows as a share of all rows, in (0, 1).

    >>> mid_ranks(np.array([2, 0, 2])).tolist()
    [0.25, 0.5, 0.75]
    """
    total = counts.sum()
    if not total:
        return np.full(len(counts), 0.5)
    return np.asarray((np.cumsum(counts) - counts / 2.0) / total)


def shift(reference: Ints, current: Ints, score: Floats, level: float = 0.95) -> Estimate:
    """Mean score of the current rows less that of the reference, in reference deviations.

    Args:
        reference: shape (cells,), reference rows in each cell.
        current: the same for the current rows.
        score: shape (cells,).
        level: coverage of the interval, which is Wald's with both samples' variances: exact in
            the limit, somewhat narrow below about 30 rows.

    For the rank score of two normals that lie d standard deviations apart it is .98 d while d is
    small, and at most 1.73.
    """
    n, m = int(reference.sum()), int(current.sum())
    if n < 2 or m < 1:
        return _none("shift", "too few rows", level, m)
    p, q = reference / n, current / m
    centre, moved = float(p @ score), float(q @ score)
    deviation = math.sqrt(max(0.0, float(p @ (score - centre) ** 2)))
    if deviation <= 0.0:
        return _none("shift", "the reference is constant", level, m)
    noise = math.sqrt(1.0 / n + float(q @ (score - moved) ** 2) / deviation**2 / m)
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    value = (moved - centre) / deviation
    half = z * max(noise, 1e-12)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=m,
        unit="sd",
        method="shift",
    )


def strength(reference: Ints, current: Ints, level: float = 0.95) -> Estimate:
    """The largest shift of any score over the cells, in pooled deviations, corrected for chance.

    Args:
        reference: shape (cells,), reference rows in each cell; pool thin cells before.
        current: the same for the current rows.
        level: coverage of the interval.

    Cohen's w for two samples: ``sqrt(X2 nm/(n+m))`` in the limit. Its expectation under no
    difference is taken off, so that 50 rows do not look different by being few. The interval
    holds the strengths whose noncentral chi-square puts the statistic within its middle.
    """
    n, m = int(reference.sum()), int(current.sum())
    statistic, freedom = chi_square(current, reference)
    if not n or not m:
        return _none("strength", "too few rows", level, m)
    size = n * m / (n + m)
    tail = (1.0 - level) / 2.0
    low = high = 0.0
    if freedom:
        low = math.sqrt(_noncentrality(statistic, freedom, 1.0 - tail) / size)
        high = math.sqrt(_noncentrality(statistic, freedom, tail) / size)
    return Estimate(
        value=math.sqrt(max(0.0, statistic - freedom) / size),
        low=low,
        high=high,
        level=level,
        n=m,
        unit="sd",
        method="strength",
    )


def _none(method: str, why_not: str, level: float, rows: int) -> Estimate:
    return Estimate(value=None, why_not=why_not, level=level, n=rows, unit="sd", method=method)


def _noncentrality(statistic: float, freedom: int, chance: float) -> float:
    """The noncentrality at which the statistic is the quantile of this chance; 0 below any."""
    from scipy.special import chndtr, chndtrinc, gammainc

    if statistic > 2_000.0:  # normal in the limit: mean f + x, variance 2 (f + 2 x)
        z = NormalDist().inv_cdf(chance)
        low, high = 0.0, 4.0 * statistic + 100.0
        for _ in range(200):
            x = (low + high) / 2.0
            low, high = (
                (x, high)
                if freedom + x + z * math.sqrt(2.0 * (freedom + 2.0 * x)) < statistic
                else (low, x)
            )
        return low
    if gammainc(freedom / 2.0, statistic / 2.0) <= chance:
        return 0.0
    found = float(chndtrinc(statistic, freedom, chance))
    return found if math.isfinite(found) and chndtr(statistic, freedom, found) > 0 else 0.0


def moved_share(reference: Ints, current: Ints) -> float:
    """Total variation: the share of rows that would have to move, chance taken off in squares.

    >>> moved_share(np.array([500, 500]), np.array([900, 100])) > 0.35
    True
    """
    n, m = int(reference.sum()), int(current.sum())
    if not n or not m:
        return 0.0
    p, q = reference / n, current / m
    pooled = (reference + current) / (n + m)
    noise = np.sqrt(2.0 / math.pi * pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sum() / 2.0
    found = np.abs(p - q).sum() / 2.0
    return math.sqrt(max(0.0, float(found * found - noise * noise)))


def share_change(
    marked: int, rows: int, marked_now: int, rows_now: int, level: float = 0.95
) -> Estimate:
    """Change of a share, current less reference, with Newcombe's interval (method 10).

    Args:
        marked: reference rows that count.
        rows: reference rows.
        marked_now: current rows that count.
        rows_now: current rows.
        level: coverage.

    Source: Newcombe 1998, Statistics in Medicine 17, 873-890.

    >>> e = share_change(48, 80, 56, 70)
    >>> round(e.value, 3), round(e.low, 3), round(e.high, 3)
    (0.2, 0.052, 0.334)
    """
    from holdfast.stats.intervals import wilson

    before, after = wilson(marked, rows, level), wilson(marked_now, rows_now, level)
    p, q = before.value, after.value
    if p is None or q is None:
        return Estimate(
            value=None, level=level, n=rows_now, unit="share", method="newcombe", why_not="no rows"
        )
    down = math.hypot(q - (after.low or 0.0), (before.high or 0.0) - p)
    up = math.hypot((after.high or 0.0) - q, p - (before.low or 0.0))
    return Estimate(
        value=q - p,
        low=q - p - down,
        high=q - p + up,
        level=level,
        n=rows_now,
        unit="share",
        method="newcombe",
    )
