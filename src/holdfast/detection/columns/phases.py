"""References by the clock: what is normal at this hour or on this weekday, where the rows tell it.

A column that repeats itself every day or week (`holdfast.detection.season.find_cycles`) may be
judged by the phase of a row instead of by all hours together: its shares, payoffs and tolerances
are then those of the phase. How finely the clock is cut is itself learned: of several cuts the one
with the narrowest tolerances on the reference is taken, fewer rows a phase meaning larger errors
and wider phases meaning more movement inside them; where none is clearly narrower than all hours
together, the column keeps one reference.

The phase of a row follows from its event time alone, so it is known before the row's values are
looked at, and the bet against "the mean payoff at this phase is at most ``m + tau``" is as valid as
that against one mean for all. A bet keeps one wealth over all phases. Times count as UTC.

Group 0 is every row of the reference together; rows without a time, or of a phase that the
reference hardly shows, are judged by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.cells import Cells, mid_ranks, standardise
from holdfast.detection.columns.quiet import BLOCK, ERRORS, spread
from holdfast.detection.season import DAY, HOUR, HOURS, WEEKDAYS, Period
from holdfast.frames.values import FloatArray, IntArray, ValueKind

#: rows and days (weeks) of the reference that a phase needs
LEAST_ROWS, LEAST_PERIODS = 100, 3
#: a clock must leave at most this part of the tolerance of all hours together
NARROWER = 0.85
#: ways to cut the clock: (parts of a day, parts of a week), parts of a week being 1, 2 or 7
CUTS: dict[Period, tuple[tuple[int, int], ...]] = {
    Period.NONE: (),
    Period.HOUR_OF_DAY: ((24, 1), (12, 1), (8, 1), (6, 1), (4, 1)),
    Period.WEEKDAY: ((1, 7), (1, 2)),
    Period.HOUR_OF_WEEK: (
        (24, 1), (12, 1), (8, 1), (4, 1), (1, 7), (1, 2), (24, 2), (12, 2), (8, 2), (4, 2),
        (8, 7), (4, 7),
    ),
}  # fmt: skip
_DELTA = 0.07
#: the first day of 1970 was a Thursday
_THURSDAY = 3
#: categories looked at when the cut is chosen
_MOST_CATEGORIES = 6


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How the time of a row becomes its group.

    Attributes:
        day: parts of a day, from 1 (the hour does not count) to 24.
        week: 1 (the day does not count), 2 (Monday to Friday, weekend) or 7.
        groups: group of each phase, day parts within week parts; 0: too few rows to tell.
    """

    day: int
    week: int
    groups: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of groups, the one of all rows included."""
        return max(self.groups, default=0) + 1

    @property
    def words(self) -> str:
        """What it goes by, for people."""
        day = "" if self.day == 1 else "hour" if self.day == HOURS else f"{HOURS // self.day} hours"
        week = {1: "", 2: "working day or weekend", 7: "weekday"}[self.week]
        return " and ".join(x for x in (week, day) if x)

    def of(
        self, at: IntArray | None, rows: int, known: NDArray[np.bool_] | None = None
    ) -> IntArray:
        """Shape (rows,): the group of each row.

        Args:
            at: event times in microseconds since 1970 (UTC); None: none is known.
            rows: how many.
            known: which times are really event times; None: those after 1970 began.

        Example:
            >>> clock = Clock(day=2, week=1, groups=(1, 2))
            >>> clock.of(np.array([DAY, DAY + 13 * HOUR, 0]), 3).tolist()
            [1, 2, 0]
        """
        if at is None:
            return np.zeros(rows, np.int64)
        found = np.array(self.groups, np.int64)[phase_of(at, self.day, self.week)]
        found[~(at > 0 if known is None else known & (at > 0))] = 0
        return found


def phase_of(at: IntArray, day: int, week: int) -> IntArray:
    """Shape (n,): the phase, from 0 to ``day * week - 1``.

    >>> monday = 4 * DAY
    >>> phase_of(np.array([monday, monday + 6 * DAY + 23 * HOUR]), 24, 7).tolist()
    [0, 167]
    """
    part = (at // HOUR) % HOURS * day // HOURS
    weekday = (at // DAY + _THURSDAY) % WEEKDAYS
    turn = weekday if week == WEEKDAYS else (weekday >= 5).astype(np.int64) if week == 2 else 0
    result: IntArray = turn * day + part
    return result


def choose_clock(cells: Cells, coded: IntArray, at: IntArray, period: Period) -> Clock | None:
    """The cut with the narrowest tolerances; None where one reference for all hours does as well.

    Args:
        cells: the cells of the column.
        coded: shape (n,), cell of each reference row, in time order.
        at: shape (n,), its event time.
        period: what the column repeats.
    """
    looked = _looked_at(cells, coded)
    if not CUTS[period] or not looked.shape[1]:
        return None
    whole = _tolerance(looked, np.zeros(len(coded), np.int64), 1, 1.0)
    best, found = NARROWER * float(whole.mean()), None
    for day, week in CUTS[period]:
        phase = phase_of(at, day, week)
        # weeks begin on Monday; days of one kind in a week count once
        turn = at // DAY if week == 1 else (at // DAY + _THURSDAY) // WEEKDAYS
        count = day * week
        rows = np.bincount(phase, minlength=count)
        pairs = np.unique(np.stack((phase, turn)), axis=1)[0]
        periods = np.bincount(pairs, minlength=count)
        enough = (rows >= LEAST_ROWS) & (periods >= LEAST_PERIODS)
        if enough.sum() < 2 or rows[enough].sum() < 0.5 * len(coded):
            continue
        groups = np.where(enough, np.cumsum(enough), 0)
        group = groups[phase]
        turns = float(np.median(periods[enough]))
        each = _tolerance(looked, group, int(groups.max()) + 1, turns / (turns - 1.0))
        each = np.where((group == 0)[:, None], whole[None, :], each[group])
        width = float(each.mean())
        if width < best:
            best = width
            found = Clock(day=day, week=week, groups=tuple(groups.tolist()))
    return found


def _looked_at(cells: Cells, coded: IntArray) -> FloatArray:
    """Shape (n, quantities): level and spread of a number, indicators of common categories."""
    counts = np.array(cells.counts, float)
    counts[cells.inner :] = 0.0
    if not counts.sum():
        return np.zeros((len(coded), 0))
    if cells.kind is ValueKind.NUMBER:
        rank = standardise(mid_ranks(cells), counts)
        made = [rank, standardise(rank**2, counts)]
    else:
        made = [
            standardise((np.arange(cells.size) == i).astype(float), counts)
            for i in range(min(len(cells.names), _MOST_CATEGORIES))
        ]
    made = [z * (np.arange(cells.size) < cells.inner) for z in made if z.any()]
    if not made:
        return np.zeros((len(coded), 0))
    return np.stack([z[coded] for z in made], axis=1)


def _tolerance(looked: FloatArray, group: IntArray, groups: int, more: float) -> FloatArray:
    """What would be tolerated, in sd: shape (groups, quantities); (quantities,) for one group."""
    n = np.maximum(np.bincount(group, minlength=groups), 1).astype(float)
    mean = np.stack([np.bincount(group, weights=u, minlength=groups) / n for u in looked.T], axis=1)
    rest = looked - mean[group]
    square = np.stack(
        [np.bincount(group, weights=u**2, minlength=groups) / n for u in rest.T], axis=1
    )
    used = len(looked) // BLOCK * BLOCK
    sums = rest[:used].reshape(-1, BLOCK, rest.shape[1]).sum(axis=1)
    rows = np.full(sums.shape, float(BLOCK))
    between = spread(sums, rows, np.maximum((rest**2).mean(axis=0), 1e-12)).between * more**0.5
    error = ERRORS * np.sqrt(square / n[:, None])
    result: FloatArray = np.maximum(np.maximum(_DELTA, 4.0 * between)[None, :], error)
    return result[0] if groups == 1 else result


def expanded(coded: IntArray, group: IntArray, cells: int) -> IntArray:
    """Cells of rows as cells of the wide table: those of group 0, then of group 1 and so on."""
    result: IntArray = coded + group * cells
    return result


def by_group(wide: FloatArray, groups: int, cells: int) -> FloatArray:
    """Counts of the wide table, shape (..., groups x cells + flags), as (..., groups, cells).

    Group 0 is the sum of all.
    """
    out: FloatArray = wide[..., : groups * cells].reshape(*wide.shape[:-1], groups, cells).copy()
    out[..., 0, :] = out.sum(axis=-2)
    return out


def told(names: Sequence[str], clocks: Sequence[Clock | None]) -> list[str]:
    """One sentence a way of cutting the clock, with its columns."""
    found: dict[str, list[str]] = {}
    for name, clock in zip(names, clocks, strict=True):
        if clock is not None:
            found.setdefault(clock.words, []).append(repr(name) if name else "the score")
    return [
        f"{', '.join(mine)}: judged by {words} (UTC): each has a reference of its own"
        for words, mine in found.items()
    ]
