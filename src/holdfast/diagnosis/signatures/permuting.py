"""Which permutation of the categories explains who stands where now."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def best_permutation(gain: FloatArray) -> IntArray:
    """For each category as it came, the category it was: maximises the summed gain.

    Local search by exchanging two, from identity and from all shifts along the order given.

    Args:
        gain: shape (k, k), gain[x, y] of reading x as y, 0 on the diagonal.

    Example:
        >>> gain = -np.ones((3, 3)); np.fill_diagonal(gain, 0)
        >>> gain[0, 1] = gain[1, 2] = gain[2, 0] = 5.0
        >>> best_permutation(gain).tolist()
        [1, 2, 0]
    """
    size = len(gain)
    starts = [np.arange(size)]
    for width in range(2, size + 1):
        for by in (1, -1):
            shifted = np.arange(size)
            shifted[:width] = np.roll(shifted[:width], by)
            starts.append(shifted)
    rows = np.arange(size)
    values = [float(gain[rows, s].sum()) for s in starts]
    best, top = starts[0], 0.0
    for i in [*np.argsort(values)[::-1][:3].tolist(), 0]:
        found = _climb(gain, starts[i].copy())
        value = float(gain[rows, found].sum())
        if value > top + 1e-9:
            best, top = found, value
    return best


def _climb(gain: FloatArray, to: IntArray) -> IntArray:
    size = len(gain)
    rows = np.arange(size)
    for _ in range(4 * size):
        now = gain[rows, to]
        crossed = gain[:, to]
        change = crossed + crossed.T - now[:, None] - now[None, :]
        i, j = divmod(int(np.argmax(change)), size)
        if change[i, j] <= 1e-9:
            break
        to[i], to[j] = to[j], to[i]
    return to


def choices(to: IntArray) -> float:
    """Log of how many permutations are as simple as this one: what choosing it costs.

    Shifts along the order cost little, others the number of ways to move as many categories.

    >>> choices(np.array([1, 2, 0])) < choices(np.array([2, 1, 0, 4, 3]))
    True
    """
    size = len(to)
    moved = int((to != np.arange(size)).sum())
    if moved == 0:
        return 0.0
    width = int(np.flatnonzero(to != np.arange(size))[-1]) + 1
    for by in (1, -1):
        shifted = np.arange(size)
        shifted[:width] = np.roll(shifted[:width], by)
        if (shifted == to).all():
            return math.log(2.0 * size)
    return math.lgamma(size + 1) - math.lgamma(size - moved + 1)
