"""Bins change speed, not numbers: a draw of bins is the weighted statistic."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from holdfast.stats.binned import Binned, bin_edges
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import draw


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.3
    return truth, np.round(rng.normal(size=400) + truth, 2)


def test_every_draw_is_the_weighted_statistic_of_scikit_learn(rows):
    truth, score = rows
    weights = draw(400, 20, seed=1)
    cost = np.where(truth, 0.0, 1.0), np.where(truth, 5.0, 0.0)
    got = Binned(
        Ranked(truth, score), np.arange(400), weights, if_positive=cost[0], if_negative=cost[1]
    )
    costs = got.costs()
    for i, w in enumerate(weights):
        assert got.average_precision()[i] == pytest.approx(
            average_precision_score(truth, score, sample_weight=w), abs=1e-9
        )
        assert got.roc_auc()[i] == pytest.approx(
            roc_auc_score(truth, score, sample_weight=w), abs=1e-9
        )
        cut = got.ranked.cuts[got.edges[40]]
        decided = score >= cut
        want = (w * np.where(decided, *cost)).sum() / w.sum()
        assert costs[i, 41] == pytest.approx(want, abs=1e-9)
        assert costs[i, 0] == pytest.approx((w * cost[1]).sum() / w.sum(), abs=1e-9)


def test_recall_at_a_budget_of_unit_weights_is_the_plain_one(rows):
    truth, score = rows
    got = Binned(Ranked(truth, score), np.arange(400), np.ones((1, 400)))
    for share in (0.01, 0.1, 0.5, 1.0):
        assert got.recall_at(share)[0] == pytest.approx(got.ranked.recall_at(share * 400), abs=1e-9)


def test_bins_of_many_rows_lose_little():
    rng = np.random.default_rng(2)
    truth = rng.random(60_000) < 0.01
    ranked = Ranked(truth, rng.normal(size=60_000) + 2 * truth)
    got = Binned(ranked, np.zeros(60_000, np.intp), np.ones((1, 1)))
    assert len(got.edges) < 700
    assert got.average_precision()[0] == pytest.approx(ranked.average_precision(), abs=0.003)
    assert got.roc_auc()[0] == pytest.approx(ranked.roc_auc(), abs=3e-4)


def test_a_kept_cut_ends_a_bin():
    rng = np.random.default_rng(3)
    ranked = Ranked(rng.random(5_000) < 0.5, rng.random(5_000))
    assert 1234 in bin_edges(ranked, keep=np.array([1234]))
    assert bin_edges(ranked)[-1] == 4_999


def test_costs_must_have_been_given(rows):
    got = Binned(Ranked(*rows), np.arange(400), np.ones((1, 400)))
    with pytest.raises(ValueError, match="costs"):
        got.costs()
