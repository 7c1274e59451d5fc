"""A finding about calibration is rare for calibrated scores and sure for bad ones."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.calibration import calibration, calibration_finding
from holdfast.evaluation.costs import Prices
from holdfast.evaluation.metrics import Sample
from holdfast.stats.logistic import expit


def rows(n, seed, warp=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2.5, 1.0, n)
    return rng.random(n) < expit(odds), expit(warp * odds + shift)


def found(e):
    return [f for f in e.findings if f.code == "HF-E006"]


def test_calibrated_scores_raise_a_finding_in_at_most_one_of_twenty():
    for n, runs in ((200, 100), (1_000, 60)):
        raised = 0
        for seed in range(runs):
            truth, score = rows(n, seed)
            sample = Sample(truth, score, score > 0.5, Prices(truth, Costs(1, 1)), seed=seed)
            raised += calibration_finding(calibration(sample), truth.mean()) is not None
        assert raised <= 0.07 * runs  # 2% promised, and three and a half standard errors


def test_scores_that_are_too_extreme_or_too_high_are_said_to_be():
    (extreme,) = found(evaluate(*rows(4_000, 0, warp=1.8)))
    assert "too extreme (slope 0.5" in extreme.sentence
    (high,) = found(evaluate(*rows(4_000, 1, shift=1.0)))
    assert "too high on the whole" in high.sentence


def test_calibration_that_rows_cannot_support_is_refused_with_the_rows_needed():
    rng = np.random.default_rng(2)
    truth = np.zeros(400, bool)
    truth[:4] = True
    e = evaluate(truth, rng.random(400))
    assert e.calibration.ece.value is None
    assert "about 1,000 rows are needed" in e.calibration.why_not
    assert "about 1,000 rows" in e.metrics["pr_auc"].why_not
    assert e.metrics["pr_auc"].value is None
    assert e.metrics["roc_auc"].value is not None


def test_a_constant_score_has_no_slope_but_an_intercept():
    truth, _ = rows(500, 3)
    e = evaluate(truth, np.full(500, 0.1))
    assert e.calibration.slope.value is None
    assert e.calibration.slope.why_not
    assert e.calibration.intercept.value is not None
    assert len(e.calibration.bins) == 1


def test_every_bin_names_its_size_interval_and_band():
    e = evaluate(*rows(3_000, 4))
    assert sum(b.rows for b in e.calibration.bins) == 3_000
    for b in e.calibration.bins:
        assert 0 <= b.low <= b.observed <= b.high <= 1
        assert b.band_low <= b.forecast <= b.band_high
