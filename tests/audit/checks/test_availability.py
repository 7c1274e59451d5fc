"""The serving log: power at fifty rows, no false proof, and what cannot be joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from holdfast.audit import Verdict, audit
from holdfast.audit.checks.availability import Availability
from holdfast.audit.run import make_case

Table = dict[str, Any]
START = np.datetime64("2024-01-01T00:00:00", "us")


def served(
    rng: np.random.Generator,
    rows: int = 50,
    stale: float = 0.0,
    late: float = 0.0,
    drift: float = 0.0,
) -> tuple[Table, Table]:
    """A training table of 400 decisions, and a log of some of them."""
    n = 400
    shift = np.linspace(0, drift, n)
    table: Table = {
        "who": np.arange(n) % 100, "when": START + (np.arange(n) * 3600).astype("timedelta64[s]"),
        **{f"x{i}": (rng.normal(size=n) + shift).round(3) for i in range(6)},
        "job": rng.choice(list("abcd"), n), "flag": rng.integers(0, 2, n).astype(bool),
        "y": rng.integers(0, 2, n),
    }  # fmt: skip
    at = np.sort(rng.choice(n, rows, replace=False))
    log = {name: np.array(values)[at] for name, values in table.items() if name != "y"}
    for name in [*(f"x{i}" for i in range(6)), "job", "flag"]:
        wrong = rng.random(rows) < late
        log[name][wrong] = table[name][rng.integers(0, n, int(wrong.sum()))]
    wrong = rng.random(rows) < stale
    log["x0"][wrong] = rng.normal(size=int(wrong.sum()))
    return table, log


def found(train: Table, log: Table) -> list[Any]:
    case = make_case(train, target="y", log=log, entity="who", event_time="when")
    assert Availability().needs(case) is None
    return list(Availability().run(case))


def test_a_fifth_of_stale_values_is_found_in_fifty_rows_with_power_of_95_percent():
    rng = np.random.default_rng(0)
    hits = false = 0
    for _ in range(120):
        columns = {f.columns[0] for f in found(*served(rng, stale=0.2, late=0.002, drift=3.0))}
        hits += "x0" in columns
        false += len(columns - {"x0"})
    assert hits >= 109  # P(fewer | power 0.95) = 2 %
    assert false == 0


def test_clean_logs_with_late_corrections_and_strong_drift_prove_nothing():
    rng = np.random.default_rng(1)
    assert sum(len(found(*served(rng, late=0.01, drift=5.0))) for _ in range(120)) == 0


def test_the_finding_names_rows_on_both_sides_and_no_values():
    rng = np.random.default_rng(2)
    train, log = served(rng, rows=200)
    log["job"] = np.full(200, "z")
    (finding,) = found(train, log)
    assert (finding.verdict, finding.columns) == (Verdict.PROVEN, ("job",))
    assert finding.evidence["differ"] == finding.evidence["joined"] == 200
    assert finding.evidence["log_rows"] == [0, 1, 2, 3, 4]
    at = int(np.flatnonzero(train["when"] == log["when"][0])[0])
    assert finding.evidence["rows"][0] == at
    assert "'z'" not in repr(finding)


def test_values_that_were_null_when_served_are_told_apart():
    rng = np.random.default_rng(3)
    train, log = served(rng, rows=100)
    log["x1"] = np.full(100, np.nan)
    (finding,) = found(train, log)
    assert finding.evidence["null_when_served"] == 100
    assert "null when served" in finding.sentence


def test_the_same_numbers_in_another_type_are_the_same():
    rng = np.random.default_rng(4)
    train, log = served(rng, rows=200)
    log["x0"] = log["x0"].astype(np.float32)
    log["x1"] = log["x1"] * (1 + 1e-7)
    log["flag"] = log["flag"].astype(int)
    log["when"] = log["when"] + np.timedelta64(300, "ms")
    assert found(train, log) == []


def test_a_decision_without_its_own_training_row_is_left_out_rather_than_joined_to_another():
    rng = np.random.default_rng(5)
    train, log = served(rng, rows=100)
    kept = np.setdiff1d(np.arange(400), np.flatnonzero(np.isin(train["when"], log["when"][:50])))
    train = {name: np.asarray(values)[kept] for name, values in train.items()}
    case = make_case(train, target="y", log=log, entity="who", event_time="when")
    assert Availability().needs(case) is None
    assert Availability().run(case) == []


def test_decisions_that_occur_twice_are_left_out():
    rng = np.random.default_rng(6)
    train, log = served(rng, rows=60)
    twice = {name: np.concatenate([values, values]) for name, values in log.items()}
    case = make_case(train, target="y", log=twice, entity="who", event_time="when")
    assert "0 are" in (Availability().needs(case) or "")


def test_a_feature_that_was_never_logged_is_asked_about():
    rng = np.random.default_rng(7)
    train, log = served(rng)
    del log["x5"]
    (finding,) = found(train, log)
    assert (finding.verdict, finding.columns) == (Verdict.SUSPECT, ("x5",))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"who": None}, "the entity or an id"),
        ({"who": np.arange(50) + 10_000}, "20 logged decisions"),
        ({"when": np.array(["monday"] * 50)}, "different types"),
    ],
)
def test_a_log_that_cannot_be_joined_leaves_the_answer_open(change, says):
    rng = np.random.default_rng(8)
    train, log = served(rng)
    for name, values in change.items():
        log.pop(name) if values is None else log.update({name: values})
    report = audit(
        train, target="y", log=log, entity="who", event_time="when", checks=["HF-L-AVAILABILITY"]
    )
    assert report.passed is None
    assert says in report.not_tested[0].needs


def test_dates_are_joined_by_the_day():
    rng = np.random.default_rng(9)
    train, log = served(rng, rows=80)
    train["when"] = pa.array((np.datetime64("2024-01-01") + np.arange(400)).astype("datetime64[D]"))
    day = {
        int(w): i
        for i, w in enumerate(
            (START + (np.arange(400) * 3600).astype("timedelta64[s]")).astype(int)
        )
    }
    at = np.array([day[int(w)] for w in log["when"].astype(int)])
    log["when"] = (np.datetime64("2024-01-01") + at).astype("datetime64[s]") + np.timedelta64(
        7, "h"
    )
    assert found(train, log) == []
