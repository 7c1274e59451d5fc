"""Which row came when: a short table from arrival times to row numbers."""

from __future__ import annotations

import msgspec
import numpy as np

from holdfast.detection.base import IntArray

#: notes kept; when there are more, every second one goes
NOTES = 512
DAY = 86_400_000_000


class RowClock(msgspec.Struct):
    """Notes of (arrival time, row number), as far apart as their number allows.

    Attributes:
        times: microseconds since 1970 (UTC), never falling.
        rows: the model's row numbers, rising.
        apart: rows between two notes, at least.

    Example:
        >>> clock = RowClock()
        >>> clock.take(0, np.arange(0, 1000, 10))
        >>> clock.row_at(505), clock.row_at(-7), clock.row_at(99_999)
        (50, 0, 96)
    """

    times: list[int] = []
    rows: list[int] = []
    apart: int = 32

    def take(self, first: int, received: IntArray) -> None:
        """Takes rows that came one after the other; `first` is the number of the first."""
        start = -first % self.apart
        for place in range(start, len(received), self.apart):
            time = int(received[place])
            self.times.append(max(time, self.times[-1]) if self.times else time)
            self.rows.append(first + place)
        while len(self.times) > NOTES:
            self.times, self.rows = self.times[::2], self.rows[::2]
            self.apart *= 2

    @property
    def per_day(self) -> float | None:
        """Rows a day so far; None before a day has passed."""
        span = self.times[-1] - self.times[0] if self.times else 0
        return (self.rows[-1] - self.rows[0]) * DAY / span if span >= DAY else None

    def row_at(self, time: int) -> int:
        """Number of the row that came at about `time`."""
        return int(self.rows_at(np.array([time], np.int64))[0])

    def rows_at(self, times: IntArray) -> IntArray:
        """Shape (n,): numbers of the rows that came at about these times; 0 without any note."""
        if not self.times:
            return np.zeros(len(times), np.int64)
        found: IntArray = np.interp(times, self.times, self.rows).astype(np.int64)
        return found
