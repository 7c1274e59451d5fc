"""What a leak between rows is worth: the same rows, predicted with and without the leak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Rows
from holdfast.audit.record import Worth
from holdfast.audit.scoring import Folds, fit_predict, fold_maker, paired
from holdfast.frames.column import ColumnView

#: rows of the training and of the test table that are used for one score
MOST = 6000
#: training rows of a model that is to remember single rows
MOST_FIT = 20_000
_FEWEST = 20


def sized_on(case: Case, *wanted: str) -> list[str]:
    """Columns on which a leak between rows is sized: the honest ones, where most are, else all."""
    honest = case.honest
    if 2 * len(honest) >= len(case.features) and set(wanted) <= set(honest):
        return honest
    return list(case.features)


def by_folds(case: Case, names: Sequence[str], honest: Folds, parts: int = 3) -> Worth | None:
    """Random folds against folds that keep the leak out, on the same rows.

    Args:
        case: the case; its fixed rows are used.
        names: columns the model is given.
        honest: folds that keep groups together or go forward in time.
        parts: number of random folds.

    Returns:
        `with` is the score of random folds, over the rows both predict; None without a target.
    """
    if case.task == "none" or not names or not honest.parts:
        return None
    random = case.score(names, case.folds("random", parts))
    kept = case.score(names, honest)
    return paired(case.fixed_y, case.task, case.metric, random, kept)


def by_groups(
    case: Case, names: Sequence[str], groups: npt.NDArray[np.int64], name: str
) -> Worth | None:
    """Random folds against folds that keep these groups (shape (n,)) together.

    Where most groups have few rows, a sample of rows would break them up: whole groups are drawn.
    """
    if case.task == "none" or not names:
        return None
    sample = case.at(whole_groups(groups, MOST, case.rng(f"groups {name}"), case.rows))
    folds = fold_maker(
        "group:" + name, 3, sample.fixed_y, case.task, groups[sample.rows], case.rng("folds")
    )
    return by_folds(sample, names, folds)


def whole_groups(
    groups: npt.NDArray[np.int64], most: int, rng: np.random.Generator, usual: Rows
) -> Rows:
    """Positions of at most about `most` rows, ascending: groups of two and more, taken whole."""
    if len(groups) <= most:
        return np.arange(len(groups))
    counts = np.bincount(groups)
    if len(counts) <= 400:  # few and large groups: any rows will do
        return usual
    size = counts.astype(np.float64)
    order = rng.permutation(len(counts))
    taken = order[np.cumsum(size[order]) <= most]
    chosen = np.zeros(len(counts), np.bool_)
    chosen[taken] = True
    return np.flatnonzero(chosen[groups])


def by_rows(
    case: Case,
    names: Sequence[str],
    leaked: npt.NDArray[np.bool_],
    test_rows: Rows | None = None,
) -> Worth | None:
    """The test table scored by a model given the leaked training rows, and by one that was not.

    Args:
        case: the case, with a test table that has targets.
        names: columns the model is given.
        leaked: shape (n,), training rows that have a copy in the test table.
        test_rows: positions of the test rows to score; a sample of all by default.

    Returns:
        The scores over the same test rows; None without a target, or where one of the two models
        has too few rows.
    """
    test, target = case.test, case.test_target
    names = [name for name in names if same_type(case, name)]
    if case.task == "none" or test is None or target is None or not names:
        return None
    rng = case.rng("rows of a leak")
    if test_rows is None:
        test_rows = _drawn(test.num_rows, MOST, rng)
    rows = _drawn(case.n, MOST_FIT, rng)
    clean = np.flatnonzero(~leaked[rows])
    if len(test_rows) < _FEWEST or len(clean) < _FEWEST or len(clean) == len(rows):
        return None
    x = np.hstack([_both(case, name, rows, test_rows) for name in names])
    y = np.concatenate([case.y[rows], target.y[test_rows]])
    scored = np.arange(len(rows), len(y))
    predictions: list[Floats] = []
    for fit in (np.arange(len(rows)), clean):
        folds = Folds(key="leak", parts=((fit, scored),))
        predictions.append(fit_predict(x, y, case.task, case.classes, folds, case.seed))
    return paired(y, case.task, case.metric, *predictions)


def _drawn(n: int, most: int, rng: np.random.Generator) -> Rows:
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def same_type(case: Case, name: str) -> bool:
    """Whether a training column is in the test table too, stored in the same way."""
    test = case.test
    if test is None or name not in test:
        return False
    return bool(test.column(name).array.type == case.column(name).array.type)


def _both(case: Case, name: str, rows: Rows, test_rows: Rows) -> Any:
    """Numbers of one column for training rows and test rows, made together."""
    test = case.test
    assert test is not None  # noqa: S101
    taken = [
        case.column(name).array.take(pa.array(rows)),
        test.column(name).array.take(pa.array(test_rows)),
    ]
    both = ColumnView(name, pa.chunked_array(taken))
    return case.coding(name).numbers(both, np.arange(len(both)))
