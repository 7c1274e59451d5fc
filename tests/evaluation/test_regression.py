"""Predictions of a number: scikit-learn's numbers, coverage, baselines, refusals, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import evaluate_regression
from holdfast.evaluation.regression import last_values
from holdfast.reports import render


def _sample(n: int = 800, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 50.0, n) + 1.0
    return truth, truth + rng.normal(0, 20, n)


def test_point_metrics_are_scikit_learns():
    truth, said = _sample()
    got = evaluate_regression(
        truth, said, quantiles={0.1: said - 25, 0.9: said + 25}, interval=(said - 25, said + 25)
    )
    want = {
        "mae": reference.mean_absolute_error(truth, said),
        "rmse": reference.root_mean_squared_error(truth, said),
        "r2": reference.r2_score(truth, said),
        "mape": reference.mean_absolute_percentage_error(truth, said),
        "median_absolute_error": reference.median_absolute_error(truth, said),
        "pinball_0.1": reference.mean_pinball_loss(truth, said - 25, alpha=0.1),
        "pinball_0.9": reference.mean_pinball_loss(truth, said + 25, alpha=0.9),
        "bias": (said - truth).mean(),
        "wape": np.abs(said - truth).sum() / truth.sum(),
        "interval_coverage": (np.abs(said - truth) <= 25).mean(),
        "interval_width": 50.0,
    }
    for name, value in want.items():
        e = got.metrics[name]
        assert e.value == pytest.approx(value, rel=1e-9), name
        assert e.low <= e.value <= e.high
        assert e.n == len(truth)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=30))
def test_any_two_columns_agree_with_scikit_learn(pairs):
    truth, said = (np.array(column) for column in zip(*pairs, strict=True))
    got = evaluate_regression(truth, said)
    assert got.value("mae") == pytest.approx(reference.mean_absolute_error(truth, said))
    if got.metrics["r2"].value is not None and np.ptp(truth) > 1e-6:
        assert got.value("r2") == pytest.approx(reference.r2_score(truth, said), rel=1e-6)


def test_intervals_cover_what_they_say():
    runs = 80
    inside = {"mae": 0, "rmse": 0, "bias": 0, "median_absolute_error": 0}
    truths = {"mae": 20 * np.sqrt(2 / np.pi), "rmse": 20.0, "bias": 0.0}
    truths["median_absolute_error"] = 20 * 0.6744897501960817
    for seed in range(runs):
        truth, said = _sample(300, seed)
        got = evaluate_regression(truth, said, seed=seed)
        for name in inside:
            e = got.metrics[name]
            inside[name] += e.low <= truths[name] <= e.high
    least = 0.95 * runs - 3.5 * np.sqrt(runs * 0.95 * 0.05)
    assert min(inside.values()) >= least, inside


def test_times_and_entities_widen_the_intervals_of_dependent_rows():
    rng = np.random.default_rng(3)
    shock = np.repeat(rng.normal(0, 10, 60), 50)
    truth = rng.normal(0, 1, 3000)
    said = truth + shock
    alone = evaluate_regression(truth, said).metrics["bias"]
    owner = evaluate_regression(truth, said, entity=np.repeat(np.arange(60), 50)).metrics["bias"]
    timed = evaluate_regression(truth, said, event_time=np.arange(3000)).metrics["bias"]
    for e in (owner, timed):
        assert e.high - e.low > 5 * (alone.high - alone.low)
    assert owner.high - owner.low == pytest.approx(2 * 1.96 * 10 / np.sqrt(60), rel=0.3)


def test_the_last_value_is_a_rival_that_knows_only_the_past():
    truth = np.array([5.0, 7.0, 1.0, 2.0, 9.0])
    time = np.array([2, 1, 1, 2, 2])
    owner = np.array(["a", "a", "b", "b", "b"])
    assert last_values(truth, time, owner, -1.0).tolist() == [7.0, -1.0, -1.0, 1.0, 1.0]


def test_a_model_that_does_not_beat_the_last_value_does_not_pass():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 1, 2000)) + 100
    noisy = walk + rng.normal(0, 3, 2000)
    got = evaluate_regression(walk, noisy, event_time=np.arange(2000))
    assert got.baselines["mean"].verdict == "better"
    assert got.baselines["last_value"].verdict == "worse"
    assert got.passed is False


def test_a_useless_model_shows_no_evidence_of_gain():
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, 500)
    got = evaluate_regression(truth, np.full(500, np.median(truth)), trained_on=truth)
    assert got.baselines["median"].verdict == "no evidence of gain"
    assert got.passed is not True


def test_mape_wape_and_r2_are_refused_where_they_mean_nothing():
    got = evaluate_regression([0.0, 1.0, 2.0] * 5, [0.1, 1.0, 2.0] * 5)
    assert got.metrics["mape"].value is None
    assert "5 of 15" in got.metrics["mape"].why_not
    assert got.metrics["wape"].value is not None
    flat = evaluate_regression([0.0] * 15, [1.0] * 15)
    assert flat.metrics["wape"].value is None
    assert flat.metrics["r2"].value is None
    assert "vary" in flat.metrics["r2"].why_not


def test_intervals_that_hold_too_little_are_a_finding():
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1, 1000)
    zero = np.zeros(1000)
    narrow = evaluate_regression(truth, zero, interval=(zero - 1, zero + 1), interval_level=0.9)
    right = evaluate_regression(
        truth, zero, interval=(zero - 1.645, zero + 1.645), interval_level=0.9
    )
    assert "HF-E211" in {f.code for f in narrow.findings}
    assert "HF-E211" not in {f.code for f in right.findings}


def test_a_bias_is_a_finding_only_beyond_chance():
    truth, said = _sample(1000, 4)
    assert "HF-E212" in {f.code for f in evaluate_regression(truth, said + 10).findings}
    assert "HF-E212" not in {f.code for f in evaluate_regression(truth, said).findings}


def test_the_report_draws_residuals():
    truth, said = _sample()
    page = render(evaluate_regression(truth, said).document("x"), "html")
    assert "Residuals" in page
    assert "<svg" in page


_BAD = {
    "empty": ([], []),
    "null": ([1.0, None], [1.0, 2.0]),
    "nan": ([1.0, 2.0], [float("nan"), 1.0]),
    "inf": ([1.0, float("inf")], [1.0, 2.0]),
    "lengths": ([1.0, 2.0], [1.0]),
    "texts": (["a", "b"], [1.0, 2.0]),
    "numbers as texts": (["1", "2"], [1.0, 2.0]),
    "table": ([[1.0], [2.0]], [1.0, 2.0]),
    "too large": ([1e200, -1e200], [0.0, 0.0]),
}


@pytest.mark.parametrize("case", _BAD)
def test_bad_columns_are_refused_in_words(case):
    with pytest.raises(DataError):
        evaluate_regression(*_BAD[case])


def test_bad_quantiles_and_intervals_are_refused_in_words():
    truth = [1.0, 2.0, 3.0]
    with pytest.raises(UsageError, match="quantile"):
        evaluate_regression(truth, truth, quantiles={5: truth})
    with pytest.raises(DataError, match="lower bounds"):
        evaluate_regression(truth, truth, interval=([2.0, 2.0, 9.0], truth))


_numbers = st.one_of(st.none(), st.floats(), st.integers(), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(_numbers, st.text(max_size=1)), max_size=12),
    st.lists(_numbers, max_size=12),
)  # fmt: skip
def test_whatever_comes_in_an_answer_or_a_clear_error_comes_out(truth, said):
    try:
        got = evaluate_regression(truth, said)
    except HoldfastError:
        return
    render(got.document(), "text")
    got.to_json()
