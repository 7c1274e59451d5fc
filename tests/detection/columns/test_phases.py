from __future__ import annotations

import math

import numpy as np
import pytest
from tests.detection.columns.clocks import MONDAY, tides, weekends

from holdfast.detection.columns.delays import expected_delays
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import ReferenceFit, learn_reference
from holdfast.detection.columns.phases import phase_of
from holdfast.detection.season import DAY, HOUR

NATS = math.log(2_000_000)


@pytest.fixture(scope="module")
def learned():
    columns, at = tides(9600, np.random.default_rng(1))
    return learn_reference(columns, at=at), learn_reference(columns)


def part(columns, low, high):
    """Some rows of all columns."""
    return {n: v.take(np.arange(low, high)) for n, v in columns.items()}


def watch(fit, columns, at, batch=200):
    """Crossings, rows in batches."""
    detector = ValueDetector(fit, NATS)
    rows = len(next(iter(columns.values())))
    found = []
    for low in range(0, rows, batch):
        high = min(low + batch, rows)
        times = None if at is None else at[low:high]
        found += detector.observe(part(columns, low, high), high - low, None, times)
    return [(x.row, x.field, x.code, x.key) for x in found if not x.over], detector


def test_phases_are_hours_and_weekdays_of_utc():
    at = MONDAY + np.array([0, 23 * HOUR, 5 * DAY, 7 * DAY - 1])
    assert phase_of(at, 24, 1).tolist() == [0, 23, 0, 23]
    assert phase_of(at, 1, 7).tolist() == [0, 0, 5, 6]
    assert phase_of(at, 4, 2).tolist() == [0, 3, 4, 7]


def test_only_columns_that_follow_the_clock_go_by_it_and_it_is_told(learned):
    fit, plain = learned
    clocks = {c.name: c.clock for c in fit.columns}
    assert clocks["still"] is None
    assert clocks["warmth"] is not None
    assert clocks["source"] is not None
    told = [note for note in fit.notes if "(UTC): each has a reference of its own" in note]
    assert all(any(name in note for note in told) for name in ("warmth", "source"))
    assert not any(c.clock for c in plain.columns)


def test_a_stream_of_days_and_nights_stays_quiet(learned):
    columns, at = tides(38_400, np.random.default_rng(2))
    assert watch(learned[0], columns, at)[0] == []


def test_night_values_at_noon_are_seen_within_hours_and_not_without_a_clock(learned):
    columns, at = tides(4800, np.random.default_rng(3))
    late = {n: v.take((np.arange(4800) + 240) % 4800) for n, v in columns.items()}
    found, _ = watch(learned[0], late, at)
    assert found
    assert found[0][0] < 60
    assert found[0][1] in ("warmth", "source")
    assert watch(learned[1], late, at)[0] == []


def test_a_stuck_clock_makes_rows_of_other_hours_strange(learned):
    columns, at = tides(4800, np.random.default_rng(4))
    assert watch(learned[0], columns, np.full(4800, at[0]))[0]


def test_rows_without_a_time_are_judged_by_all_hours_together(learned):
    columns, at = tides(4800, np.random.default_rng(5))
    untimed, detector = watch(learned[0], columns, None)
    zeros, other = watch(learned[0], columns, np.zeros(4800, np.int64))
    pooled, _plain = watch(learned[1], columns, None)
    assert untimed == zeros == pooled == []
    assert detector.dump() == other.dump()
    mixed = np.where(np.arange(4800) % 2, at, 0)
    assert watch(learned[0], columns, mixed)[0] == []


@pytest.mark.parametrize("batch", [1, 7, 20, 333, 4800])
def test_batches_and_restarts_change_nothing(learned, batch):
    columns, at = tides(2400 if batch == 1 else 4800, np.random.default_rng(6))
    rows = len(at)
    columns["warmth"].numbers[rows // 2 :] += 1.0
    whole, first = watch(learned[0], columns, at, rows)
    detector, found = ValueDetector(learned[0], NATS), []
    for low in range(0, rows, batch):
        high = min(low + batch, rows)
        again = ValueDetector(learned[0], NATS)
        if low % 3 == 0 or batch > 20:
            again.load(detector.dump())
            detector = again
        found += detector.observe(part(columns, low, high), high - low, None, at[low:high])
    assert [(x.row, x.field, x.code, x.key) for x in found if not x.over] == whole != []
    assert detector.dump() == first.dump()


def test_a_fit_by_the_clock_survives_the_release(learned):
    again = ReferenceFit.from_bytes(learned[0].to_bytes())
    assert again.columns[0].clock == learned[0].columns[0].clock
    assert (again.columns[0].table.steps == learned[0].columns[0].table.steps).all()
    assert len(learned[0].to_bytes()) < 150_000


def test_weekends_need_weeks():
    columns, at = weekends(60 * 70, np.random.default_rng(7))
    clock = learn_reference(columns, at=at).columns[0].clock
    assert clock is not None
    assert clock.week in (2, 7)
    short, early = weekends(60 * 20, np.random.default_rng(7))
    assert learn_reference(short, at=early).columns[0].clock is None


@pytest.mark.parametrize("broken", ["unordered", "untimed", "short"])
def test_times_that_teach_nothing_leave_one_reference(broken):
    rows = 900 if broken == "short" else 4800
    columns, at = tides(rows, np.random.default_rng(8))
    if broken == "unordered":
        at = at[::-1].copy()
    if broken == "untimed":
        at[7] = 0
    assert not any(c.clock for c in learn_reference(columns, at=at).columns)


def test_exchangeable_rows_have_no_clock():
    seeds, clocks = range(12), 0
    for seed in seeds:
        columns, at = tides(4800, np.random.default_rng(seed), swing=0.0)
        fit = learn_reference({"still": columns["still"], "warmth": columns["warmth"]}, at=at)
        clocks += sum(c.clock is not None for c in fit.columns)
    assert clocks == 0


def test_delays_by_the_clock_are_those_seen(learned):
    fit = learned[0]
    told = {(n.field, n.change): n.rows for n in expected_delays(ValueDetector(fit, NATS))}[
        "warmth", "shift of one sd"
    ]
    seen = []
    for seed in range(9):
        columns, at = tides(4800, np.random.default_rng(100 + seed))
        columns["warmth"].numbers[:] += 1.0
        seen.append(watch(fit, columns, at)[0][0][0])
    assert told is not None
    assert np.median(seen) <= 1.5 * told
