"""Two models on the same rows: against reference formulas, and honest about no evidence."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import Costs, compare_models
from holdfast.reports import FORMATS, render


def _rows(seed=0, n=400):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    signal = rng.normal(size=n) + 1.2 * truth
    good = 1 / (1 + np.exp(-signal))
    return truth, 1 / (1 + np.exp(-(signal + 2 * rng.normal(size=n)))), good


def test_the_auc_difference_is_scikit_learns_and_delongs_interval_finds_the_better():
    truth, poor, good = _rows()
    found = compare_models(truth, poor, good)
    expected = roc_auc_score(truth, good) - roc_auc_score(truth, poor)
    assert found.difference.value == pytest.approx(expected, abs=1e-9)
    assert (found.better, found.test, found.passed) == ("second", "paired delong", True)


def test_accuracy_is_compared_by_mcnemars_exact_test():
    truth, poor, good = _rows()
    found = compare_models(truth, poor, good, metric="accuracy")
    a, b = (poor >= 0.5) == truth, (good >= 0.5) == truth
    expected = stats.binomtest(int((a & ~b).sum()), int((a != b).sum()), 0.5).pvalue
    assert found.p == pytest.approx(expected, abs=1e-9)
    assert found.difference.value == pytest.approx(b.mean() - a.mean(), abs=1e-12)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "expected_cost", "squared_error"])
def test_mean_losses_are_compared_by_the_paired_t_test(metric):
    truth, poor, good = _rows()
    target = truth.astype(float) if metric == "squared_error" else truth
    costs = Costs(1, 5)
    found = compare_models(target, poor, good, metric=metric, costs=costs)

    def loss(score):
        if metric == "log_loss":
            return -np.log(np.where(truth, score, 1 - score))
        if metric == "expected_cost":
            decided = score >= costs.threshold
            return np.where(decided & ~truth, 1.0, np.where(~decided & truth, 5.0, 0.0))
        return (score - truth) ** 2

    expected = stats.ttest_rel(loss(good), loss(poor))
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    interval = expected.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(interval), abs=1e-9)


def test_pr_auc_is_compared_by_a_paired_bootstrap_around_scikit_learns_value():
    truth, poor, good = _rows()
    found = compare_models(truth, poor, good, metric="pr_auc", draws=300)
    expected = average_precision_score(truth, good) - average_precision_score(truth, poor)
    assert found.difference.value == pytest.approx(expected, abs=1e-9)
    assert found.better == "second"
    assert found == compare_models(truth, poor, good, metric="pr_auc", draws=300)


def test_a_loss_of_ones_own_is_compared_too():
    found = compare_models([1.0, 2.0, 3.0] * 20, [1.0, 2.0, 3.0] * 20, [2.0, 2.0, 3.0] * 20,
                           metric=lambda y, s: np.abs(np.asarray(y) - s))  # fmt: skip
    assert found.better == "first"
    assert found.findings[0].code == "HF-E332"


def test_equal_models_are_no_evidence_of_a_gain():
    truth, _, good = _rows()
    for metric in ("roc_auc", "accuracy", "pr_auc", "log_loss"):
        found = compare_models(truth, good, good, metric=metric, draws=50)
        assert (found.better, found.passed, found.p) == (None, None, 1.0)
        assert "No evidence" in found.verdict
        assert found.findings[0].code == "HF-E331"


def test_rows_of_one_entity_widen_the_interval():
    truth, poor, good = (np.repeat(x, 8) for x in _rows(n=60))
    owner = np.repeat(np.arange(60), 8)
    for metric in ("roc_auc", "accuracy", "brier", "pr_auc"):
        alone = compare_models(truth, poor, good, metric=metric, draws=200).difference
        owned = compare_models(truth, poor, good, metric=metric, entity=owner, draws=200).difference
        assert owned.high - owned.low > 1.8 * (alone.high - alone.low)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "brier"])
def test_equal_models_are_told_apart_in_about_five_percent(metric):
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        truth = rng.random(200) < 0.4
        base = rng.normal(size=200) + truth
        a, b = (1 / (1 + np.exp(-(base + 0.7 * rng.normal(size=200)))) for _ in range(2))
        wrong += compare_models(truth, a, b, metric=metric).better is not None
    assert wrong / 300 < 0.085


def test_two_ways_to_train_are_compared_by_five_times_two_fold_cross_validation():
    rng = np.random.default_rng(6)
    x = rng.normal(size=300)
    frame = {"x": x, "y": x + rng.normal(size=300) > 0}
    found = compare_models(
        first=DummyClassifier(), second=lambda: LogisticRegression(), frame=frame, target="y"
    )
    assert (found.test, found.better) == ("5x2cv F", "second")
    same = compare_models(
        first=LogisticRegression(), second=LogisticRegression(), frame=frame, target="y"
    )
    assert (same.better, same.p) == (None, 1.0)


def test_one_class_or_one_entity_cannot_be_told_and_says_what_is_needed():
    found = compare_models([0, 0, 0], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1])
    assert (found.passed, found.difference.value, found.p) == (None, None, None)
    assert "2 of each needed" in found.verdict
    owned = compare_models([0, 1] * 5, [0.1] * 10, [0.2] * 10, entity=["a"] * 10)
    assert owned.difference.why_not == "one entity only"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (([0, 1], [0.1], [0.2, 0.3]), {}),
        (([], [], []), {}),
        (([0, 1], [0.1, math.nan], [0.2, 0.3]), {}),
        (([0, 1], ["a", "b"], [0.2, 0.3]), {}),
        (([0, None], [0.1, 0.2], [0.2, 0.3]), {}),
        (([0, 1], [0.1, 1.5], [0.2, 0.3]), {"metric": "log_loss"}),
        (([0.0, math.inf], [0.1, 0.5], [0.2, 0.3]), {"metric": "squared_error"}),
        (([0, 1], [0.1, 0.5], [0.2, 0.3]), {"metric": lambda y, s: [0.0]}),
    ],
)
def test_bad_input_is_a_clear_error(arguments, options):
    with pytest.raises(DataError):
        compare_models(*arguments, **options)


def test_bad_settings_are_a_clear_error():
    for wrong in ({"metric": "gini"}, {"level": 2.0}, {"frame": {"y": [1]}}):
        with pytest.raises(UsageError):
            compare_models([0, 1], [0.1, 0.5], [0.2, 0.3], **wrong)


def test_the_record_shows_itself_in_every_format():
    truth, poor, good = _rows(n=50)
    found = compare_models(truth, poor, good, names=("champion", "challenger"))
    for name in FORMATS:
        assert "challenger" in render(found.document("test"), name) or name in {"junit", "sarif"}
    assert json.loads(found.to_json())["test"] == "paired delong"
    assert found.to_frame().num_rows == 1
