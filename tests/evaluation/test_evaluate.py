"""Numbers are those of the closed form and of scikit-learn; intervals cover what they say."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn import metrics as reference

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs, cost_threshold, evaluate
from holdfast.evaluation.decisions import as_positive
from holdfast.evaluation.metrics import METRICS


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(5)
    truth = rng.random(700) < 0.3
    score = np.round(np.clip(0.3 * truth + rng.random(700) * 0.7, 0, 1), 2)  # many ties
    return truth, score


def top_tenth(truth, score):
    """Share of positives in the highest tenth of the scores, a tie at its border shared."""
    k = len(score) / 10
    border = np.sort(score)[::-1][int(k) - 1]
    above, tied = score > border, score == border
    return (truth[above].sum() + (k - above.sum()) * truth[tied].mean()) / truth.sum()


@pytest.mark.parametrize("threshold", [0.1, 0.37, 0.5, 0.9])
def test_every_metric_is_scikit_learns(sample, threshold):
    truth, score = sample
    got = evaluate(truth, score, costs=Costs(1, 3), threshold=threshold)
    clipped = evaluate(truth, np.clip(score, 0.01, 0.99), metrics=["log_loss"])
    got.metrics["log_loss"] = clipped.metrics["log_loss"]  # infinite at 0 and 1 otherwise
    decided = score >= threshold
    want = {
        "accuracy": reference.accuracy_score(truth, decided),
        "precision": reference.precision_score(truth, decided, zero_division=math.nan),
        "recall": reference.recall_score(truth, decided),
        "f1": reference.f1_score(truth, decided),
        "roc_auc": reference.roc_auc_score(truth, score),
        "pr_auc": reference.average_precision_score(truth, score),
        "positive_rate": decided.mean(),
        "approval_rate": 1 - decided.mean(),
        "expected_cost": (decided & ~truth).mean() + 3 * (~decided & truth).mean(),
        "specificity": reference.recall_score(~truth, ~decided),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, decided),
        "mcc": reference.matthews_corrcoef(truth, decided),
        "log_loss": reference.log_loss(truth, np.clip(score, 0.01, 0.99)),
        "brier": reference.brier_score_loss(truth, score),
        "net_benefit": (decided & truth).mean() - (decided & ~truth).mean() / 3,
        "recall_at_budget": top_tenth(truth, score),
        "lift_at_k": 10 * top_tenth(truth, score),
    }
    assert set(want) == set(METRICS)
    for name, value in want.items():
        assert got.value(name) == pytest.approx(value, abs=1e-9, nan_ok=True), name
        estimate = got.metrics[name]
        if estimate.value is not None:
            assert estimate.low <= estimate.value <= estimate.high
            assert estimate.n > 0
            assert estimate.unit
            assert estimate.method


def test_a_false_positive_at_one_and_a_false_negative_at_three_give_a_quarter():
    assert cost_threshold(Costs(1, 3)) == 0.25


def test_gains_for_right_decisions_move_the_threshold():
    costs = Costs(false_positive=5, false_negative=40, true_positive=-10, true_negative=-5)
    assert costs.threshold == pytest.approx(10 / (10 + 50))
    p = costs.threshold
    positive = p * costs.true_positive + (1 - p) * costs.false_positive
    negative = p * costs.false_negative + (1 - p) * costs.true_negative
    assert positive == pytest.approx(negative)


def test_the_baseline_is_the_cheapest_constant_decision(sample):
    truth, score = sample
    share = truth.mean()
    got = evaluate(truth, score, costs=Costs(1, 10)).baseline
    assert got.decision == "positive"
    assert got.expected_cost == pytest.approx(1 - share)
    assert got.accuracy == pytest.approx(1 - share)
    assert got.treat_all_cost == got.expected_cost
    assert got.treat_none_cost == pytest.approx(10 * share)
    assert got.treat_all_benefit == pytest.approx(share - (1 - share) / 10)
    assert evaluate(truth, score, costs=Costs(1, 1)).baseline.decision == "negative"


def test_passed_is_could_not_tell_when_the_interval_holds_the_baseline():
    rng = np.random.default_rng(0)
    truth = rng.random(60) < 0.5
    noise = rng.random(60)
    assert evaluate(truth, noise).passed is None
    assert evaluate(truth, truth.astype(float)).passed is True
    assert evaluate(truth, 1.0 - truth).passed is False


def test_what_a_sample_cannot_support_is_none_with_the_reason():
    got = evaluate([0, 0, 0], [0.1, 0.2, 0.3], threshold=0.5)
    for name in ("roc_auc", "pr_auc", "recall", "precision", "f1"):
        assert got.metrics[name].value is None
        assert got.metrics[name].why_not
    assert math.isnan(got.value("roc_auc"))
    assert json.loads(got.to_json())["metrics"]["roc_auc"]["value"] is None


def test_the_same_seed_gives_the_same_intervals(sample):
    assert evaluate(*sample, seed=3) == evaluate(*sample, seed=3)
    assert evaluate(*sample, seed=3) != evaluate(*sample, seed=4)


def test_the_interval_of_the_expected_cost_covers_the_truth():
    rng = np.random.default_rng(1)
    inside = 0
    p, threshold, costs = 0.3, 0.5, Costs(1, 4)
    true_cost = 0.7 * 0.2 * 1 + 0.3 * 0.4 * 4
    for _ in range(200):
        truth = rng.random(300) < p
        flagged = np.where(truth, rng.random(300) < 0.6, rng.random(300) < 0.2)
        got = evaluate(
            truth, flagged.astype(float), costs=costs, threshold=threshold,
            metrics=["expected_cost"],
        ).metrics["expected_cost"]  # fmt: skip
        inside += got.low <= true_cost <= got.high
    assert 180 <= inside <= 199


def test_labels_need_a_named_positive_class():
    assert as_positive(["bad", "good"], "bad").tolist() == [True, False]
    assert as_positive([1, 0, 1]).tolist() == [True, False, True]
    with pytest.raises(UsageError, match="positive"):
        as_positive(["bad", "good"])
    with pytest.raises(DataError, match="missing"):
        as_positive(["bad", None], "bad")
    with pytest.raises(DataError, match="missing"):
        as_positive([1.0, float("nan")])


def test_bad_columns_are_refused():
    with pytest.raises(DataError, match="length"):
        evaluate([0, 1], [0.5])
    with pytest.raises(DataError, match="length"):
        evaluate([], [])
    with pytest.raises(DataError, match="bad=1 of 2"):
        evaluate([0, 1], [0.5, float("nan")])
    with pytest.raises(UsageError, match="unknown metric"):
        evaluate([0, 1], [0.5, 0.6], metrics=["auc"])
