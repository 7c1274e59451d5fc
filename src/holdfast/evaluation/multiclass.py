"""Evaluate a classifier of several classes: macro and per class, money, beside dumb rivals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.errors import UsageError
from holdfast.evaluation import columns
from holdfast.evaluation.class_report import pictures
from holdfast.evaluation.classes import Classes, Floats, cost_matrix, encode, score_matrix
from holdfast.evaluation.estimating import (
    FEWEST_UNITS,
    Sampling,
    rival,
    rival_findings,
    with_positives,
)
from holdfast.evaluation.task_record import Rival, TaskEvaluation, refused
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.confusion import SCORES, Cells, scores
from holdfast.stats.intervals import wilson
from holdfast.stats.ovr import logit_interval, macro_auc
from holdfast.stats.ranking import roc_auc, roc_auc_interval
from holdfast.stats.units import by_unit

#: classes shown one by one, those with the most rows first
LISTED = 100
#: a class with fewer rows tells little
THIN = 10
#: rows a class, on average, below which a macro score has no interval
_ROWS_A_CLASS = 3
#: the least that each of `SCORES` can be
_LEAST = np.array([-1.0 if name == "mcc" else 0.0 for name in SCORES])
#: cells of scores beyond which one AUC a class is too dear
_AUC_CELLS = 50_000_000


def evaluate_multiclass(
    y_true: Any,
    y_pred: Any = None,
    *,
    y_score: Any = None,
    classes: Sequence[Any] | None = None,
    costs: Any = None,
    top_k: Sequence[int] = (3, 5),
    trained_on: Any = None,
    champion: Any = None,
    entity: Any = None,
    event_time: Any = None,
    show_labels: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> TaskEvaluation:
    """Evaluate decisions, and scores where there are some, of a classifier of several classes.

    Args:
        y_true: shape (n,), labels; texts, integers or booleans.
        y_pred: shape (n,), labels decided; None takes the class of the largest score.
        y_score: shape (n, classes), probabilities (rows sum to 1) or other scores; optional.
        classes: shape (classes,), what the columns of `y_score` stand for; None takes the sorted
            distinct labels of `y_true`, which must be as many as the columns.
        costs: a (classes, classes) table, rows truth and columns decision in the order of
            `classes`, or {(truth, decision): cost}; None counts each error as 1.
        top_k: sizes of the lists whose share of hits is given; ties go as in scikit-learn.
        trained_on: labels of the training rows: baselines come from them, and labels they lack
            are reported; None takes baselines from `y_true` itself, which favours them.
        champion: shape (n,), labels decided by the model in use, on the same rows.
        entity: shape (n,), whose row it is; all rows of one entity are resampled together.
        event_time: shape (n,), anything that sorts; without `entity`, rows of a stretch of time
            are resampled together.
        show_labels: False writes ``class 3`` instead of the label.
        level: coverage of the intervals.
        seed: of the resamples.

    Returns:
        The evaluation. Point metrics equal scikit-learn's with ``zero_division=0`` over the labels
        of both columns; ``positives`` are the rows of the rarest class that occurs, in `parts`
        those of the class. ``passed`` holds the expected cost against constant decisions.

    Raises:
        DataError: columns that do not fit, missing labels, scores that are not finite.
        UsageError: neither decisions nor scores, or columns nobody named.

    Example:
        >>> e = evaluate_multiclass(list("aabbcc") * 5, list("aabbca") * 5)
        >>> round(e.value("accuracy"), 3), round(e.value("macro_f1"), 3), e.passed
        (0.833, 0.822, True)
    """
    columns.share(level)
    if y_pred is None and y_score is None:
        raise UsageError("nothing to evaluate", expected="y_pred or y_score", got="neither")
    truth = columns.labels(y_true, "the true labels")
    n = len(truth)
    score = None if y_score is None else score_matrix(y_score, n)
    named = encode(truth, y_pred, score, classes, trained_on, champion, show_labels)
    of_row, count, word = columns.units(entity, n, event_time)
    sampling = Sampling(of_row, count, word, level=level, seed=seed)
    prices = cost_matrix(costs, named)
    metrics = _decided(named, sampling)
    metrics["expected_cost"] = sampling.mean(prices.of(named.truth, named.decided), "cost per row")
    findings: list[Finding] = []
    if score is not None:
        metrics |= _scored(named, score, sampling, findings, top_k)
        if costs is not None and "log_loss" in metrics and metrics["log_loss"].value is not None:
            cheap = prices.cheapest(score)
            metrics["expected_cost_by_probability"] = sampling.mean(
                prices.of(named.truth, cheap), "cost per row"
            )
    baselines = _rivals(named, score, prices, sampling, metrics)
    findings = [*_findings(named, baselines, metrics), *rival_findings(baselines), *findings]
    parts, listed = _parts(named, score, level)
    return TaskEvaluation(
        task="multiclass",
        rows=n,
        units=count,
        unit=word,
        metrics=with_positives(metrics, int(named.rows[named.rows > 0].min())),
        parts=parts,
        baselines=baselines,
        findings=tuple(findings),
        facts={
            "classes": named.count,
            "classes_with_rows": int((named.rows > 0).sum()),
            "classes_listed": len(listed),
        },
        pictures=pictures(named, parts, level),
    )


def _decided(named: Classes, sampling: Sampling) -> dict[str, Estimate]:
    n = len(named.truth)
    cells = Cells(named.truth, named.decided, named.count, sampling.of_row, sampling.count)
    point = scores(*cells.totals(cells.count[None, :].astype(np.float64)))[0]
    several = int((named.rows > 0).sum())
    if sampling.count < FEWEST_UNITS:
        made = [sampling.bare(float(v), "share", n) for v in point]
    elif n < _ROWS_A_CLASS * several:
        why = (
            f"no interval: it needs {_ROWS_A_CLASS} rows a class, {_ROWS_A_CLASS * several:,} in "
            f"all, there are {n:,}"
        )
        made = [
            Estimate(value=float(v), level=sampling.level, n=n, unit="share", why_not=why)
            for v in point
        ]
    else:
        drawn = np.concatenate([scores(*cells.totals(w)) for w in cells.resamples(sampling.seed)])
        tail = (1 - sampling.level) / 2
        # centred: a rare class that a resample lacks would else lift every macro score
        drawn += point - drawn.mean(axis=0)
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        low, high = np.maximum(low, _LEAST), np.minimum(high, 1.0)
        made = [
            sampling.within(float(v), a, b, "correlation" if name == "mcc" else "share", n)
            for name, v, a, b in zip(SCORES, point, low, high, strict=True)
        ]
    found = dict(zip(SCORES, made, strict=True))
    if sampling.of_row is None:
        found["accuracy"] = wilson(int((named.truth == named.decided).sum()), n, sampling.level)
    if named.count < 2 or (named.rows > 0).sum() < 2:
        why = "only one class has rows; it needs two"
        found["mcc"] = refused(why, n=n, level=sampling.level, unit="correlation")
    return found


def _scored(
    named: Classes,
    score: Floats,
    sampling: Sampling,
    findings: list[Finding],
    top_k: Sequence[int],
) -> dict[str, Estimate]:
    n, width = score.shape
    found: dict[str, Estimate] = {}
    stray = int((named.truth >= width).sum())
    for k in sorted({int(k) for k in top_k if 1 < k < width}):
        best = np.argsort(score, axis=1, kind="stable")[:, ::-1][:, :k]
        hits = (best == named.truth[:, None]).any(axis=1)
        found[f"top_{k}_accuracy"] = (
            wilson(int(hits.sum()), n, sampling.level)
            if sampling.of_row is None
            else sampling.mean(hits.astype(np.float64), "share")
        )
    found["roc_auc_ovr"] = _auc(named, score, sampling)
    sums = score.sum(axis=1)
    if (score < 0).any() or (score > 1).any() or (np.abs(sums - 1) > 1e-6).any():
        why = "the scores are no probabilities: rows must sum to 1, each in [0, 1]"
        found["log_loss"] = refused(why, n=n, level=sampling.level, unit="nats")
        findings.append(
            Finding(
                code="HF-E203",
                severity=Severity.NOTE,
                sentence="The scores are no probabilities, so log loss and decisions by expected "
                "cost are not given.",
                evidence={"rows_off": int((np.abs(sums - 1) > 1e-6).sum()), "rows": n},
                remedy="give calibrated probabilities whose rows sum to 1",
            )
        )
    elif stray:
        why = f"{stray} rows have a label that no score speaks of, so their loss is not finite"
        found["log_loss"] = refused(why, n=n, level=sampling.level, unit="nats")
    else:
        found["log_loss"] = sampling.mean(row_losses(named, score), "nats")
    return found


def row_losses(named: Classes, score: Floats) -> Floats:
    """Log loss of each row in nats; probabilities are cut at the machine's epsilon."""
    eps = np.finfo(np.float64).eps
    return -np.log(np.clip(score[np.arange(len(score)), named.truth], eps, 1 - eps))


