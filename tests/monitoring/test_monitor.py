from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from tests.monitoring.world import START, Life, release

from holdfast.contracts.model import Policy, Violation
from holdfast.errors import DataError, UsageError
from holdfast.frames.values import ValueKind, read_values
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.table_reference import TableReference
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


# -- values: a reference without a release ----------------------------------------------------


def rows_of(rows, seed, **columns):
    rng = np.random.default_rng(seed)
    size = rng.normal(50, 10, rows)
    score = 1 / (1 + np.exp(-(size - 50) / 10))
    label = (rng.random(rows) < score).astype(float)
    made = {
        "size": read_values(ValueKind.NUMBER, size),
        "weight": read_values(ValueKind.NUMBER, rng.gamma(2.0, size=rows)),
        "job": read_values(ValueKind.CATEGORY, rng.choice(["a", "b", "c"], rows).tolist()),
    }
    return made | columns, score, label


@pytest.fixture(scope="module")
def table_reference():
    columns, score, label = rows_of(3000, 1)
    return TableReference.of(columns, score=score, label=label)


def values_monitor(reference):
    return Monitor(reference, clock=lambda: START)


def test_values_are_watched_column_by_column(table_reference):
    watcher = values_monitor(table_reference)
    columns, score, _ = rows_of(1000, 2)
    assert watcher.observe_columns(columns, score=score) == []
    broken, score, _ = rows_of(200, 3, size=read_values(ValueKind.NUMBER, [None] * 200))
    found = watcher.observe_columns(broken, score=score, source="web")
    assert [(i.kind, i.features, i.onset_row) for i in found] == [("missing", ("size",), 1000)]
    mended, score, _ = rows_of(1500, 4)
    ended = watcher.observe_columns(mended, score=score)
    assert {i.status for i in ended} == {IncidentStatus.CLOSED}
    assert watcher.rows == 2700


def test_a_shift_that_no_rule_forbids_is_found_with_its_column(table_reference):
    watcher = values_monitor(table_reference)
    columns, score, _ = rows_of(600, 5)
    columns["weight"] = read_values(ValueKind.NUMBER, columns["weight"].numbers + 1.5)
    found = watcher.observe_columns(columns, score=score)
    assert [i.features for i in found] == [("weight",)]
    assert found[0].opened_row <= 150


def test_outcomes_that_come_later_are_joined_to_their_rows(table_reference):
    watcher = values_monitor(table_reference)
    columns, score, label = rows_of(500, 6)
    assert watcher.observe_columns(columns, score=score) == []
    order = np.random.default_rng(0).permutation(500)
    found = watcher.observe_labels(order, 1.0 - label[order])
    assert {i.class_ for i in found} == {"concept"}
    assert found[0].opened_row == 500


def test_outcomes_of_rows_never_seen_or_not_known_yet_change_nothing(table_reference):
    watcher = values_monitor(table_reference)
    columns, score, _ = rows_of(100, 7)
    watcher.observe_columns(columns, score=score)
    assert watcher.observe_labels([10_000, 20_000], [1.0, 0.0]) == []
    assert watcher.observe_labels(np.arange(100), np.full(100, np.nan)) == []
    with pytest.raises(DataError, match="which outcome"):
        watcher.observe_labels([1], ["perhaps"])


def test_no_columns_and_missing_columns_are_taken_as_they_are(table_reference):
    watcher = values_monitor(table_reference)
    assert watcher.observe_columns({}) == []
    columns, score, _ = rows_of(50, 8)
    del columns["job"]
    [found] = watcher.observe_columns(columns, score=score)
    assert (found.kind, found.features) == ("missing", ("job",))


def test_batches_do_not_matter_for_the_incidents_found(table_reference):
    columns, score, _ = rows_of(900, 9)
    x = columns["size"].numbers.copy()
    x[300:] += 10.0
    columns["size"] = read_values(ValueKind.NUMBER, x)
    whole, pieces = values_monitor(table_reference), values_monitor(table_reference)
    whole.observe_columns(columns, score=score)
    for low in range(0, 900, 90):
        at = np.arange(low, low + 90)
        pieces.observe_columns({n: v.take(at) for n, v in columns.items()}, score=score[at])
    opened = [(i.features, i.opened_row, i.onset_row) for i in whole.incidents]
    assert opened == [(i.features, i.opened_row, i.onset_row) for i in pieces.incidents]
    assert opened


# -- accepted as normal -----------------------------------------------------------------------


def heavier(n, seed, by):
    columns, score, _ = rows_of(n, seed)
    columns["weight"] = read_values(ValueKind.NUMBER, columns["weight"].numbers + by)
    return columns, score


def test_what_was_accepted_stays_quiet_and_a_further_change_does_not(table_reference):
    watcher = values_monitor(table_reference)
    columns, score = heavier(1000, 5, 1.0)
    [found] = watcher.observe_columns(columns, score=score)
    after = watcher.accept(found.id)
    assert (after.status, after.ending) == (IncidentStatus.CLOSED, "accepted")
    columns, score = heavier(5000, 6, 1.0)
    assert watcher.observe_columns(columns, score=score) == []
    columns, score = heavier(1000, 7, 3.0)
    again = watcher.observe_columns(columns, score=score)
    assert [i.features for i in again] == [("weight",)]
    assert [i.id for i in watcher.incidents] == [found.id, again[0].id]


def test_what_was_accepted_can_be_taken_back(table_reference):
    watcher = values_monitor(table_reference)
    columns, score = heavier(1000, 5, 1.0)
    [found] = watcher.observe_columns(columns, score=score)
    watcher.accept(found.id)
    assert watcher.take_back(found.id)
    assert not watcher.take_back(found.id)
    columns, score = heavier(1000, 6, 1.0)
    assert [i.features for i in watcher.observe_columns(columns, score=score)] == [("weight",)]


def test_only_what_is_open_can_be_accepted(table_reference):
    watcher = values_monitor(table_reference)
    with pytest.raises(DataError, match="no such incident is open"):
        watcher.accept("i1")
