"""Simple rivals of classes and numbers, against the truth they were made from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict

import holdfast as hf
from holdfast.errors import DataError, UsageError

N = 3_000
_rng = np.random.default_rng(5)
X = _rng.normal(size=N)
KIND = _rng.choice(["a", "b", "c"], N)
Y = 2 * X + np.where(KIND == "a", 3.0, 0.0) + _rng.normal(0, 0.5, N)
FRAME = pa.table({"x": X, "kind": KIND, "luck": _rng.normal(size=N)})
CLASS = np.where(_rng.random(N) < 0.8, KIND, _rng.choice(["a", "b", "c"], N))


def test_a_line_is_as_good_as_that_of_scikit_learn():
    found = hf.evaluate(Y, Y + 1, task="regression", features=FRAME)
    design = np.stack([X, *(k == KIND for k in "abc")], axis=1)
    theirs = cross_val_predict(LinearRegression(), design, Y, cv=KFold(5, shuffle=True))
    expected = np.abs(theirs - Y).mean()
    line = found.baselines["linear_regression"]
    assert line.metrics["mae"] == pytest.approx(expected, rel=0.02)
    assert line.gain.value == pytest.approx(line.metrics["mae"] - 1.0)
    assert found.passed is False
    assert "HF-E003" in {f.code for f in found.findings}


def test_the_best_single_column_is_the_one_that_tells_the_most():
    numbers = hf.evaluate(Y, Y, task="regression", features=FRAME)
    assert numbers.baselines["single_column"].meaning.startswith("the best single column, x")
    assert numbers.passed is True
    classes = hf.evaluate(CLASS, CLASS, task="multiclass", features=FRAME)
    assert "the best single column, kind" in classes.baselines["single_column"].meaning
    for name in ("single_column", "logistic_regression"):
        rival = classes.baselines[name]
        assert rival.metrics["accuracy"] == pytest.approx((CLASS == KIND).mean())
        assert rival.gain.value == pytest.approx(1 - (CLASS == KIND).mean())


def test_a_model_that_only_repeats_a_column_has_no_evidence_of_gain():
    found = hf.evaluate(CLASS, KIND, task="multiclass", features=FRAME)
    assert found.passed is None
    assert found.baselines["majority"].verdict == "better"
    assert found.baselines["single_column"].verdict == "no evidence of gain"


def test_rivals_decide_by_the_costs():
    costs = {("a", "b"): 20, ("a", "c"): 20}
    found = hf.evaluate(CLASS, KIND, task="multiclass", features=FRAME, costs=costs)
    single = found.baselines["single_column"]
    assert single.metrics["expected_cost"] < found.value("expected_cost")
    assert single.verdict == "worse"


def test_of_chance_no_rival_learns_anything():
    noise = np.random.default_rng(1).normal(size=N)
    found = hf.evaluate(noise, np.zeros(N), task="regression", features=FRAME)
    best = np.abs(noise - np.median(noise)).mean()
    for name in ("single_column", "linear_regression"):
        assert found.baselines[name].metrics["mae"] >= best * 0.999


def test_rows_of_an_entity_are_not_learnt_from_one_another():
    owner = np.arange(N) // 3
    secret = np.repeat(np.random.default_rng(2).normal(size=N // 3), 3)
    frame = {"owner": owner.astype(float), "noise": np.zeros(N)}
    apart = hf.evaluate(secret, secret * 0, task="regression", features=frame, entity=owner)
    assert apart.baselines["single_column"].metrics["mae"] > 0.98 * np.abs(secret).mean()


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_few_rows_and_empty_columns_are_no_trouble(n):
    frame = pa.table({"x": np.arange(n) * 1.0, "none": pa.nulls(n), "list": [[1]] * n})
    hf.evaluate(np.arange(n) * 1.0, np.zeros(n), task="regression", features=frame)
    labels = ["a", "b"] * n
    hf.evaluate(labels[:n], labels[1 : n + 1], task="multiclass", features=frame)


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="features do not fit"):
        hf.evaluate(Y, Y, task="regression", features=FRAME.slice(1))
    lists = {"user": [1], "item": [1], "score": [1.0]}
    with pytest.raises(UsageError, match="no features"):
        hf.evaluate(lists, lists, task="ranking", features=FRAME)