def _auc(named: Classes, score: Floats, sampling: Sampling) -> Estimate:
    n = len(score)
    if score.size > _AUC_CELLS:
        why = f"{score.size:,} scores are more than {_AUC_CELLS:,}; give fewer rows or classes"
        return refused(why, n=n, level=sampling.level, unit="probability")
    value, influence, over = macro_auc(named.truth, score)
    if math.isnan(value):
        why = "only one class has rows; it needs two"
        return refused(why, n=n, level=sampling.level, unit="probability")
    if sampling.of_row is not None:
        influence = by_unit(influence[:, None], sampling.of_row, sampling.count)[:, 0]
    if sampling.count < 10:
        return sampling.bare(value, "probability", n)
    variance = float(influence @ influence) * sampling.count / (sampling.count - 1)
    low, high = logit_interval(value, variance, sampling.level)
    method = f"logit of {over} classes' components"
    rows = named.rows[: score.shape[1]]
    if value > 0.95 or rows[rows > 0].min() < 20 or math.isnan(low):
        bounds = [
            roc_auc_interval(named.truth == k, score[:, k], level=sampling.level)[:2]
            for k in np.flatnonzero((rows > 0) & (rows < n))
        ]
        mean = np.mean(bounds, axis=0)
        low, high = np.nanmin([low, mean[0]]), np.nanmax([high, mean[1]])
        method = "mean of the classes' bounds"
    return sampling.within(value, float(low), float(high), "probability", n, method)


