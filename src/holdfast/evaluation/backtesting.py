"""Rolling-origin backtest: trained on what was known at each origin, scored on what came after."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import splits
from holdfast.evaluation.backtest_record import Backtest, Origin
from holdfast.evaluation.fold_scores import FoldMetric, chunks, interval, metric_of, scored
from holdfast.evaluation.procedures import Procedure, codes_of
from holdfast.records import Estimate
from holdfast.stats.ageing import Slope, weighted_slope, within_slope
from holdfast.stats.ranking import roc_auc_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: fewest rows that a model learns from, and that an origin is scored on
FEWEST_TRAIN, FEWEST_TEST = 50, 30
#: stretches of a test part that are taken as independent of one another
CHUNKS = 20
#: slopes are told for so many days where the rows have times
DAYS = 30.0
_DAY = 8.64e10


def backtest(
    frame: Any,
    *,
    target: str,
    event_time: str,
    label_delay: str | float = 0,
    model: Any = None,
    features: Sequence[str] | None = None,
    entity: str | None = None,
    group: str | Sequence[str] | None = None,
    metric: str | None = None,
    task: str | None = None,
    positive: Any = None,
    origins: int = 8,
    start: float = 0.4,
    window: str | float | None = None,
    most_rows: int = 20_000,
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Backtest:
    """What the model would have scored, had it been retrained at each of several origins.

    At each origin the model learns from the rows whose outcome was known by then (event time plus
    label delay) and is scored on every later part up to the end: the next part tells what a fresh
    model reaches, the others what an old one keeps.

    Args:
        frame: any table.
        target: column to predict; rows without are left out.
        event_time: column that says when.
        label_delay: how long outcomes take, for example ``"30d"``: the gap before each origin.
        model: a way to train, see `holdfast.evaluation.procedures.Procedure`; None takes boosted
            trees.
        features: inputs; None takes all columns but those named here.
        entity: column whose rows belong together in the intervals; no input by default.
        group: the same, one column or several.
        metric: None takes roc_auc, accuracy (classes) or r2 (numbers).
        task: ``binary``, ``multiclass`` or ``regression``; None reads it off the target.
        positive: label of the positive class.
        origins: how many, 1 to 60; the parts after them hold about equally many rows.
        start: share of the rows that lies before the first origin, in (0, 1).
        window: learn from the last stretch of this length only, for example ``"180d"``; None
            learns from all that was known.
        most_rows: rows that a fit learns from at most (drawn at random from those allowed).
        level: coverage of the intervals.
        seed: of the rows that train and of the default model.
        progress: called with 1 after each fit.

    `ageing` is the change of the score per 30 days of a model's age, against younger models on the
    same rows; `trend` that of freshly trained models from origin to origin. With numbers for
    times both are per unit.

    Raises:
        DataError: too few rows, one class, times or targets that cannot be read.
        UsageError: unknown columns or metric, settings out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1200)
        >>> frame = {"when": np.arange(1200), "x": x, "y": (x + rng.normal(size=1200) > 0)}
        >>> found = backtest(frame, target="y", event_time="when", origins=4)
        >>> len(found.origins), 0.7 < found.overall.value < 0.95
        (4, True)
    """
    if not 1 <= origins <= 60 or not 0 < start < 1 or most_rows < FEWEST_TRAIN or not 0 < level < 1:
        raise UsageError(
            "the backtest cannot be set up so",
            expected=f"1 <= origins <= 60, 0 < start, level < 1, most_rows >= {FEWEST_TRAIN}",
            got=f"origins={origins}, start={start}, level={level}, most_rows={most_rows}",
        )
    groups = (group,) if isinstance(group, str) else tuple(group or ())
    aside = [event_time, *groups, *([entity] if entity else [])]
    procedure = Procedure(
        frame, target, features=features, model=model, task=task, positive=positive,
        without=aside, seed=seed,
    )  # fmt: skip
    chosen = metric_of(metric, procedure.task)
    view = procedure.table.column(event_time)
    times, dated = splits.times_of(view), view.storage.value == "time"
    gap = splits.span(label_delay, of_time=dated)
    length = math.inf if window is None else splits.span(window, of_time=dated, name="window")
    parts = splits.time_parts(times, origins, start)
    if procedure.task != "regression" and len(np.unique(procedure.truth[parts >= 0])) < 2:
        raise DataError(
            "the rows after the first origin hold one class only", expected="rows of two classes"
        )
    owners = [codes_of(procedure.table.column(name).array) for name in aside[1:]]
    rng = np.random.default_rng(seed)
    scores: dict[int, Floats] = {}
    found: list[Origin] = []
    for part in range(int(parts.max(initial=-1)) + 1):
        test = np.flatnonzero(parts == part)
        at = float(times[test].min())
        known = np.flatnonzero((times + gap <= at) & (parts < part) & (times >= at - length))
        later = np.flatnonzero(parts >= part)
        why, picked = "", known
        if len(known) > most_rows:
            picked = np.sort(rng.choice(known, most_rows, replace=False))
        if len(known) < FEWEST_TRAIN:
            why = f"{len(known)} rows were known by then, {FEWEST_TRAIN} are needed"
        elif procedure.task != "regression" and len(np.unique(procedure.truth[picked])) < 2:
            why = "the rows known by then hold one class only"
        else:
            scores[part] = np.full(len(procedure), np.nan)
            scores[part][later] = procedure(picked, later)
        if progress is not None:
            progress(1.0)
        score = _score(chosen, procedure.truth, scores.get(part), test, owners, times, level, why)
        found.append(
            Origin(
                at=at, until=float(times[test].max()), trained=len(picked), tested=len(test),
                positives=int(procedure.truth[test].sum()) if procedure.task == "binary" else None,
                score=score,
            )
        )  # fmt: skip
    if not scores:
        raise DataError(
            "no origin has enough rows whose outcome was known",
            expected=f"{FEWEST_TRAIN} rows before an origin",
            got=found[-1].score.why_not if found else "all rows of one moment",
            remedy="give more rows, a shorter label delay or fewer origins",
        )
    per = DAYS * _DAY if dated else 1.0
    ageing = _ageing(chosen, procedure.truth, scores, parts, found, per, level)
    trend = _trend(found, per, level)
    overall = _overall(chosen, procedure.truth, scores, parts, owners, times, level)
    unit = f"{chosen.unit} per {DAYS:.0f} days" if dated else f"{chosen.unit} per unit of time"
    return Backtest(
        target=target, task=procedure.task, metric=chosen.name,
        higher_is_better=chosen.higher_is_better, event_time=event_time, dated=dated,
        label_delay=str(label_delay), rows=len(procedure), left_out=procedure.left_out,
        origins=tuple(found), overall=overall, ageing=_slope(ageing, unit, len(scores), level),
        trend=_slope(trend, unit, len(scores), level), oldest=_oldest(found, scores) / per,
    )  # fmt: skip


def _ways(owners: Sequence[Ints], times: Floats, rows: Ints, count: int) -> list[Ints | None]:
    """How tested rows belong together: by time, and by each owner."""
    by_time = chunks(times[rows], min(count, max(2, len(rows) // 10)))
    return [by_time, *(np.unique(o[rows], return_inverse=True)[1] for o in owners)]


def _score(
    metric: FoldMetric,
    truth: Floats,
    score: Floats | None,
    rows: Ints,
    owners: Sequence[Ints],
    times: Floats,
    level: float,
    why: str,
) -> Estimate:
    """The score of one part, or why there is none."""
    if score is None or len(rows) < FEWEST_TEST:
        told = why or f"{len(rows)} rows to score, {FEWEST_TEST} are needed"
        return Estimate(value=None, level=level, n=len(rows), unit=metric.unit, why_not=told)
    here = np.zeros(len(rows), dtype=np.int64)
    found = scored(metric, truth[rows], score[rows], here)
    ways = _ways(owners, times, rows, CHUNKS)
    estimate = interval(metric, found, ways, level, n=len(rows))
    if metric.name != "roc_auc" or estimate.value is None:
        return estimate
    low, high, method = roc_auc_interval(truth[rows] > 0.5, score[rows], level=level)
    if high - low <= (estimate.high or 0.0) - (estimate.low or 0.0):
        return estimate
    return Estimate(
        value=estimate.value, low=low, high=high, level=level, n=len(rows), unit=metric.unit,
        method=method,
    )  # fmt: skip


def _overall(
    metric: FoldMetric,
    truth: Floats,
    scores: dict[int, Floats],
    parts: Ints,
    owners: Sequence[Ints],
    times: Floats,
    level: float,
) -> Estimate:
    """Mean over the origins of what fresh models reach."""
    fresh, told = np.full(len(truth), np.nan), np.full(len(truth), -1, dtype=np.int64)
    for part, score in scores.items():
        mine = parts == part
        fresh[mine], told[mine] = score[mine], part
    rows = np.flatnonzero(told >= 0)
    found = scored(metric, truth[rows], fresh[rows], told[rows])
    ways = _ways(owners, times, rows, CHUNKS * 2)
    return interval(metric, found, ways, level, n=len(rows))


def _trend(found: Sequence[Origin], per: float, level: float) -> Slope:
    """Slope of fresh models' scores over their origins."""
    told = [o for o in found if o.score.value is not None and o.score.low is not None]
    x = np.array([(o.at + o.until) / 2 / per for o in told])
    y = np.array([o.score.value or 0.0 for o in told])
    width = np.array([((o.score.high or 0.0) - (o.score.low or 0.0)) / 3.92 for o in told])
    return weighted_slope(x, y, np.maximum(width, 1e-9), level)


