"""Cycles of a reference: found where days agree, not where a column merely wanders."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.detection.season import DAY, HOUR, Period, TimeOrder, find_cycles, time_structure
from holdfast.errors import DataError
from holdfast.stats.intervals import clopper_pearson


def times(rows, days, seed=0):
    return np.sort(np.random.default_rng(seed).integers(0, days * DAY, rows))


def daily(at, rng, share=0.1, swing=0.05):
    return (rng.random(len(at)) < share + swing * np.sin(2 * np.pi * (at % DAY) / DAY)).astype(int)


def weekly(at, rng):
    return (rng.random(len(at)) < 0.1 + 0.15 * (at // DAY % 7 < 2)).astype(int)


def sticky(rows, rng, memory=0.99):
    wander = np.zeros(rows)
    steps = rng.normal(0, np.sqrt(1 - memory**2), rows)
    for i in range(1, rows):
        wander[i] = memory * wander[i - 1] + steps[i]
    return np.digitize(wander + rng.normal(0, 1, rows), [-1, 0, 1])


def test_day_and_week_are_told_apart():
    rng = np.random.default_rng(0)
    at = times(60_000, 70)
    both = daily(at, rng) + 2 * weekly(at, rng)
    cells = np.stack([daily(at, rng), weekly(at, rng), both, rng.integers(0, 9, len(at))], axis=1)
    assert [c.period for c in find_cycles(at, cells)] == [
        Period.HOUR_OF_DAY, Period.WEEKDAY, Period.HOUR_OF_WEEK, Period.NONE,
    ]  # fmt: skip


def test_the_strength_is_the_movement_of_the_shares():
    rng = np.random.default_rng(1)
    at = times(200_000, 60)
    [cycle] = find_cycles(at, daily(at, rng)[:, None])
    # both values move by 0.05 sin: root mean square 0.05 / sqrt(2), two values: times sqrt(2)
    assert cycle.strength == pytest.approx(0.05, abs=0.005)


def test_without_a_cycle_the_level_of_the_test_holds_for_plain_and_for_sticky_columns():
    found = tests = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        at = times(4_000, 40, seed)
        at = at[rng.random(len(at)) < 0.55 + 0.45 * np.sin(2 * np.pi * (at % DAY) / DAY)]
        plain = [rng.integers(0, 5, len(at)) for _ in range(10)]
        wander = [sticky(len(at), rng) for _ in range(10)]
        cycles = find_cycles(at, np.stack(plain + wander, axis=1), level=0.05, seed=seed)
        found += sum(c.day <= 0.05 for c in cycles) + sum(c.week <= 0.05 for c in cycles)
        tests += 2 * len(cycles)
    assert clopper_pearson(found, tests, level=0.998).low <= 0.05


def test_a_cycle_in_the_amount_of_traffic_is_no_cycle_of_a_column():
    rng = np.random.default_rng(2)
    at = times(60_000, 40)
    at = at[rng.random(len(at)) < 0.5 + 0.49 * np.sin(2 * np.pi * (at % DAY) / DAY)]
    [cycle] = find_cycles(at, rng.integers(0, 4, (len(at), 1)))
    assert cycle.period is Period.NONE


def test_missing_values_and_many_values_are_fine():
    rng = np.random.default_rng(3)
    at = times(40_000, 30)
    cells = rng.integers(0, 5_000, (len(at), 2))
    cells[:, 1] = np.where(rng.random(len(at)) < 0.5, -1, daily(at, rng, 0.3, 0.2))
    assert [c.period for c in find_cycles(at, cells)] == [Period.NONE, Period.HOUR_OF_DAY]


def test_row_order_does_not_matter():
    rng = np.random.default_rng(4)
    at = times(20_000, 30)
    cells = np.stack([daily(at, rng, 0.3, 0.2), rng.integers(0, 3, len(at))], axis=1)
    order = rng.permutation(len(at))
    assert find_cycles(at, cells) == find_cycles(at[order], cells[order])


@pytest.mark.parametrize("days", [1, 3])
def test_too_few_days_are_said_to_be_too_few(days):
    at = times(5_000, days)
    [cycle] = find_cycles(at, daily(at, np.random.default_rng(0))[:, None])
    assert cycle.day is None
    assert cycle.period is Period.NONE
    assert "fewer than 4 days and weeks" in cycle.why_not


def test_constant_empty_and_all_missing_columns_have_no_cycle():
    at = times(2_000, 30)
    cells = np.stack([np.zeros(2_000, int), np.full(2_000, -1)], axis=1)
    assert [c.period for c in find_cycles(at, cells)] == [Period.NONE, Period.NONE]
    assert find_cycles(at, np.empty((2_000, 0), int)) == ()
    assert find_cycles(np.empty(0, int), np.empty((0, 1), int))[0].day is None


def test_times_and_values_of_different_lengths_are_refused():
    with pytest.raises(DataError, match="do not belong together"):
        find_cycles(np.arange(3), np.zeros((4, 1), int))
    with pytest.raises(DataError, match="do not belong together"):
        find_cycles(np.arange(3), np.zeros(3, int))


def test_a_table_in_time_order_is_told_from_a_shuffled_one():
    at = times(3_000, 30)
    shuffled = np.random.default_rng(0).permutation(at)
    assert time_structure(at).order is TimeOrder.ORDERED
    told = time_structure(shuffled)
    assert told.order is TimeOrder.SORTABLE
    assert "shuffled" in told.advice
    assert not told.warm_up


@pytest.mark.parametrize("at", [None, np.array([], np.int64), np.array([5]), np.full(100, 7)])
def test_a_reference_without_time_asks_for_a_warm_up(at):
    told = time_structure(at)
    assert told.order is TimeOrder.NONE
    assert told.warm_up
    assert "warm-up" in told.advice


def test_a_few_hours_cannot_teach_the_night():
    assert time_structure(np.arange(300) * HOUR // 100).warm_up
    assert "weekend" in time_structure(np.arange(5 * 24) * HOUR).advice
