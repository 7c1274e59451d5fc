"""The order of the rows: whether the place in the file, or a split along it, tells the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats
from holdfast.audit.record import Worth
from holdfast.audit.scoring import Folds, paired

#: a rank must lift the score by so much to be suspected
_LIFT = 0.03
#: or tell so much alone, whatever the other columns say
_STRIKING = 0.9


def lifted(case: Case, rank: Floats, plain: Sequence[str]) -> Worth | None:
    """What a rank of the fixed rows adds to the other columns; None below what is suspicious."""
    extra = (rank - rank.mean()) / (rank.std() or 1.0)
    lift = paired(
        case.fixed_y, case.task, case.metric, case.score(plain, extra=extra), case.score(plain)
    )
    if lift is None:
        return None
    if lift.gain >= _LIFT and lift.low >= 0.01 and lift.gain >= 0.2 * (1.0 - lift.without):
        return lift
    alone = case.quality(case.score([], extra=extra))
    return lift if case.task == "binary" and alone >= _STRIKING else None


def tenths(case: Case, order: Any) -> list[float]:
    """Mean outcome of every tenth of the rows in an order; share of the commonest class."""
    y = case.y[order]
    if case.task == "multiclass":
        y = (y == np.bincount(y.astype(np.intp)).argmax()).astype(np.float64)
    return [round(float(part.mean()), 4) for part in np.array_split(y, 10) if len(part)]


def chance(case: Case) -> float:
    """Chance of tenths so different in a shuffled file: a chi-square by permutation-free moments.

    The sum of squared z scores of the ten means is compared with ten times its mean by the
    Wilson-Hilferty cube root.
    """
    from statistics import NormalDist

    y = case.y
    if case.task == "multiclass":
        y = (y == np.bincount(y.astype(np.intp)).argmax()).astype(np.float64)
    spread = float(y.var())
    if not spread > 0.0:
        return 1.0
    parts = np.array_split(y, 10)
    square = sum(len(p) * (float(p.mean()) - float(y.mean())) ** 2 for p in parts) / spread
    freedom = 9.0
    z = ((square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)) ** 0.5
    return 1.0 - NormalDist().cdf(z)


def sorted_by_label(case: Case) -> bool:
    """Whether the file is one block a class, as many published tables are."""
    changes = int((np.diff(case.y) != 0).sum())
    return case.task != "regression" and changes < max(case.classes, 2) + 1


def sorted_by_column(case: Case) -> bool:
    """Whether a column that is no time rises or falls along the whole file, and explains it."""
    for name in case.features:
        view = case.column(name)
        if view.storage.value == "time" or view.missing_count or not case.coding(name).distinct > 1:
            continue
        codes = case.codes(name).astype(np.int64)
        if view.storage.value == "text":
            starts = int((np.diff(codes) != 0).sum())
            if starts < case.coding(name).distinct:
                return True
            continue
        few = case.coding(name).distinct < 0.5 * case.n
        if few and view.storage.value != "list" and _is_monotone(view.values):
            return True
    return False


def sorted_by_time(case: Case) -> bool:
    """Whether a time in the table, though not declared, rises or falls along the file."""
    views = [case.column(name) for name in case.features]
    return any(
        view.storage.value == "time" and not view.missing_count and _is_monotone(view.values)
        for view in views
    )


def _is_monotone(values: Any) -> bool:
    steps = np.diff(values.astype(np.float64))
    return bool((steps >= 0).all() or (steps <= 0).all())


def along(rows: Any, parts: int) -> Folds:
    """Folds along the file: each later stretch is predicted from the rows before it."""
    edges = [round(len(rows) * i / (parts + 1)) for i in range(parts + 2)]
    made = tuple(
        (np.arange(edges[i]), np.arange(edges[i], edges[i + 1])) for i in range(1, parts + 1)
    )
    return Folds(key=f"file/{parts}", parts=made)


def shuffled_along(case: Case, parts: int) -> Folds:
    """Folds of the same sizes as `along`, over the rows in random order: what order is held to."""
    order = case.rng("along").permutation(len(case.rows))
    made = tuple((order[fit], order[test]) for fit, test in along(case.rows, parts).parts)
    return Folds(key=f"shuffled/{parts}", parts=made)


def swing(case: Case, by_tenth: Sequence[float]) -> float:
    """How far the outcome of a tenth of the file is off the mean: in means of the rarer side.

    For a number in standard deviations.
    """
    middle = float(np.mean(by_tenth))
    off = max(abs(value - middle) for value in by_tenth)
    if case.task == "regression":
        return off / (float(case.y.std()) or 1.0)
    return off / (min(middle, 1.0 - middle) or 1.0)
