"""Two models on the same rows, or two ways to train on the same table: which is better, if any."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.decisions import as_positive
from holdfast.evaluation.losses import brier_losses, log_losses, unknown_metric
from holdfast.evaluation.paired_record import ModelComparison, compared
from holdfast.evaluation.procedures import codes_of
from holdfast.records import Estimate
from holdfast.stats.influence import (
    auc_influence,
    cluster_error,
    delong_paired_variance,
    mean_influence,
)
from holdfast.stats.paired import (
    mcnemar_exact,
    normal_p,
    paired_bootstrap,
    paired_share_interval,
    t_quantile,
    t_upper,
)
from holdfast.stats.ranking import average_precision

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
RowLoss = Callable[[Any, Any], Any]
#: test, value of the first, of the second, their difference, p
Tested = tuple[str, float, float, Estimate, float]

#: metric -> whether higher is better
DIRECTION = {
    "roc_auc": True, "accuracy": True, "pr_auc": True, "expected_cost": False, "log_loss": False,
    "brier": False, "squared_error": False, "absolute_error": False,
}  # fmt: skip
_REGRESSION = ("squared_error", "absolute_error")


def compare_models(
    y_true: Any = None,
    first: Any = None,
    second: Any = None,
    *,
    metric: str | RowLoss = "roc_auc",
    costs: Costs | None = None,
    threshold: float | None = None,
    positive: Any = None,
    entity: Any = None,
    frame: Any = None,
    target: str | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    names: tuple[str, str] = ("first", "second"),
) -> ModelComparison:
    """Compare two models on the same rows; the answer may be "no evidence of a difference".

    ============================  =========================================================
    metric                        test
    ============================  =========================================================
    roc_auc                       paired DeLong; by entity sums (Obuchowski) with `entity`
    accuracy                      McNemar, exact; paired t of entity sums with `entity`
    pr_auc                        paired bootstrap of rows, or of entities
    expected_cost, log_loss,      paired t of the rows' differences, or of the entities' sums
    brier, squared_error,
    absolute_error, a function
    none (`frame` given)          5x2cv F test of two ways to train (Alpaydin 1999)
    ============================  =========================================================

    Args:
        y_true: shape (n,), outcomes; numbers for the two regression metrics.
        first: shape (n,), scores of the first model on these rows; with `frame` a learning
            procedure, see `holdfast.evaluation.procedures`, or (procedure, features).
        second: the same of the second model.
        metric: name of the metric, or a function ``(y_true, score) -> loss of each row``.
        costs: for `expected_cost`; also gives the threshold of `accuracy` and `expected_cost`.
        threshold: a row is decided positive from this score on; None takes the costs' formula,
            without costs 0.5.
        positive: label of the positive class, when `y_true` holds labels.
        entity: shape (n,), owner of each row; None takes rows as independent.
        frame: a table, to compare procedures instead of scores; needs `target`.
        target: its column to predict.
        level: coverage of the interval; a winner is named when the interval leaves out zero and
            the test agrees at ``1 - level``.
        draws: resamples of the bootstrap.
        seed: of the bootstrap, and of the halvings of the 5x2cv test.
        names: how to call the two.

    The difference is second less first in the metric's own unit, whatever its direction.

    Raises:
        DataError: lengths differ, scores are not finite, labels are missing.
        UsageError: unknown metric, or `frame` without `target`.

    Example:
        >>> truth = [0, 1] * 40
        >>> found = compare_models(truth, [0.4, 0.6] * 40, [0.6, 0.4] * 40, metric="accuracy")
        >>> found.better, found.difference.value, found.p < 1e-20
        ('first', -1.0, True)
    """
    if not 0 < level < 1 or draws < 1:
        raise UsageError(
            "cannot compare so", expected="0 < level < 1 and draws >= 1",
            got=f"level={level}, draws={draws}",
        )  # fmt: skip
    if frame is not None:
        from holdfast.evaluation.paired_procedures import five_by_two

        if target is None:
            raise UsageError("which column is to be predicted?", expected="target=...")
        if not isinstance(metric, str):
            raise UsageError("procedures are compared by a metric's name", got="a function")
        return five_by_two(
            frame, target, first, second, metric=metric, positive=positive, level=level, seed=seed,
            names=names,
        )  # fmt: skip
    if isinstance(metric, str) and metric not in DIRECTION:
        raise unknown_metric(metric, tuple(DIRECTION))
    a, b = _scores(first), _scores(second)
    owners = None if entity is None else codes_of(entity)
    numeric = callable(metric) or metric in _REGRESSION
    truth = _numbers(y_true) if numeric else as_positive(y_true, positive)
    lengths = {len(a), len(b), len(truth), len(a) if owners is None else len(owners)}
    if len(lengths) != 1 or not len(a):
        raise DataError(
            "truth, both scores and entities must have the same, non-zero length",
            expected="equal lengths >= 1",
            got=f"truth={len(truth)}, first={len(a)}, second={len(b)}",
        )
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "loss")
    higher = isinstance(metric, str) and DIRECTION[metric]
    if metric == "roc_auc":
        found = _auc(truth, a, b, owners, level)
    elif metric == "pr_auc":
        found = _bootstrap(truth, a, b, owners, level, draws, seed)
    elif metric == "accuracy" and owners is None:
        limit = _limit(costs, threshold)
        found = _mcnemar((a >= limit) == truth, (b >= limit) == truth, level)
    else:
        left = _losses(metric, truth, a, costs, threshold, y_true)
        right = _losses(metric, truth, b, costs, threshold, y_true)
        found = _means(left, right, owners, level)
    return compared(found, metric=name, higher=higher, names=names, level=level, rows=len(a))


def _scores(score: Any) -> Floats:
    values = score.to_pylist() if hasattr(score, "to_pylist") else score
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as wrong:
        raise DataError("the scores are not numbers", expected="one number a row") from wrong
    if found.ndim != 1 or not np.isfinite(found).all():
        raise DataError(
            "the scores are not one finite number a row",
            expected="shape (n,), finite",
            got=f"shape={found.shape}, bad={int((~np.isfinite(found)).sum())}",
            remedy="compare only rows that both models answered",
        )
    return found


def _numbers(y_true: Any) -> Any:
    values = np.asarray(y_true.to_pylist() if hasattr(y_true, "to_pylist") else y_true)
    if values.dtype.kind in "fiub" and not np.isfinite(values.astype(np.float64)).all():
        raise DataError("some outcomes are missing or infinite", expected="finite numbers")
    return values


def _limit(costs: Costs | None, threshold: float | None) -> float:
    if threshold is not None:
        return float(threshold)
    return 0.5 if costs is None else costs.threshold


def _losses(
    metric: str | RowLoss,
    truth: Any,
    score: Floats,
    costs: Costs | None,
    threshold: float | None,
    y_true: Any,
) -> Floats:
    """What each row adds to the metric's mean."""
    if not isinstance(metric, str):
        found: Floats = np.asarray(metric(y_true, score), dtype=np.float64)
        if found.shape != score.shape or not np.isfinite(found).all():
            raise DataError(
                "the loss function does not give one finite number a row",
                expected=f"shape {score.shape}, finite",
                got=f"shape={found.shape}",
            )
        return found
    if metric in _REGRESSION:
        gap: Floats = np.asarray(truth, dtype=np.float64) - score
        size: Floats = np.abs(gap)
        return size**2 if metric == "squared_error" else size
    if metric == "log_loss":
        return log_losses(truth, score)
    if metric == "brier":
        return brier_losses(truth, score)
    decided = score >= _limit(costs, threshold)
    if metric == "accuracy":
        hits: Floats = np.equal(decided, truth).astype(np.float64)
        return hits
    price = costs if costs is not None else Costs(1.0, 1.0)
    wrong = np.where(decided, price.false_positive, price.false_negative)
    right = np.where(decided, price.true_positive, price.true_negative)
    paid: Floats = np.where(decided == truth, right, wrong).astype(np.float64)
    return paid


