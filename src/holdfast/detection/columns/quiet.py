"""What the reference allows: the tolerance of a bet, learned so that the reference itself is quiet.

For every bet three things are measured on the reference in its natural order
(`research/detection.md` 2.2, `research/detection_drift.md` 3.1)::

    tau     = max(floor, 4 between) * mult, at least the estimation error
    between = spread of the local mean over spans of 60 to 6,000 rows beyond sampling noise
    deff    = how much more the local mean varies than independent rows would: evidence is divided
              by it
    mult    = the smallest of 1, 1.5 ... 18 that keeps the bet's evidence at or below 7 nats over
              the whole reference, measured as it will be in production: sums of all starts for
              bets in blocks; where none does, the bet is muted, and that is told

Zero `between`, `deff` 1 and `mult` 1 on exchangeable rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import FloatArray, IntArray

#: rows of one block: the table bets' CUSUM moves at block ends
BLOCK = 20
#: spans over which the reference's own ups and downs are measured, in blocks
SPANS = (3, 10, 30, 100, 300)
#: spans needed before their spread says anything
MIN_SPANS = 8
MOST_DEFF = 300.0
#: evidence that a bet may reach on its own reference, in nats
QUIET = 7.0
#: ... and sums of starts on a long one, in nats above what fair starts earn on average
FAIR = 1.0
MULTIPLES = (1.0, 1.5, 2.2, 3.2, 5.0, 8.0, 12.0, 18.0)
#: standard errors of the reference's estimate that belong to "nothing is wrong"
ERRORS = 4.0
#: by how much longer a sticky bet must be calm to be over, at most: its rows say less each
MOST_PATIENCE = 10.0
GRID = float(1 << 20)
#: steps of tables are coarser, so that the sum over a block is exact in single precision
TABLE_GRID = float(1 << 14)


class Spread(NamedTuple):
    """The reference's own ups and downs: shape (bets,) each."""

    between: FloatArray
    deff: FloatArray


def spread(sums: FloatArray, rows: FloatArray, variance: FloatArray) -> Spread:
    """How much local means vary beyond sampling noise.

    Args:
        sums: shape (blocks, bets), sums of a quantity in each block, in time order.
        rows: shape (blocks, bets), applicable rows of each block.
        variance: shape (bets,), variance of the quantity between rows.

    Returns:
        `between`, the standard deviation of the local mean with the sampling noise (enlarged by
        ``1 + 2.5 sqrt(2 / spans)``) taken off, one standard error larger, largest over all spans;
        `deff`, the ratio of both variances where the excess is significant, from 1 to 300.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> calm = rng.binomial(20, 0.3, (300, 1)).astype(float)
        >>> tide = rng.binomial(20, 0.3 + 0.2 * np.sin(np.arange(300) / 4)).astype(float)[:, None]
        >>> n, v = np.full((300, 1), 20.0), np.array([0.21])
        >>> spread(calm, n, v).deff.tolist(), spread(tide, n, v).between.round(2).tolist()
        ([1.0], [0.15])
    """
    bets = sums.shape[1]
    between2, deff = np.zeros(bets), np.ones(bets)
    for span in SPANS:
        k = len(sums) // span
        if k < MIN_SPANS:
            break
        local_rows = rows[: k * span].reshape(k, span, bets).sum(axis=1)
        local_sums = sums[: k * span].reshape(k, span, bets).sum(axis=1)
        used = local_rows > 0
        count = used.sum(axis=0)
        safe = np.maximum(local_rows, 1.0)
        means = np.where(used, local_sums / safe, 0.0)
        n = np.maximum(count, 1)
        centre = means.sum(axis=0) / n
        varied = (np.where(used, means - centre, 0.0) ** 2).sum(axis=0) / np.maximum(count - 1, 1)
        noise = variance * np.where(used, 1.0 / safe, 0.0).sum(axis=0) / n
        excess = varied - noise * (1.0 + 2.5 * np.sqrt(2.0 / n))
        good = (count >= MIN_SPANS) & (excess > 0.0) & (noise > 0.0)
        # few spans tell the spread badly: it may well be one standard error larger than it looked
        upper = excess * (1.0 + np.sqrt(2.0 / n))
        between2 = np.where(good, np.maximum(between2, upper), between2)
        ratio = varied / np.maximum(noise, 1e-300)
        deff = np.where(good, np.maximum(deff, ratio), deff)
    return Spread(np.sqrt(between2), np.minimum(deff, MOST_DEFF))


def highest(steps: FloatArray) -> FloatArray:
    """Shape (bets,): the largest wealth of ``W <- max(W, 0) + step`` over all rows of `steps`.

    >>> highest(np.array([[1.0], [-3.0], [2.0], [2.0]])).tolist()
    [4.0]
    """
    total = np.cumsum(steps, axis=0)
    low = np.minimum(np.minimum.accumulate(total, axis=0), 0.0)
    low = np.concatenate((np.zeros((1, steps.shape[1])), low[:-1]))
    wealth: FloatArray = (total - low).max(axis=0, initial=0.0)
    return wealth


