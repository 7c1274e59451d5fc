"""Metrics of decisions: each follows from the four counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.metrics.base import Metric, refused, resampled, share
from holdfast.evaluation.metrics.sample import Sample
from holdfast.records import Estimate

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _of_all(s: Sample, marked: Bools) -> Estimate:
    count = int(marked.sum())
    return share(s, count, s.n, lambda: np.asarray(marked - count / s.n, dtype=np.float64))


def _of_some(s: Sample, marked: int, rows: int, which: Bools, hit: Bools) -> Estimate:
    return share(
        s, marked, rows, lambda: np.asarray(which * (hit - marked / rows), dtype=np.float64)
    )


def _accuracy(s: Sample) -> Estimate:
    return _of_all(s, s.positive == s.decided)


def _positive_rate(s: Sample) -> Estimate:
    return _of_all(s, s.decided)


def _approval_rate(s: Sample) -> Estimate:
    return _of_all(s, ~s.decided)


def _precision(s: Sample) -> Estimate:
    c = s.confusion
    if not c.true_positive + c.false_positive:
        return refused(s, "share", "no row was decided positive")
    rows = c.true_positive + c.false_positive
    return _of_some(s, c.true_positive, rows, s.decided, s.positive)


def _recall(s: Sample) -> Estimate:
    if not s.positives:
        return refused(s, "share", "no positive row")
    return _of_some(s, s.confusion.true_positive, s.positives, s.positive, s.decided)


def _specificity(s: Sample) -> Estimate:
    if s.positives == s.n:
        return refused(s, "share", "no negative row")
    c = s.confusion
    return _of_some(s, c.true_negative, s.n - s.positives, ~s.positive, ~s.decided)


def f1_of(cells: Floats) -> Floats:
    """F1 of counts tp, fp, fn, tn, shape (..., 4); NaN where nothing is positive."""
    tp, wrong = cells[..., 0], cells[..., 1] + cells[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * tp / (2 * tp + wrong))


def balanced_of(cells: Floats) -> Floats:
    """Mean of recall and specificity, shape (..., 4) to (...); NaN where a class is absent."""
    tp, fp, fn, tn = (cells[..., i] for i in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((tp / (tp + fn) + tn / (tn + fp)) / 2)


def mcc_of(cells: Floats) -> Floats:
    """Matthews correlation, shape (..., 4) to (...); 0 where a margin is empty.

    Source: Matthews 1975; the value at an empty margin is scikit-learn's.
    """
    tp, fp, fn, tn = (cells[..., i] for i in range(4))
    under = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    return np.asarray(np.where(under > 0, (tp * tn - fp * fn) / np.where(under > 0, under, 1), 0.0))


def _f1(s: Sample) -> Estimate:
    if not s.positives and not s.decided.any():
        return refused(s, "share", "no positive row, and none decided positive")
    return resampled(s, float(f1_of(s.confusion.cells)), f1_of(s.confusions), "share")


def _balanced(s: Sample) -> Estimate:
    if not 0 < s.positives < s.n:
        return refused(s, "share", "only one class is present")
    cells = s.confusion.cells
    return resampled(s, float(balanced_of(cells)), balanced_of(s.confusions), "share")


def _mcc(s: Sample) -> Estimate:
    if not 0 < s.positives < s.n:
        return refused(s, "correlation", "only one class is present")
    return resampled(s, float(mcc_of(s.confusion.cells)), mcc_of(s.confusions), "correlation")


MEMBERS = (
    Metric(
        name="accuracy", unit="share", higher_is_better=True, compute=_accuracy,
        meaning="share of decisions that are right",
    ),
    Metric(
        name="approval_rate", unit="share", higher_is_better=None, compute=_approval_rate,
        meaning="share of rows decided negative (approved, let through)",
    ),
    Metric(
        name="positive_rate", unit="share", higher_is_better=None, compute=_positive_rate,
        meaning="share of rows decided positive (refused, flagged)",
    ),
    Metric(
        name="precision", unit="share", higher_is_better=True, compute=_precision,
        meaning="share of rows decided positive that are positive",
    ),
    Metric(
        name="recall", unit="share", higher_is_better=True, compute=_recall,
        meaning="share of positive rows that are decided positive",
    ),
    Metric(
        name="specificity", unit="share", higher_is_better=True, compute=_specificity,
        meaning="share of negative rows that are decided negative",
    ),
    Metric(
        name="f1", unit="share", higher_is_better=True, compute=_f1,
        meaning="harmonic mean of precision and recall",
    ),
    Metric(
        name="balanced_accuracy", unit="share", higher_is_better=True, compute=_balanced,
        meaning="mean of recall and specificity; 0.5 is chance",
    ),
    Metric(
        name="mcc", unit="correlation", higher_is_better=True, compute=_mcc,
        meaning="Matthews correlation of decisions and truth; 0 is chance",
    ),
)  # fmt: skip
