"""Scores, folds and paired intervals against scikit-learn and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score, roc_auc_score

from holdfast.audit.run import make_case
from holdfast.audit.scoring import (
    fit_predict,
    fold_maker,
    influence,
    macro_f1,
    paired,
    quality,
    worth,
)
from holdfast.stats.ranking import delong_variance

rng = np.random.default_rng(7)


def test_auc_is_scikit_learns_with_ties():
    y = rng.integers(0, 2, 500).astype(float)
    score = np.round(rng.normal(size=500) + y, 1)
    assert quality(y, score, "binary") == pytest.approx(roc_auc_score(y, score), abs=1e-12)


def test_macro_auc_is_scikit_learns():
    y = rng.integers(0, 3, 400).astype(float)
    p = rng.random((400, 3)) + np.eye(3)[y.astype(int)] * 0.3
    p /= p.sum(1, keepdims=True)
    assert quality(y, p, "multiclass") == pytest.approx(roc_auc_score(y, p, multi_class="ovr"))


def test_r2_is_scikit_learns():
    y = rng.normal(size=300)
    told = y + rng.normal(size=300)
    assert quality(y, told, "regression") == pytest.approx(r2_score(y, told))


def test_macro_f1_is_scikit_learns():
    y = rng.integers(0, 3, 300)
    p = rng.random((300, 3))
    assert macro_f1(y.astype(float), p) == pytest.approx(f1_score(y, p.argmax(1), average="macro"))


def test_the_influence_of_rows_gives_delongs_variance():
    y = rng.integers(0, 2, 800)
    score = rng.normal(size=800) + y
    _, moved = influence(y.astype(float), score, "binary")
    assert (moved**2).sum() == pytest.approx(delong_variance(y == 1, score), rel=0.01)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_paired_interval_holds_its_level(task):
    """Coverage of the true difference over 400 samples of 400 rows: 91 to 98 percent."""
    draw = np.random.default_rng(11)

    def sample(n):
        hidden = draw.normal(size=n)
        y = (hidden + draw.normal(size=n) > 0).astype(float) if task == "binary" else hidden
        good, poor = hidden + draw.normal(size=n) * 0.5, hidden + draw.normal(size=n) * 1.0
        if task == "regression":
            good, poor = 0.8 * good, 0.5 * poor
        return y, good, poor

    y, good, poor = sample(400_000)
    true = quality(y, good, task) - quality(y, poor, task)
    held = 0
    for _ in range(400):
        found = paired(*_named(task, sample(400)))
        held += found.low <= true <= found.high
    assert 0.91 <= held / 400 <= 0.985


def _named(task, drawn):
    y, good, poor = drawn
    return y, task, "x", good, poor


def test_rows_that_one_side_does_not_predict_are_left_out():
    y = np.array([0.0, 1.0, 0.0, 1.0])
    a = np.array([0.1, 0.9, np.nan, 0.8])
    found = paired(y, "binary", "AUC", a, np.array([0.2, 0.1, 0.3, np.nan]))
    assert (found.with_, found.without) == (1.0, 0.0)


def test_an_undefined_difference_is_none():
    assert paired(np.zeros(3), "binary", "AUC", np.zeros(3), np.ones(3)) is None


def test_stratified_folds_share_the_classes_evenly():
    y = np.r_[np.zeros(90), np.ones(9)]
    folds = fold_maker("random", 3, y, "binary", None, np.random.default_rng(0))
    assert [int(y[test].sum()) for _, test in folds.parts] == [3, 3, 3]


def test_forward_folds_never_look_ahead():
    times = rng.permutation(np.repeat(np.arange(100), 3))
    folds = fold_maker("forward", 3, np.zeros(300), "regression", times, rng)
    for fit, test in folds.parts:
        assert times[fit].max() < times[test].min()


def test_group_folds_never_split_a_group():
    groups = rng.integers(0, 40, 300)
    folds = fold_maker("group:g", 3, np.zeros(300), "regression", groups, rng)
    for fit, test in folds.parts:
        assert not set(groups[fit]) & set(groups[test])


def test_without_columns_the_mean_of_the_other_folds_is_predicted():
    y = np.arange(6.0)
    folds = fold_maker("random", 2, y, "regression", None, np.random.default_rng(0))
    told = fit_predict(np.zeros((6, 0)), y, "regression", 0, folds)
    for fit, test in folds.parts:
        assert told[test] == pytest.approx(y[fit].mean())


def test_worth_of_a_copy_of_the_target_is_the_way_to_one():
    y = rng.integers(0, 2, 600)
    case = make_case({"x": rng.normal(size=600) + y, "copy": y * 2, "y": y}, target="y")
    found = worth(case, ["x", "copy"], ["x"])
    assert found.metric == "AUC"
    assert found.with_ == 1.0
    assert found.low < 1.0 - found.without < found.high


def test_the_same_table_gives_the_same_numbers():
    y = rng.integers(0, 2, 9000)
    table = {"x": rng.normal(size=9000) + y, "y": y}
    one, two = (make_case(table, target="y") for _ in range(2))
    assert np.array_equal(one.score(["x"]), two.score(["x"]))
    assert len(one.rows) == 6000
