"""Two ways to train on one table: the combined 5x2cv F test."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import DataError
from holdfast.evaluation.fold_scores import metric_of
from holdfast.evaluation.paired_record import ModelComparison
from holdfast.evaluation.procedures import Procedure
from holdfast.records import Estimate
from holdfast.stats.paired import five_by_two_f, t_quantile

FEWEST_ROWS = 40


def five_by_two(
    frame: Any,
    target: str,
    first: Any,
    second: Any,
    *,
    metric: str,
    positive: Any,
    level: float,
    seed: int,
    names: tuple[str, str],
) -> ModelComparison:
    """Five times, each procedure learns on one half and is scored on the other, both ways.

    Each of the two may also be ``(procedure, features)``. The interval is the t interval of the
    5x2cv variance with five degrees of freedom, the two folds of a halving taken as independent and
    the five halvings as one. Source: Alpaydin 1999, Dietterich 1998.

    Raises:
        DataError: fewer than 40 rows, or a half without one of the classes.
    """
    ways = []
    for asked in (first, second):
        model, features = asked if isinstance(asked, tuple) else (asked, None)
        ways.append(
            Procedure(
                frame, target, model=model, features=features, positive=positive, seed=seed
            )
        )  # fmt: skip
    a = ways[0]
    chosen = metric_of(metric if _suits(metric, a.task) else None, a.task)
    n = len(a)
    if n < FEWEST_ROWS:
        raise DataError("too few rows for 5x2cv", expected=f"{FEWEST_ROWS} rows", got=f"rows={n}")
    rng = np.random.default_rng(seed)
    values = np.empty((2, 5, 2))
    for repeat in range(5):
        order = rng.permutation(n)
        halves = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
        for fold in range(2):
            train, test = halves[fold], halves[1 - fold]
            for way, procedure in enumerate(ways):
                values[way, repeat, fold], _ = chosen.influence(
                    procedure.truth[test], procedure(train, test)
                )
    if not np.isfinite(values).all():
        raise DataError("a half holds one class only", expected="both classes in each half")
    gaps = values[1] - values[0]
    _, p = five_by_two_f(gaps)
    mean = float(gaps.mean())
    spread = float(((gaps - gaps.mean(axis=1, keepdims=True)) ** 2).sum()) / 5.0
    half = t_quantile(level, 5) * float(np.sqrt(spread / 2.0))
    better = None
    if p <= 1 - level and abs(mean) > half:
        better = "second" if (mean > 0) == chosen.higher_is_better else "first"
    return ModelComparison(
        metric=chosen.name, higher_is_better=chosen.higher_is_better, test="5x2cv F", names=names,
        first=float(values[0].mean()), second=float(values[1].mean()),
        difference=Estimate(
            value=mean, low=mean - half, high=mean + half, level=level, n=n, unit=chosen.unit,
            method="5x2cv t",
        ),
        p=p, better=better, rows=n,
    )  # fmt: skip


def _suits(metric: str, task: str) -> bool:
    """Whether to use the metric; roc_auc, the usual default, gives way to the task's own."""
    return metric != "roc_auc" or task == "binary"
