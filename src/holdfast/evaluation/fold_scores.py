"""Scores of test rows by part of time, with intervals that know which rows belong together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.losses import brier_losses, log_losses, unknown_metric
from holdfast.records import Estimate
from holdfast.stats.influence import auc_influence, cluster_error, mean_influence, r2_influence
from holdfast.stats.paired import t_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: truth and scores -> the metric and what each row adds to it
Influence = Callable[[Floats, Floats], tuple[float, Floats]]


class FoldMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of a fold.

    Attributes:
        name: its key.
        tasks: tasks it can score.
        higher_is_better: its direction.
        bounded: whether it lies in [0, 1], so that its interval is made on the logit scale.
        unit: unit of the number.
        influence: value and what each row adds to it.
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    bounded: bool
    unit: str
    influence: Influence


def _binary(loss: Callable[[npt.NDArray[np.bool_], Floats], Floats]) -> Influence:
    return lambda truth, score: mean_influence(loss(truth > 0.5, score))


METRICS: dict[str, FoldMetric] = {
    m.name: m
    for m in (
        FoldMetric(
            name="roc_auc", tasks=("binary",), higher_is_better=True, bounded=True,
            unit="probability", influence=lambda t, s: auc_influence(t > 0.5, s),
        ),
        FoldMetric(
            name="accuracy", tasks=("multiclass",), higher_is_better=True, bounded=True,
            unit="share", influence=lambda t, s: mean_influence((t == s).astype(np.float64)),
        ),
        FoldMetric(
            name="r2", tasks=("regression",), higher_is_better=True, bounded=False,
            unit="share of variance", influence=r2_influence,
        ),
        FoldMetric(
            name="log_loss", tasks=("binary",), higher_is_better=False, bounded=False,
            unit="nats", influence=_binary(log_losses),
        ),
        FoldMetric(
            name="brier", tasks=("binary",), higher_is_better=False, bounded=True,
            unit="squared probability", influence=_binary(brier_losses),
        ),
        FoldMetric(
            name="absolute_error", tasks=("regression",), higher_is_better=False, bounded=False,
            unit="unit of the target", influence=lambda t, s: mean_influence(np.abs(t - s)),
        ),
        FoldMetric(
            name="squared_error", tasks=("regression",), higher_is_better=False, bounded=False,
            unit="squared unit of the target", influence=lambda t, s: mean_influence((t - s) ** 2),
        ),
    )
}  # fmt: skip


def metric_of(name: str | None, task: str) -> FoldMetric:
    """The metric of that name, or the first that suits the task.

    Raises:
        UsageError: there is none that suits.

    >>> metric_of(None, "regression").name
    'r2'
    """
    suiting = {key: m for key, m in METRICS.items() if task in m.tasks}
    if name is None:
        return next(iter(suiting.values()))
    if name not in suiting:
        raise unknown_metric(name, tuple(suiting))
    return suiting[name]


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A score over parts, with the influence of every row on it (zero where not scored)."""

    value: float
    influence: Floats
    parts: int


def scored(metric: FoldMetric, truth: Floats, score: Floats, parts: Ints) -> Scored:
    """Mean of the metric over the parts; parts that cannot be scored (one class) are left out.

    Args:
        metric: what to score.
        truth: shape (n,).
        score: shape (n,).
        parts: shape (n,), code of the part of each row; -1 is not scored.

    >>> scored(METRICS["accuracy"], np.array([1.0, 0]), np.array([1.0, 1]), np.array([0, 1])).value
    0.5
    """
    total, used = 0.0, 0
    influence = np.zeros(len(truth))
    for part in range(int(parts.max(initial=-1)) + 1):
        rows = np.flatnonzero(parts == part)
        if not len(rows):
            continue
        value, each = metric.influence(truth[rows], score[rows])
        if math.isnan(value):
            continue
        total += value
        used += 1
        influence[rows] = each
    if not used:
        return Scored(value=math.nan, influence=influence, parts=0)
    return Scored(value=total / used, influence=influence / used, parts=used)


def interval(
    metric: FoldMetric,
    found: Scored,
    clusters: Sequence[Ints | None],
    level: float,
    *,
    n: int,
) -> Estimate:
    """The score with its interval: t of cluster sums, on the logit scale where it is bounded.

    `clusters` are the ways rows belong together; the widest interval is given.
    """
    if math.isnan(found.value):
        why = "no part holds both classes" if metric.name == "roc_auc" else "nothing to score"
        return _none(metric, level, n, why)
    error, count = cluster_error(found.influence, clusters)
    if count < 2 or math.isnan(error):
        return _none(metric, level, n, "fewer than two independent rows, entities or times")
    half = t_quantile(level, count - 1) * error
    low, high = found.value - half, found.value + half
    if metric.bounded:
        low, high = _squeezed(found.value, half)
    elif metric.name == "r2":
        high = max(found.value, min(high, 1.0))
    elif not metric.higher_is_better:  # a loss
        low = min(found.value, max(low, 0.0))
    return Estimate(
        value=found.value, low=low, high=high, level=level, n=n, unit=metric.unit,
        method=f"clustered t, {count} clusters",
    )  # fmt: skip


def _squeezed(value: float, half: float) -> tuple[float, float]:
    """Both ends on the logit scale; at 0 and 1 the plain ends, cut."""
    if not 0.0 < value < 1.0:
        return max(0.0, value - half), min(1.0, value + half)
    logit, scaled = math.log(value / (1.0 - value)), half / (value * (1.0 - value))
    ends = [logit - scaled, logit + scaled]
    low, high = (1.0 / (1.0 + math.exp(-min(700.0, max(-700.0, x)))) for x in ends)
    return low, high


def _none(metric: FoldMetric, level: float, n: int, why: str) -> Estimate:
    return Estimate(value=None, level=level, n=n, unit=metric.unit, why_not=why)


def chunks(times: Floats, count: int) -> Ints:
    """Rows in order of time as so many chunks of equal size: the clusters of a serial dependence.

    >>> chunks(np.array([3.0, 1.0, 2.0, 4.0]), 2).tolist()
    [1, 0, 0, 1]
    """
    order = np.argsort(times, kind="stable")
    out = np.empty(len(times), dtype=np.int64)
    out[order] = np.arange(len(times)) * count // max(1, len(times))
    # rows of one moment stay together: all take the chunk of the first of them
    _, first, place = np.unique(times[order], return_index=True, return_inverse=True)
    out[order] = out[order][first][place]
    return out
