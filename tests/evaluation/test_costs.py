"""Costs of one price for all, and of each row's own."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.costs import Prices, row_costs


@pytest.fixture(scope="module")
def loans():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 3_000)
    truth = rng.random(3_000) < p
    amount = rng.lognormal(3, 1, 3_000)
    return truth, p, amount


def test_the_prices_of_both_decisions_are_the_cost_of_each_row(loans):
    truth, p, _ = loans
    costs = Costs(2, 7, true_positive=-1, true_negative=0.5)
    decided = p > 0.2
    assert Prices(truth, costs).of(decided) == pytest.approx(row_costs(truth, decided, costs))


def test_rows_with_their_own_costs_are_decided_by_their_own_threshold(loans):
    truth, p, amount = loans
    e = evaluate(truth, p, costs=Costs(5, 1), cost_columns={"false_negative": amount})
    decided = p >= 5 / (5 + amount)
    want = np.where(decided, 5.0 * ~truth, amount * truth).mean()
    assert e.value("expected_cost") == pytest.approx(want, abs=1e-12)
    assert e.threshold_from == "costs by row"
    assert e.threshold == pytest.approx(np.median(5 / (5 + amount)))
    assert e.costs.false_negative == pytest.approx(amount.mean())
    low, high = e.metrics["expected_cost"].low, e.metrics["expected_cost"].high
    assert low < want < high


def test_deciding_by_row_is_cheaper_than_any_single_threshold(loans):
    truth, p, amount = loans
    e = evaluate(truth, p, costs=Costs(5, 1), cost_columns={"false_negative": amount})
    assert e.value("expected_cost") < e.thresholds.empirical.expected_cost
    assert e.thresholds.used.regret.value < 0


def test_the_interval_of_costs_by_row_covers_the_truth():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.random(400) < 0.3
        decided = np.where(truth, rng.random(400) < 0.6, rng.random(400) < 0.2)
        amount = rng.gamma(2.0, 3.0, 400)
        e = evaluate(
            truth, decided.astype(float), threshold=0.5, costs=Costs(1, 1),
            cost_columns={"false_negative": amount}, metrics=["expected_cost"],
        ).metrics["expected_cost"]  # fmt: skip
        inside += e.low <= 0.7 * 0.2 + 0.3 * 0.4 * 6.0 <= e.high
    assert 180 <= inside <= 199


@pytest.mark.parametrize(
    ("columns", "error", "said"),
    [
        ({"false": [1.0, 1.0]}, UsageError, "unknown kind"),
        ({"false_negative": [1.0]}, DataError, "does not fit"),
        ({"false_negative": [1.0, float("nan")]}, DataError, "bad=1 of 2"),
        ({"false_negative": ["a", "b"]}, DataError, "not made of numbers"),
        ({"false_negative": [1.0, -2.0]}, DataError, "rows=1 of 2"),
    ],
)
def test_cost_columns_that_cannot_be_used_are_refused(columns, error, said):
    with pytest.raises(error, match=said):
        evaluate([0, 1], [0.1, 0.9], cost_columns=columns)
