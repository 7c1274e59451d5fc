"""What traffic is normal: rows by hour of the day or week, and how much they vary.

Silence is watched in stretches of five minutes. The level is watched in slots of 5, 15, 60 minutes
or a day: the width with which half the rows would be noticed soonest. Expectations are by hour of
the day or of the week where the history shows such a cycle, with an hour early or late always
allowed (summer time). The allowed interval is ``[mean / (1 + a), mean (1 + b)]`` with
``a = max(3/7, 4 between, 4 error)``, ``b = max(0.3, 4 between, 4 error)``: 30 % either way at
least, more where the history moved more (`between`: spread of the level between stretches, beyond
what single slots explain).

The bets must stay quiet over the history itself, at a third of the threshold: else the interval is
widened, and where that does not help the level is muted, with the reason. A silence of the history
that would have come near an alarm divides the evidence of all silences (`thin`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.season import DAY, HOUR, WEEK, agreement
from holdfast.detection.volume_bets import ABOVE, BELOW, LEAST, silence
from holdfast.detection.volume_counts import MINUTE, Counts, Gap, Slots, in_slots
from holdfast.detection.volume_rates import Rates, Traffic, level_delay
from holdfast.frames.values import IntArray
from holdfast.stats.intervals import incomplete_beta

FloatArray = NDArray[np.float64]

WIDTHS = (5 * MINUTE, 15 * MINUTE, HOUR, DAY)
#: slots of history that a width needs
MIN_SLOTS = 12
MIN_ROWS = 50
#: the smallest change of level that matters: 30 % fewer or more
LESS, MORE = 3.0 / 7.0, 0.3
#: enlargements of `between` that are tried until the history is quiet
WIDER = (1.0, 1.5, 2.2, 3.2, 5.0, 8.0)
#: level of the tests for a cycle
LEVEL = 0.005
#: weight of the product of hour and weekday in the mean of an hour of the week, in slots
SHRINK = 2.0


class _Draft(NamedTuple):
    """What one width gives."""

    rates: Rates
    plain_low: FloatArray
    between: float
    wider: tuple[float, float] | None


def learn_traffic(counts: Counts, nats: float) -> Traffic:
    """Normal traffic from a history; `nats` is the threshold of one bet.

    The same history gives the same result, whatever pieces it was counted in.
    """
    total = counts.total
    if total < MIN_ROWS:
        return Traffic(rows=total, unknown=f"{total} rows of history are too few to know a rate")
    cycle = _cycle(counts)
    drafts = []
    for width in WIDTHS:
        slots = in_slots(counts, width)
        if len(slots.rows) >= MIN_SLOTS:
            drafts.append(_draft(slots, width, cycle, nats))
    if not drafts:
        return Traffic(rows=total, unknown="less than an hour of history shows no rate")
    first = drafts[0]
    pulse = msgspec.structs.replace(first.rates, low=_plain(first.plain_low))
    quiet = [draft for draft in drafts if draft.wider is not None]
    best = min(
        quiet or drafts[:1],
        key=lambda d: (
            level_delay(d.rates, 0.5, nats),
            level_delay(d.rates, 0.0, nats),
            d.rates.width,
        ),
    )
    worst = max((_evidence(pulse, gap) for gap in counts.gaps.values()), default=0.0)
    allowed = max(nats / 3.0, 7.0, 0.75 * math.log(total))
    return Traffic(
        pulse=pulse,
        slots=best.rates,
        cycle=cycle,
        between=best.between,
        thin=max(1.0, worst / allowed),
        wider=best.wider or (1.0, 1.0),
        rows=total,
        muted="" if best.wider else "its level moves too much in the history to have a normal",
    )


def _draft(slots: Slots, width: int, cycle: str, nats: float) -> _Draft:
    """Everything for one width."""
    unit = max(width, HOUR)
    period = {"none": unit, "hour_of_day": max(DAY, unit), "hour_of_week": WEEK}[cycle]
    cells = period // unit
    index = (slots.first + np.arange(len(slots.rows))) * width // unit % cells
    mean, behind, rows = _means(slots.rows, index, cells)
    expected = mean[index]
    spread = _spread(slots.rows, expected, cells)
    between = _between(slots.rows, expected, spread, DAY // width)
    error = np.sqrt(1.0 / np.maximum(rows, 1.0) + spread / np.maximum(behind, 1.0))
    least, most = mean, mean
    if cells > 1 and unit == HOUR:
        least = np.minimum.reduce([mean, np.roll(mean, 1), np.roll(mean, -1)])
        most = np.maximum.reduce([mean, np.roll(mean, 1), np.roll(mean, -1)])

    def low(wider: float) -> FloatArray:
        margin = np.maximum(max(LESS, 4.0 * between), 4.0 * error)
        return np.asarray(least / (1.0 + wider * margin))

    def high(wider: float) -> FloatArray:
        margin = np.maximum(max(MORE, 4.0 * between), 4.0 * error)
        return np.asarray(most * (1.0 + wider * margin))

    limit = max(nats / 3.0, 7.0)
    down = _quiet(slots.rows, index, low, BELOW, spread, limit, np.inf)
    up = _quiet(slots.rows, index, high, ABOVE, spread, limit, nats / 2.0)
    rates = Rates(
        width=width,
        unit=unit,
        mean=_plain(mean),
        low=_plain(low(down or 1.0)),
        high=_plain(high(up or 1.0)),
        spread=spread,
    )
    wider = (down, up) if down is not None and up is not None else None
    return _Draft(rates, low(1.0), between, wider)


def _plain(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(x) for x in values)


def _cycle(counts: Counts) -> str:
    """What the history repeats."""
    hourly, daily = in_slots(counts, HOUR), in_slots(counts, DAY)
    if _weeks_agree(daily):
        return "hour_of_week"
    return "hour_of_day" if _days_agree(hourly) else "none"


def _days_agree(slots: Slots) -> bool:
    """Whether days look alike in the square roots of their hours (three days at least)."""
    whole = len(slots.rows) // 24
    if whole < 3:
        return False
    roots = np.sqrt(slots.rows[: whole * 24]).reshape(whole, 24, 1)
    profiles = roots - roots.mean(axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    return bool(agreement(profiles, np.zeros(1, np.int64), 1, 999, rng)[0] <= LEVEL)


def _weeks_agree(slots: Slots) -> bool:
    """Whether weekdays differ more than weeks explain: two-way analysis of variance, two weeks.

    Of the square roots of daily counts; the F test for weekday with week effects taken out.
    """
    whole = len(slots.rows) // 7
    if whole < 2:
        return False
    roots = np.sqrt(slots.rows[: whole * 7]).reshape(whole, 7)
    roots = roots - roots.mean(axis=1, keepdims=True)
    day = roots.mean(axis=0)
    between = whole * float(np.sum(day**2)) / 6.0
    freedom = 6 * (whole - 1)
    within = float(np.sum((roots - day) ** 2)) / freedom
    if within <= 0.0:
        return between > 0.0
    f = between / within
    return incomplete_beta(freedom / 2.0, 3.0, freedom / (freedom + 6.0 * f)) <= LEVEL / 5.0


def _means(
    rows: FloatArray, index: IntArray, cells: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """By cell: rows a slot, slots behind it, rows behind it.

    An hour of the week is drawn towards hour of the day times weekday; half a row is added so that
    no cell expects exactly nothing.
    """
    slots = np.bincount(index, minlength=cells).astype(np.float64)
    sums = np.bincount(index, weights=rows, minlength=cells).astype(np.float64)
    if cells == WEEK // HOUR:
        by_hour, by_day = np.arange(cells) % 24, np.arange(cells) // 24
        level = max(sums.sum() / max(slots.sum(), 1.0), 1e-12)
        hour = np.bincount(by_hour, sums, 24) / np.maximum(np.bincount(by_hour, slots, 24), 1.0)
        day = np.bincount(by_day, sums, 7) / np.maximum(np.bincount(by_day, slots, 7), 1.0)
        product = hour[by_hour] * day[by_day] / level
        mean = (sums + SHRINK * product + 0.5) / (slots + SHRINK)
    else:
        mean = (sums + 0.5) / np.maximum(slots, 1.0)
    return mean, slots, sums


def _spread(rows: FloatArray, expected: FloatArray, cells: int) -> float:
    """Overdispersion by moments: ``var = m + spread m²``."""
    excess = float(np.sum((rows - expected) ** 2 - expected) / np.sum(expected**2))
    freedom = len(rows) / max(len(rows) - cells, 1)
    return max(excess * freedom, 0.0)


def _between(rows: FloatArray, expected: FloatArray, spread: float, day: int) -> float:
    """Spread of the level between stretches, as a share, beyond what single slots explain."""
    worst = 0.0
    for span in sorted({4, 16, 64, max(day, 1), 7 * max(day, 1)}):
        k = len(rows) // span
        if k < (8 if span % max(day, 1) else 3):
            continue
        seen = rows[: k * span].reshape(k, span).sum(axis=1)
        due = expected[: k * span].reshape(k, span)
        total = due.sum(axis=1)
        noise = float(np.mean((total + spread * (due**2).sum(axis=1)) / total**2))
        excess = float(np.var(seen / total, ddof=1)) - noise * (1.0 + 2.5 * math.sqrt(2.0 / k))
        worst = max(worst, excess)
    return math.sqrt(worst)


def _quiet(
    rows: FloatArray,
    index: IntArray,
    edge: Callable[[float], FloatArray],
    stakes: Sequence[float],
    spread: float,
    limit: float,
    cap: float,
) -> float | None:
    """The smallest enlargement with which the bets stay below `limit` over the history."""
    r = 1.0 / max(spread, LEAST)
    for wider in WIDER:
        null = edge(wider)[index]
        highest = 0.0
        for stake in stakes:
            other = null * stake
            steps = rows * math.log(stake) - (rows + r) * np.log1p((other - null) / (r + null))
            sums = np.concatenate(([0.0], np.cumsum(np.minimum(steps, cap))))
            highest = max(highest, float(np.max(sums - np.minimum.accumulate(sums))))
        if highest <= limit:
            return wider
    return None


def _evidence(pulse: Rates, gap: Gap) -> float:
    """Nats that a silence of the history would have gained."""
    width, seen = pulse.width, gap.rows
    slot, total = gap.start // width, 0.0
    at = (gap.start - slot * width) / width
    while slot * width < gap.end and total < 1e6:
        until = min(gap.end - slot * width, width) / width
        total += silence(seen, pulse.low[pulse.cell(slot)], pulse.spread, at, until)
        slot, at, seen = slot + 1, 0.0, 0
    return total
