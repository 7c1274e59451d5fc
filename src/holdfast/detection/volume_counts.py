"""Rows counted by stretches of five minutes, with the longest silence of every hour of the week."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.season import HOUR, WEEK
from holdfast.frames.values import IntArray

MINUTE = 60_000_000
#: the stretch in which history is kept; slots are whole multiples of it
BASE = 5 * MINUTE
#: history kept, in stretches: 16 weeks
MOST = 16 * WEEK // BASE


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """A silence: from, to (microseconds), and rows seen in the stretch it began in."""

    start: int
    end: int
    rows: int


class Counts(msgspec.Struct):
    """History of one source.

    Attributes:
        start: index of the first stretch (microseconds // `BASE`).
        rows: rows of each stretch from there on.
        gaps: the longest silence by the hour of the week in which it began.
        last: time of the last row; -1 before the first.
    """

    start: int = 0
    rows: list[int] = []
    gaps: dict[int, Gap] = {}
    last: int = -1

    @property
    def total(self) -> int:
        """Rows counted."""
        return sum(self.rows)

    def add(self, times: IntArray) -> None:
        """Counts rows.

        Args:
            times: shape (n,), microseconds, ascending and not before those given earlier.
        """
        if not len(times):
            return
        if self.last < 0:
            self.start = int(times[0]) // BASE
        places = times // BASE - self.start
        last = min(int(places[-1]), 8 * MOST)
        if last >= len(self.rows):
            self.rows.extend([0] * (last + 1 - len(self.rows)))
        self._silences(times, places)
        found, counts = np.unique(np.minimum(places, last), return_counts=True)
        for place, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.rows[place] += count
        self.last = int(times[-1])
        if len(self.rows) > MOST:
            gone = len(self.rows) - MOST
            self.start += gone
            del self.rows[:gone]

    def _silences(self, times: IntArray, places: IntArray) -> None:
        starts = np.concatenate(([self.last], times[:-1])) if self.last >= 0 else times[:-1]
        ends = times if self.last >= 0 else times[1:]
        if not len(starts):
            return
        hours = starts // HOUR % (WEEK // HOUR)
        order = np.lexsort((ends - starts, hours))
        longest = order[np.append(np.flatnonzero(np.diff(hours[order])), len(order) - 1)]
        for i in longest.tolist():
            start, end, hour = int(starts[i]), int(ends[i]), int(hours[i])
            known = self.gaps.get(hour)
            if known is None or end - start > known.end - known.start:
                place = start // BASE - self.start
                before = self.rows[place] if 0 <= place < len(self.rows) else 0
                before += int(np.count_nonzero((places == place) & (times <= start)))
                self.gaps[hour] = Gap(start, end, before)


class Slots(NamedTuple):
    """History summed to whole slots of one width: index of the first, and rows of each."""

    first: int
    rows: NDArray[np.float64]


def in_slots(counts: Counts, width: int) -> Slots:
    """Whole slots of a width; the first and last stretch, which may be cut, are left out."""
    per = width // BASE
    start = counts.start + 1
    rows = np.array(counts.rows[1:-1], np.float64)
    skip = -start % per
    whole = max(len(rows) - skip, 0) // per
    return Slots((start + skip) // per, rows[skip : skip + whole * per].reshape(whole, per).sum(1))
