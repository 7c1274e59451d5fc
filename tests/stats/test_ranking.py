"""AUC and average precision against scikit-learn; their intervals against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from holdfast.stats.bootstrap import mean_interval, weighted_interval
from holdfast.stats.ranking import (
    average_precision,
    average_precision_interval,
    delong_variance,
    roc_auc,
    roc_auc_interval,
)


def draw(rng, positives, negatives, shift, digits=9):
    truth = np.r_[np.ones(positives, bool), np.zeros(negatives, bool)]
    return truth, np.round(rng.normal(0, 1, len(truth)) + shift * truth, digits)


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_auc_and_average_precision_are_scikit_learns_with_ties(digits):
    truth, score = draw(np.random.default_rng(2), 40, 200, 1.0, digits)
    assert roc_auc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert average_precision(truth, score) == pytest.approx(
        average_precision_score(truth, score), abs=1e-12
    )
    weight = np.random.default_rng(3).integers(0, 4, len(truth)).astype(float)
    assert average_precision(truth, score, weight) == pytest.approx(
        average_precision_score(truth, score, sample_weight=weight), abs=1e-12
    )


def test_delongs_variance_is_the_variance_over_samples():
    rng = np.random.default_rng(4)
    drawn = [draw(rng, 80, 160, 1.0) for _ in range(400)]
    truth = np.var([roc_auc(*sample) for sample in drawn])
    assert np.mean([delong_variance(*sample) for sample in drawn]) == pytest.approx(truth, rel=0.2)


@pytest.mark.parametrize(
    ("positives", "negatives", "shift", "auc", "method"),
    [
        (100, 100, 1.0, 0.7602, "newcombe method 5"),
        (20, 980, 3.0, 0.98305, "newcombe method 5"),
        (300, 300, 1.0, 0.7602, "logit delong"),
    ],
)
def test_the_intervals_of_auc_cover_at_least_what_they_say(
    positives, negatives, shift, auc, method
):
    rng = np.random.default_rng(6)
    inside = 0
    for _ in range(300):
        low, high, used = roc_auc_interval(*draw(rng, positives, negatives, shift))
        inside += low <= auc <= high
        assert used == method or shift == 3.0
    assert inside >= 276  # 92%: three standard errors below 95% of 300


def test_one_class_has_no_auc():
    assert math.isnan(roc_auc(np.array([True, True]), np.array([0.1, 0.2])))
    assert roc_auc_interval(np.array([True]), np.array([0.1]))[2] == ""
    assert math.isnan(average_precision(np.array([False]), np.array([0.1])))


def test_a_perfect_ranking_still_has_an_interval():
    truth = np.r_[np.ones(20, bool), np.zeros(20, bool)]
    low, high, _ = roc_auc_interval(truth, truth.astype(float))
    assert 0.85 < low < 1.0
    assert high == 1.0


def test_the_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = np.random.default_rng(7).choice([0.0, 1.0, 3.0], 4000, p=[0.6, 0.3, 0.1])
    low, high = mean_interval(values, seed=1)
    half = 1.96 * values.std() / math.sqrt(4000)
    assert low == pytest.approx(values.mean() - half, abs=half / 8)
    assert high == pytest.approx(values.mean() + half, abs=half / 8)
    many = np.random.default_rng(8).normal(0, 1, 6000)
    low, high = mean_interval(many, draws=400)
    assert low < many.mean() < high


def test_a_weighted_bootstrap_of_the_mean_is_the_bootstrap_of_the_mean():
    values = np.random.default_rng(9).random(500)
    got = weighted_interval(lambda w: float((w * values).sum() / w.sum()), 500, draws=800)
    assert got == pytest.approx(mean_interval(values, draws=800, seed=4), abs=0.006)
    assert all(math.isnan(x) for x in weighted_interval(lambda _: math.nan, 3))


def test_the_interval_of_average_precision_holds_the_estimate():
    truth, score = draw(np.random.default_rng(10), 60, 300, 1.0)
    low, high = average_precision_interval(truth, score)
    assert low < average_precision(truth, score) < high
