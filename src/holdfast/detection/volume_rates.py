"""Normal traffic as a record, and how soon a departure from it would be noticed."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.season import HOUR
from holdfast.detection.volume_bets import ABOVE, BELOW, BETS, LEAST, silence, silence_ends
from holdfast.detection.volume_counts import BASE

FloatArray = NDArray[np.float64]

#: delays longer than so many slots are not predicted
MOST_SLOTS = 4_000


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Rows a slot.

    Attributes:
        width: width of a slot, microseconds.
        unit: width of a cell, microseconds: an hour, or a day for slots of a day.
        mean, low, high: rows expected, and the ends of the allowed interval, by cell.
        spread: variance of a slot's rate over its squared mean, beyond Poisson.
    """

    width: int = BASE
    unit: int = HOUR
    mean: tuple[float, ...] = (0.0,)
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (0.0,)
    spread: float = 0.0

    def cell(self, slot: int) -> int:
        """Cell of a slot."""
        return slot * self.width // self.unit % len(self.mean)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Normal traffic of one source.

    Attributes:
        pulse: rates of five minutes, for silences.
        slots: rates of the slots in which the level is watched.
        cycle: ``none``, ``hour_of_day`` or ``hour_of_week``.
        between: spread of the level between stretches of history, as a share of it.
        thin: divisor of the evidence of a silence, 1 where rows come evenly.
        wider: enlargements of the interval (downwards, upwards) that the history made necessary.
        rows: rows of history.
        unknown: why nothing can be watched, or empty.
        muted: why the level cannot be watched (silences still are), or empty.
    """

    pulse: Rates = Rates()
    slots: Rates = Rates()
    cycle: str = "none"
    between: float = 0.0
    thin: float = 1.0
    wider: tuple[float, float] = (1.0, 1.0)
    rows: int = 0
    unknown: str = ""
    muted: str = ""


def silence_delay(traffic: Traffic, nats: float) -> float:
    """Microseconds until a source that falls silent is noticed: the median over when it does.

    Infinite beyond 4,000 slots. `nats` is the threshold of one bet.

    Example:
        >>> from holdfast.detection.volume_counts import MINUTE
        >>> steady = Rates(mean=(60.0,), low=(42.0,), high=(78.0,))
        >>> usual = Traffic(pulse=steady, slots=steady)
        >>> round(silence_delay(usual, 21.0) / MINUTE, 2)      # 21 nats at 42 rows in 5 minutes
        2.5
    """
    pulse = traffic.pulse
    per = pulse.unit // pulse.width
    found = [_dies(traffic, cell * per, nats) for cell in range(len(pulse.mean))]
    heard = sorted(found)[len(found) // 2]
    return heard if traffic.muted else min(heard, level_delay(traffic.slots, 0.0, nats))


def _dies(traffic: Traffic, slot: int, nats: float) -> float:
    """Microseconds from the start of a stretch until silence is noticed by the silence itself."""
    pulse, need, first = traffic.pulse, nats * traffic.thin, slot
    while slot - first < MOST_SLOTS:
        low = pulse.low[pulse.cell(slot)]
        end = silence_ends(0, low, pulse.spread, 0.0, need)
        if end <= 1.0:
            return (slot - first + end) * pulse.width
        need -= silence(0, low, pulse.spread, 0.0, 1.0)
        slot += 1
    return math.inf


def level_delay(rates: Rates, factor: float, nats: float) -> float:
    """Microseconds until traffic at `factor` times the expected is noticed: the median over when.

    Follows the expected gains of the bets from slot to slot, at least one slot (two above, where a
    slot is worth half the threshold at most). Infinite beyond 4,000 slots.

    Example:
        >>> from holdfast.detection.volume_counts import MINUTE
        >>> steady = Rates(mean=(60.0,), low=(42.0,), high=(78.0,), spread=0.02)
        >>> [level_delay(steady, f, 18.0) / MINUTE for f in (0.5, 2.0, 0.9)]
        [85.0, 30.0, inf]
    """
    up = factor > 1.0
    null = np.array(rates.high if up else rates.low)
    seen = np.array(rates.mean) * factor
    r = 1.0 / max(rates.spread, LEAST)
    stakes = np.array(ABOVE if up else BELOW)[:, None]
    gains = seen * np.log(stakes) - (seen + r) * np.log1p(null * (stakes - 1.0) / (r + null))
    gains = np.minimum(gains, nats / 2.0) if up else gains
    if (gains <= 0.0).all():
        return math.inf
    cells = gains.shape[1]
    per = max(rates.unit // rates.width, 1)
    path = np.repeat(gains, per, axis=1)
    found = sorted(_rises(np.roll(path, -cell * per, axis=1), nats) for cell in range(cells))
    return found[len(found) // 2] * rates.width


def _rises(path: FloatArray, nats: float) -> float:
    """Slots until one of the bets reaches `nats`, the path repeated."""
    length = path.shape[1]
    wealth = np.zeros(len(path))
    for start in range(0, MOST_SLOTS, length):
        sums = np.cumsum(np.column_stack([wealth, path]), axis=1)
        rise = sums - np.minimum(np.minimum.accumulate(sums, axis=1), 0.0)
        reached = np.flatnonzero((rise >= nats - 1e-9).any(axis=0))
        if len(reached):
            return float(start + reached[0])
        if start and (rise[:, -1] <= wealth + 1e-12).all():
            return math.inf
        wealth = rise[:, -1]
    return math.inf


def bet_nats(nats: float, weight: float, traffic_rows: float) -> float:
    """Threshold of one of the seven bets of a source that has `weight` of the detector.

    A bet may begin once a slot, and the promise counts rows: where rows are fewer than slots the
    threshold rises by the logarithm of their ratio.
    """
    return nats + math.log(BETS / weight) + max(0.0, -math.log(max(traffic_rows, 1e-12)))
