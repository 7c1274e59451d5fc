"""Sorted once: the same numbers as scikit-learn and as the functions that sort each time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from holdfast.stats.ranked import Ranked
from holdfast.stats.ranking import delong_variance, roc_auc_interval
from holdfast.stats.resampling import clusters, independent


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40).filter(
        lambda rows: 0 < sum(p for p, _ in rows) < len(rows)
    )
)
def test_auc_and_average_precision_are_scikit_learns(rows):
    truth = np.array([p for p, _ in rows])
    score = np.array([float(s) for _, s in rows])
    ranked = Ranked(truth, score)
    assert ranked.roc_auc() == pytest.approx(roc_auc_score(truth, score), abs=1e-9)
    assert ranked.average_precision() == pytest.approx(
        average_precision_score(truth, score), abs=1e-9
    )
    variance, effect = ranked.delong(independent(len(truth)))
    assert variance == pytest.approx(delong_variance(truth, score), abs=1e-12, nan_ok=True)
    assert effect == 1.0


def test_the_interval_is_that_of_the_plain_function():
    rng = np.random.default_rng(0)
    for m, n, shift in ((30, 300, 1.0), (400, 900, 1.0), (400, 900, 3.0)):
        truth = np.r_[np.ones(m, bool), np.zeros(n, bool)]
        score = rng.normal(size=m + n) + shift * truth
        got = Ranked(truth, score).roc_auc_interval(independent(m + n), 0.95)
        want = roc_auc_interval(truth, score)
        assert got[:2] == pytest.approx(want[:2], abs=1e-12)
        assert got[2] == want[2]


def test_the_interval_by_clusters_is_that_of_the_clusters():
    rng = np.random.default_rng(1)
    truth = rng.random(600) < 0.4
    score = rng.normal(size=600) + truth
    ids = np.repeat(np.arange(600), 4)
    once = Ranked(truth, score).roc_auc_interval(independent(600), 0.95)
    repeated = Ranked(np.repeat(truth, 4), np.repeat(score, 4))
    naive = repeated.roc_auc_interval(independent(2400), 0.95)
    honest = repeated.roc_auc_interval(clusters(ids), 0.95)
    assert honest[1] - honest[0] == pytest.approx(once[1] - once[0], rel=0.05)
    assert naive[1] - naive[0] < 0.6 * (honest[1] - honest[0])
    assert honest[2].endswith("by entities")


def test_recall_at_a_budget_shares_a_tie():
    ranked = Ranked(np.array([True, False, True, False]), np.array([0.9, 0.5, 0.5, 0.1]))
    assert ranked.recall_at(1) == 0.5
    assert ranked.recall_at(2) == 0.75
    assert ranked.recall_at(4) == 1.0


def test_one_class_has_no_numbers():
    none = Ranked(np.array([False, False]), np.array([0.1, 0.2]))
    assert math.isnan(none.roc_auc())
    assert math.isnan(none.average_precision())
    assert math.isnan(none.recall_at(1))
    assert none.roc_auc_interval(independent(2), 0.95)[2] == ""
