"""How far a share may move before it counts: the allowed interval of a yes/no stream.

The reference is itself an estimate, some changes are too small to matter, and every system has its
ups and downs. All three go into the null hypothesis, so that a long life does not turn a small
estimation error into a sure alarm::

    margin = max(floor, 4 between, error)
    error  = 4 sqrt(p (1 - p) / m) + 8 / m        estimation error of the reference share
    floor  = 0.003 + 0.25 p                       the smallest change that matters
    between                                       spread of the share between periods of the
                                                  reference, sampling noise subtracted

Source: `research/detection.md` 2.2, with the maximum of `research/detection_drift.md` 3.1.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

#: shares are kept away from 0 and 1 by this much
EDGE = 1e-4
#: periods needed before their spread says anything
MIN_PERIODS = 8


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """The allowed interval [low, high] for a share, and what it is made of.

    Attributes:
        share: share of yes in the reference.
        rows: reference rows behind it.
        low, high: the interval; inside, nothing ever counts.
        floor, error, between: the three parts of the margin, as shares.
    """

    share: float
    rows: int
    low: float
    high: float
    floor: float
    error: float
    between: float


def default_floor(share: float) -> float:
    """The smallest rise of a hard stream that matters: 0.3 points plus a quarter of the share.

    >>> default_floor(0.08)
    0.023
    """
    return 0.003 + 0.25 * share


def tolerance(
    yes: int,
    rows: int,
    *,
    floor: float | None = None,
    between: float = 0.0,
    allowed: float = 0.0,
) -> Tolerance:
    """The allowed interval of a share of which the reference saw `yes` in `rows`.

    Args:
        yes: rows of the reference that were yes, 0 to `rows`.
        rows: rows of the reference to which the question applies, at least 1.
        floor: smallest change that matters, as a share; `default_floor` when None.
        between: spread between periods as a standard deviation of the share
            (`between_periods`).
        allowed: the upper end is never below this share.

    Example:
        >>> t = tolerance(0, 4000)
        >>> t.high
        0.003
        >>> round(tolerance(320, 4000).high, 4)     # 8 % nulls in the reference
        0.103
    """
    share = yes / rows
    error = 4.0 * math.sqrt(share * (1.0 - share) / rows) + 8.0 / rows
    least = default_floor(share) if floor is None else floor
    margin = max(least, 4.0 * between, error)
    return Tolerance(
        share=share,
        rows=rows,
        low=min(max(share - margin, EDGE), 1.0 - EDGE),
        high=min(max(share + margin, allowed, EDGE), 1.0 - EDGE),
        floor=least,
        error=error,
        between=between,
    )


def between_periods(yes: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """Standard deviation of a share between periods, beyond what sampling explains.

    The variance of the periods' shares minus their sampling variance, the latter enlarged by
    ``1 + 2.5 sqrt(2 / k)`` for `k` periods so that chance alone gives zero. Zero with fewer than
    8 periods.

    Args:
        yes: shape (k,), rows that were yes in each period.
        rows: shape (k,), applicable rows in each period; periods without rows are left out.

    Example:
        >>> quiet = between_periods(np.array([5, 4, 6, 5] * 3), np.full(12, 100))
        >>> tides = between_periods(np.array([1, 30] * 6), np.full(12, 100))
        >>> quiet, round(tides, 2)
        (0.0, 0.14)
    """
    used = rows > 0
    k = int(used.sum())
    if k < MIN_PERIODS:
        return 0.0
    n = rows[used].astype(np.float64)
    shares = yes[used] / n
    pooled = float(yes[used].sum() / n.sum())
    noise = pooled * (1.0 - pooled) * float(np.mean(1.0 / n))
    excess = float(np.var(shares, ddof=1)) - noise * (1.0 + 2.5 * math.sqrt(2.0 / k))
    return math.sqrt(excess) if excess > 0.0 else 0.0