def _auc(truth: Bools, a: Floats, b: Floats, owners: Ints | None, level: float) -> Tested:
    first, left = auc_influence(truth, a)
    second, right = auc_influence(truth, b)
    positives = int(truth.sum())
    method = "paired delong" if owners is None else "clustered delong"
    if min(positives, len(truth) - positives) < 2:
        why = f"{positives} positive and {len(truth) - positives} negative rows; 2 of each needed"
        return _untold(method, first, second, len(a), level, why)
    if owners is None:
        error = math.sqrt(max(0.0, delong_paired_variance(truth, a, b)))
        width = t_quantile(level, math.inf) * error
    else:
        error, clusters = cluster_error(right - left, [owners])
        if not clusters:
            return _untold(method, first, second, len(a), level, "one entity only")
        width = t_quantile(level, clusters - 1) * error
    gap = second - first
    p = normal_p(gap, error) if owners is None else _t_p(gap, error, clusters - 1)
    return method, first, second, _around(gap, width, len(a), level, method), p


def _means(left: Floats, right: Floats, owners: Ints | None, level: float) -> Tested:
    first, second = float(left.mean()), float(right.mean())
    gap, influence = mean_influence(right - left)
    error, clusters = cluster_error(influence, [owners])
    method = "paired t" if owners is None else "clustered paired t"
    if clusters < 2:
        return _untold(method, first, second, len(left), level, "2 rows or entities are needed")
    width = t_quantile(level, clusters - 1) * error
    p = _t_p(gap, error, clusters - 1)
    return method, first, second, _around(gap, width, len(left), level, method), p


