"""Rivals are always there; a gain is claimed only when its paired interval is clear of zero."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from holdfast.errors import DataError
from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.baselines import Verdict, compare_baselines
from holdfast.evaluation.costs import Prices
from holdfast.evaluation.metrics import Sample
from holdfast.stats.logistic import expit


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    n = 4_000
    x, w = rng.normal(size=n), rng.normal(size=n)
    job = rng.choice(["a", "b", "c"], n)
    odds = -1.5 + 1.5 * x + 0.7 * w + 1.0 * (job == "b")
    truth = rng.random(n) < expit(odds)
    features = {"w": w, "x": x, "job": job, "empty": [None] * n, "same": np.ones(n)}
    return truth, odds, pa.table(features)


def test_every_rival_is_there_with_its_gain(world):
    truth, odds, features = world
    e = evaluate(truth, expit(odds), costs=Costs(1, 4), features=features, champion=expit(odds / 2))
    assert list(e.baselines) == [
        "majority", "prior", "single_column", "logistic_regression", "champion",
    ]  # fmt: skip
    assert e.baselines["single_column"].column == "x"
    assert e.baselines["logistic_regression"].roc_auc > e.baselines["single_column"].roc_auc > 0.7
    assert e.baselines["majority"].accuracy == pytest.approx(1 - truth.mean())
    for rival in e.baselines.values():
        own = e.value("expected_cost")
        assert rival.gain.value == pytest.approx(rival.expected_cost - own, abs=1e-9)
        assert rival.gain.low <= rival.gain.value <= rival.gain.high
    assert e.baselines["single_column"].verdict is Verdict.BETTER


def test_the_regression_learnt_here_leaves_the_true_model_no_evident_gain(world):
    truth, odds, features = world
    e = evaluate(truth, expit(odds), costs=Costs(1, 4), features=features)
    rival = e.baselines["logistic_regression"]
    assert rival.verdict is Verdict.NO_EVIDENCE
    assert rival.gain.low < 0 < rival.gain.high
    said = [f.sentence for f in e.findings if f.code == "HF-E002"]
    assert any("no evidence of gain over a logistic regression" in s for s in said)
    assert e.passed is True


def test_a_champion_that_is_the_model_gives_no_gain_at_all(world):
    truth, odds, _ = world
    rival = evaluate(truth, expit(odds), champion=expit(odds)).baselines["champion"]
    assert (rival.gain.value, rival.gain.low, rival.gain.high) == (0.0, 0.0, 0.0)
    assert rival.verdict is Verdict.NO_EVIDENCE
    assert rival.auc_gain.low <= 0 <= rival.auc_gain.high


def test_a_model_worse_than_its_champion_fails(world):
    truth, odds, _ = world
    noise = expit(0.3 * odds + np.random.default_rng(1).normal(size=len(odds)) - 1)
    e = evaluate(truth, noise, costs=Costs(1, 4), champion=expit(odds))
    assert e.baselines["champion"].verdict is Verdict.WORSE
    assert "HF-E003" in {f.code for f in e.findings}
    assert e.passed is False


def test_a_gain_between_equal_models_is_claimed_rarely():
    claimed = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        odds = rng.normal(-1, 1, 300)
        truth = rng.random(300) < expit(odds)
        first, second = (expit(odds + 0.6 * rng.normal(size=300)) for _ in range(2))
        sample = Sample(truth, first, first >= 0.5, Prices(truth, Costs(1, 1)), seed=seed)
        rival = compare_baselines(sample, champion=second)["champion"]
        claimed += rival.verdict is not Verdict.NO_EVIDENCE
    assert claimed <= 13  # 5% of 120 and three standard errors


def test_five_rows_that_differ_are_no_evidence():
    truth = np.r_[np.ones(100, bool), np.zeros(100, bool)]
    model = truth.astype(float)
    rival = model.copy()
    rival[:5] = 0.0
    gain = evaluate(truth, model, champion=rival).baselines["champion"].gain
    assert gain.value == pytest.approx(5 / 200)
    assert gain.low == 0.0


def test_further_rivals_have_their_own_names(world):
    truth, odds, _ = world
    e = evaluate(truth, expit(odds), baselines={"rule of thumb": (odds > 0).astype(float)})
    assert "rule of thumb" in e.baselines


def test_rare_classes_constants_and_one_class_do_not_break_the_rivals():
    rng = np.random.default_rng(3)
    truth = np.zeros(60, bool)
    truth[:2] = True
    features = {"x": rng.normal(size=60), "t": ["a"] * 60, "inf": [np.inf] * 60}
    for labels in (truth, np.zeros(60, bool), np.ones(60, bool)):
        e = evaluate(labels, rng.random(60), features=features)
        assert "majority" in e.baselines
    with pytest.raises(DataError, match="features do not fit"):
        evaluate(truth, rng.random(60), features={"x": [1.0, 2.0]})
    with pytest.raises(DataError, match="equal lengths"):
        evaluate(truth, rng.random(60), champion=[0.5])
