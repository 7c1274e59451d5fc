"""Metrics that are means of a number each row has: cost, net benefit, log loss, Brier."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.costs import cost_threshold
from holdfast.evaluation.metrics.base import Metric, resampled
from holdfast.evaluation.metrics.sample import Sample
from holdfast.records import Estimate


def _expected_cost(s: Sample) -> Estimate:
    if s.prices.by_row:
        per_row = s.prices.of(s.decided)
        return resampled(s, float(per_row.mean()), s.means(per_row), "cost per row")
    c = s.costs
    price = np.array([c.true_positive, c.false_positive, c.false_negative, c.true_negative])
    draws = s.confusions @ price / s.confusions.sum(axis=1)
    return resampled(s, float(s.confusion.cells @ price) / s.n, draws, "cost per row")


def _net_benefit(s: Sample) -> Estimate:
    """Vickers and Elkin 2006: true positives, less false ones at the odds the costs imply."""
    limit = cost_threshold(s.costs)
    odds = limit / (1.0 - limit)
    price = np.array([1.0, -odds, 0.0, 0.0])
    draws = s.confusions @ price / s.confusions.sum(axis=1)
    return resampled(s, float(s.confusion.cells @ price) / s.n, draws, "net true positives per row")


def _brier(s: Sample) -> Estimate:
    per_row = (s.score - s.positive) ** 2
    return resampled(s, float(per_row.mean()), s.means(per_row), "squared error")


def _log_loss(s: Sample) -> Estimate:
    """Probabilities are kept 2.2e-16 away from 0 and 1, as scikit-learn does."""
    tiny = np.finfo(np.float64).eps
    chance = np.where(s.positive, s.score, 1.0 - s.score)
    per_row = -np.log(np.clip(chance, tiny, 1.0 - tiny))
    return resampled(s, float(per_row.mean()), s.means(per_row), "nats per row")


MEMBERS = (
    Metric(
        name="expected_cost", unit="cost per row", higher_is_better=False, compute=_expected_cost,
        meaning="mean cost of a decision",
    ),
    Metric(
        name="net_benefit", unit="net true positives per row", higher_is_better=True,
        compute=_net_benefit,
        meaning="true positives less false ones at the odds the costs imply; 0 is what deciding "
        "negative every time gives",
    ),
    Metric(
        name="log_loss", unit="nats per row", higher_is_better=False, compute=_log_loss,
        probability=True, meaning="mean surprise at the truth, in nats",
    ),
    Metric(
        name="brier", unit="squared error", higher_is_better=False, compute=_brier,
        probability=True, meaning="mean squared distance of probability and truth",
    ),
)  # fmt: skip
