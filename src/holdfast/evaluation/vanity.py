"""Vanity accuracy: a high share of right decisions that one constant decision reaches as well."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.metrics.sample import Sample
from holdfast.findings import Finding, Severity
from holdfast.stats.resampling import quantile_interval

#: share of the majority class from which accuracy can flatter
FLATTERS = 0.75


def vanity_finding(s: Sample, gain_low: float | None) -> Finding | None:
    """A finding when accuracy is high only because one class is rare.

    Args:
        s: the sample.
        gain_low: lower bound of what the model saves against the cheaper constant decision; a
            model that evidently saves something is not judged by its accuracy.

    It needs a majority class of at least 75 %, an accuracy no better than always answering it
    (paired interval), and no evident saving.
    """
    share = s.positives / s.n
    majority = max(share, 1 - share)
    if majority < FLATTERS or (gain_low is not None and gain_low > 0.0):
        return None
    right = s.positive == s.decided
    constant = s.positive if share > 0.5 else ~s.positive
    ahead = right.astype(np.float64) - constant
    low, _ = quantile_interval(s.means(ahead), s.level)
    if low > 0.0:
        return None
    c = s.confusion
    accuracy = float(right.mean())
    difference = float(ahead.mean())
    against = "equals" if difference == 0 else f"is no better than the {majority:.2%} of"
    cost = float(s.prices.of(s.decided).mean())
    cheapest = min(float(s.prices.if_negative.mean()), float(s.prices.if_positive.mean()))
    if share <= 0.5:
        rare = f"recall {c.true_positive:,} of {s.positives:,}"
    else:
        rare = f"of {s.n - s.positives:,} negative rows {c.true_negative:,} are found"
    return Finding(
        code="HF-E001",
        severity=Severity.ERROR,
        sentence=f"accuracy {accuracy:.2%} {against} the majority class; {rare}; "
        f"cost {cost:.4g} a row, {cheapest:.4g} for one constant decision",
        evidence={
            "accuracy": accuracy,
            "majority": majority,
            "rows": s.n,
            "positives": s.positives,
            "found": c.true_positive,
            "expected_cost": cost,
            "constant_cost": cheapest,
        },
        remedy="judge by cost, recall and precision; do not quote the accuracy",
    )
