"""Intervals and tails for shares: Wilson, Clopper-Pearson, the exact binomial tail, Good-Turing."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from holdfast.records import Estimate

_TINY = 1e-300


def wilson(marked: int, rows: int, level: float = 0.95) -> Estimate:
    """Wilson score interval of a share, two-sided.

    Args:
        marked: rows that count, 0 <= marked <= rows.
        rows: all rows; with 0 rows there is no estimate (`why_not` says so).
        level: coverage in (0, 1).

    Returns:
        The share with its interval; unit ``"share"``.

    Formula: ``(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)``.
    Source: E. B. Wilson, JASA 22 (1927) 209-212.

    Example:
        >>> e = wilson(2, 4454)
        >>> round(e.low, 5), round(e.high, 5)
        (0.00012, 0.00164)
    """
    if rows <= 0:
        return Estimate(value=None, level=level, unit="share", method="wilson", why_not="no rows")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = marked / rows
    low, high = wilson_bounds(share, rows, z)
    return Estimate(
        value=share, low=low, high=high, level=level, n=rows, unit="share", method="wilson"
    )


def wilson_upper(marked: int, rows: int, level: float = 0.99) -> float:
    """One-sided upper Wilson bound of a share; 1.0 without rows.

    >>> round(wilson_upper(0, 1000), 5)
    0.00538
    """
    if rows <= 0:
        return 1.0
    return wilson_bounds(marked / rows, rows, NormalDist().inv_cdf(level))[1]


def allowance(marked: int, rows: int, level: float = 0.99) -> float:
    """`wilson_upper`, rounded up to three significant digits so that a person can read it.

    >>> allowance(0, 1000)
    0.00539
    """
    return round_up(wilson_upper(marked, rows, level))


def round_up(share: float, digits: int = 3) -> float:
    """A share rounded up to so many significant digits, at most 1.

    >>> round_up(0.0123456), round_up(0.0)
    (0.0124, 0.0)
    """
    if share <= 0:
        return 0.0
    places = digits - 1 - math.floor(math.log10(share))
    rounded = round(math.ceil(share * 10**places) / 10**places, places)
    return min(1.0, rounded if rounded >= share else share)


def wilson_bounds(share: float, rows: float, z: float) -> tuple[float, float]:
    """Both Wilson bounds of a share over an (effective) number of rows, z normal quantile.

    >>> [round(bound, 3) for bound in wilson_bounds(0.5, 100.0, 1.96)]
    [0.404, 0.596]
    """
    scale = 1 + z * z / rows
    centre = (share + z * z / (2 * rows)) / scale
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / scale
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def clopper_pearson(marked: int, rows: int, level: float = 0.95) -> Estimate:
    """Clopper-Pearson interval of a share: exact, never below its coverage, wider than Wilson.

    Arguments and result as in `wilson`. Source: Clopper and Pearson, Biometrika 26 (1934) 404.

    Example:
        >>> e = clopper_pearson(0, 10)
        >>> e.low, round(e.high, 4)
        (0.0, 0.3085)
    """
    if rows <= 0:
        return Estimate(
            value=None, level=level, unit="share", method="clopper_pearson", why_not="no rows"
        )
    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if marked > 0:  # smallest p with P(X >= marked) >= tail
        low = _solve(lambda p: binomial_tail(marked, rows, p) >= tail)
    if marked < rows:  # largest p with P(X <= marked) >= tail
        high = _solve(lambda p: 1 - binomial_tail(marked + 1, rows, p) <= tail)
    return Estimate(
        value=marked / rows,
        low=low,
        high=high,
        level=level,
        n=rows,
        unit="share",
        method="clopper_pearson",
    )


def _solve(reached: Callable[[float], bool]) -> float:
    """Where a condition that is false at 0 and true at 1 turns true, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if reached(middle):
            high = middle
        else:
            low = middle
    return high


def binomial_tail(at_least: int, rows: int, share: float) -> float:
    """P(X >= at_least) for X ~ Binomial(rows, share), exact to about 1e-12 relative.

    >>> binomial_tail(1, 10, 0.5) == 1 - 0.5**10
    True
    """
    if at_least <= 0:
        return 1.0
    if at_least > rows or share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    return incomplete_beta(at_least, rows - at_least + 1, share)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), by Lentz's continued fraction.

    Source: DLMF 8.17.22.

    >>> round(incomplete_beta(2, 3, 0.5), 6)
    0.6875
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(x)
        + b * math.log1p(-x)
        - math.log(a)
    )
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 100_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _nonzero(1 + numerator * d)
            c = _nonzero(1 + numerator / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return min(1.0, front * fraction)


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def unseen_mass(singletons: int, doubletons: int, rows: int, level: float = 0.99) -> Estimate:
    """Good-Turing estimate of the probability that the next row shows a category never seen.

    Args:
        singletons: categories seen exactly once.
        doubletons: categories seen exactly twice.
        rows: rows the counts come from.
        level: one-sided level of the upper bound; the lower bound is not claimed.

    Formula: ``f1/n``; upper bound ``(f1 + z sqrt(f1 + 2 f2) + z²) / n``.
    Source: I. J. Good, Biometrika 40 (1953) 237-264; variance after Esty, Ann. Stat. 11 (1983).

    Example:
        >>> unseen_mass(0, 0, 1000).value, round(unseen_mass(0, 0, 1000).high, 5)
        (0.0, 0.00541)
    """
    if rows <= 0:
        return Estimate(value=None, unit="share", method="good_turing", why_not="no rows")
    z = NormalDist().inv_cdf(level)
    high = (singletons + z * math.sqrt(singletons + 2 * doubletons) + z * z) / rows
    return Estimate(
        value=singletons / rows,
        high=min(1.0, high),
        level=level,
        n=rows,
        unit="share",
        method="good_turing",
    )