def _t_p(gap: float, error: float, freedom: float) -> float:
    if error <= 0.0:
        return 1.0 if gap == 0.0 else 0.0
    return min(1.0, 2.0 * t_upper(abs(gap) / error, freedom))


def _mcnemar(a: Bools, b: Bools, level: float) -> Tested:
    both, first, second = int((a & b).sum()), int((a & ~b).sum()), int((b & ~a).sum())
    low, high = paired_share_interval(both, second, first, len(a) - both - first - second, level)
    difference = Estimate(
        value=float(b.mean() - a.mean()), low=low, high=high, level=level, n=len(a), unit="share",
        method="newcombe method 10",
    )  # fmt: skip
    p = mcnemar_exact(first, second)
    return "mcnemar exact", float(a.mean()), float(b.mean()), difference, p


def _bootstrap(
    truth: Bools, a: Floats, b: Floats, owners: Ints | None, level: float, draws: int, seed: int
) -> Tested:
    method = "paired bootstrap" if owners is None else "paired cluster bootstrap"
    first, second = average_precision(truth, a), average_precision(truth, b)
    clusters = len(a) if owners is None else int(owners.max()) + 1
    if truth.sum() < 2 or clusters < 2:
        why = f"{int(truth.sum())} positive rows, {clusters} owners; 2 of each are needed"
        return _untold(method, first, second, len(a), level, why)
    rng = np.random.default_rng(seed)
    gaps = np.empty(draws)
    for draw in range(draws):
        count = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        weight = (count if owners is None else count[owners]).astype(np.float64)
        gaps[draw] = average_precision(truth, b, weight) - average_precision(truth, a, weight)
    low, high, p = paired_bootstrap(gaps, second - first, level)
    difference = Estimate(
        value=second - first, low=low, high=high, level=level, n=len(a), unit="share",
        method=method,
    )  # fmt: skip
    return method, first, second, difference, p


def _around(gap: float, width: float, n: int, level: float, method: str) -> Estimate:
    return Estimate(value=gap, low=gap - width, high=gap + width, level=level, n=n, method=method)


def _untold(method: str, first: float, second: float, n: int, level: float, why: str) -> Tested:
    none = Estimate(value=None, level=level, n=n, method=method, why_not=why)
    return method, first, second, none, math.nan
