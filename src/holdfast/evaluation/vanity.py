"""Vanity accuracy: a high share of right decisions that one constant decision reaches as well."""

from __future__ import annotations

import numpy as np

from holdfast.evaluation.metrics.sample import Sample
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.resampling import quantile_interval

#: share of the majority class from which accuracy can flatter
FLATTERS = 0.75
#: errors, in those of always answering the majority class, up to which an accuracy flatters
NEAR = 1.5


def vanity_finding(s: Sample, gain: Estimate) -> Finding | None:
    """A finding when accuracy is high only because one class is rare.

    Args:
        s: the sample.
        gain: what the model saves against the cheaper constant decision; a model that evidently
            saves something is not judged by its accuracy.

    It needs a majority class of at least 75 %, an accuracy that is no better than always
    answering it (paired interval) and near it, and no evident saving. It is an error where
    nothing at all is saved on these rows, else a warning.
    """
    share = s.positives / s.n
    majority = max(share, 1 - share)
    if majority < FLATTERS or (gain.low is not None and gain.low > 0.0):
        return None
    right = s.positive == s.decided
    constant = s.positive if share > 0.5 else ~s.positive
    ahead = right.astype(np.float64) - constant
    low, high = quantile_interval(s.means(ahead), s.level)
    accuracy = float(right.mean())
    if low > 0.0 or (high < 0.0 and 1 - accuracy > NEAR * (1 - majority)):
        return None
    c = s.confusion
    shown, other = f"{accuracy:.2%}", f"{majority:.2%}"
    against = "equals" if shown == other else f"is no better than the {other} of"
    cost = float(s.prices.of(s.decided).mean())
    cheapest = min(float(s.prices.if_negative.mean()), float(s.prices.if_positive.mean()))
    if share <= 0.5:
        rare = f"recall {c.true_positive:,} of {s.positives:,}"
    else:
        rare = f"of {s.n - s.positives:,} negative rows {c.true_negative:,} are found"
    saves = gain.value is not None and gain.value > 0.0
    return Finding(
        code="HF-E001",
        severity=Severity.WARNING if saves else Severity.ERROR,
        sentence=f"accuracy {shown} {against} the majority class; {rare}; "
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
