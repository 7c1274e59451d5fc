from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.tables import categories, numbers

from holdfast.detection.columns.delays import expected_delays
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.entities import WINDOW, Entities
from holdfast.detection.columns.fit import learn_reference
from holdfast.frames.values import ValueKind, read_values

BUDGET = 2000.0


def of(names):
    return read_values(ValueKind.CATEGORY, list(names))


def plainly(names):
    """The rule as it is written down: no row of the entity counted among the last rows."""
    counted = []
    for i, name in enumerate(names):
        last = range(max(0, i - WINDOW), i)
        counted.append(name is None or not any(counted[j] and names[j] == name for j in last))
    return counted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 299), max_size=4), st.integers(1, 60))
def test_rows_count_once_an_entity_whatever_the_batches(seed, cuts, many):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-1, many, 300).tolist()
    names = [None if k < 0 else f"c{k}" for k in drawn]
    seen, found = Entities(), []
    edges = [0, *sorted(set(cuts)), 300]
    for low, high in itertools.pairwise(edges):
        found += seen.counted(of(names[low:high])).tolist()
        seen = Entities.load(seen.dump())
    assert found == plainly(names)


def test_the_state_is_bounded_by_the_window():
    seen = Entities()
    for low in range(0, 20_000, 100):
        seen.counted(of([f"c{i}" for i in range(low, low + 100)]))
    assert len(seen.dump()) < 16 * WINDOW


def test_rows_without_an_entity_all_count():
    assert Entities().counted(None, 5).tolist() == [True] * 5
    assert Entities().counted(of([None, None])).tolist() == [True, True]


def test_numbers_are_entities_too():
    assert Entities().counted(numbers([7.0, 8.0, 7.0, np.nan, np.nan])).tolist() == [
        True, True, False, True, True,
    ]  # fmt: skip


def visits(rows, rng, length=15):
    """Customers whose rows come in a bunch and look alike; each bunch is somebody else's."""
    starts = rng.random(rows) < 1.0 / length
    starts[0] = True
    who = np.cumsum(starts) - 1
    level = rng.normal(0, 1, who[-1] + 1)
    kind = rng.integers(0, 3, who[-1] + 1)
    first = int(rng.integers(1, 1_000_000)) * 1000
    return {
        "level": numbers(level[who]),
        "kind": categories(kind[who], "abc"),
        "who": of([f"c{first + k}" for k in who.tolist()]),
    }


def alarms(detector, columns):
    n = len(columns["level"])
    found = detector.observe(columns, n)
    return [x for x in found if not x.over]


@pytest.fixture(scope="module")
def alone():
    """A reference with one row a customer: it cannot show that rows come in bunches."""
    rng = np.random.default_rng(0)
    columns = visits(90_000, rng)
    starts = np.flatnonzero(np.diff(columns["who"].codes, prepend=-1))
    return {n: v.take(starts[rng.permutation(len(starts))]) for n, v in columns.items()}


def fitted(columns, entity):
    plain = {n: v for n, v in columns.items() if n != "who"}
    return learn_reference(plain, entity=("who", columns["who"]) if entity else None)


def test_bunches_keep_the_promise_only_when_they_count_once(alone):
    rows = 12_000
    count = {}
    for entity in (True, False):
        detector = ValueDetector(fitted(alone, entity), math.log(BUDGET))
        found = alarms(detector, visits(rows, np.random.default_rng(1)))
        count[entity] = sum(x.code in ("values", "null") for x in found)
    assert count[True] <= rows / BUDGET
    assert count[False] > 3 * rows / BUDGET


def test_a_fault_of_all_customers_is_found_and_of_one_is_not(alone):
    fit = fitted(alone, True)
    detector = ValueDetector(fit, math.log(2e6))
    one = visits(2000, np.random.default_rng(2), length=50)
    one["level"].numbers[one["who"].codes == one["who"].codes[600]] = np.nan
    one["level"].state[np.isnan(one["level"].numbers)] = 1
    assert not [x for x in alarms(detector, one) if x.code == "null"]
    all_of_them = visits(2000, np.random.default_rng(3))
    all_of_them["level"].numbers[1000:] = np.nan
    all_of_them["level"].state[1000:] = 1
    found = alarms(ValueDetector(fit, math.log(2e6)), all_of_them)
    [null] = [x for x in found if x.code == "null"]
    assert 1000 <= null.row < 1000 + 12 * 15


def test_the_reference_is_thinned_alike_and_says_so():
    columns = visits(6000, np.random.default_rng(4))
    fit = fitted(columns, True)
    assert fit.rows == 6000
    assert fit.counted == pytest.approx(1 / 15, rel=0.2)
    assert any("rows of the same 'who' count once in 200 rows" in note for note in fit.notes)
    assert "who" not in fit.names
    assert fit.kinds["who"] is ValueKind.CATEGORY


def test_delays_are_told_in_rows_not_in_customers():
    columns = visits(20_000, np.random.default_rng(5))
    noticed = {}
    for entity in (True, False):
        detector = ValueDetector(fitted(columns, entity), math.log(2e6))
        noticed[entity] = {(n.field, n.change): n.rows for n in expected_delays(detector)}[
            "level", "nulls in 100% of rows"
        ]
    assert noticed[True] >= 10 * noticed[False]


def test_a_restart_changes_nothing(alone):
    fit = fitted(alone, True)
    live = visits(1200, np.random.default_rng(6))
    whole = ValueDetector(fit, math.log(2e6))
    alarms(whole, live)
    parts = ValueDetector(fit, math.log(2e6))
    for low in range(0, 1200, 7):
        again = ValueDetector(fit, math.log(2e6))
        again.load(parts.dump())
        parts = again
        places = np.arange(low, min(low + 7, 1200))
        parts.observe({n: v.take(places) for n, v in live.items()}, len(places))
    assert parts._entities.dump() == whole._entities.dump()
    assert parts._blocks.dump() == whole._blocks.dump()
    assert parts._rows.faults == whole._rows.faults


def test_outcomes_count_once_an_entity_too(alone):
    detector = ValueDetector(fitted(alone, True), math.log(2e6))
    live = visits(900, np.random.default_rng(7))
    counted = detector.counted_outcomes(live, 900)
    assert counted.sum() == len(np.unique(live["who"].codes))
