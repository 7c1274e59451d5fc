"""Metrics of the order of scores: AUC, average precision, what a review capacity finds."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from holdfast.evaluation.metrics.base import Metric, refused, share, t_factor
from holdfast.evaluation.metrics.sample import Sample
from holdfast.records import Estimate
from holdfast.stats.intervals import wilson_bounds

#: rows of the smaller class from which resampling says something
LEAST = 10


def _roc_auc(s: Sample) -> Estimate:
    value = s.ranked.roc_auc()
    if math.isnan(value):
        return refused(s, "probability", "only one class is present")
    low, high, method = s.ranked.roc_auc_interval(s.units, s.level)
    return Estimate(
        value=value, low=low, high=high, level=s.level, n=s.n, unit="probability", method=method
    )


def _pr_auc(s: Sample) -> Estimate:
    """Bootstrap standard error on the logit scale, t with the number of positives.

    The percentile interval is worse: a positive drawn twice ties with itself and lifts the
    average precision of every resample.
    """
    if not s.positives:
        return refused(s, "share", "no positive row")
    value = s.ranked.average_precision()
    draws = s.binned.average_precision()
    draws = draws[np.isfinite(draws)]
    method = "logit bootstrap" + ("" if s.units.of_row is None else f" by {s.units.kind}")
    inside = (draws > 0) & (draws < 1)
    low, high = value, value
    if inside.sum() > 1 and 0.0 < value < 1.0:
        spread = float(np.log(draws[inside] / (1 - draws[inside])).std())
        freedom = max(2, min(s.positives, s.units.count) - 1)
        half, middle = t_factor(s.level, freedom) * spread, math.log(value / (1 - value))
        low, high = (1 / (1 + math.exp(-x)) for x in (middle - half, middle + half))
    if value == 1.0:  # the rule of three, exact
        low = ((1 - s.level) / 2) ** (1 / s.positives)
    return Estimate(
        value=value, low=low, high=high, level=s.level, n=s.n, unit="share", method=method
    )


def _recall_at_budget(s: Sample) -> Estimate:
    """Wilson with as many rows as give the resamples' variance."""
    if not s.positives:
        return refused(s, "share", "no positive row")
    if s.alerted is not None:
        found = int((s.positive & s.alerted).sum())
        alerted, positive = s.alerted, s.positive
        return share(s, found, s.positives, lambda: positive * (alerted - found / s.positives))
    value = s.ranked.recall_at(s.budget)
    variance = float(np.nanvar(s.binned.recall_at(s.budget / s.n)))
    rows = float(s.positives)
    if 0.0 < value < 1.0 and variance > 0.0:
        rows = min(max(value * (1 - value) / variance, 1.0), 4.0 * rows)
    z = t_factor(s.level, 1e9)
    low, high = wilson_bounds(value, rows, z)
    method = "wilson, bootstrap variance"
    return Estimate(
        value=value, low=low, high=high, level=s.level, n=s.n, unit="share",
        method=method + ("" if s.units.of_row is None else f" by {s.units.kind}"),
    )  # fmt: skip


def _lift_at_k(s: Sample) -> Estimate:
    recall = _recall_at_budget(s)
    if recall.value is None:
        return refused(s, "times the share of positives", recall.why_not)
    looked = s.budget / s.n if s.alerted is None else float(s.alerted.mean())
    low, high = (None if x is None else x / looked for x in (recall.low, recall.high))
    return msgspec.structs.replace(
        recall, value=recall.value / looked, low=low, high=high, n=s.n,
        unit="times the share of positives",
    )  # fmt: skip


MEMBERS = (
    Metric(
        name="roc_auc", unit="probability", higher_is_better=True, compute=_roc_auc,
        meaning="probability that a positive row scores above a negative one",
    ),
    Metric(
        name="pr_auc", unit="share", higher_is_better=True, compute=_pr_auc, least=LEAST,
        meaning="average precision; chance level is the share of positives",
    ),
    Metric(
        name="recall_at_budget", unit="share", higher_is_better=True,
        compute=_recall_at_budget, least=LEAST,
        meaning="share of positives among the rows there is capacity to look at (a tenth of the "
        "rows when none is given)",
    ),
    Metric(
        name="lift_at_k", unit="times the share of positives", higher_is_better=True,
        compute=_lift_at_k, least=LEAST,
        meaning="how many times more positives those rows hold than rows at random",
    ),
)  # fmt: skip
