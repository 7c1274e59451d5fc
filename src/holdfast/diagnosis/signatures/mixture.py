"""A fault that hits a share of the rows from some row on: how much better does it explain them?

Each row has a log ratio: how much more likely the fault makes its value than the reference does.
Rows that the fault cannot have touched have ratio ``-inf``. With an unknown share f of the rows
hit, a row counts ``log(1 - f + f ratio)``; f is fitted, and clean rows in front, which an
estimated onset may include, are cut off where that explains the rest better.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: one row says no more than this, in nats
MOST = 60.0
ROUNDS = 13
#: shares tried where many mixtures are compared
SHARES = (0.06, 0.2, 0.5, 0.85, 1.0 - 1e-3)


class Mixture(NamedTuple):
    """A fitted mixture.

    Attributes:
        nats: log-likelihood gain over "all rows are as in the reference", the price of the start
            subtracted; at least 0.
        share: of the rows from `start` on that are hit.
        start: first row of the fault, 0-based.
        weight: shape (n,), probability that the row is hit; 0 before the start.
    """

    nats: float
    share: float
    start: int
    weight: FloatArray


def fit(log_ratio: FloatArray, *, whole: bool = False, fixed_start: bool = False) -> Mixture:
    """The best share and start.

    Args:
        log_ratio: shape (n,), in time order, -inf allowed, NaN not.
        whole: all rows from the start on are hit.
        fixed_start: the fault starts with the first row.

    Example:
        >>> hit = np.full(40, -np.inf)
        >>> hit[20::2] = 6.0                      # every second row from row 20 on
        >>> found = fit(hit)
        >>> found.start, round(found.share, 2), bool(found.nats > 40)
        (20, 0.5, True)
        >>> fit(np.full(40, -1.0)).nats
        0.0
    """
    n = len(log_ratio)
    if not n:
        return Mixture(0.0, 0.0, 0, np.zeros(0))
    ratio = np.exp(np.clip(log_ratio, -MOST, MOST))
    ratio[log_ratio < -MOST] = 0.0
    share = 1.0 if whole else _share(ratio)
    if share <= 0.0:
        return Mixture(0.0, 0.0, 0, np.zeros(n))
    rows = _rows(ratio, share)
    start = 0
    if not fixed_start:
        tail = np.cumsum(rows[::-1])[::-1]
        start = int(np.argmax(tail))
        if start and not whole:
            share = _share(ratio[start:])
            rows = _rows(ratio, share)
    nats = float(rows[start:].sum()) - np.log1p(start)
    if not nats > 0.0 or share <= 1e-4:
        return Mixture(0.0, 0.0, 0, np.zeros(n))
    weight = share * ratio / np.maximum(1.0 - share + share * ratio, 1e-300)
    weight[:start] = 0.0
    return Mixture(float(nats), share, start, weight)


def gains(log_ratio: FloatArray, *, whole: bool = False) -> FloatArray:
    """Shape (h,): the gain of each of h log ratios of shape (h, n), the start fixed.

    >>> gains(np.array([[2.0, 2.0], [-2.0, -2.0]])).round(1).tolist()
    [4.0, 0.0]
    """
    capped = np.clip(log_ratio, -MOST, MOST)
    if whole:
        return np.asarray(np.maximum(capped.sum(1), 0.0))
    ratio = np.exp(capped)
    ratio[log_ratio < -MOST] = 0.0
    top = np.zeros(len(ratio))
    for share in SHARES:
        top = np.maximum(top, np.log(1.0 - share + share * ratio).sum(1))
    return top


def _share(ratio: FloatArray) -> float:
    """The share with the largest likelihood: a concave problem, by Newton inside halving bounds."""
    if not len(ratio):
        return 0.0
    more = ratio - 1.0
    least = 0.25 / len(ratio)
    if float(ratio.min()) > 0.0 and float((more / ratio).sum()) >= 0.0:
        return 1.0
    if float(more.sum()) <= 0.0:
        return 0.0
    low, high = 0.0, 1.0
    share = min(max(float((ratio > 1.0).mean()), least), 1.0 - least)
    for _ in range(ROUNDS):
        part = more / (1.0 + share * more)
        slope = float(part.sum())
        if slope > 0.0:
            low = share
        else:
            high = share
        step = slope / max(float(part @ part), 1e-300)
        share = share + step
        if not low < share < high:
            share = 0.5 * (low + high)
        if abs(step) < 1e-4 or high - low < 1e-4:
            break
    return min(share, 1.0 - least)


def _rows(ratio: FloatArray, share: float) -> FloatArray:
    return np.log(np.maximum(1.0 - share + share * ratio, 1e-300))