def highest_sum(steps: FloatArray) -> FloatArray:
    """Shape (bets,): log of the largest sum of all starts, ``R <- (R + 1) exp(step)``.

    >>> highest_sum(np.log([[4.0], [0.5], [1.0]])).round(4).tolist() == [round(math.log(4), 4)]
    True
    """
    total = np.cumsum(steps, axis=0)
    before = np.concatenate((np.zeros((1, steps.shape[1])), total[:-1]))
    grown = total + np.logaddexp.accumulate(-before, axis=0)
    most: FloatArray = grown.max(axis=0, initial=-np.inf)
    return most


def settle(
    streams: int,
    steps_at: Callable[[float, IntArray], FloatArray],
    height: Callable[[FloatArray], FloatArray] = highest_sum,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The multiple at which each stream stays quiet on the reference, and which never do.

    Args:
        streams: how many.
        steps_at: gives the steps (rows or blocks, bets) of chosen streams at one multiple, the bets
            of a stream side by side, as many for each; the loudest of them decides.
        height: how much evidence such steps come to at most: `highest` for bets that keep their
            best start only.
    """
    mult = np.full(streams, MULTIPLES[-1])
    loud = np.arange(streams)
    for multiple in MULTIPLES:
        if not len(loud):
            break
        steps = steps_at(multiple, loud)
        # fair bets earn as much as they have starts, on average: of that a sum must not be accused
        most = QUIET if height is highest else max(QUIET, math.log(max(len(steps), 1)) + FAIR)
        quiet = height(steps).reshape(len(loud), -1).max(axis=1) <= most
        mult[loud[quiet]] = multiple
        loud = loud[~quiet]
    muted = np.zeros(streams, np.bool_)
    muted[loud] = True
    return mult, muted


class Payments(NamedTuple):
    """What payoffs earned on the reference, by block: shape (blocks, bets) each.

    Attributes:
        pays: sums of the payoffs.
        logs: sums of their logarithms.
        rows: applicable rows.
    """

    pays: FloatArray
    logs: FloatArray
    rows: FloatArray


class Limits(NamedTuple):
    """What is tolerated of payoffs: shape (bets,) each.

    Attributes:
        norm: logarithm of the largest mean payoff that is still normal.
        deff: by how much evidence is divided.
        mult: by how much the tolerance had to widen.
        loud: bets that the reference itself cannot keep quiet.
    """

    norm: FloatArray
    deff: FloatArray
    mult: FloatArray
    loud: NDArray[np.bool_]


def limits(
    paid: Payments,
    mean: FloatArray,
    sd: FloatArray,
    count: FloatArray,
    delta: FloatArray,
    *,
    together: bool = False,
) -> Limits:
    """Settles payoffs: ``log(mean + tau)``, with ``tau`` as at the head of this module.

    Args:
        paid: the payoffs by block, in time order.
        mean: shape (bets,), mean payoff over the reference.
        sd: shape (bets,), its standard deviation between rows.
        count: shape (bets,), applicable rows.
        delta: shape (bets,), smallest rise of the mean that matters, in standard deviations.
        together: whether all are about one column: where its level wanders, its spread will one
            day too, so that all divide their evidence alike.
    """
    ups = spread(paid.pays, paid.rows, np.maximum(sd**2, 1e-300))
    if together and len(ups.deff):
        ups.deff[:] = ups.deff.max()
    wide = np.maximum(delta * sd, 4.0 * ups.between)
    error = ERRORS / np.sqrt(count) * sd

    def limit(mult: FloatArray | float, chosen: IntArray) -> FloatArray:
        tau = np.maximum(wide[chosen] * mult, error[chosen])
        result: FloatArray = np.log(np.maximum(mean[chosen] + tau, 1e-300))
        return result

    def steps_at(mult: float, chosen: IntArray) -> FloatArray:
        above = paid.logs[:, chosen] - paid.rows[:, chosen] * limit(mult, chosen)
        result: FloatArray = above / ups.deff[chosen]
        return result

    mult, loud = settle(len(mean), steps_at)
    return Limits(limit(mult, np.arange(len(mean))), ups.deff, mult, loud)


def patience(deff: float) -> float:
    """By how much longer than independent rows a bet must be calm before its fault is over.

    >>> patience(1.0), patience(4.0), patience(200.0)
    (1.0, 4.0, 10.0)
    """
    return min(max(deff, 1.0), MOST_PATIENCE)


def rounded(steps: FloatArray, grid: float = GRID) -> FloatArray:
    """Steps rounded down to multiples of ``1 / grid``, so that their sums are exact in any order.

    Rounding down keeps the mean payoff at most 1; it costs at most ``1 / grid`` nat a row.
    """
    result: FloatArray = np.floor(steps * grid) / grid
    return result
