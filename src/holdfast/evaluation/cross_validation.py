"""The CV gap table: what random cross-validation claims, beside the future and new groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import splits
from holdfast.evaluation.cv_gap_record import CVGap, CVRow
from holdfast.evaluation.fold_scores import FoldMetric, chunks, interval, metric_of, scored
from holdfast.evaluation.procedures import Procedure, codes_of
from holdfast.evaluation.splits import Fold
from holdfast.records import Estimate
from holdfast.stats.influence import cluster_error
from holdfast.stats.paired import t_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: fewest rows that a training part must have, and fewest groups for a split by group
FEWEST_ROWS, FEWEST_GROUPS = 50, 5
#: chunks of time that are taken as independent of one another
CHUNKS = 40
#: groups of fewer rows than this on average are sampled whole where there are too many rows
SMALL_GROUP = 20
#: folds by group inside each part of time
GROUP_FOLDS = 3
#: a gap that matters: above this (share of the loss for losses), and above 2 standard errors
MATTERS = 0.02


def cv_gap(
    frame: Any,
    *,
    target: str,
    event_time: str | None = None,
    group: str | Sequence[str] | None = None,
    model: Any = None,
    features: Sequence[str] | None = None,
    label_delay: str | float = 0,
    metric: str | None = None,
    task: str | None = None,
    positive: Any = None,
    folds: int = 5,
    most_rows: int = 20_000,
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> CVGap:
    """Score one way to train under four splits of the same rows.

    ================= ===================================================================
    split             rows that train for a tested row
    ================= ===================================================================
    random            any other rows: the usual cross-validation
    group             rows of other groups
    forward           rows whose outcome was known when the tested part of time began
    forward + group   both
    ================= ===================================================================

    So that nothing but the split differs, every split is scored on the same rows (with
    `event_time` the later half, in `folds` parts of time), and every fit learns from the same
    number of rows. Scores are the mean over the parts; the gap is paired, row by row.

    Args:
        frame: any table.
        target: column to predict; rows without are left out.
        event_time: column that says when; without, nothing is split forward.
        group: column or columns (entity, patient, site) whose values new data will not share.
        model: a way to train, see `holdfast.evaluation.procedures.Procedure`; None takes boosted
            trees.
        features: inputs; None takes all columns but those named here.
        label_delay: how long outcomes take, for example ``"30d"``.
        metric: None takes roc_auc, accuracy (classes) or r2 (numbers).
        task: ``binary``, ``multiclass`` or ``regression``; None reads it off the target.
        positive: label of the positive class.
        folds: parts, 2 to 20.
        most_rows: rows that a fit learns from at most; of very many small groups, whole groups are
            drawn, else rows.
        level: coverage of the intervals.
        seed: of the folds, of the rows that train, of the default model.
        progress: called with 1 after each fit.

    Intervals take groups, and 40 stretches of time, as what is independent, whichever is wider;
    those of gaps also the fits, since two models differ in more than the rows they are scored on.

    Raises:
        DataError: too few rows, one class, times or targets that cannot be read.
        UsageError: neither `event_time` nor `group`, unknown columns or metric.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> person = rng.integers(0, 60, 600)
        >>> sick = rng.random(60) < 0.5
        >>> frame = {"person": person, "x": rng.normal(size=60)[person], "sick": sick[person]}
        >>> found = cv_gap(frame, target="sick", group="person")
        >>> found.row("random").do_not_quote, found.quote
        (True, 'group')
    """
    if event_time is None and group is None:
        raise UsageError(
            "nothing to split by but chance",
            expected="event_time=, group=, or both",
            got="neither",
        )
    if not 2 <= folds <= 20 or most_rows < FEWEST_ROWS or not 0 < level < 1:
        raise UsageError(
            "the folds cannot be made so",
            expected=f"2 <= folds <= 20, most_rows >= {FEWEST_ROWS}, 0 < level < 1",
            got=f"folds={folds}, most_rows={most_rows}, level={level}",
        )
    names = (group,) if isinstance(group, str) else tuple(group or ())
    aside = [*names, *([event_time] if event_time else [])]
    procedure = Procedure(
        frame, target, features=features, model=model, task=task, positive=positive,
        without=aside, seed=seed,
    )  # fmt: skip
    chosen = metric_of(metric, procedure.task)
    n = len(procedure)
    if n < 2 * FEWEST_ROWS:
        raise DataError(
            "too few rows to cross-validate",
            expected=f"{2 * FEWEST_ROWS} rows with a target",
            got=f"rows={n}",
        )
    groups = _groups(procedure, names)
    chance = np.random.default_rng(seed)
    inside = _sample(groups, n, most_rows * folds / (folds - 1), chance)
    times, parts, gap = None, np.zeros(n, dtype=np.int64), 0.0
    if event_time is not None:
        view = procedure.table.column(event_time)
        times = splits.times_of(view)
        gap = splits.span(label_delay, of_time=view.storage.value == "time")
        parts = splits.time_parts(times, folds)
    parts[~inside] = -1
    plans, refused = _plans(inside, times, parts, gap, groups, folds, seed)
    if "random" in refused:
        raise DataError("too few rows to cross-validate", got=refused["random"])
    rows = min(most_rows, min(len(train) for plan in plans.values() for train, _ in plan))
    out: dict[str, tuple[Floats, Ints]] = {}
    for name, plan in plans.items():
        try:
            out[name] = _out_of_fold(procedure, plan, rows, chance, progress)
        except DataError as wrong:
            if name == "random":
                raise
            refused[name] = wrong.message
    clusters = _clusters(groups, times, parts)
    table_rows = _rows(out, refused, procedure.truth, parts, chosen, clusters, level)
    return CVGap(
        target=target, task=procedure.task, metric=chosen.name,
        higher_is_better=chosen.higher_is_better, rows=n, tested=int((parts >= 0).sum()),
        trained=rows, left_out=procedure.left_out, label_delay=str(label_delay) if times is not None
        else "", event_time=event_time, groups=names, table=table_rows, level=level,
        positives=int(procedure.truth[parts >= 0].sum()) if procedure.task == "binary" else None,
    )  # fmt: skip


def _groups(procedure: Procedure, names: Sequence[str]) -> Ints | None:
    if not names:
        return None
    codes = np.zeros(len(procedure), dtype=np.int64)
    for name in names:
        found = codes_of(procedure.table.column(name).array)
        joint = codes * (int(found.max()) + 1) + found
        codes = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    return codes


def _sample(
    groups: Ints | None, n: int, wanted: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Rows that take part: all, or of very many small groups as many as are wanted.

    Sampling rows would tear such groups apart and hide what a random split leaks through them.
    """
    inside = np.ones(n, dtype=np.bool_)
    if groups is None or n <= wanted:
        return inside
    sizes = np.bincount(groups)
    if sizes.mean() >= SMALL_GROUP:
        return inside
    order = rng.permutation(len(sizes))
    kept = order[: int(np.searchsorted(sizes[order].cumsum(), wanted)) + 1]
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[kept] = True
    return chosen[groups]


