"""The background model of an audit and what its scores are worth: folds, metric, paired interval.

One small gradient-boosted model for every task, fitted on fixed rows with one thread: the same
rows give the same score on every machine. Differences between two scores carry a 95 % interval
paired by row, from the influence of each row on the metric (for AUC this is DeLong's variance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast.audit.boosting import Boosted
from holdfast.audit.columns import Floats, Rows
from holdfast.audit.record import Worth
from holdfast.stats.ranking import _midranks

if TYPE_CHECKING:
    from holdfast.audit.case import Case

_Z = 1.959963984540054
#: rounds of the background model: for looking, and for telling what a leak is worth on more rows
ROUNDS, SIZING_ROUNDS = 60, 120


class Folds(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are predicted from which; `key` names them for the memory of a case."""

    key: str
    parts: tuple[tuple[Any, Any], ...]


def fold_maker(
    kind: str, parts: int, y: Floats, task: str, order: Any, rng: np.random.Generator
) -> Folds:
    """Folds of n rows.

    Args:
        kind: ``random``, ``forward`` or ``group:COLUMN``.
        parts: number of folds; forward folds predict the last `parts` of ``parts + 1`` stretches.
        y: shape (n,), the target, for stratifying.
        task: as in `Case`.
        order: shape (n,), times for ``forward``, group numbers for ``group:``.
        rng: generator of the assignment.
    """
    n = len(y)
    if kind == "forward":
        ranked = np.argsort(order, kind="stable")
        edges = [round(n * i / (parts + 1)) for i in range(parts + 2)]
        made = []
        for i in range(1, parts + 1):
            test = ranked[edges[i] : edges[i + 1]]
            if len(test):  # a moment is never on both sides
                before = ranked[: edges[i]]
                before = before[order[before] < order[test[0]]]
                made.append((before, test[order[test] >= order[test[0]]]))
        return Folds(key=f"{kind}/{parts}", parts=tuple((a, b) for a, b in made if len(a)))
    if kind.startswith("group:"):
        _, codes = np.unique(order, return_inverse=True)
        of_group = rng.permutation(int(codes.max(initial=0)) + 1) % parts
        place = of_group[codes]
    else:
        place = np.empty(n, dtype=np.intp)
        shuffled = rng.permutation(n)
        if task in {"binary", "multiclass"}:
            shuffled = shuffled[np.argsort(y[shuffled], kind="stable")]
        place[shuffled] = np.arange(n) % parts
    made_parts = tuple(
        (np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in range(parts)
    )
    return Folds(
        key=f"{kind}/{parts}", parts=tuple((a, b) for a, b in made_parts if len(a) and len(b))
    )


def parameters(rows: int, task: str, classes: int, seed: int) -> dict[str, Any]:
    """Training parameters of the background model for a number of rows."""
    made: dict[str, Any] = {
        "objective": {"binary": "binary", "multiclass": "multiclass"}.get(task, "l2"),
        "learning_rate": 0.1,
        "num_leaves": 8 if rows < 2000 else 15,
        "min_data_in_leaf": max(3, min(20, rows // 40)),
        "lambda_l2": 1.0,
        "max_bin": 63,
        "min_data_in_bin": 1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbose": -1,
    }
    if task == "multiclass":
        made["num_class"] = classes
    return made


def train(x: Any, y: Floats, task: str, classes: int, seed: int, rounds: int = ROUNDS) -> Boosted:
    """The background model itself, LightGBM of so many rounds; fewer where classes are many."""
    if task == "multiclass":
        rounds = max(15, rounds // max(classes // 2, 1))
    return Boosted(x, y, parameters(len(y), task, classes, seed), rounds)


def fit_predict(
    x: Any,
    y: Floats,
    task: str,
    classes: int,
    folds: Folds,
    seed: int = 0,
    gains: Floats | None = None,
    rounds: int = ROUNDS,
) -> Floats:
    """Out-of-fold predictions.

    Args:
        x: shape (n, k) float32, NaN for null; with k = 0 the mean of the other folds is given.
        y: shape (n,).
        task: ``binary``, ``multiclass`` or ``regression``.
        classes: number of classes.
        folds: which rows are predicted from which.
        seed: of the model.
        gains: shape (k,), to which the gain of every column in the models is added.
        rounds: of boosting.

    Returns:
        Shape (n,), or (n, classes) for a multi-class task; NaN for rows no fold predicts.
    """
    n = len(y)
    wide = task == "multiclass"
    out = np.full((n, classes) if wide else n, np.nan)
    for fit, test in folds.parts:
        known = y[fit]
        if x.shape[1] == 0 or len(np.unique(known)) < 2:
            shares = np.bincount(known.astype(np.intp), minlength=classes) if wide else None
            out[test] = known.mean() if shares is None else shares / len(known)
            continue
        model = train(x[fit], known, task, classes, seed, rounds)
        out[test] = model.predict(x[test])
        if gains is not None:
            gains += model.gains()
    return out


def quality(y: Floats, predictions: Floats, task: str) -> float:
    """AUC, macro AUC or R2 of predictions; rows with NaN are left out; NaN where undefined.

    >>> quality(np.array([0.0, 1.0]), np.array([0.2, 0.7]), "binary")
    1.0
    """
    return influence(y, predictions, task)[0]


def by_class(y: Floats, predictions: Floats, task: str) -> Floats:
    """The score of each class against the rest; of a number or two classes the one score."""
    if task != "multiclass":
        return np.array([quality(y, predictions, task)])
    seen = np.isfinite(predictions[:, 0])
    return np.array(
        [_auc(y[seen] == k, predictions[seen, k])[0] for k in range(predictions.shape[1])]
    )


def influence(y: Floats, predictions: Floats, task: str) -> tuple[float, Floats]:
    """The metric and how much each row moves it; the variance is the sum of the squares.

    Source: DeLong 1988 for AUC (its placements are the influence), the delta method for R2.
    """
    seen = np.isfinite(predictions if predictions.ndim == 1 else predictions[:, 0])
    moved = np.zeros(len(y))
    if task == "regression":
        value, part = _r2(y[seen], predictions[seen])
    elif task == "binary":
        value, part = _auc(y[seen] > 0.5, predictions[seen])
    else:
        found = [_auc(y[seen] == k, predictions[seen, k]) for k in range(predictions.shape[1])]
        found = [f for f in found if np.isfinite(f[0])]
        if not found:
            return float("nan"), moved
        value = float(np.mean([f[0] for f in found]))
        part = np.mean([f[1] for f in found], axis=0)
    moved[seen] = part
    return value, moved


def _auc(positive: Any, score: Floats) -> tuple[float, Floats]:
    m = int(positive.sum())
    n = len(positive) - m
    moved = np.zeros(len(positive))
    if m == 0 or n == 0:
        return float("nan"), moved
    both = _midranks(score)
    above = (both[positive] - _midranks(score[positive])) / n
    below = 1.0 - (both[~positive] - _midranks(score[~positive])) / m
    auc = float(above.mean())
    moved[positive] = (above - auc) / m
    moved[~positive] = (below - auc) / n
    return auc, moved


def _r2(y: Floats, predicted: Floats) -> tuple[float, Floats]:
    total = (y - y.mean()) ** 2 if len(y) else y
    spread = float(total.sum())
    if not spread > 0.0:
        return float("nan"), np.zeros(len(y))
    error = (y - predicted) ** 2
    share = float(error.sum()) / spread
    return 1.0 - share, -(error - share * total) / spread


def paired(y: Floats, task: str, metric: str, better: Floats, worse: Floats) -> Worth | None:
    """What the difference of two predictions of the same rows is worth.

    Args:
        y: shape (n,), the target.
        task: as in `Case`.
        metric: its name, for the record.
        better: predictions with the leak.
        worse: predictions without it.

    Returns:
        The scores over the rows that both predict, with a 95 % interval paired by row (normal,
        from the influence of each row); None where the metric is undefined there.
    """
    a = better if better.ndim == 1 else better[:, 0]
    b = worse if worse.ndim == 1 else worse[:, 0]
    both = np.isfinite(a) & np.isfinite(b)
    first, of_first = influence(y[both], better[both], task)
    second, of_second = influence(y[both], worse[both], task)
    if not (np.isfinite(first) and np.isfinite(second)):
        return None
    half = _Z * float(np.sqrt(((of_first - of_second) ** 2).sum()))
    gain = first - second
    return Worth(metric=metric, with_=first, without=second, low=gain - half, high=gain + half)


def worth(
    case: Case, with_: Sequence[str], without: Sequence[str], folds: Folds | None = None
) -> Worth | None:
    """What some columns are worth: the score of `with_` against that of `without`, same folds."""
    return paired(
        case.fixed_y, case.task, case.metric, case.score(with_, folds), case.score(without, folds)
    )


def macro_f1(y: Floats, predictions: Floats) -> float:
    """Mean F1 over the classes that occur, each row given to its most probable class.

    >>> macro_f1(np.array([0.0, 1.0]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """
    told = predictions.argmax(axis=1) if predictions.ndim == 2 else (predictions >= 0.5)
    found = []
    for k in np.unique(y):
        hit = float(((told == k) & (y == k)).sum())
        found.append(2.0 * hit / float((told == k).sum() + (y == k).sum()))
    return float(np.mean(found))


def rows_of(folds: Folds) -> Rows:
    """Positions that some fold predicts, ascending."""
    return np.unique(np.concatenate([test for _, test in folds.parts]))