def _rivals(
    named: Classes, score: Floats | None, prices: Any, sampling: Sampling,
    metrics: dict[str, Estimate],
) -> dict[str, Rival]:  # fmt: skip
    n = len(named.truth)
    source = "the training labels" if named.trained is not None else "these very rows"
    prior = named.prior
    mine = prices.of(named.truth, named.decided)
    majority = int(np.argmax(prior))
    rivals = {}
    for name, class_, what in (
        ("majority", majority, "always decides the most frequent class"),
        ("cheapest_constant", prices.constant(prior), "always makes the cheapest decision"),
    ):
        if name != "majority" and class_ == majority:
            continue
        theirs = prices.of(named.truth, np.full(n, class_))
        rows = float(named.rows[class_])
        rivals[name] = rival(
            sampling, theirs - mine, on="expected_cost", unit="cost per row",
            metrics={
                "accuracy": rows / n,
                "macro_f1": 2 * rows / (n + rows) / len(named.present_with(class_)),
                "expected_cost": float(theirs.mean()),
            },
            meaning=f"{what} of {source}",
        )  # fmt: skip
    if score is not None and metrics["log_loss"].value is not None:
        share = np.clip(prior[named.truth], np.finfo(np.float64).eps, 1.0)
        losses = -np.log(share)
        rivals["prior"] = rival(
            sampling, losses - row_losses(named, score), on="log_loss", unit="nats",
            metrics={"log_loss": float(losses.mean())},
            meaning=f"gives every row the shares of the classes in {source}",
            counts=False,
        )  # fmt: skip
    if named.champion is not None:
        theirs = prices.of(named.truth, named.champion)
        rivals["champion"] = rival(
            sampling, theirs - mine, on="expected_cost", unit="cost per row",
            metrics={
                "accuracy": float((named.truth == named.champion).mean()),
                "expected_cost": float(theirs.mean()),
            },
            meaning="the model in use, on the same rows",
        )  # fmt: skip
    return rivals