def _plans(
    inside: npt.NDArray[np.bool_],
    times: Floats | None,
    parts: Ints,
    gap: float,
    groups: Ints | None,
    folds: int,
    seed: int,
) -> tuple[dict[str, list[Fold]], dict[str, str]]:
    """The folds of each split that can be made, and why others cannot."""
    tested = np.flatnonzero(parts >= 0)
    n = len(inside)

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    asked: dict[str, Iterable[Fold]] = {"random": splits.random_folds(tested, n, folds, rng())}
    refused: dict[str, str] = {}
    few = ""
    if groups is not None:
        count = int(groups.max()) + 1
        few = "" if count >= FEWEST_GROUPS else f"{count} groups, {FEWEST_GROUPS} are needed"
        if few:
            refused["group"] = few
        else:
            asked["group"] = splits.group_folds(tested, groups, min(folds, count), rng())
    if times is not None:
        asked["forward"] = splits.forward_folds(times, parts, gap)
        if groups is not None and few:
            refused["forward + group"] = few
        elif groups is not None:
            asked["forward + group"] = splits.forward_group_folds(
                times, parts, gap, groups, GROUP_FOLDS, rng()
            )
    plans: dict[str, list[Fold]] = {}
    for name, made in asked.items():
        plan = [(train[inside[train]], test) for train, test in made]
        least = min((len(train) for train, _ in plan), default=0)
        if least < FEWEST_ROWS:
            refused[name] = f"a part would learn from {least} rows, {FEWEST_ROWS} are needed"
        else:
            plans[name] = plan
    return plans, refused


