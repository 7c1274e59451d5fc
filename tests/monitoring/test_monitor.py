from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from tests.monitoring.world import START, Life, release

from holdfast.contracts.model import Policy, Violation
from holdfast.errors import DataError, UsageError
from holdfast.monitoring.monitor import Monitor
from holdfast.records import IncidentStatus


class NullScorer:
    """Marks a null Job, as a guard with the policy fallback would."""

    def answer(self, rows):
        bad = (Violation("Job", "null", Policy.FALLBACK),)
        return [
            SimpleNamespace(verdict="degraded", violations=bad)
            if row["Job"] is None
            else SimpleNamespace(verdict="ok", violations=())
            for row in rows
        ]


def monitor(**details):
    watched = release()
    watched.scorer = NullScorer
    return Monitor(watched, clock=lambda: START, **details)


def jobs(*runs):
    return [{"Job": job, "Age": 40} for job, n in runs for _ in range(n)]


def quiet(n):
    rng = np.random.default_rng(n)
    return {
        "Job": ["fixed"] * n,
        "Income": pa.array(np.ones(n), mask=rng.random(n) < 0.08),
        "Assets": pa.array(np.ones(n), mask=rng.random(n) < 0.6),
    }


class FullScorer:
    def answer(self, rows):
        out = []
        for row in rows:
            found = tuple(
                Violation(name, "null", Policy.ALLOW, note=True)
                for name in ("Job", "Income", "Assets")
                if row[name] is None
            )
            out.append(SimpleNamespace(verdict="ok", violations=found))
        return out


def full_monitor():
    watched = release()
    watched.scorer = FullScorer
    return Monitor(watched, clock=lambda: START)


def test_tables_are_watched_one_after_the_other():
    watcher = full_monitor()
    assert watcher.observe(quiet(500)) == []
    broken = quiet(30) | {"Job": pa.nulls(30, pa.string())}
    [found] = watcher.observe(broken, source="batch")
    assert (found.kind, found.status, found.onset_row) == ("missing", IncidentStatus.OPEN, 500)
    [ended] = watcher.observe(quiet(200))
    assert ended.status is IncidentStatus.CLOSED
    assert watcher.incidents == [ended]
    assert watcher.rows == 730


def test_a_table_of_the_log_is_taken_as_it_is():
    life = Life(1200).mark("Job:null", np.arange(1000, 1200))
    [found] = monitor().observe(pa.Table.from_batches([life.batch()]))
    assert found.kind == "missing"
    assert found.since >= START


def test_a_log_with_other_columns_is_refused_in_words():
    table = pa.table({"verdict": ["ok"], "marks": [3]})
    with pytest.raises(DataError, match="marks"):
        monitor().observe(table)


def test_the_promise_and_the_delays_are_told_beforehand():
    watcher = monitor(budget="1 false incident per month", rows_per_day=1000)
    assert "one false incident in 30,438 requests" in watcher.promise
    job = next(w for w in watcher.watched if (w.feature, w.code, w.side) == ("Job", "null", "up"))
    assert job.rows_to_alarm["100%"] <= 5
    assert job.rows_to_alarm["30%"] < job.rows_to_alarm["5%"] < 400


def test_a_budget_that_is_no_promise_is_refused():
    with pytest.raises(UsageError):
        monitor(budget="never")
