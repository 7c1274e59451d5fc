"""The loss of a row by name, and the loss that a release was evaluated with in the same terms."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import UsageError
from holdfast.evaluation import Costs, evaluate
from holdfast.retraining.losses import baseline_of, losses_of
from holdfast.retraining.policy import METRICS


@pytest.mark.parametrize("costs", [Costs(2, 3), Costs(1, 5, -4, 0.5)])
@pytest.mark.parametrize("metric", METRICS)
def test_the_baseline_is_the_mean_of_the_rows_losses(metric, costs):
    rng = np.random.default_rng(0)
    score = rng.random(2_000)
    truth = rng.random(2_000) < score
    evaluation = evaluate(truth, score, costs=costs)
    losses = losses_of(metric, truth, score, threshold=evaluation.threshold, costs=costs)
    baseline = baseline_of(metric, evaluation)
    assert losses.min() >= 0
    assert baseline.value == pytest.approx(losses.mean())
    assert baseline.low < baseline.value < baseline.high


def test_another_metric_is_refused():
    with pytest.raises(UsageError, match="unknown metric"):
        losses_of("auc", np.array([True]), np.array([0.5]), threshold=0.5, costs=Costs(1, 1))
