"""Stretches of rows that merge: the monoid of the bets on cells.

Workers, partitions or Spark tasks can sum up their own rows and send six numbers a bet. Whole
blocks of 20 rows turn the sum over all starts into ``R exp(total) + own``, with the sum of their
steps and what starts inside them have earned; the best start, ``W <- max(W, 0) + step``, needs
their largest suffix (in blocks, since bets start only at the first row of one). These combine
associatively. Steps are multiples of 2^-14 nat, so merged totals and W equal those of one process
reading every row to the bit, and R equals it but for rounding in the sixteenth digit. Rows at
either end that do not fill a block travel along as they are (`Stretch`).

How high R came inside a stretch depends on how high it was before. Kept are the largest prefix and
the highest sum of starts inside, which bound it from above: where that bound reaches a threshold,
the rows of the stretch are read by a bank, which finds the row, if there is one, follows the fault
and caps the sum. Below it nothing crossed. This holds for a `BlockBank` with no group in fault.
Order is time: merging is associative but not commutative; the bound is the closer the fewer parts
were joined from the right.

Not for streams that may start at any row (`rows`), need earlier rows (repeats) or learn as they go
(`outliers`): each worker runs those over its own rows, with its share of the budget. Outcomes
(`labels`) go through one process.

Where only counts of a stretch are known, in no order, `lower_bound` says what the evidence must
have reached at least.
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
    """What a row adds to the evidence of every bet of a bank.

    Attributes:
        steps: per column, shape (features, bets of the column), in nats, multiples of 2^-14.
        spans: per column, where its bets stand among those of the bank.
        cells: shape (columns,), number of cells of each column; flags stand behind them.
    """

    steps: tuple[FloatArray, ...]
    spans: tuple[slice, ...]
    cells: IntArray

    @classmethod
    def of(cls, bank: BlockBank, cells: Sequence[int]) -> CellSteps:
        """The steps of a bank; `cells` as it was made with."""
        return cls(tuple(bank.steps), tuple(bank.spans), np.array(cells, np.int64))

    @property
    def bets(self) -> int:
        """How many bets there are."""
        return self.spans[-1].stop if self.spans else 0


class Summary(NamedTuple):
    """Whole blocks as the bets see them; arrays have shape (bets,).

    Attributes:
        blocks: how many blocks.
        total: sum of all steps.
        own: log of what starts inside have earned by the last row.
        suffix: largest sum of the last one or more blocks.
        began: first row of that suffix (the later one of equals).
        prefix: largest sum from the first row to any row.
        high: log of what starts inside had earned at the best row, or more.
    """

    blocks: int
    total: FloatArray
    own: FloatArray
    suffix: FloatArray
    began: IntArray
    prefix: FloatArray
    high: FloatArray


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
    low = np.full(steps.bets, -np.inf)
    none = np.zeros(steps.bets)
    return Summary(0, none, low, low, none.astype(np.int64), low, low)


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
    blocks = len(cells) // BLOCK
    total, own, suffix, prefix, high = (np.zeros(steps.bets) for _ in range(5))
    began = np.zeros(steps.bets, np.int64)
    for c, (table, span) in enumerate(zip(steps.steps, steps.spans, strict=True)):
        bets = span.stop - span.start
        if not bets:
            continue
        path = table[cells[:, c]]
        for f in range(len(table) - int(steps.cells[c])):
            path[flags[:, c, f]] += table[steps.cells[c] + f]
        path = np.cumsum(path.reshape(blocks, BLOCK, bets), axis=1)
        top = path.max(axis=1)
        # sums of all steps before each block, and after the last
        before = np.concatenate((np.zeros((1, bets)), np.cumsum(path[:, -1], axis=0)))
        total[span] = before[-1]
        prefix[span] = (before[:-1] + top).max(axis=0)
        last = blocks - 1 - np.argmin(before[:-1][::-1], axis=0)
        suffix[span] = before[-1] - before[last, np.arange(bets)]
        began[span] = start + last * BLOCK
        earned, best = np.full(bets, -np.inf), np.full(bets, -np.inf)
        for b in range(blocks):
            begun = np.logaddexp(earned, 0.0)
            best = np.maximum(best, begun + top[b])
            earned = begun + path[b, -1]
        own[span], high[span] = earned, best
    return Summary(blocks, total, own, suffix, began, prefix, high)


def combine(first: Summary, second: Summary) -> Summary:
    """The summary of `first` followed by `second`."""
    if not first.blocks or not second.blocks:
        return second if second.blocks else first
    through = first.suffix + second.total
    goes_on = through > second.suffix
    return Summary(
        first.blocks + second.blocks,
        first.total + second.total,
        np.logaddexp(first.own + second.total, second.own),
        np.where(goes_on, through, second.suffix),
        np.where(goes_on, first.began, second.began),
        np.maximum(first.prefix, first.total + second.prefix),
        np.maximum(first.high, np.logaddexp(first.own + second.prefix, second.high)),
    )


class Applied(NamedTuple):
    """A bank after whole blocks: shape (bets,) each.

    Attributes:
        sums, wealth, began: after the last block, as the bank has them.
        peak: log of the highest sum at any row inside, or more: where it stays below a threshold
            nothing crossed, and where it does not the rows must be read.
    """

    sums: FloatArray
    wealth: FloatArray
    began: IntArray
    peak: FloatArray


def apply(sums: FloatArray, wealth: FloatArray, began: IntArray, summary: Summary) -> Applied:
    """Carries a bank without faults through whole blocks.

    Args:
        sums: as the bank has them at the end of a block, shape (bets,).
        wealth: likewise.
        began: likewise.
        summary: the blocks that follow.
    """
    with np.errstate(divide="ignore"):
        start = np.log(sums)
    if not summary.blocks:
        return Applied(sums, wealth, began, start)
    through = np.maximum(wealth, 0.0) + summary.total
    goes_on = through > summary.suffix
    return Applied(
        np.exp(np.logaddexp(start + summary.total, summary.own)),
        np.where(goes_on, through, summary.suffix),
        np.where(goes_on, began, summary.began),
        np.logaddexp(start + summary.prefix, summary.high),
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
    counts: Sequence[FloatArray], steps: CellSteps, start: FloatArray | float = 0.0
) -> FloatArray:
    """Log of what the sum of a bet has reached at least after a stretch known by its counts alone.

    What was there before, or the start at the first row, is multiplied by every row's payoff, and
    later starts only add to it: over any stretch the logarithm grows by at least the sum of the
    steps, which is linear in the counts. A change in the middle of the stretch can make the true
    sum much larger: the bound proves a crossing, never the absence of one.

    Args:
        counts: per column, shape (features,): rows by cell and flag, of at least one row.
        steps: what a row adds.
        start: log of the sum before the stretch, shape (bets,), itself possibly a bound; 0, the
            default, is one for a stretch that begins at a multiple of 20.

    Returns:
        Shape (bets,).

    Example:
        >>> steps = CellSteps((np.array([[0.5], [-0.25]]),), (slice(0, 1),), np.array([2]))
        >>> lower_bound([np.array([30.0, 10.0])], steps).tolist()
        [12.5]
    """
    moved = [c @ table for c, table in zip(counts, steps.steps, strict=True)]
    bound: FloatArray = start + np.concatenate(moved)
    return bound


def _cut(rows: Rows, low: int, high: int) -> Rows:
    return Rows(rows.cells[low:high], rows.flags[low:high])
