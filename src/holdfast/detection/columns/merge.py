"""Stretches of rows that merge: the monoid of the bets on cells.

Workers, partitions or Spark tasks can sum up their own rows and send five numbers a bet. Whole
blocks of 20 rows enter the wealth ``W <- max(W, 0) + step`` only through their sum, their largest
suffix (in blocks, since it restarts only at block ends), and their largest prefix and stretch (in
rows, since inside a block every row is looked at). These combine associatively, and steps are
multiples of 2^-14 nat, so the merged wealth equals that of one process reading every row, to the
bit. Rows at either end that do not fill a block travel along as they are (`Stretch`).

This holds for the wealth of a `BlockBank` with no group in fault; where `apply` says that a bet
reached its threshold, the rows of that stretch are read by a bank, which finds the row, follows the
fault and caps the wealth. Order is time: merging is associative but not commutative.

Not for streams that may start at any row (`rows`), need earlier rows (repeats) or learn as they go
(`outliers`): each worker runs those over its own rows, with its share of the budget. Outcomes
(`labels`) go through one process.

Where only counts of a stretch are known, in no order, `lower_bound` says what the wealth must have
reached at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.blocks import BlockBank
from holdfast.detection.columns.quiet import BLOCK
from holdfast.errors import DataError
from holdfast.frames.values import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

#: rows summed up at a time
CHUNK = 200 * BLOCK


class CellSteps(NamedTuple):
    """What a row adds to the wealth of every bet of a bank.

    Attributes:
        steps: shape (columns, features, bets), in nats, multiples of 2^-14; zero for bets that
            are not watched.
        cells: shape (columns,), number of cells of each column; flags stand behind them.
    """

    steps: FloatArray
    cells: IntArray

    @classmethod
    def of(cls, bank: BlockBank, cells: Sequence[int]) -> CellSteps:
        """The steps of a bank; `cells` as it was made with."""
        steps = np.zeros((len(bank.tables), bank.features, bank.width))
        for c, table in enumerate(bank.tables):
            rows, bets = table.steps.shape
            watched = np.isfinite(bank.thresholds[c, :bets])
            steps[c, :rows, :bets] = np.where(watched, table.steps, 0.0)
        return cls(steps, np.array(cells, np.int64))


class Summary(NamedTuple):
    """Whole blocks as the bets see them; arrays have shape (columns, bets).

    Attributes:
        blocks: how many blocks.
        total: sum of all steps.
        suffix: largest sum of the last one or more blocks.
        began: first row of that suffix (the later one of equals).
        prefix: largest sum from the first row to any row.
        best: largest sum from the first row of any block to any row.
    """

    blocks: int
    total: FloatArray
    suffix: FloatArray
    began: IntArray
    prefix: FloatArray
    best: FloatArray


class Rows(NamedTuple):
    """Rows that do not fill a block: cells, shape (n, columns), flags, (n, columns, flags)."""

    cells: IntArray
    flags: BoolArray

    def __add__(self, other: Rows) -> Rows:  # type: ignore[override]
        return Rows(
            np.concatenate((self.cells, other.cells)), np.concatenate((self.flags, other.flags))
        )


class Stretch(NamedTuple):
    """Consecutive rows of one model, ready to be joined with their neighbours.

    Attributes:
        start, end: number of the first row, and of the row after the last.
        head: rows before the first multiple of 20 inside (all rows where there is none).
        middle: whole blocks.
        tail: rows after the last whole block.
    """

    start: int
    end: int
    head: Rows
    middle: Summary
    tail: Rows


def nothing(steps: CellSteps) -> Summary:
    """The neutral element: no blocks."""
    shape = (steps.steps.shape[0], steps.steps.shape[2])
    low = np.full(shape, -np.inf)
    return Summary(0, np.zeros(shape), low, np.zeros(shape, np.int64), low, low)


def summarise(rows: Rows, start: int, steps: CellSteps) -> Summary:
    """The summary of whole blocks.

    Args:
        rows: the rows, a multiple of 20 of them.
        start: number of the first one, a multiple of 20.
        steps: what a row adds.
    """
    out = nothing(steps)
    for low in range(0, len(rows.cells), CHUNK):
        part = slice(low, low + CHUNK)
        some = _summarise(rows.cells[part], rows.flags[part], start + low, steps)
        out = combine(out, some)
    return out


def _summarise(cells: IntArray, flags: BoolArray, start: int, steps: CellSteps) -> Summary:
    blocks, bets = len(cells) // BLOCK, steps.steps.shape[2]
    shape = (cells.shape[1], bets)
    total, suffix, prefix, best = (np.empty(shape) for _ in range(4))
    began = np.empty(shape, np.int64)
    for c in range(cells.shape[1]):
        path = steps.steps[c][cells[:, c]]
        for f in range(flags.shape[2]):
            path[flags[:, c, f]] += steps.steps[c, steps.cells[c] + f]
        path = np.cumsum(path.reshape(blocks, BLOCK, bets), axis=1)
        high = path.max(axis=1)
        # sums of all steps before each block, and after the last
        before = np.concatenate((np.zeros((1, bets)), np.cumsum(path[:, -1], axis=0)))
        low = np.minimum.accumulate(before[:-1], axis=0)
        total[c] = before[-1]
        prefix[c] = (before[:-1] + high).max(axis=0)
        best[c] = (before[:-1] - low + high).max(axis=0)
        last = blocks - 1 - np.argmin(before[:-1][::-1], axis=0)
        suffix[c] = before[-1] - before[last, np.arange(bets)]
        began[c] = start + last * BLOCK
    return Summary(blocks, total, suffix, began, prefix, best)


def combine(first: Summary, second: Summary) -> Summary:
    """The summary of `first` followed by `second`."""
    if not first.blocks or not second.blocks:
        return second if second.blocks else first
    through = first.suffix + second.total
    goes_on = through > second.suffix
    return Summary(
        first.blocks + second.blocks,
        first.total + second.total,
        np.where(goes_on, through, second.suffix),
        np.where(goes_on, first.began, second.began),
        np.maximum(first.prefix, first.total + second.prefix),
        np.maximum(np.maximum(first.best, second.best), first.suffix + second.prefix),
    )


class Applied(NamedTuple):
    """A bank after whole blocks: shape (columns, bets) each.

    Attributes:
        wealth: after the last block, as `BlockBank.wealth`.
        began: first row of the present excursion, as `BlockBank.began`.
        peak: largest wealth at any row inside; where it reaches a threshold, a bet crossed.
    """

    wealth: FloatArray
    began: IntArray
    peak: FloatArray


def apply(wealth: FloatArray, began: IntArray, summary: Summary) -> Applied:
    """Carries the wealth of a bank without faults through whole blocks.

    Args:
        wealth: as the bank has it at the end of a block, shape (columns, bets).
        began: likewise.
        summary: the blocks that follow.
    """
    if not summary.blocks:
        return Applied(wealth, began, wealth)
    start = np.maximum(wealth, 0.0)
    through = start + summary.total
    goes_on = through > summary.suffix
    return Applied(
        np.where(goes_on, through, summary.suffix),
        np.where(goes_on, began, summary.began),
        np.maximum(start + summary.prefix, summary.best),
    )


def stretch(start: int, cells: IntArray, flags: BoolArray, steps: CellSteps) -> Stretch:
    """Sums up consecutive rows.

    Args:
        start: number of the first row, counted as the bank counts.
        cells: shape (n, columns), cell of every row and column.
        flags: shape (n, columns, flags).
        steps: what a row adds.
    """
    rows, end = Rows(cells, flags), start + len(cells)
    first, last = -(-start // BLOCK) * BLOCK, end // BLOCK * BLOCK
    if end < first:
        return Stretch(start, end, rows, nothing(steps), _cut(rows, 0, 0))
    inside = _cut(rows, first - start, last - start)
    return Stretch(
        start,
        end,
        _cut(rows, 0, first - start),
        summarise(inside, first, steps),
        _cut(rows, last - start, len(cells)),
    )


def join(first: Stretch, second: Stretch, steps: CellSteps) -> Stretch:
    """`first` followed by `second`; associative.

    Raises:
        DataError: `second` does not begin where `first` ends.
    """
    if first.end != second.start:
        raise DataError(
            "these stretches of rows do not follow one another",
            expected=f"a stretch that begins at row {first.end}",
            got=f"start={second.start}",
            remedy="sort stretches by their first row; without order use lower_bound",
        )
    if first.start % BLOCK and first.end < -(-first.start // BLOCK) * BLOCK:
        # the first one lies inside one block
        head = first.head + second.head
        return Stretch(first.start, second.end, head, second.middle, second.tail)
    between = first.tail + second.head
    if len(between.cells) < BLOCK:
        # nothing lies between, or the second one lies inside one block
        middle, tail = combine(first.middle, second.middle), between + second.tail
        return Stretch(first.start, second.end, first.head, middle, tail)
    block = summarise(between, first.end - len(first.tail.cells), steps)
    middle = combine(combine(first.middle, block), second.middle)
    return Stretch(first.start, second.end, first.head, middle, second.tail)


def lower_bound(
    counts: FloatArray, steps: FloatArray, start: FloatArray | float = 0.0
) -> FloatArray:
    """What the wealth has reached at least after a stretch known by its counts alone.

    Wealth is added up inside a block and raised to zero between blocks, so over any stretch it
    grows by at least the sum of the steps, which is linear in the counts. A change in the middle
    of the stretch can make the true wealth much larger: the bound proves a crossing, never the
    absence of one.

    Args:
        counts: shape (columns, features), rows by cell and flag, of at least one row.
        steps: shape (columns, features, bets), `CellSteps.steps`.
        start: wealth before the stretch, shape (columns, bets), itself possibly a bound; 0, the
            default, is one for a stretch that begins at a multiple of 20.

    Returns:
        Shape (columns, bets).

    Example:
        >>> steps = np.array([[[0.5], [-0.25]]])
        >>> lower_bound(np.array([[30.0, 10.0]]), steps).tolist()
        [[12.5]]
    """
    bound: FloatArray = start + np.einsum("cf,cfb->cb", counts, steps)
    return bound


def _cut(rows: Rows, low: int, high: int) -> Rows:
    return Rows(rows.cells[low:high], rows.flags[low:high])
