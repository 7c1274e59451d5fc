"""The threshold three ways, its interval, and what another one costs."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.costs import Prices
from holdfast.evaluation.metrics import Sample
from holdfast.evaluation.threshold import thresholds
from holdfast.stats.logistic import expit


def scored(n, seed, warp=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 1.3, n)
    return rng.random(n) < expit(odds), expit(warp * odds + shift)


@functools.cache
def many(warp, shift):
    return scored(200_000, 99, warp, shift)


def realised(threshold, warp, shift, costs):
    truth, score = many(warp, shift)
    decided = score >= threshold
    return np.where(decided, costs.false_positive * ~truth, costs.false_negative * truth).mean()


def test_the_empirical_threshold_is_the_cheapest_of_all():
    truth, score = scored(600, 0)
    costs = Costs(1, 6)
    e = evaluate(truth, score, costs=costs)
    tried = [
        np.where(score >= t, ~truth * 1.0, truth * 6.0).mean() for t in [*np.unique(score), 2.0]
    ]
    assert e.thresholds.empirical.expected_cost == pytest.approx(min(tried), abs=1e-12)
    t = e.thresholds
    assert t.formula.value == pytest.approx(1 / 7)
    assert t.formula.expected_cost == pytest.approx(e.value("expected_cost"), abs=1e-12)
    assert t.formula.regret.value == pytest.approx(t.formula.expected_cost - min(tried), abs=1e-12)
    assert t.empirical.low <= t.empirical.value <= t.empirical.high
    assert t.used.value == e.threshold


def test_scores_that_lie_make_the_formula_dear_and_the_data_cheap():
    costs, warp, shift = Costs(1, 6), 2.0, 1.0
    oracle = expit(warp * np.log((1 / 7) / (6 / 7)) + shift)
    best = realised(oracle, warp, shift, costs)
    covered, dear = 0, []
    for seed in range(24):
        truth, score = scored(2_000, seed, warp, shift)
        sample = Sample(truth, score, score >= 1 / 7, Prices(truth, costs), seed=seed)
        found = thresholds(sample, used=1 / 7, formula=1 / 7, capacity=None)
        covered += found.empirical.low <= oracle <= found.empirical.high
        dear.append(realised(found.empirical.value, warp, shift, costs) / best)
    assert covered >= 19  # 90% of 24, less two standard errors
    assert np.median(dear) < 1.03
    assert realised(found.formula.value, warp, shift, costs) > 1.03 * best


def test_the_capacity_raises_the_threshold():
    truth, score = scored(2_000, 1)
    e = evaluate(truth, score, costs=Costs(1, 20), capacity=100)
    assert e.threshold_from == "capacity"
    assert (score >= e.threshold).sum() == 100
    assert e.confusion.true_positive + e.confusion.false_positive == 100
    assert e.value("recall_at_budget") == pytest.approx(e.value("recall"))
    assert e.thresholds.capacity.alerts == 100
    wide = evaluate(truth, score, costs=Costs(1, 20), capacity=1_999)
    assert wide.threshold_from == "costs"


def test_alerts_of_a_day_are_its_own_highest_scores():
    days = np.repeat(np.arange(10), 50)
    truth, score = scored(500, 3)
    when = np.datetime64("2026-01-01") + days
    e = evaluate(truth, score, capacity=5, capacity_period="day", event_time=when)
    want = 0
    for day in range(10):
        mine = np.flatnonzero(days == day)
        want += truth[mine[np.argsort(-score[mine], kind="stable")[:5]]].sum()
    assert e.value("recall_at_budget") == pytest.approx(want / truth.sum())
    assert e.capacity == 50


def test_scores_beyond_probabilities_take_the_threshold_found_by_data():
    truth, score = scored(800, 4)
    e = evaluate(truth, 10 * score - 3, costs=Costs(1, 6))
    assert e.threshold_from == "data"
    assert e.value("expected_cost") == e.thresholds.empirical.expected_cost
    assert e.thresholds.formula.value is None
    assert e.calibration.why_not
    assert e.metrics["brier"].value is None
    assert "HF-E007" in {f.code for f in e.findings}
    assert e.value("roc_auc") == pytest.approx(evaluate(truth, score).value("roc_auc"))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"capacity": 0}, UsageError, "capacity"),
        ({"capacity": float("nan")}, UsageError, "capacity"),
        ({"capacity_period": "day"}, UsageError, "period without"),
        ({"capacity": 1, "capacity_period": "year"}, UsageError, "unknown period"),
        ({"capacity": 1, "capacity_period": "day"}, UsageError, "event times"),
        ({"capacity": 1, "capacity_period": "day", "event_time": [1, 2]}, DataError, "periods"),
        ({"threshold": float("inf")}, UsageError, "threshold"),
        ({"level": 1.0}, UsageError, "level"),
    ],
)
def test_what_cannot_be_a_budget_or_threshold_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        evaluate([0, 1], [0.1, 0.9], **options)