def _ageing(
    metric: FoldMetric,
    truth: Floats,
    scores: dict[int, Floats],
    parts: Ints,
    found: Sequence[Origin],
    per: float,
    level: float,
) -> Slope:
    """Slope of the score with a model's age, part by part."""
    entries: list[tuple[float, float, int, int]] = []
    for part, origin in enumerate(found):
        rows = np.flatnonzero(parts == part)
        if len(rows) < FEWEST_TEST:
            continue
        for model, score in scores.items():
            if model > part:
                continue
            value, _ = metric.influence(truth[rows], score[rows])
            if not math.isnan(value):
                entries.append(((origin.at - found[model].at) / per, value, part, model))
    if not entries:
        return math.nan, math.nan, math.nan
    told = np.array(entries)
    codes = told[:, 2:].astype(np.int64)
    return within_slope(told[:, 0], told[:, 1], codes[:, 0], codes[:, 1], level)


def _slope(found: Slope, unit: str, n: int, level: float) -> Estimate:
    value, low, high = found
    if math.isnan(value):
        return Estimate(
            value=None, level=level, n=n, unit=unit, why_not=f"{n} origins are too few for a slope"
        )
    return Estimate(value=value, low=low, high=high, level=level, n=n, unit=unit, method="t")


def _oldest(found: Sequence[Origin], scores: dict[int, Floats]) -> float:
    """Age of the oldest model on the last part."""
    return found[-1].at - found[min(scores)].at