def _out_of_fold(
    procedure: Procedure,
    plan: Sequence[Fold],
    rows: int,
    rng: np.random.Generator,
    progress: Callable[[float], None] | None,
) -> tuple[Floats, Ints]:
    """Scores of the tested rows, NaN elsewhere, and the number of the fit that gave each."""
    out = np.full(len(procedure), np.nan)
    fit = np.zeros(len(procedure), dtype=np.int64)
    for number, (train, test) in enumerate(plan):
        picked = train if len(train) <= rows else np.sort(rng.choice(train, rows, replace=False))
        out[test], fit[test] = procedure(picked, test), number
        if progress is not None:
            progress(1.0)
    return out, fit


def _clusters(groups: Ints | None, times: Floats | None, parts: Ints) -> list[Ints | None]:
    """Ways in which tested rows belong together; rows that are not tested do not count."""
    ways: list[Ints | None] = []
    tested = parts >= 0
    if groups is not None:
        ways.append(np.unique(groups[tested], return_inverse=True)[1])
    if times is not None:
        ways.append(chunks(times[tested], min(CHUNKS, max(2, int(tested.sum()) // 10))))
    return ways


def _rows(
    out: dict[str, tuple[Floats, Ints]],
    refused: dict[str, str],
    truth: Floats,
    parts: Ints,
    metric: FoldMetric,
    clusters: Sequence[Ints | None],
    level: float,
) -> tuple[CVRow, ...]:
    tested = parts >= 0
    n = int(tested.sum())
    found = {
        name: scored(metric, truth[tested], score[tested], parts[tested])
        for name, (score, _) in out.items()
    }
    base = found["random"]
    rows: list[CVRow] = []
    marked = False
    for name in ("random", "group", "forward", "forward + group"):
        if name in refused:
            none = Estimate(value=None, level=level, n=n, unit=metric.unit, why_not=refused[name])
            rows.append(CVRow(split=name, score=none))
        if name not in found:
            continue
        score = interval(metric, found[name], clusters, level, n=n)
        if name == "random":
            rows.append(CVRow(split=name, score=score))
            continue
        sign = 1.0 if metric.higher_is_better else -1.0
        gap = sign * (base.value - found[name].value)
        ways = [*clusters, np.unique(out[name][1][tested], return_inverse=True)[1]]
        error, count = cluster_error(base.influence - found[name].influence, ways)
        if math.isnan(gap) or math.isnan(error):
            rows.append(CVRow(split=name, score=score))
            continue
        half = t_quantile(level, count - 1) * error
        floor = MATTERS * (1.0 if metric.higher_is_better else max(abs(base.value), 1e-12))
        matters = gap > 2.0 * error and gap > floor
        marked |= matters
        estimate = Estimate(
            value=gap, low=gap - half, high=gap + half, level=level, n=n, unit=metric.unit,
            method=f"paired clustered t, {count} clusters",
        )  # fmt: skip
        rows.append(CVRow(split=name, score=score, gap=estimate, matters=matters))
    first = rows[0]
    rows[0] = CVRow(split=first.split, score=first.score, do_not_quote=marked)
    return tuple(rows)
