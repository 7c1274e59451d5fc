from __future__ import annotations

import numpy as np
import pytest

from holdfast.detection.columns.delays import TRIPLED, expected_delays
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import learn_reference
from holdfast.frames.values import ValueKind, read_values

NATS = 15.0


def columns(rows, seed, *, shift=0.0, rare=0.01, null=0.0):
    rng = np.random.default_rng(seed)
    size = rng.normal(shift, 1.0, rows)
    size[rng.random(rows) < null] = np.nan
    kind = np.where(rng.random(rows) < rare, "rare", "usual")
    return {
        "size": read_values(ValueKind.NUMBER, size),
        "kind": read_values(ValueKind.CATEGORY, kind.tolist()),
    }


FIT = learn_reference(columns(20_000, 1))


def table():
    found = expected_delays(ValueDetector(FIT, NATS))
    return {(n.field, n.change): n.rows for n in found}


def first_row(code, **change):
    """Rows until the fault is seen, the median of nine runs."""
    rows = []
    for seed in range(9):
        found = ValueDetector(FIT, NATS).observe(columns(5000, 100 + seed, **change), 5000)
        rows.append(min((s.row for s in found if s.code == code), default=10**9))
    return float(np.median(rows))


@pytest.mark.parametrize(
    ("change", "code", "how"),
    [
        ("nulls in 5% of rows", "null", {"null": 0.05}),
        ("nulls in 30% of rows", "null", {"null": 0.3}),
        ("nulls in 100% of rows", "null", {"null": 1.0}),
        ("shift of a quarter sd", "values", {"shift": 0.25}),
        ("shift of one sd", "values", {"shift": 1.0}),
    ],
)
def test_a_change_is_noticed_about_when_the_table_says(change, code, how):
    printed = table()["size", change]
    assert first_row(code, **how) <= 1.5 * printed + 5


def test_a_tripled_rare_share_is_noticed_about_when_the_table_says():
    printed = table()["kind", TRIPLED]
    assert printed > 100
    cells = FIT.columns[1].cells
    assert cells.names[1] == "rare"
    rare = 3 * cells.counts[1] / sum(cells.counts)
    assert printed / 1.5 <= first_row("values", rare=rare) <= 1.5 * printed


def test_more_of_a_fault_is_noticed_sooner():
    found = table()
    nulls = [found["size", f"nulls in {x} of rows"] for x in ("5%", "30%", "100%")]
    assert nulls == sorted(nulls, reverse=True)
    assert found["size", "shift of one sd"] < found["size", "shift of a quarter sd"]


def test_what_cannot_happen_to_a_column_is_not_promised():
    found = table()
    assert ("kind", "shift of one sd") not in found
    assert ("size", TRIPLED) not in found


def test_a_column_on_a_grid_is_judged_by_its_values_not_by_its_grid():
    rng = np.random.default_rng(3)
    fit = learn_reference({"x": read_values(ValueKind.NUMBER, rng.integers(0, 90, 2000) * 10.0)})
    assert any(b.code == "lattice" for b in fit.columns[0].bets)
    found = {n.change: n.rows for n in expected_delays(ValueDetector(fit, NATS))}
    assert found["shift of one sd"] > 20


def test_a_constant_column_and_an_empty_one_promise_nothing_about_values():
    fit = learn_reference(
        {
            "same": read_values(ValueKind.NUMBER, np.ones(500)),
            "none": read_values(ValueKind.NUMBER, np.full(500, np.nan)),
        }
    )
    found = {(n.field, n.change): n.rows for n in expected_delays(ValueDetector(fit, NATS))}
    assert found["same", "shift of one sd"] is None
    assert found["none", "nulls in 100% of rows"] is None
