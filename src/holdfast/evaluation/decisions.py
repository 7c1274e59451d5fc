"""Evaluate scores against the truth: decisions, money, ranking, each beside the dumbest rival."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation.costs import Costs, cost_threshold
from holdfast.evaluation.metrics import METRICS, Sample
from holdfast.evaluation.record import Baseline, Evaluation


def evaluate(
    y_true: Any,
    y_score: Any,
    *,
    costs: Costs | None = None,
    threshold: float | None = None,
    positive: Any = None,
    metrics: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Evaluation:
    """Evaluate scores of a binary classifier.

    Args:
        y_true: shape (n,); booleans, 0/1, or labels together with ``positive``.
        y_score: shape (n,), finite; the probability of the positive class where the threshold
            comes from costs.
        costs: cost of each kind of decision; None counts each error as 1.
        threshold: rows at or above it are decided positive; None takes the costs' formula.
        positive: label of the positive class, when ``y_true`` holds labels.
        metrics: names out of `METRICS`; None takes all.
        level: coverage of the intervals.
        seed: seed of resampled intervals; the same seed gives the same numbers.

    Rows are taken as independent: with repeated entities or strong time dependence the intervals
    are too narrow.

    Example:
        >>> e = evaluate([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], costs=Costs(1, 3))
        >>> e.threshold, e.value("accuracy"), e.value("roc_auc"), e.value("expected_cost")
        (0.25, 0.75, 0.75, 0.25)
    """
    score = np.asarray(y_score, dtype=np.float64)
    truth = as_positive(y_true, positive)
    if score.shape != truth.shape or score.ndim != 1 or not len(score):
        raise DataError(
            "truth and scores must be two columns of the same, non-zero length",
            expected="equal lengths >= 1",
            got=f"truth={truth.shape}, score={score.shape}",
        )
    if not np.isfinite(score).all():
        raise DataError(
            "some scores are not finite",
            expected="finite numbers",
            got=f"bad={int((~np.isfinite(score)).sum())} of {len(score)}",
            remedy="evaluate only rows that were answered; count the others apart",
        )
    unknown = [name for name in metrics or () if name not in METRICS]
    if unknown:
        raise UsageError(
            "unknown metric", expected=f"some of {sorted(METRICS)}", got=f"metrics={unknown}"
        )
    costs = costs if costs is not None else Costs(1.0, 1.0)
    limit = cost_threshold(costs) if threshold is None else float(threshold)
    sample = Sample(truth, score, score >= limit, costs, level, seed)
    return Evaluation(
        rows=len(score),
        positives=int(truth.sum()),
        threshold=limit,
        threshold_from="costs" if threshold is None else "given",
        costs=costs,
        metrics={name: METRICS[name].compute(sample) for name in metrics or METRICS},
        confusion=sample.confusion,
        baseline=_baseline(truth, costs),
    )


def _baseline(truth: npt.NDArray[np.bool_], costs: Costs) -> Baseline:
    share = float(truth.mean())
    all_negative = share * costs.false_negative + (1 - share) * costs.true_negative
    all_positive = share * costs.true_positive + (1 - share) * costs.false_positive
    return Baseline(
        accuracy=max(share, 1 - share),
        expected_cost=min(all_negative, all_positive),
        decision="negative" if all_negative <= all_positive else "positive",
        pr_auc=share,
    )


def as_positive(y_true: Any, positive: Any = None) -> npt.NDArray[np.bool_]:
    """Truth as booleans, True for the positive class.

    >>> as_positive(["good", "bad"], "bad").tolist()
    [False, True]
    """
    values = y_true.to_pylist() if hasattr(y_true, "to_pylist") else y_true
    array = np.asarray(values)
    if array.dtype == object and any(v is None or v != v for v in array.ravel()):
        raise DataError(
            "some labels are missing",
            expected="a label in every row",
            got=f"missing={sum(1 for v in array.ravel() if v is None or v != v)}",
            remedy="leave rows without a label out, and say how many they are",
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise DataError("some labels are missing", got=f"missing={int(np.isnan(array).sum())}")
    if positive is not None:
        found = np.array([v == positive for v in array.tolist()], dtype=np.bool_)
        if not found.any() and array.dtype.kind in "OU":
            found = np.array([str(v) == str(positive) for v in array.tolist()], dtype=np.bool_)
        return found
    if array.dtype.kind == "b" or set(np.unique(array).tolist()) <= {0, 1}:
        return array.astype(np.bool_)
    raise UsageError(
        "which label is the positive class?",
        expected="booleans, 0/1, or positive=...",
        got=f"labels={len(np.unique(array))} distinct",
        remedy="pass positive=<label>",
    )
