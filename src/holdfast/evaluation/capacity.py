"""Review capacity: how many rows can be looked at, in all or each period."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation.inputs import as_times

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: period -> numpy's unit of time
PERIODS = {"hour": "h", "day": "D", "week": "W", "month": "M"}


class Capacity:
    """Rows that can be looked at among the evaluated ones.

    Args:
        each: rows of one period, or of all where there are no periods.
        periods: shape (n,), number of each row's period; None where there are none.
        count: number of periods, empty ones between the first and the last included.
    """

    def __init__(self, each: float, periods: npt.NDArray[np.int64] | None, count: int) -> None:
        self.each, self.periods, self.count = each, periods, count

    @property
    def rows(self) -> float:
        """Rows that can be looked at in all."""
        return self.each * self.count

    def taken(self, known: Bools) -> Capacity:
        """The same for the rows whose outcome is known: they have their share of the reviews."""
        if self.periods is None:
            return Capacity(self.each * float(known.mean()), None, 1)
        return Capacity(self.each * float(known.mean()), self.periods[known], self.count)

    def alerted(self, score: Floats) -> Bools | None:
        """The rows looked at when each period takes its highest scores; None without periods."""
        if self.periods is None:
            return None
        order = np.lexsort((-score, self.periods))
        ordered = self.periods[order]
        first = np.searchsorted(ordered, ordered, side="left")
        out = np.zeros(len(score), bool)
        out[order] = np.arange(len(score)) - first < self.each
        return out


def review_capacity(
    capacity: float | None, period: str | None, event_time: Any, n: int
) -> Capacity | None:
    """The capacity over n rows; None where nothing limits them.

    Raises:
        UsageError: a capacity that is not positive, an unknown period, or one without times.
        DataError: the times cannot be counted in periods.
    """
    if capacity is None:
        if period is not None:
            raise UsageError("a period without a capacity", expected="capacity=<rows>")
        return None
    if not (np.isfinite(capacity) and capacity > 0):
        raise UsageError("the capacity is no number of rows", expected="> 0", got=f"{capacity}")
    if period is None:
        return Capacity(float(capacity), None, 1)
    if period not in PERIODS:
        raise UsageError(
            "unknown period", expected=f"one of {', '.join(PERIODS)}", got=f"period={period!r}"
        )
    if event_time is None:
        raise UsageError("a capacity by period needs event times", expected="event_time=<column>")
    times = as_times(event_time, n)
    if times.dtype.kind in "US" or times.dtype == object:
        try:
            times = times.astype(str).astype("datetime64[us]")
        except ValueError:
            times = np.zeros(0)
    if times.dtype.kind != "M":
        raise DataError(
            "the event times cannot be counted in periods",
            expected="a column of dates or times",
            got=f"type={times.dtype}",
            remedy="convert the column, or give the capacity over all rows",
        )
    number = times.astype(f"datetime64[{PERIODS[period]}]").astype(np.int64)
    number -= number.min()
    return Capacity(float(capacity), number, int(number.max()) + 1)
