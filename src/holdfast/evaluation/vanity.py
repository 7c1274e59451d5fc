"""Vanity accuracy: a high share of right decisions that one constant decision reaches as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.metrics.sample import Sample
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.resampling import quantile_interval

#: share of the majority class from which accuracy can flatter
FLATTERS = 0.75
#: errors, in those of always answering the majority class, up to which an accuracy flatters
NEAR = 1.5
#: the threshold that most libraries decide at
CUSTOMARY = 0.5

Bools = npt.NDArray[np.bool_]


def vanity_finding(s: Sample, gain: Estimate) -> Finding | None:
    """A finding when accuracy is high only because one class is rare.

    Args:
        s: the sample.
        gain: what the model saves against the cheaper constant decision; a model that evidently
            saves something is not judged by its accuracy.

    It needs a majority class of at least 75 %, an accuracy that is no better than always
    answering it (paired interval) and near it, and no evident saving. Where the decisions made
    are not so, those at a score of 0.5 are looked at, whose accuracy is the one most quoted. It
    is an error where nothing at all is saved on these rows, else a warning.
    """
    if gain.low is not None and gain.low > 0.0:
        return None
    severity = Severity.ERROR if (gain.value or 0.0) <= 0.0 else Severity.WARNING
    found = _vain(s, s.decided, "", severity)
    if found is None and s.probability:
        found = _vain(s, s.score >= CUSTOMARY, f"at a threshold of {CUSTOMARY}: ", severity)
    return found


def _vain(s: Sample, decided: Bools, where: str, severity: Severity) -> Finding | None:
    share = s.positives / s.n
    majority = max(share, 1 - share)
    if majority < FLATTERS:
        return None
    right = s.positive == decided
    constant = s.positive if share > 0.5 else ~s.positive
    ahead = right.astype(np.float64) - constant
    low, high = quantile_interval(s.means(ahead), s.level)
    accuracy = float(right.mean())
    if low > 0.0 or (high < 0.0 and 1 - accuracy > NEAR * (1 - majority)):
        return None
    shown, other = f"{accuracy:.2%}", f"{majority:.2%}"
    against = "equals" if shown == other else f"is no better than the {other} of"
    cost = float(s.prices.of(decided).mean())
    cheapest = min(float(s.prices.if_negative.mean()), float(s.prices.if_positive.mean()))
    hits = int((s.positive & decided).sum())
    if share <= 0.5:
        rare = f"recall {hits:,} of {s.positives:,}"
    else:
        spared = int((~s.positive & ~decided).sum())
        rare = f"of {s.n - s.positives:,} negative rows {spared:,} are found"
    return Finding(
        code="HF-E001",
        severity=severity,
        sentence=f"{where}accuracy {shown} {against} the majority class; {rare}; "
        f"cost {cost:.4g} a row, {cheapest:.4g} for one constant decision",
        evidence={
            "accuracy": accuracy,
            "majority": majority,
            "rows": s.n,
            "positives": s.positives,
            "found": hits,
            "expected_cost": cost,
            "constant_cost": cheapest,
        },
        remedy="judge by cost, recall and precision; do not quote the accuracy",
    )