def _findings(
    named: Classes, baselines: dict[str, Rival], metrics: dict[str, Estimate]
) -> list[Finding]:
    found = []
    n = len(named.truth)
    accuracy = metrics["accuracy"].value or 0.0
    plain = baselines["majority"].metrics["accuracy"] or 0.0
    saves = all((r.gain.value or 0.0) > 0.0 for r in baselines.values() if r.counts)
    if named.count > 1 and accuracy <= plain + 1 / (2 * n) and plain > 0.5:
        found.append(
            Finding(
                code="HF-E001",
                severity=Severity.WARNING if saves else Severity.ERROR,
                sentence=f"Accuracy {accuracy:.2%} is no better than the majority class alone "
                f"({plain:.2%}); macro recall is {metrics['macro_recall'].value or 0:.1%}.",
                evidence={"accuracy": accuracy, "majority": plain, "rows": n},
                remedy="judge by macro F1, cost or MCC, not by accuracy",
            )
        )
    if named.unseen:
        found.append(
            Finding(
                code="HF-E201",
                severity=Severity.WARNING,
                sentence=f"{named.unseen_rows:,} of {n:,} rows have one of {named.unseen} labels "
                "that the model never saw; each counts as an error.",
                evidence={"labels": named.unseen, "rows": named.unseen_rows, "of": n},
                remedy="train on these labels, or give the model a way to abstain",
            )
        )
    thin = int(((named.rows > 0) & (named.rows < THIN)).sum())
    if thin:
        found.append(
            Finding(
                code="HF-E202",
                severity=Severity.NOTE,
                sentence=f"{thin} of {int((named.rows > 0).sum())} classes have fewer than {THIN} "
                "rows here; what is said of them, and every macro average, rests on few rows.",
                evidence={"classes": thin, "fewest": int(named.rows[named.rows > 0].min())},
                remedy=f"collect at least {THIN} rows of each class, or merge classes",
            )
        )
    return found


def _parts(
    named: Classes, score: Floats | None, level: float
) -> tuple[dict[str, dict[str, Estimate]], list[int]]:
    weight = named.rows + named.said
    listed = [int(k) for k in np.argsort(-weight, kind="stable")[:LISTED] if weight[k] > 0]
    parts = {}
    for k in listed:
        rows, said, hits = int(named.rows[k]), int(named.said[k]), int(named.hits[k])
        part = {
            "precision": wilson(hits, said, level) if said else refused(
                "never decided", n=0, level=level, unit="share"
            ),
            "recall": wilson(hits, rows, level) if rows else refused(
                "no row of this class", n=0, level=level, unit="share"
            ),
            "f1": f1_estimate(hits, rows, said, level),
        }  # fmt: skip
        if score is not None and k < score.shape[1] and len(listed) <= 30:
            auc = roc_auc(named.truth == k, score[:, k])
            if not math.isnan(auc):
                low, high, method = roc_auc_interval(named.truth == k, score[:, k], level=level)
                part["roc_auc"] = Estimate(
                    value=auc, low=low, high=high, level=level, n=len(score), positives=rows,
                    unit="probability", method=method,
                )  # fmt: skip
        parts[named.name(k)] = with_positives(part, rows)
    return parts, listed


def f1_estimate(hits: int, rows: int, said: int, level: float) -> Estimate:
    """F1 of one class with its interval.

    F1 is ``2J / (1 + J)`` of the share J of hits among rows that are, or are decided, of the
    class; the interval is Wilson's of J, carried over.

    >>> e = f1_estimate(8, 10, 10, 0.95)
    >>> e.value, round(e.low, 3), round(e.high, 3)
    (0.8, 0.562, 0.926)
    """
    union = rows + said - hits
    if not union:
        return refused("no row of this class", n=0, level=level, unit="share")
    j = wilson(hits, union, level)
    low, high = (2 * b / (1 + b) for b in (j.low or 0.0, j.high or 0.0))
    return Estimate(
        value=2 * hits / (rows + said), low=low, high=high, level=level, n=union,
        positives=rows, unit="share", method="wilson of the jaccard share",
    )  # fmt: skip
