"""Blocks as summaries that merge: the monoid of the CUSUM.

A block enters the CUSUM of one bet only through four integers: the sum of its steps, its largest
suffix, prefix and stretch. They combine associatively, so workers, partitions or Spark tasks can
sum up their own rows and send 32 bytes a bet; the merged result equals that of one process reading
every row, to the bit (steps are integers).

Order matters (it is time), so merging is associative but not commutative.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.detection.cusum import Steps, rise_on_yes
from holdfast.frames.values import IntArray


class Summary(NamedTuple):
    """One block as its bets see it; every array has shape (bets,).

    Attributes:
        total: sum of all steps.
        suffix: largest sum of a suffix, at least 0 (the empty one).
        prefix: largest sum of a prefix, at least 0.
        best: largest sum of a stretch, at least 0.
    """

    total: IntArray
    suffix: IntArray
    prefix: IntArray
    best: IntArray


def nothing(bets: int) -> Summary:
    """The neutral element: a block without rows."""
    zero = np.zeros(bets, np.int64)
    return Summary(zero, zero, zero, zero)


def summarise(at: IntArray, rows: int, steps: Steps) -> Summary:
    """The summary of a block whose yes rows stand at `at` among `rows`.

    >>> s = summarise(np.array([2, 3]), 6, Steps(np.array([5]), np.array([-2])))
    >>> [int(x[0]) for x in s]
    [2, 6, 6, 10]
    """
    bets = len(steps.yes)
    if rows == 0:
        return nothing(bets)
    count = len(at)
    total = steps.yes * count + steps.no * (rows - count)
    path = rise_on_yes(np.zeros(bets, np.int64), at, rows, steps)
    if count == 0:
        return Summary(total, path.end, path.end, path.end)
    order = np.arange(count, dtype=np.int64)
    sums = np.multiply.outer(steps.no, at - order) + np.multiply.outer(steps.yes, order + 1)
    prefix = np.maximum(sums.max(axis=1), 0)
    return Summary(total, path.end, prefix, path.after.max(axis=1))


def combine(first: Summary, second: Summary) -> Summary:
    """The summary of `first` followed by `second`."""
    return Summary(
        first.total + second.total,
        np.maximum(first.suffix + second.total, second.suffix),
        np.maximum(first.prefix, first.total + second.prefix),
        np.maximum(np.maximum(first.best, second.best), first.suffix + second.prefix),
    )


def apply(start: IntArray, summary: Summary) -> tuple[IntArray, IntArray]:
    """Wealth after the block, and the largest wealth inside it, from wealth `start` >= 0."""
    end = np.maximum(start + summary.total, summary.suffix)
    peak = np.maximum(start + summary.prefix, summary.best)
    return end, peak
