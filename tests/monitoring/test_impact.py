"""Impact in decisions and money: against what was truly lost, in simulation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from tests.diagnosis.test_incidents import incident

from holdfast.diagnosis.words import impact_in_words
from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.metrics import row_costs
from holdfast.monitoring.impact import COLUMNS, affected, count, impact
from holdfast.records import Estimate
from holdfast.releases.records import Blast, Fallback, Reference
from holdfast.stats.intervals import wilson

COSTS = Costs(1, 3)
STREAM = {"feature": "Job", "code": "null", "side": "up", "rows": 9}
BROKEN = incident(evidence={"streams": [STREAM]}, since=0)


def world(rows, rng, blur):
    """Truth and the scores of a model that sees it through some blur."""
    p = rng.random(rows)
    positive = rng.random(rows) < p
    return positive, np.clip(p + rng.normal(0, blur, rows), 0.01, 0.99)


def release(rng, rows=1500, blur=0.6, fault="null"):
    """A release whose fallback, and whose model under the fault, see less."""
    positive, good = world(rows, rng, 0.05)
    poor = np.clip(good + rng.normal(0, blur, rows), 0.01, 0.99)
    main, other = (evaluate(positive, s, costs=COSTS, threshold=0.25, seed=0) for s in (good, poor))
    decided, flipped = good >= 0.25, poor >= 0.25
    lost = row_costs(positive, flipped, COSTS).mean() - row_costs(positive, decided, COSTS).mean()
    blast = Blast(
        feature="Job", fault=fault, rows=rows,
        flipped=wilson(int((decided != flipped).sum()), rows),
        accuracy_change=0.0, approval_change=0.0, cost_change=float(lost),
    )  # fmt: skip
    return SimpleNamespace(
        evaluation=main, costs=COSTS, decisions=("approve", "refuse"), blast_radius=[blast],
        fallbacks=[Fallback(without=("Job",), folder="", method="refit", threshold=0.25,
                            evaluation=other)],
        reference=Reference(rows=rows, marks={}, outcomes={}, train_rows=rows, score_mean=0.5,
                            approval_rate=float((~decided).mean())),
    )  # fmt: skip


def log(*given):
    """Rows of the log: (marks, verdict, decision, fallback)."""
    marks, verdicts, decisions, fallbacks = zip(*given, strict=True)
    n = len(given)
    return pa.table(
        {
            "id": [str(i) for i in range(n)],
            "at": pa.array(range(n), pa.int64()).cast(pa.timestamp("us", "UTC")),
            "source": pa.array(["web"] * n),
            "verdict": pa.array(verdicts, pa.string()),
            "decision": pa.array(decisions, pa.string()),
            "fallback": pa.array(fallbacks, pa.string()),
            "marks": pa.array(marks, pa.list_(pa.string())),
        }
    ).select(list(COLUMNS))


DEGRADED = (["Job:null"], "degraded", "approve", "Job")
REJECTED = (["Job:null"], "rejected", None, None)
PLAIN = (["~Job:null"], "ok", "refuse", None)
FINE = ([], "ok", "approve", None)


def test_rows_are_counted_by_what_was_answered():
    found = count(BROKEN, log(DEGRADED, DEGRADED, REJECTED, PLAIN, FINE), "approve")
    assert (found.rows, found.answers) == (4, {"degraded": 2, "rejected": 1, "ok": 1})
    assert (found.fallbacks, found.plain) == ({("Job",): (2, 2)}, 1)


def test_without_a_mark_that_shows_it_every_row_of_the_time_is_affected():
    drift = incident(kind="drift", evidence={"streams": [STREAM]}, since=0)
    assert affected(drift, log(FINE, FINE)).tolist() == [True, True]
    assert affected(drift, log(FINE, PLAIN)).tolist() == [False, True]


def test_the_cost_of_a_fallback_is_in_its_interval():
    """True extra cost against the intervals of 40 validation sets; they are wide enough."""
    truth_rng = np.random.default_rng(0)
    positive, good = world(400_000, truth_rng, 0.05)
    poor = np.clip(good + truth_rng.normal(0, 0.6, len(good)), 0.01, 0.99)
    true = float(
        (row_costs(positive, poor >= 0.25, COSTS) - row_costs(positive, good >= 0.25, COSTS)).mean()
    )
    counts = count(BROKEN, log(*[DEGRADED] * 10), "approve")
    plain = count(BROKEN, log(*[PLAIN] * 10), "approve")
    inside = np.zeros(2, int)
    for seed in range(40):
        known = release(np.random.default_rng([1, seed]))
        for which, rows in enumerate((counts, plain)):
            cost = impact(BROKEN, rows, known).cost_so_far
            inside[which] += cost.low <= 10 * true <= cost.high
    assert inside.min() >= 36  # 95% would be 38 of 40; both are made to be wider


def test_decisions_of_a_fallback_are_counted_against_the_usual_rate():
    known = release(np.random.default_rng(2))
    usual = known.reference.approval_rate
    found = impact(BROKEN, count(BROKEN, log(*[DEGRADED] * 400), "approve"), known)
    changed = found.decisions_changed
    assert changed.value == pytest.approx(400 * (1 - usual))
    assert changed.low < changed.value <= changed.high


def test_rows_without_a_decision_count_as_changed_and_are_not_priced():
    known = release(np.random.default_rng(2))
    found = impact(BROKEN, count(BROKEN, log(REJECTED, REJECTED), "approve"), known)
    assert found.decisions_changed.value == 2
    assert found.cost_so_far.value is None
    assert "no row was decided" in found.cost_so_far.why_not
    assert any("a person's decision" in text for text in found.basis)


@pytest.mark.parametrize(
    "known", [None, SimpleNamespace(), SimpleNamespace(fallbacks=[], blast_radius=[])]
)
def test_a_release_that_says_nothing_gives_no_number_and_the_reason(known):
    found = impact(BROKEN, count(BROKEN, log(DEGRADED, PLAIN), None), known)
    assert (found.rows, found.cost_so_far.value, found.decisions_changed.value) == (2, None, None)
    assert "nothing in the release speaks of" in found.cost_so_far.why_not


def test_a_fault_that_the_release_never_tried_cannot_be_priced():
    drift = incident(kind="drift", class_="covariate", evidence={"streams": [STREAM]}, since=0)
    found = impact(drift, count(drift, log(PLAIN), "approve"), release(np.random.default_rng(2)))
    assert found.cost_per_row.value is None


def test_two_guilty_features_are_not_priced_by_the_experiment_of_one():
    both = incident(features=("Job", "Age"), evidence={"streams": [STREAM]}, since=0)
    found = impact(both, count(both, log(PLAIN), "approve"), release(np.random.default_rng(2)))
    assert found.cost_per_row.value is None


def test_the_numbers_are_told_with_their_intervals_or_why_there_are_none():
    known = release(np.random.default_rng(2))
    found = impact(BROKEN, count(BROKEN, log(DEGRADED, DEGRADED), "approve"), known)
    told = dict(impact_in_words(found, "EUR"))
    assert told["rows affected"] == "2 (2 degraded)"
    assert " EUR (" in told["extra cost so far"]
    bare = Estimate(value=1.0, unit="cost")
    assert "interval unknown" in dict(impact_in_words(found.__class__(
        rows=1, decisions_changed=bare, cost_per_row=bare, cost_so_far=bare
    )))["extra cost per row"]  # fmt: skip


def test_an_empty_log_has_no_impact_and_breaks_nothing():
    empty = log(FINE).slice(0, 0)
    found = impact(BROKEN, count(BROKEN, empty, "approve"), release(np.random.default_rng(2)))
    assert (found.rows, found.cost_so_far.value) == (0, None)
