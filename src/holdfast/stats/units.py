"""Sums over what belongs together (rows, entities, users), and their bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: more units are dealt at random into so many groups: the variance of a sum over independent
#: units is that of the sum over such groups
MOST_UNITS = 2_000
#: cells of one block of resamples, which bounds the memory
_CELLS = 4_000_000


def numbered(ids: Any) -> tuple[Ints, int]:
    """Ids as numbers 0 to count - 1: (number of each row, count).

    >>> numbered(np.array(["b", "a", "b"]))[0].tolist()
    [1, 0, 1]
    """
    distinct, of_row = np.unique(np.asarray(ids), return_inverse=True)
    return of_row.reshape(-1).astype(np.intp), len(distinct)


def draws_for(units: int) -> int:
    """How many resamples are made: 1,000, fewer where one costs more.

    >>> draws_for(500), draws_for(1_000_000)
    (1000, 200)
    """
    return 1000 if units <= 20_000 else 400 if units <= 200_000 else 200


def counts(units: int, draws: int, seed: int, width: int = 0) -> Iterator[Floats]:
    """How often each unit is drawn, in blocks of shape (some, units); `draws` rows in all.

    `width` is the number of cells that the caller makes of each resample; it bounds the blocks.
    """
    rng = np.random.default_rng(seed)
    size = max(1, _CELLS // max(units, width, 1))
    for start in range(0, draws, size):
        some = min(size, draws - start)
        picked = rng.integers(0, units, (some, units))
        picked += np.arange(some)[:, None] * units
        yield np.bincount(picked.ravel(), minlength=some * units).reshape(some, units).astype(float)


def by_unit(values: Floats, of_row: Ints | None, units: int) -> Floats:
    """Sums of values, shape (n, k), over each unit: shape (units, k)."""
    if of_row is None:
        return values
    return np.stack(
        [np.bincount(of_row, weights=column, minlength=units) for column in values.T], axis=1
    )


def ratio_intervals(
    sums: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Percentile bootstrap of statistics of sums over units.

    Args:
        sums: shape (units, k), what each unit adds to k totals.
        statistic: totals of shape (draws, k) to numbers of shape (draws, m); NaN where a resample
            cannot support one.
        level: coverage in (0, 1).
        seed: of the resamples.

    Returns:
        Lower and upper bounds, shape (m,); NaN with fewer than two units.

    Source: Efron and Tibshirani 1993, ch. 13; whole units are drawn (Field and Welsh 2007).

    >>> low, high = ratio_intervals(np.ones((9, 2)), lambda t: t[:, :1] / t[:, 1:])
    >>> low.tolist(), high.tolist()
    ([1.0], [1.0])
    """
    units = len(sums)
    if units < 2:
        width = np.asarray(statistic(sums.sum(axis=0, keepdims=True))).shape[1]
        return np.full(width, np.nan), np.full(width, np.nan)
    if units > MOST_UNITS:
        dealt = np.arange(units) % MOST_UNITS
        np.random.default_rng(seed).shuffle(dealt)
        sums, units = by_unit(sums, dealt, MOST_UNITS), MOST_UNITS
    found = np.concatenate(
        [statistic(block @ sums) for block in counts(units, draws_for(units), seed)]
    )
    return middle(found, level)


def middle(found: Floats, level: float) -> tuple[Floats, Floats]:
    """The middle `level` of each column of bootstrap values, NaN left out."""
    low, high = np.full(found.shape[1], np.nan), np.full(found.shape[1], np.nan)
    tail = (1.0 - level) / 2.0
    for j, column in enumerate(found.T):
        kept = column[np.isfinite(column)]
        if len(kept):
            low[j], high[j] = np.quantile(kept, [tail, 1.0 - tail])
    return low, high
