"""Evaluate predictions of a number: errors, quantiles and intervals, beside dumb rivals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import columns
from holdfast.evaluation.estimating import FEWEST_UNITS, Sampling, rival, rival_findings
from holdfast.evaluation.residuals import pictures
from holdfast.evaluation.task_record import Rival, TaskEvaluation, refused
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.intervals import wilson
from holdfast.stats.units import counts, draws_for, middle

Floats = npt.NDArray[np.float64]


def evaluate_regression(
    y_true: Any,
    y_pred: Any,
    *,
    quantiles: Mapping[float, Any] | None = None,
    interval: tuple[Any, Any] | None = None,
    interval_level: float = 0.9,
    trained_on: Any = None,
    event_time: Any = None,
    entity: Any = None,
    champion: Any = None,
    unit: str = "",
    level: float = 0.95,
    seed: int = 0,
) -> TaskEvaluation:
    """Evaluate predictions of a number.

    Args:
        y_true: shape (n,), finite.
        y_pred: shape (n,), finite.
        quantiles: level in (0, 1) → predicted quantile, shape (n,).
        interval: (lower, upper) bounds of prediction intervals, each of shape (n,).
        interval_level: coverage that these intervals claim.
        trained_on: the target of the training rows: mean and median come from it; None takes them
            from `y_true` itself, which favours them.
        event_time: shape (n,), anything that sorts: adds the baseline "the last value before", of
            the same entity where entities are given (it takes every value as known at once);
            without entities, stretches of time are resampled together.
        entity: shape (n,), whose row it is; all rows of one entity are resampled together.
        champion: shape (n,), predictions of the model in use on the same rows.
        unit: unit of the target, for the report.
        level: coverage of the intervals.
        seed: of the resamples.

    Returns:
        The evaluation; point metrics equal scikit-learn's. ``passed`` holds the MAE against each
        baseline. MAPE is refused where a true value is 0 or nearly so, WAPE where all are, R2
        where the truth does not vary.

    Raises:
        DataError: columns that do not fit or are not finite.
        UsageError: a level outside (0, 1).

    Example:
        >>> e = evaluate_regression([3, 5, 4, 8, 9, 7] * 5, [2.5, 5, 4, 7, 9, 8] * 5)
        >>> round(e.value("mae"), 3), round(e.value("r2"), 3), e.passed
        (0.417, 0.92, True)
    """
    columns.share(level)
    columns.share(interval_level)
    truth = columns.numbers(y_true, "the true values")
    n = len(truth)
    said = columns.numbers(y_pred, "the predictions", n)
    of_row, count, word = columns.units(entity, n, event_time)
    sampling = Sampling(of_row, count, word, level=level, seed=seed)
    of = unit or "of the target"
    with np.errstate(over="ignore", invalid="ignore"):
        metrics = _errors(truth, said, sampling, of)
        parts, more, findings = _distribution(
            truth, quantiles or {}, interval, interval_level, sampling, of
        )
        baselines = _rivals(truth, said, sampling, of, trained_on, event_time, entity, champion)
    if not all(e.value is None or math.isfinite(e.value) for e in metrics.values()):
        raise DataError(
            "the numbers are too large to be squared",
            expected="values whose squares are finite",
            remedy="give both columns in a larger unit",
        )
    return TaskEvaluation(
        task="regression",
        rows=n,
        units=count,
        unit=word,
        metrics=metrics | more,
        parts=parts,
        baselines=baselines,
        findings=(*rival_findings(baselines), *_findings(metrics), *findings),
        facts={"mean": float(truth.mean()), "sd": float(truth.std()), "unit": unit},
        pictures=pictures(truth, said, of),
    )


def _errors(truth: Floats, said: Floats, sampling: Sampling, of: str) -> dict[str, Estimate]:
    n, level = len(truth), sampling.level
    error = said - truth
    size = np.abs(error)
    found = {"mae": sampling.mean(size, of)}
    square = error * error
    parts = np.stack([square, np.ones(n), truth, truth * truth], axis=1)
    spread = float(((truth - truth.mean()) ** 2).sum())
    shifted = truth - truth.mean()
    parts[:, 2], parts[:, 3] = shifted, shifted * shifted
    rmse, r2 = sampling.of_sums(
        parts, _rmse_r2, [math.sqrt(float(square.mean())), _r2(square, spread)], of, n=n
    )
    found["rmse"] = rmse
    found["r2"] = (
        refused(
            "the truth does not vary, or there are fewer than two rows; it needs two values",
            n=n, level=level, unit="share",
        )
        if n < 2 or not spread > 0.0
        else Estimate(
            value=r2.value, low=r2.low, high=r2.high, level=level, n=n, unit="share of variance",
            method=r2.method, why_not=r2.why_not,
        )
    )  # fmt: skip
    found["median_absolute_error"] = _median(size, sampling, of)
    found["bias"] = sampling.mean(error, of)
    weight = np.abs(truth)
    scale = float(weight.max())
    nearly = weight <= 1e-6 * scale
    if nearly.any():
        found["mape"] = refused(
            f"{int(nearly.sum()):,} of {n:,} true values are 0 or nearly so; it needs none (WAPE "
            "stands for it)",
            n=n, level=level, unit="share",
        )  # fmt: skip
    else:
        found["mape"] = sampling.mean(size / weight, "share")
    if scale > 0.0:
        found["wape"] = sampling.of_sums(
            np.stack([size, weight], axis=1),
            lambda t: t[:, :1] / np.where(t[:, 1:] > 0, t[:, 1:], np.nan),
            [float(size.sum() / weight.sum())],
            "share",
            n=n,
        )[0]
    else:
        why = "every true value is 0; it needs one that is not"
        found["wape"] = refused(why, n=n, level=level, unit="share")
    return found


def _r2(square: Floats, spread: float) -> float:
    return 1.0 - float(square.sum()) / spread if spread > 0.0 else math.nan


def _rmse_r2(totals: Floats) -> Floats:
    square, rows, first, second = totals.T
    spread = second - first * first / rows
    ok = spread > 1e-12 * np.maximum(second, 1e-300)
    r2 = np.where(ok, 1.0 - square / np.where(ok, spread, 1.0), np.nan)
    return np.stack([np.sqrt(square / rows), r2], axis=1)


def _median(size: Floats, sampling: Sampling, of: str) -> Estimate:
    """Median with the order statistics around it; clusters are resampled, sorted once."""
    n = len(size)
    value = float(np.median(size))
    if sampling.count < FEWEST_UNITS:
        return sampling.bare(value, of, n)
    if sampling.of_row is not None:
        order = np.argsort(size, kind="stable")
        unit = sampling.of_row[order]
        drawn = []
        for block in counts(sampling.count, draws_for(n), sampling.seed, n):
            reached = np.cumsum(block[:, unit], axis=1)
            drawn.append(size[order][np.argmax(2 * reached >= reached[:, -1:], axis=1)])
        below, above = middle(np.concatenate(drawn)[:, None], sampling.level)
        return sampling.within(value, float(below[0]), float(above[0]), of, n)
    z = NormalDist().inv_cdf((1 + sampling.level) / 2)
    half = z * 0.5 / math.sqrt(sampling.count)
    ordered = np.sort(size)
    low = ordered[max(0, math.floor(n * (0.5 - half)) - 1)]
    high = ordered[min(n - 1, math.ceil(n * (0.5 + half)))]
    return sampling.within(value, float(low), float(high), of, n, "order statistics")


def _distribution(
    truth: Floats,
    quantiles: Mapping[float, Any],
    interval: tuple[Any, Any] | None,
    claimed: float,
    sampling: Sampling,
    of: str,
) -> tuple[dict[str, dict[str, Estimate]], dict[str, Estimate], list[Finding]]:
    n = len(truth)
    parts: dict[str, dict[str, Estimate]] = {}
    more: dict[str, Estimate] = {}
    findings: list[Finding] = []
    for q, values in sorted(quantiles.items()):
        if isinstance(q, bool) or not 0.0 < float(q) < 1.0:
            raise UsageError("a quantile's level is no share", expected="0 < q < 1", got=f"q={q}")
        guess = columns.numbers(values, f"the {q:g} quantile", n)
        gap = truth - guess
        loss = sampling.mean(np.where(gap >= 0, q * gap, (q - 1) * gap), of)
        below = _share(truth <= guess, sampling)
        parts[f"quantile {q:g}"] = {"pinball_loss": loss, "share_below": below}
        more[f"pinball_{q:g}"] = loss
        _off(findings, below, float(q), f"The {q:g} quantile lies above")
    if interval is not None:
        low = columns.numbers(interval[0], "the lower bounds", n)
        high = columns.numbers(interval[1], "the upper bounds", n)
        if (low > high).any():
            raise DataError(
                "some lower bounds lie above the upper ones",
                expected="lower <= upper",
                got=f"rows={int((low > high).sum())} of {n}",
            )
        inside = _share((low <= truth) & (truth <= high), sampling)
        more["interval_coverage"] = inside
        more["interval_width"] = sampling.mean(high - low, of)
        miss = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        more["interval_score"] = sampling.mean(high - low + 2 / (1 - claimed) * miss, of)
        _off(findings, inside, claimed, "The prediction intervals hold")
    return parts, more, findings


def _share(marked: npt.NDArray[np.bool_], sampling: Sampling) -> Estimate:
    if sampling.of_row is None:
        return wilson(int(marked.sum()), len(marked), sampling.level)
    return sampling.mean(marked.astype(np.float64), "share")


def _off(findings: list[Finding], found: Estimate, claimed: float, words: str) -> None:
    """A finding where the claimed share lies outside the interval and at least 2 points off."""
    if found.value is None or found.low is None or found.high is None:
        return
    if found.low <= claimed <= found.high or abs(found.value - claimed) < 0.02:
        return
    findings.append(
        Finding(
            code="HF-E211",
            severity=Severity.WARNING,
            sentence=f"{words} {found.value:.1%} of the true values ({found.low:.1%} to "
            f"{found.high:.1%}); they claim {claimed:.0%}.",
            evidence={"claimed": claimed, "found": found.value, "rows": found.n},
            remedy="recalibrate the intervals on recent rows (conformal prediction does)",
        )
    )


def _rivals(
    truth: Floats, said: Floats, sampling: Sampling, of: str, trained_on: Any, event_time: Any,
    entity: Any, champion: Any,
) -> dict[str, Rival]:  # fmt: skip
    n = len(truth)
    past = truth if trained_on is None else columns.numbers(trained_on, "the training target")
    source = "these very rows" if trained_on is None else "the training target"
    rivals: dict[str, Floats] = {
        "mean": np.full(n, past.mean()),
        "median": np.full(n, np.median(past)),
    }
    words = {
        "mean": f"gives every row the mean of {source}",
        "median": f"gives every row the median of {source}",
        "last_value": "repeats the value before it in time, known at once",
        "champion": "the model in use, on the same rows",
    }
    if event_time is not None:
        rivals["last_value"] = last_values(truth, event_time, entity, float(past.mean()))
    if champion is not None:
        rivals["champion"] = columns.numbers(champion, "the champion's predictions", n)
    mine = np.abs(said - truth)
    out = {}
    for name, guess in rivals.items():
        theirs = np.abs(guess - truth)
        out[name] = rival(
            sampling, theirs - mine, on="mae", unit=of,
            metrics={
                "mae": float(theirs.mean()),
                "rmse": math.sqrt(float((theirs * theirs).mean())),
            },
            meaning=words[name],
        )  # fmt: skip
    return out


def last_values(truth: Floats, event_time: Any, entity: Any, first: float) -> Floats:
    """The value before each row in time (of its entity); `first` where there is none.

    Rows of one moment and entity see the value before that moment, not one another.

    Args:
        truth: shape (n,).
        event_time: shape (n,), anything that sorts.
        entity: shape (n,) or None.
        first: for rows without a past.

    >>> last_values(np.array([1.0, 2.0, 4.0]), [1, 3, 2], None, 0.0).tolist()
    [0.0, 4.0, 1.0]
    """
    n = len(truth)
    times = columns.labels(event_time, "the event times")
    columns.same_length(times, n, "the event times")
    _, moment = np.unique(times, return_inverse=True)
    group = np.zeros(n, np.intp)
    if entity is not None:
        of_row, _, _ = columns.units(entity, n)
        group = np.arange(n) if of_row is None else of_row
    order = np.lexsort((moment.reshape(-1), group))
    g, m, v = group[order], moment.reshape(-1)[order], truth[order]
    start = np.r_[True, (g[1:] != g[:-1]) | (m[1:] != m[:-1])]
    first_of = np.maximum.accumulate(np.where(start, np.arange(n), 0))
    before = first_of - 1
    known = (before >= 0) & (g[before] == g)
    out = np.empty(n)
    out[order] = np.where(known, v[before], first)
    return out


def _findings(metrics: dict[str, Estimate]) -> list[Finding]:
    bias, mae = metrics["bias"], metrics["mae"]
    if bias.low is None or bias.high is None or bias.value is None or not mae.value:
        return []
    if bias.low <= 0 <= bias.high or abs(bias.value) < 0.1 * mae.value:
        return []
    way = "above" if bias.value > 0 else "below"
    return [
        Finding(
            code="HF-E212",
            severity=Severity.NOTE,
            sentence=f"Predictions lie {abs(bias.value):.4g} {way} the truth on average "
            f"({bias.low:.4g} to {bias.high:.4g}), against a mean error of {mae.value:.4g}.",
            evidence={"bias": bias.value, "mae": mae.value, "rows": bias.n},
            remedy="look for a shift since training; subtracting a recent bias is the first aid",
        )
    ]
