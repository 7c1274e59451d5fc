"""The family of metrics: each declares its unit and direction and gives an Estimate."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.costs import Costs
from holdfast.records import Estimate
from holdfast.stats.bootstrap import mean_interval
from holdfast.stats.intervals import wilson
from holdfast.stats.ranking import (
    average_precision,
    average_precision_interval,
    roc_auc,
    roc_auc_interval,
)


class Confusion(msgspec.Struct, frozen=True):
    """Counts of decisions against truth."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def rows(self) -> int:
        """All rows."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def cells(self) -> npt.NDArray[np.float64]:
        """The four counts: tp, fp, fn, tn."""
        return np.array(
            [self.true_positive, self.false_positive, self.false_negative, self.true_negative],
            dtype=np.float64,
        )


class Sample:
    """Truth, scores and decisions of the rows that are evaluated.

    Args:
        positive: shape (n,), True for the positive class.
        score: shape (n,), finite.
        decided: shape (n,), True where the decision is "positive".
        costs: cost of each kind of decision.
        level: coverage of the intervals.
        seed: seed of resampled intervals.
    """

    def __init__(
        self,
        positive: npt.NDArray[np.bool_],
        score: npt.NDArray[np.float64],
        decided: npt.NDArray[np.bool_],
        costs: Costs,
        level: float,
        seed: int,
    ) -> None:
        self.positive, self.score, self.decided = positive, score, decided
        self.costs, self.level, self.seed = costs, level, seed
        tp = int((positive & decided).sum())
        fp = int(decided.sum()) - tp
        fn = int(positive.sum()) - tp
        self.confusion = Confusion(tp, fp, fn, len(positive) - tp - fp - fn)


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: its literature name and key.
        unit: unit of the number.
        higher_is_better: direction; None when there is none.
        compute: the estimate of a sample.
        meaning: one sentence for people.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    compute: Callable[[Sample], Estimate]
    meaning: str


def _accuracy(s: Sample) -> Estimate:
    c = s.confusion
    return wilson(c.true_positive + c.true_negative, c.rows, s.level)


def _positive_rate(s: Sample) -> Estimate:
    c = s.confusion
    return wilson(c.true_positive + c.false_positive, c.rows, s.level)


def _approval_rate(s: Sample) -> Estimate:
    c = s.confusion
    return wilson(c.true_negative + c.false_negative, c.rows, s.level)


def _precision(s: Sample) -> Estimate:
    c = s.confusion
    if not c.true_positive + c.false_positive:
        return _none(s, "share", "no row was decided positive")
    return wilson(c.true_positive, c.true_positive + c.false_positive, s.level)


def _recall(s: Sample) -> Estimate:
    c = s.confusion
    if not c.true_positive + c.false_negative:
        return _none(s, "share", "no positive row")
    return wilson(c.true_positive, c.true_positive + c.false_negative, s.level)


def _f1(s: Sample) -> Estimate:
    c = s.confusion
    if not 2 * c.true_positive + c.false_positive + c.false_negative:
        return _none(s, "share", "no positive row, and none decided positive")
    draws = np.random.default_rng(s.seed).multinomial(c.rows, c.cells / c.rows, size=2000)
    tp, wrong = draws[:, 0], draws[:, 1] + draws[:, 2]
    asked = 2 * tp + wrong
    f1 = (2 * tp / np.maximum(asked, 1))[asked > 0]
    tail = (1 - s.level) / 2
    low, high = np.quantile(f1, [tail, 1 - tail])
    value = 2 * c.true_positive / (2 * c.true_positive + c.false_positive + c.false_negative)
    return Estimate(
        value=value, low=float(low), high=float(high), level=s.level, n=c.rows, unit="share",
        method="bootstrap",
    )  # fmt: skip


def row_costs(
    positive: npt.NDArray[np.bool_], decided: npt.NDArray[np.bool_], costs: Costs
) -> npt.NDArray[np.float64]:
    """Cost of each row's decision, shape (n,)."""
    wrong = np.where(decided, costs.false_positive, costs.false_negative)
    right = np.where(decided, costs.true_positive, costs.true_negative)
    return np.where(positive == decided, right, wrong).astype(np.float64)


def _expected_cost(s: Sample) -> Estimate:
    per_row = row_costs(s.positive, s.decided, s.costs)
    low, high = mean_interval(per_row, level=s.level, seed=s.seed)
    return Estimate(
        value=float(per_row.mean()), low=low, high=high, level=s.level, n=len(per_row),
        unit="cost per row", method="bootstrap",
    )  # fmt: skip


def _roc_auc(s: Sample) -> Estimate:
    value = roc_auc(s.positive, s.score)
    if math.isnan(value):
        return _none(s, "probability", "only one class is present")
    low, high, method = roc_auc_interval(s.positive, s.score, level=s.level)
    return Estimate(
        value=value, low=low, high=high, level=s.level, n=len(s.score), unit="probability",
        method=method,
    )  # fmt: skip


def _pr_auc(s: Sample) -> Estimate:
    if not s.positive.any():
        return _none(s, "share", "no positive row")
    low, high = average_precision_interval(s.positive, s.score, level=s.level, seed=s.seed)
    return Estimate(
        value=average_precision(s.positive, s.score), low=low, high=high, level=s.level,
        n=len(s.score), unit="share", method="bootstrap",
    )  # fmt: skip


def _none(s: Sample, unit: str, why: str) -> Estimate:
    return Estimate(value=None, level=s.level, n=len(s.score), unit=unit, why_not=why)


#: name -> metric: the members of the family
METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric(
            name="accuracy",
            unit="share",
            higher_is_better=True,
            compute=_accuracy,
            meaning="share of decisions that are right",
        ),
        Metric(
            name="approval_rate",
            unit="share",
            higher_is_better=None,
            compute=_approval_rate,
            meaning="share of rows decided negative (approved, let through)",
        ),
        Metric(
            name="positive_rate",
            unit="share",
            higher_is_better=None,
            compute=_positive_rate,
            meaning="share of rows decided positive (refused, flagged)",
        ),
        Metric(
            name="expected_cost",
            unit="cost per row",
            higher_is_better=False,
            compute=_expected_cost,
            meaning="mean cost of a decision",
        ),
        Metric(
            name="precision",
            unit="share",
            higher_is_better=True,
            compute=_precision,
            meaning="share of rows decided positive that are positive",
        ),
        Metric(
            name="recall",
            unit="share",
            higher_is_better=True,
            compute=_recall,
            meaning="share of positive rows that are decided positive",
        ),
        Metric(
            name="f1",
            unit="share",
            higher_is_better=True,
            compute=_f1,
            meaning="harmonic mean of precision and recall",
        ),
        Metric(
            name="roc_auc",
            unit="probability",
            higher_is_better=True,
            compute=_roc_auc,
            meaning="probability that a positive row scores above a negative one",
        ),
        Metric(
            name="pr_auc",
            unit="share",
            higher_is_better=True,
            compute=_pr_auc,
            meaning="average precision; chance level is the share of positives",
        ),
    )
}
