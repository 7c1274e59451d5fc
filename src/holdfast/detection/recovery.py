"""Is it over? The sequential test that ends a fault.

While a stream is in fault the null hypothesis is turned round: "the fault still goes on with at
least a quarter of its strength". Against it a bet is placed on "the share is back to normal". Each
time the evidence *for* the fault reaches a new high the test starts afresh, so what counts is the
stretch since the last row that spoke for the fault.

With everything mended, a fault that hit every row ends after 50 clean rows, one that hit 30 % of
the rows after about 150, one that hit 5 % after about 1,000: the weaker the fault, the longer a
lucky stretch looks like recovery. A fault that goes on is declared ended at most once in 100,000
rows. A stream that breaks again soon after a recovery needs twice the evidence next time, so a pipe
that flickers does not make incidents flicker.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from holdfast.detection.cusum import Steps, bet, rise_on_no, rise_on_yes, units
from holdfast.frames.values import IntArray

#: a fault that goes on is declared ended at most once in so many rows
FALSE_END_ROWS = 100_000
#: clean rows that a recovery takes at least
MIN_CLEAN = 50
#: part of the fault's strength that the null hypothesis still claims
STRENGTH = 0.25
#: breaking again within so many applicable rows of a recovery is a relapse
RELAPSE_ROWS = 20_000
MAX_STRIKES = 5

_THRESHOLD = units(math.log(FALSE_END_ROWS))


class Fault(msgspec.Struct):
    """A stream in fault: its evidence so far and the test for its end.

    Counts are of applicable rows and of yes rows since the detector was fitted.

    Attributes:
        gain, loss: steps of the bet that crossed.
        wealth, peak: wealth of that bet now and at its highest.
        onset_row, onset_at: estimated beginning.
        onset_rows, onset_yes: counts before the beginning.
        peak_row, peak_at, peak_rows, peak_yes: place and counts (inclusive) of the last high.
        relief: wealth of the bet on recovery, in the same units.
        strikes: relapses so far; each doubles the evidence a recovery needs.
    """

    gain: int
    loss: int
    wealth: int
    peak: int
    onset_row: int
    onset_at: int
    onset_rows: int
    onset_yes: int
    peak_row: int
    peak_at: int
    peak_rows: int
    peak_yes: int
    relief: int = 0
    strikes: int = 0

    @property
    def strength(self) -> float:
        """Share of yes from the onset to the last high."""
        rows = self.peak_rows - self.onset_rows
        return (self.peak_yes - self.onset_yes) / rows if rows > 0 else 1.0

    @property
    def threshold(self) -> int:
        """Wealth at which the fault is over."""
        return _THRESHOLD << self.strikes


def relief_bet(normal: float, edge: float, strength: float) -> tuple[int, int]:
    """Steps (at a yes, at a no) of the bet that a fault of `strength` is over.

    Args:
        normal: share in the reference.
        edge: end of the allowed interval, above `normal`.
        strength: share during the fault.

    Example:
        >>> yes, no = relief_bet(0.0, 0.003, 1.0)
        >>> round(units(math.log(FALSE_END_ROWS)) / no)
        50
    """
    still = min(edge + max(strength - edge, 0.0) * STRENGTH, 1.0 - 1e-4)
    back = (normal + edge) / 2.0
    yes, no = bet(still, back)
    most = _THRESHOLD // MIN_CLEAN
    if no > most:  # both steps by one factor: a bet of a part of the wealth, and still in favour
        yes, no = yes * most // no, most
    return min(yes, -1), max(no, 1)


class Followed(msgspec.Struct):
    """What following a fault through a stretch of rows gave.

    Attributes:
        end: position of the row at which the fault was found over, or -1.
        high: index (into the yes positions) of the last new high, or -1.
    """

    end: int
    high: int


def follow(
    fault: Fault, at: IntArray, rows: int, normal: float, edge: float, seen: tuple[int, int]
) -> Followed:
    """Carries a fault through `rows` applicable rows of which those at `at` are yes.

    Updates `fault` in place, except for `peak_row` and `peak_at`, which the caller knows.

    Args:
        fault: the fault; it stands right before these rows.
        at: ascending positions of the yes rows.
        rows: how many rows.
        normal: share of yes in the reference.
        edge: end of the allowed interval.
        seen: applicable rows and yes rows counted before these.
    """
    steps = Steps(np.array([fault.gain]), np.array([fault.loss]))
    path = rise_on_yes(np.array([fault.wealth]), at, rows, steps)
    wealth = path.after[0]
    before = np.maximum.accumulate(np.concatenate(([fault.peak], wealth)))[:-1]
    highs = np.flatnonzero(wealth > before)
    fault_end = int(path.end[0])

    # up to the first high the test goes on from where it stood; after each high it starts afresh
    bounds = np.concatenate(([-1], at[highs], [rows]))
    long_enough = np.flatnonzero(np.diff(bounds) > MIN_CLEAN)
    candidates = sorted({0, *long_enough.tolist(), len(highs)})
    for segment in candidates:
        if segment > 0:
            high = int(highs[segment - 1])
            fault.peak = int(wealth[high])
            fault.peak_rows = seen[0] + int(at[high]) + 1
            fault.peak_yes = seen[1] + high + 1
            fault.relief = 0
        first, last = int(bounds[segment]) + 1, int(bounds[segment + 1])
        inside = at[np.searchsorted(at, first) : np.searchsorted(at, last)] - first
        yes, no = relief_bet(normal, edge, fault.strength)
        rise = rise_on_no(fault.relief, inside, last - first, yes, no, fault.threshold)
        if rise.crossing >= 0:
            fault.relief = rise.reached
            high = int(highs[segment - 1]) if segment > 0 else -1
            return Followed(first + rise.crossing, high)
        fault.relief = rise.end
    fault.wealth = fault_end
    return Followed(-1, int(highs[-1]) if len(highs) else -1)
