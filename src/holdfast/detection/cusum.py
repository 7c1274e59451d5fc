"""CUSUM e-detectors on yes/no streams, in exact arithmetic and O(number of yes) a block.

**The bet.** Against "given the past, the chance of yes is at most `edge`" bet on ``q > edge``: the
likelihood ratio ``q / edge`` at a yes and ``(1 - q) / (1 - edge)`` at a no has mean at most 1. With
``W <- max(W, 0) + log(ratio)``, ``exp(max(W, 0))`` is an e-detector, so that crossing
``log c + log(1 / weight)`` happens at most once in ``c`` rows on average, over all streams together
and under any dependence between them (Shin, Ramdas, Rinaldo 2023, *E-detectors*). Four bets a
stream replace the unknown true share; they cost ``log 4`` nats once.

**Exact.** Log-ratios are rounded *down* to integers of 2^-20 nat, which keeps the mean at most 1.
Integer sums do not depend on how rows are cut into blocks, so any sharding, restart or replay
crosses at the same row, to the bit.

**Fast.** Here V is ``max(W, 0)``. Between two yes rows V only falls, in a straight line, so a block
is settled at its yes rows alone: with S the running sum of steps, ``V = S - min(-V0, min S)``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import IntArray

#: integer steps per nat
SCALE = 1 << 20
#: where the bets stand between the edge (0) and certainty (1)
STAKES = (0.02, 0.08, 0.25, 0.7)
BETS = len(STAKES)


class Steps(NamedTuple):
    """What a row adds to the wealth of each bet, in units of 2^-20 nat: shape (bets,) each."""

    yes: IntArray
    no: IntArray


def bet(edge: float, q: float) -> tuple[int, int]:
    """Steps at a yes and at a no for betting on share `q` against share `edge`, rounded down.

    >>> yes, no = bet(0.01, 0.5)
    >>> round(yes / SCALE, 3), round(no / SCALE, 3)
    (3.912, -0.683)
    """
    yes = math.floor(math.log(q / edge) * SCALE)
    no = math.floor(math.log((1.0 - q) / (1.0 - edge)) * SCALE)
    return yes, no


def bets_above(edge: float) -> Steps:
    """The four bets that the share is above `edge`, at ``edge + (1 - edge) * STAKES``."""
    pairs = [bet(edge, edge + (1.0 - edge) * stake) for stake in STAKES]
    return Steps(
        np.array([yes for yes, _ in pairs], np.int64), np.array([no for _, no in pairs], np.int64)
    )


def units(nats: float) -> int:
    """A threshold in integer units, rounded up."""
    return math.ceil(nats * SCALE)


class Path(NamedTuple):
    """Wealth of each bet inside a block.

    Attributes:
        after: shape (bets, yes), wealth right after each yes row.
        fresh: shape (bets, yes), whether the wealth was zero right before it, so that the current
            excursion begins there.
        end: shape (bets,), wealth after the block.
    """

    after: IntArray
    fresh: NDArray[np.bool_]
    end: IntArray


def rise_on_yes(start: IntArray, at: IntArray, rows: int, steps: Steps) -> Path:
    """Runs bets that gain at a yes and lose at a no through a block.

    Args:
        start: shape (bets,), wealth before the block, not negative.
        at: shape (yes,), ascending positions of the yes rows among the block's rows.
        rows: rows of the block.
        steps: gains at a yes (positive) and losses at a no (not positive).

    Example:
        >>> steps = Steps(np.array([5]), np.array([-2]))
        >>> path = rise_on_yes(np.array([0]), np.array([2, 3]), 6, steps)
        >>> path.after.tolist(), path.end.tolist()
        ([[5, 10]], [6])
    """
    gain, loss = steps
    count = len(at)
    if count == 0:
        end = np.maximum(start + loss * rows, 0)
        empty = np.empty((len(start), 0), np.int64)
        return Path(empty, empty.astype(np.bool_), end)
    order = np.arange(count, dtype=np.int64)
    before = np.multiply.outer(loss, at - order) + np.multiply.outer(gain, order)
    low = np.minimum(np.minimum.accumulate(before, axis=1), -start[:, None])
    fresh = before == low
    after = before + gain[:, None] - low
    end = np.maximum(after[:, -1] + loss * (rows - 1 - int(at[-1])), 0)
    return Path(after, fresh, end)


class Rise(NamedTuple):
    """One bet that gains at a no: where it first reached its threshold, and its wealth at the end.

    Attributes:
        crossing: position of the crossing row in the block, or -1.
        reached: wealth at the crossing row, or 0.
        end: wealth after the block, had the bet gone on.
    """

    crossing: int
    reached: int
    end: int


def rise_on_no(start: int, at: IntArray, rows: int, yes: int, no: int, threshold: int) -> Rise:
    """Runs one bet that gains `no` > 0 at a no and loses `yes` < 0 at a yes through a block.

    The wealth peaks right before a yes and at the end of the block, so those places decide; the
    crossing row inside a run of no rows follows by division.

    >>> rise_on_no(0, np.array([3]), 10, -100, 2, 10)
    Rise(crossing=8, reached=10, end=12)
    """
    count = len(at)
    order = np.arange(count + 1, dtype=np.int64)
    runs = np.append(at, rows)
    peaks = no * (runs - order) + yes * order
    valleys = peaks[:-1] + yes
    low = np.minimum.accumulate(np.concatenate(([-start], valleys)))
    wealth = peaks - low
    reached = np.flatnonzero(wealth >= threshold)
    if not len(reached):
        return Rise(-1, 0, int(wealth[-1]))
    i = int(reached[0])
    back = (int(wealth[i]) - threshold) // no
    return Rise(int(runs[i]) - 1 - back, int(wealth[i]) - back * no, int(wealth[-1]))
