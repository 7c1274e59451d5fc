"""A new calibration answers a moved share of outcomes, and leaves a calibrated model alone."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import DataError
from holdfast.evaluation.losses import log_losses
from holdfast.models.calibrated import CalibratedModel
from holdfast.retraining.recalibrating import recalibrate
from holdfast.stats.calibration import logit
from holdfast.stats.logistic import expit


def shifted(seed: int, rows: int, intercept: float, slope: float = 1.0):
    """Scores, outcomes, and the true probabilities that the scores have moved away from."""
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 8, rows)
    true = expit(intercept + slope * logit(score))
    return score, rng.random(rows) < true, true


@pytest.mark.parametrize("intercept", [-1.0, 0.7, 1.5])
def test_most_of_the_loss_under_a_prior_shift_comes_back(intercept):
    score, bad, true = shifted(0, 6_000, intercept)
    found = recalibrate(score, bad)
    lost = log_losses(bad, score).mean() - log_losses(bad, true).mean()
    won = found.before - found.after
    assert won > 0.95 * lost
    assert found.low < won < found.high
    assert abs(found.intercept - intercept) < 0.12
    assert found.helps


def test_a_slope_is_fitted_only_where_it_helps():
    score, bad, _ = shifted(1, 6_000, 0.8)
    assert recalibrate(score, bad).slope == 1.0
    score, bad, _ = shifted(1, 6_000, 0.8, slope=0.5)
    assert abs(recalibrate(score, bad).slope - 0.5) < 0.08


def test_a_calibrated_model_gains_nothing():
    helped = 0
    for seed in range(40):
        score, bad, _ = shifted(seed, 1_500, 0.0)
        helped += recalibrate(score, bad).helps
    assert helped <= 5


@pytest.mark.parametrize(("rows", "bad"), [(199, 50), (500, 19), (500, 481)])
def test_too_few_rows_are_refused(rows, bad):
    with pytest.raises(DataError, match="too few judged rows"):
        recalibrate(np.full(rows, 0.5), np.arange(rows) < bad)


class Half:
    kind = "linear"
    features = ("a",)
    task = "binary"
    positive = 1

    def predict(self, rows):
        return np.array([row["a"] for row in rows], float)

    def predict_one(self, row):
        return float(row["a"])


def test_the_moved_scores_keep_their_order_and_one_row_is_as_many():
    model = CalibratedModel(Half(), 0.5, 1.0)
    rows = [{"a": a} for a in (0.0, 0.1, 0.5, 1.0)]
    many = model.predict(rows)
    assert (np.diff(many) > 0).all()
    assert [model.predict_one(row) for row in rows] == many.tolist()
    assert many[2] == pytest.approx(expit(np.array([1.0]))[0])
