"""What is resampled together: rows, all rows of an entity, or blocks of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: units that a bootstrap works with; more are merged at random, which keeps the variance
MOST_UNITS = 2_000
#: stretches of time that a block bootstrap works with
BLOCKS = 60


class Units:
    """The units of resampling of n rows.

    Args:
        of_row: shape (n,), number of each row's unit, 0 to count - 1; None when each row is one.
        count: number of units.
        kind: ``rows``, ``entities`` or ``blocks``.
    """

    def __init__(self, of_row: Ints | None, count: int, kind: str) -> None:
        self.of_row, self.count, self.kind = of_row, count, kind

    def merged(self, n: int, seed: int) -> tuple[Ints, int]:
        """At most `MOST_UNITS` units: (unit of each row, number of units).

        Units are dealt at random into groups of equal number. The variance of a sum over
        independent units is that of the sum over such groups.
        """
        if self.count <= MOST_UNITS:
            return (np.arange(n) if self.of_row is None else self.of_row), self.count
        dealt = np.arange(self.count) % MOST_UNITS
        np.random.default_rng(seed).shuffle(dealt)
        return (dealt if self.of_row is None else dealt[self.of_row]), MOST_UNITS

    def sums(self, values: Floats) -> Floats:
        """Sum of values, shape (n,), over each unit."""
        if self.of_row is None:
            return values
        return np.asarray(
            np.bincount(self.of_row, weights=values, minlength=self.count), dtype=np.float64
        )

    def design_effect(self, influence: Floats) -> float:
        """How many times larger the variance of a mean is than with independent rows, >= 1.

        Args:
            influence: shape (n,), what each row adds to the estimate, mean about 0.

        Source: Kish 1965; the variance by units is that of Liang and Zeger 1986, with
        count / (count - 1).

        >>> clusters([0, 0, 1, 1]).design_effect(np.array([1.0, 1.0, -1.0, -1.0]))
        4.0
        """
        if self.of_row is None or self.count < 2:
            return 1.0
        alone = float(influence @ influence)
        if not alone > 0.0:
            return 1.0
        together = self.sums(influence)
        return max(1.0, float(together @ together) / alone * self.count / (self.count - 1))


def independent(n: int) -> Units:
    """Every row by itself."""
    return Units(None, n, "rows")


def clusters(ids: Any) -> Units:
    """All rows of one entity together.

    Args:
        ids: shape (n,), integers or texts.
    """
    _, of_row = np.unique(np.asarray(ids), return_inverse=True)
    of_row = of_row.reshape(-1)
    count = int(of_row.max()) + 1 if len(of_row) else 0
    if count == len(of_row):
        return independent(count)
    return Units(of_row, count, "entities")


def blocks(times: npt.NDArray[Any], count: int = BLOCKS) -> Units:
    """Stretches of consecutive rows together; rows of one moment stay in one block.

    Args:
        times: shape (n,), anything that sorts.
        count: number of blocks; fewer where there are fewer than ten rows for each.

    Source: Carlstein 1986 (blocks that do not overlap).
    """
    n = len(times)
    count = max(1, min(count, n // 10))
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    place = np.arange(n) * count // max(n, 1)
    first = np.r_[True, ordered[1:] != ordered[:-1]] if n else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    _, numbered = np.unique(place[starts], return_inverse=True)
    of_row = np.empty(n, np.intp)
    of_row[order] = numbered.reshape(-1)
    return Units(of_row, int(of_row.max()) + 1 if n else 0, "blocks")


def draw(count: int, draws: int, seed: int) -> Floats:
    """How often each unit is drawn, shape (draws, count); each row sums to count.

    >>> draw(5, 2, seed=0).sum(axis=1).tolist()
    [5.0, 5.0]
    """
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, count, (draws, count))
    picked += np.arange(draws)[:, None] * count
    return np.bincount(picked.ravel(), minlength=draws * count).reshape(draws, count).astype(float)


def quantile_interval(values: Floats, level: float) -> tuple[float, float]:
    """The middle `level` of bootstrap values, NaN left out; (nan, nan) when nothing is left."""
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
