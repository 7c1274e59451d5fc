"""How many rows a fault goes unnoticed, against what its size makes possible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.detection.columns.tables import numbers, plain_table

from holdfast.detection import budget_shares
from holdfast.detection.budget import shares_to_nats
from holdfast.detection.columns.cells import Coder
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import learn_reference
from holdfast.detection.delay import rows_to_alarm

#: one false alarm in two million rows
NATS = shares_to_nats(2e6, budget_shares())["values"]
FIT = learn_reference(plain_table(20_000, np.random.default_rng(1)))


def rows_until(fit, column, columns, rows):
    """Rows until the first alarm, which must be about `column`."""
    found = [x for x in ValueDetector(fit, NATS).observe(columns, rows) if not x.over]
    if not found:
        return math.inf
    assert found[0].field == column
    return found[0].row + 1


def median_rows(rows, runs=9, **change):
    return float(np.median([
        rows_until(FIT, "a", plain_table(rows, np.random.default_rng(seed), **change), rows)
        for seed in range(runs)
    ]))  # fmt: skip


def computed_rows(shift=0.0, spread=1.0):
    """Rows that the fastest bet of column `a` needs, by its growth a row, found by simulation."""
    detector = ValueDetector(FIT, NATS)
    column = FIT.columns[0]
    moved = np.random.default_rng(99).normal(shift, spread, 400_000)
    shares = np.bincount(Coder(column.cells).code(numbers(moved)), minlength=column.cells.size)
    growth = shares / len(moved) @ column.table.steps[: column.cells.size]
    [threshold] = [s.nats for s in detector.streams() if (s.field, s.code) == ("a", "values")]
    fastest = float(growth.max())
    # starts every 20 rows, each a block's growth behind the one before
    return (threshold + math.log(1.0 - math.exp(-20.0 * fastest))) / fastest


def test_a_column_that_goes_null_is_noticed_within_six_rows():
    for start in (0, 7, 1000, 1013):
        rng = np.random.default_rng(start)
        columns = plain_table(start + 50, rng)
        x = columns["a"].numbers.copy()
        x[start:] = np.nan
        columns["a"] = numbers(x)
        detector = ValueDetector(FIT, NATS)
        found = [s for s in detector.observe(columns, start + 50) if not s.over]
        assert (found[0].field, found[0].code, found[0].onset) == ("a", "null", start)
        assert found[0].row - start + 1 <= 6


@pytest.mark.parametrize("share", [0.3, 0.05])
def test_a_share_of_nulls_is_noticed_as_fast_as_computed(share):
    [stream] = [
        s for s in ValueDetector(FIT, NATS).streams() if (s.field, s.code) == ("a", "null")
    ]  # fmt: skip
    computed = rows_to_alarm(share, stream.edge, stream.nats)
    assert median_rows(2000, null=share) <= 1.5 * computed


@pytest.mark.parametrize(
    ("change", "rows", "longest"),
    [
        ({"shift": 0.25}, 5000, 2000),
        ({"shift": 1.0}, 500, 100),
        ({"spread": 1.3}, 4000, 1200),
    ],
    ids=["a quarter of a deviation", "a whole deviation", "wider by 30 %"],
)
def test_a_shift_is_noticed_as_fast_as_its_growth_says(change, rows, longest):
    computed = computed_rows(**change)
    seen = median_rows(rows, **change)
    assert computed / 1.5 <= seen <= 1.5 * computed
    assert seen <= longest


def flags(rows, rng, **other):
    """Rare and not so rare yes/no columns."""
    shares = {"one": 0.01, "two": 0.002, "half": 0.5} | other
    return {name: numbers(rng.random(rows) < p) for name, p in shares.items()}


@pytest.mark.slow
def test_a_rare_flag_that_triples_is_noticed():
    """Median over six references of 100,000 rows, two runs each: luck of both kinds counts."""
    delays = {"one": [], "two": []}
    for seed in range(6):
        fit = learn_reference(flags(100_000, np.random.default_rng(seed)))
        for name, share, rows in (("one", 0.03, 6000), ("two", 0.006, 40_000)):
            for run in range(2):
                live = flags(rows, np.random.default_rng(10 * seed + run + 100), **{name: share})
                delays[name].append(rows_until(fit, name, live, rows))
    assert np.median(delays["one"]) <= 3500
    assert np.median(delays["two"]) <= 25_000
