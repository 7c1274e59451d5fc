"""The realized loss of each judged row, by the name that a policy gives it."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.costs import Costs, row_costs
from holdfast.evaluation.losses import Bools, Floats, brier_losses, log_losses, unknown_metric
from holdfast.evaluation.record import Evaluation
from holdfast.records import Estimate
from holdfast.retraining.policy import METRICS

#: metric of a policy → metric of an evaluation
_OF = {"log_loss": "log_loss", "brier": "brier", "cost": "expected_cost", "error": "accuracy"}


def losses_of(
    metric: str, positive: Bools, score: Floats, *, threshold: float, costs: Costs
) -> Floats:
    """Loss of each row, 0 or more; NaN where there is no score.

    Args:
        metric: ``log_loss``, ``brier``, ``cost`` or ``error``.
        positive: shape (n,), the outcome.
        score: shape (n,), in [0, 1], NaN where the model did not answer.
        threshold: rows scoring at or above it are decided positive.
        costs: of each decision; a row's cost counts from the cheapest one on.

    Raises:
        UsageError: another metric.

    Example:
        >>> score = np.array([0.5, np.nan, 0.2])
        >>> truth = np.array([True, True, False])
        >>> losses_of("cost", truth, score, threshold=0.5, costs=Costs(2, 3)).tolist()
        [0.0, nan, 0.0]
    """
    out = np.full(len(score), np.nan)
    known = np.isfinite(score)
    truth, given = positive[known], score[known]
    if metric == "log_loss":
        out[known] = log_losses(truth, given)
    elif metric == "brier":
        out[known] = brier_losses(truth, given)
    elif metric == "cost":
        out[known] = row_costs(truth, given >= threshold, costs) - _cheapest(costs)
    elif metric == "error":
        out[known] = (given >= threshold) != truth
    else:
        raise unknown_metric(metric, METRICS)
    return out


def baseline_of(metric: str, evaluation: Evaluation) -> Estimate | None:
    """The mean loss that a release was evaluated with, and its interval; None where it has none.

    Args:
        metric: as in `losses_of`.
        evaluation: of the release.
    """
    found = evaluation.metrics.get(_OF[metric])
    if found is None or found.value is None:
        return None
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    if metric == "cost":
        least = _cheapest(evaluation.costs)
        value, low, high = found.value - least, low - least, high - least
    elif metric == "error":
        value, low, high = 1 - found.value, 1 - high, 1 - low
    else:
        value = found.value
    return Estimate(
        value=value, low=low, high=high, level=found.level, n=found.n, unit=metric,
        method=found.method,
    )  # fmt: skip


def _cheapest(costs: Costs) -> float:
    return min(costs.true_positive, costs.true_negative, costs.false_positive, costs.false_negative)
