"""Evaluate a text classifier: classes as anywhere, and what it gains by abstaining."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation import columns
from holdfast.evaluation.classes import encode, score_matrix
from holdfast.evaluation.estimating import FEWEST_UNITS, with_positives
from holdfast.evaluation.multiclass import evaluate_multiclass
from holdfast.evaluation.task_record import TaskEvaluation
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.document import Block, Format, Heading, LineChart, Mark, Series, Text, Tone
from holdfast.stats.abstain import area, risk_coverage, safe_coverage
from holdfast.stats.units import counts, draws_for, middle

Floats = npt.NDArray[np.float64]

#: points drawn of a curve
_POINTS = 60
#: names of what `_areas` gives
_AREAS = ("aurc", "excess_aurc", "abstain_gain")
#: wrong rows below which nothing is said of the confidence
_FEWEST_WRONG = 10


def evaluate_text(
    y_true: Any,
    y_pred: Any = None,
    *,
    y_score: Any = None,
    classes: Sequence[Any] | None = None,
    confidence: Any = None,
    target_error: float = 0.05,
    trained_on: Any = None,
    costs: Any = None,
    champion: Any = None,
    entity: Any = None,
    event_time: Any = None,
    show_labels: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> TaskEvaluation:
    """Evaluate a classifier of documents, each of one class.

    All of `evaluate_multiclass`, and the curve of error against coverage when the least sure
    documents go to a person. Unseen labels and near duplicates decide more often than the model:
    give `trained_on` here, and look for near duplicates with the audit.

    All arguments are those of `evaluate_multiclass`, and two more: `confidence`, shape (n,),
    finite, says how sure each decision is (None takes the largest score); `target_error`, in
    (0, 1), is the error among answered documents that is wanted.

    Returns:
        The evaluation with ``aurc`` (mean error over all coverages, less is better) and
        ``excess_aurc`` (less the best that any order of the same errors reaches) and
        ``abstain_gain`` (the error less ``aurc``: 0 for a confidence that tells nothing);
        ``threshold`` holds the cut-off that keeps the error at or under the target with the
        stated level, and what it covers, or why there is none.

    Example:
        >>> truth, said = list("ab" * 60), list("ab" * 54 + "bbbbab" * 2)
        >>> e = evaluate_text(truth, said, confidence=[0.9] * 108 + [0.4] * 12, target_error=0.1)
        >>> e.threshold["cutoff"], e.threshold["coverage"]
        (0.9, 0.9)
    """
    columns.share(target_error)
    base = evaluate_multiclass(
        y_true, y_pred, y_score=y_score, classes=classes, costs=costs, trained_on=trained_on,
        champion=champion, entity=entity, event_time=event_time,
        show_labels=show_labels, level=level, seed=seed,
    )  # fmt: skip
    truth = columns.labels(y_true, "the true labels")
    n = len(truth)
    score = None if y_score is None else score_matrix(y_score, n)
    if confidence is not None:
        sure = columns.numbers(confidence, "the confidences", n)
    elif score is not None:
        sure = score.max(axis=1)
    else:
        return msgspec.structs.replace(
            base,
            task="text",
            threshold={"why_not": "no confidence was given; it needs confidence= or y_score="},
        )
    named = encode(truth, y_pred, score, classes, None, None, show_labels)
    wrong = (named.truth != named.decided).astype(np.float64)
    of_row, units, _ = columns.units(entity, n, event_time)
    metrics = dict(base.metrics) | _areas(wrong, sure, of_row, units, level, seed)
    threshold, findings = _cut(wrong, sure, of_row is not None, target_error, level)
    return msgspec.structs.replace(
        base,
        task="text",
        metrics=with_positives(metrics, int(named.rows[named.rows > 0].min())),
        threshold=threshold,
        findings=(*base.findings, *findings, *_unsure(metrics)),
        pictures=(*base.pictures, *_pictures(wrong, sure, threshold, target_error)),
    )


def best_area(error: float) -> float:
    """Area when every wrong row is less sure than every right one; source: Geifman 2019.

    >>> best_area(0.0), round(best_area(0.5), 4)
    (0.0, 0.1534)
    """
    return error + (1 - error) * math.log(1 - error) if error < 1 else 1.0


def _areas(
    wrong: Floats, sure: Floats, of_row: Any, units: int, level: float, seed: int
) -> dict[str, Estimate]:
    n = len(wrong)
    order = np.argsort(-sure, kind="stable")
    v, c = wrong[order], sure[order]
    last = np.r_[c[1:] != c[:-1], True]
    unit = np.arange(n) if of_row is None else of_row[order]

    def weighted(w: Floats) -> Floats:
        rows = np.cumsum(w, axis=1)[:, last]
        lost = np.cumsum(w * v, axis=1)[:, last]
        share = np.diff(rows, axis=1, prepend=0.0) / rows[:, -1:]
        aurc = (share * lost / np.maximum(rows, 1.0)).sum(axis=1)
        error = lost[:, -1] / rows[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(error < 1, error + (1 - error) * np.log1p(-error), 1.0)
        return np.stack([aurc, aurc - best, error - aurc], axis=1)

    point = weighted(np.ones((1, n)))[0]
    coverage, risk, _ = risk_coverage(wrong, sure)
    values = (area(coverage, risk), float(point[1]), float(point[2]))
    low = high = np.full(3, np.nan)
    if units >= FEWEST_UNITS:
        drawn = np.concatenate(
            [weighted(block[:, unit]) for block in counts(units, min(300, draws_for(n)), seed, n)]
        )
        low, high = middle(drawn, level)
    return {
        name: Estimate(
            value=value, level=level, n=n, unit="share wrong",
            low=None if math.isnan(low[j]) else min(float(low[j]), value),
            high=None if math.isnan(high[j]) else max(float(high[j]), value),
            method="" if math.isnan(low[j]) else "bootstrap",
            why_not="" if units >= FEWEST_UNITS else f"no interval: it needs at least "
            f"{FEWEST_UNITS} independent rows or entities, there are {units}",
        )
        for j, (name, value) in enumerate(zip(_AREAS, values, strict=True))
    }  # fmt: skip


def _cut(
    wrong: Floats, sure: Floats, clustered: bool, target: float, level: float
) -> tuple[dict[str, Any], list[Finding]]:
    found = safe_coverage(wrong, sure, risk=target, level=level)
    basis: dict[str, Any] = {"target_error": target, "level": level, "rows": len(wrong)}
    if clustered:
        basis["note"] = "the bound takes rows as independent; entities repeat, so it is too low"
    if found is not None:
        cut, coverage, bound = found
        return basis | {"cutoff": cut, "coverage": coverage, "error_at_most": bound}, []
    # zero errors in m rows bound the error at 1 - tail^(1/m), over 20 coverages
    needed = math.ceil(math.log((1 - level) / 20) / math.log(1 - target))
    why = (
        f"no coverage promises an error of at most {target:.1%}; even without an error it needs "
        f"{needed:,} answered rows"
    )
    finding = Finding(
        code="HF-E231",
        severity=Severity.NOTE,
        sentence=f"Abstaining cannot promise an error of at most {target:.1%} on these rows.",
        evidence={"target": target, "rows": len(wrong), "rows_needed_without_error": needed},
        remedy="label more rows, allow a larger error, or improve the confidence",
    )
    return basis | {"why_not": why, "n_needed": needed}, [finding]


def _unsure(metrics: dict[str, Estimate]) -> list[Finding]:
    """A finding where the confidence does not tell right from wrong better than chance."""
    gain, accuracy = metrics["abstain_gain"], metrics["accuracy"]
    wrong = round(gain.n * (1 - (accuracy.value or 0.0)))
    if gain.low is None or gain.low > 0 or wrong < _FEWEST_WRONG:
        return []
    return [
        Finding(
            code="HF-E232",
            severity=Severity.WARNING,
            sentence="There is no evidence that the confidence tells right documents from wrong "
            "ones: leaving the least sure out does not lower the error beyond chance.",
            evidence={
                "abstain_gain": gain.value,
                "low": gain.low,
                "high": gain.high,
                "wrong": wrong,
            },
            remedy="calibrate the scores, or rank by margin or entropy instead",
        )
    ]


def _pictures(
    wrong: Floats, sure: Floats, threshold: dict[str, Any], target: float
) -> tuple[Block, ...]:
    coverage, risk, _ = risk_coverage(wrong, sure)
    if len(coverage) < 3:
        return ()
    some = np.unique(np.linspace(0, len(coverage) - 1, _POINTS).astype(int))
    points = tuple((float(coverage[i]), float(risk[i])) for i in some)
    at = threshold.get("coverage")
    words = (
        f"Answering from a confidence of {threshold['cutoff']:.4g} on covers {at:.1%} of documents "
        f"with an error of at most {threshold['error_at_most']:.1%}."
        if at is not None
        else str(threshold["why_not"]).capitalize() + "."
    )
    return (
        Heading(text="Abstaining"),
        Text(text=words),
        LineChart(
            title="Error among answered documents by share answered",
            series=(
                Series(name="error", points=points),
                Series(
                    name="wanted", points=((points[0][0], target), (1.0, target)), tone=Tone.BAD
                ),
            ),
            marks=() if at is None else (Mark(x=at, label="chosen"),),
            x_label="share answered",
            x_format=Format.SHARE,
            y_format=Format.SHARE,
            low=0.0,
        ),
    )
