"""A way to train on a table and score other rows: what backtests and cross-validation repeat."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast import frames
from holdfast.errors import DataError, UsageError
from holdfast.frames.types import Storage
from holdfast.models.encoding import Encoder, categories_of
from holdfast.models.recipes import usable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TASKS = ("binary", "multiclass", "regression")
#: trees, leaves and learning rate of the model that is taken where none is given
ROUNDS, LEAVES, RATE = 100, 15, 0.1


class Procedure:
    """A table, its target and a way to train, as one function of row numbers.

    Args:
        frame: any table; rows without a target are left out (`left_out` counts them).
        target: column to predict.
        features: inputs; None takes every column but the target and those in `without`.
        model: how to train, one of

            * None: boosted trees of LightGBM (100 trees, 15 leaves, rate 0.1, one thread);
            * an estimator with `fit` and `predict` (or `predict_proba`), cloned for each fit, or a
              function without arguments that makes one. It is given a pandas or polars frame where
              `frame` is one, else a float matrix with categories as codes and NaN where missing;
              labels are 0 and 1, or 0, 1, … in sorted order;
            * a function ``(train, test) -> scores`` of two Arrow tables, `test` without the target.

        task: ``binary``, ``multiclass`` or ``regression``; None reads it off the target: two labels
            are binary, more texts are classes, numbers are a regression.
        positive: label of the positive class; None takes the second in sorted order.
        without: columns that are no inputs (times, entities, groups).
        seed: of the default model.

    Attributes:
        truth: shape (n,): 0/1 floats, class codes, or numbers.
        kept: shape (n,), positions of these rows in `frame`.

    Raises:
        DataError: fewer than two labels, or a target that is not finite.
    """

    def __init__(
        self,
        frame: Any,
        target: str,
        *,
        features: Sequence[str] | None = None,
        model: Any = None,
        task: str | None = None,
        positive: Any = None,
        without: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        if task is not None and task not in TASKS:
            raise UsageError("unknown task", expected=f"one of {TASKS}", got=f"task={task!r}")
        table = frames.read(frame)
        view = table.column(target)
        known = np.ones(len(view), dtype=np.bool_) if view.missing is None else ~view.missing
        self.kept: Ints = np.flatnonzero(known)
        self.left_out = len(view) - len(self.kept)
        self.table = table if not self.left_out else table.take(self.kept)
        self.target, self.seed = target, seed
        view = self.table.column(target)
        self.task, self.labels, self.truth = _truth(view, task, positive)
        names = [n for n in self.table.names if n != target and n not in without]
        self.features = tuple(names if features is None else features)
        for name in self.features:
            self.table.column(name)  # says so where it is not there
        self._source = frame
        self._run = self._way(model)

    def __len__(self) -> int:
        return len(self.truth)

    def __call__(self, train: Ints, test: Ints) -> Floats:
        """Scores of the test rows by a model that learned from the training rows alone.

        Args:
            train: numbers of the rows to learn from.
            test: numbers of the rows to score.

        Returns:
            shape (len(test),): score of the positive class, class code, or number.

        Raises:
            DataError: the training rows hold one class only, or the scores are unusable.
        """
        labels = self.truth[train]
        if self.task != "regression" and len(np.unique(labels)) < 2:
            raise DataError(
                "the training rows hold one class only",
                expected="rows of two classes in every training part",
                got=f"rows={len(train)}",
                remedy="give more rows, or fewer and longer parts",
            )
        scores = np.asarray(self._run(train, test), dtype=np.float64)
        if scores.shape != (len(test),) or not np.isfinite(scores).all():
            raise DataError(
                "the model does not give one finite score a row",
                expected=f"shape ({len(test)},), finite",
                got=f"shape={scores.shape}",
            )
        return scores

    def _way(self, model: Any) -> Callable[[Ints, Ints], Any]:
        if model is None:
            inputs = usable(self.table.arrow(), self.features)
            return self._boosted(inputs)
        if hasattr(model, "fit") and not isinstance(model, type):
            from sklearn.base import clone

            return self._estimator(lambda: clone(model))
        if callable(model) and _arguments(model) == 0:
            return self._estimator(model)
        if callable(model) and _arguments(model) >= 2:
            return self._function(model)
        raise UsageError(
            "this is no way to train",
            expected="an estimator, a function that makes one, or fit_predict(train, test)",
            got=f"model={type(model).__name__}",
        )

    def _boosted(self, inputs: Sequence[str]) -> Callable[[Ints, Ints], Any]:
        import lightgbm as lgb

        plain = self.table.arrow().select(list(inputs))
        categories = categories_of(plain, inputs)
        matrix = Encoder(inputs, categories).table(plain)
        classes = len(self.labels)
        objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
        parameters: dict[str, Any] = {
            "objective": objective[self.task], "num_leaves": LEAVES, "learning_rate": RATE,
            "min_data_in_leaf": 20, "seed": self.seed, "deterministic": True,
            "force_row_wise": True, "num_threads": 1, "verbosity": -1,
        }  # fmt: skip
        if self.task == "multiclass":
            parameters["num_class"] = classes
        words = [i for i, name in enumerate(inputs) if name in categories]

        def run(train: Ints, test: Ints) -> Any:
            data = lgb.Dataset(
                matrix[train], self.truth[train], categorical_feature=words, params=parameters
            )
            booster = lgb.train(parameters, data, num_boost_round=ROUNDS)
            found = np.asarray(booster.predict(matrix[test], num_threads=1))
            return found.argmax(axis=1) if self.task == "multiclass" else found

        return run

    def _estimator(self, make: Callable[[], Any]) -> Callable[[Ints, Ints], Any]:
        part = self._inputs()
        labels = self.truth if self.task == "regression" else self.truth.astype(np.int64)

        def run(train: Ints, test: Ints) -> Any:
            fitted = make()
            fitted.fit(part(train), labels[train])
            if self.task == "binary" and hasattr(fitted, "predict_proba"):
                column = list(fitted.classes_).index(1)
                return fitted.predict_proba(part(test))[:, column]
            if self.task == "binary" and hasattr(fitted, "decision_function"):
                return fitted.decision_function(part(test))
            return fitted.predict(part(test))

        return run

    def _inputs(self) -> Callable[[Ints], Any]:
        source, names = self._source, list(self.features)
        if hasattr(source, "iloc"):  # pandas
            chosen = source[names]
            return lambda rows: chosen.iloc[self.kept[rows]]
        if hasattr(source, "get_columns"):  # polars
            picked = source.select(names)
            return lambda rows: picked[self.kept[rows]]
        inputs = usable(self.table.arrow(), names)
        plain = self.table.arrow().select(list(inputs))
        matrix = Encoder(inputs, categories_of(plain, inputs)).table(plain)
        return lambda rows: matrix[rows]

    def _function(self, model: Callable[[pa.Table, pa.Table], Any]) -> Callable[[Ints, Ints], Any]:
        whole = self.table.arrow()
        bare = whole.drop_columns([self.target])

        def run(train: Ints, test: Ints) -> Any:
            found = model(whole.take(pa.array(train)), bare.take(pa.array(test)))
            found = found.to_pylist() if hasattr(found, "to_pylist") else found
            if self.task != "multiclass":
                return found
            place = {label: code for code, label in enumerate(self.labels)}
            return [place.get(label, -1) for label in np.asarray(found, dtype=object).tolist()]

        return run


def _truth(
    view: frames.ColumnView, task: str | None, positive: Any
) -> tuple[str, tuple[Any, ...], Floats]:
    """The task, the labels in order of their codes, and the truth in numbers."""
    if view.storage in {Storage.LIST, Storage.TIME, Storage.NULL}:
        raise DataError(
            "this column cannot be a target", expected="labels or numbers",
            got=f"{view.name!r} of type {view.storage.value}",
        )  # fmt: skip
    values = view.to_pylist()
    labels = sorted(set(values))
    numbers = view.storage in {Storage.INT, Storage.FLOAT}
    found = task
    if found is None:
        found = "binary" if len(labels) == 2 else "regression" if numbers else "multiclass"
    if len(labels) < 2:
        raise DataError(
            "the target takes one value only", expected="two labels or more",
            got=f"target={view.name!r}, {len(labels)} values in {len(values)} rows",
        )  # fmt: skip
    if found == "regression":
        if not numbers:
            raise DataError("the target of a regression is not numeric", got=f"{view.name!r}")
        truth = view.values.astype(np.float64)
        if not np.isfinite(truth).all():
            raise DataError("some targets are infinite", expected="finite numbers")
        return found, (), truth
    if found == "binary":
        if len(labels) != 2:
            raise DataError(
                "the target of a binary task has other than two labels", expected="2 labels",
                got=f"{len(labels)} in {view.name!r}", remedy="say task='multiclass'",
            )  # fmt: skip
        wanted = labels[1] if positive is None else positive
        match = [label for label in labels if label == wanted or str(label) == str(wanted)]
        if not match:
            raise UsageError(
                "the positive label is not in the target", expected="one of its two labels",
                got=f"target={view.name!r}",
            )  # fmt: skip
        return found, tuple(labels), np.array([v == match[0] for v in values], dtype=np.float64)
    if len(labels) > 1000:
        raise DataError(
            "too many classes", expected="at most 1,000", got=f"{len(labels)} in {view.name!r}",
            remedy="is this column a number or an identifier?",
        )  # fmt: skip
    place = {label: float(code) for code, label in enumerate(labels)}
    return found, tuple(labels), np.array([place[v] for v in values])


def _arguments(model: Callable[..., Any]) -> int:
    """How many arguments a function wants."""
    try:
        wanted = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):
        return -1
    empty = inspect.Parameter.empty
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for p in wanted if p.kind in kinds and p.default is empty)


def codes_of(values: Any) -> Ints:
    """Codes 0, 1, … of entities or groups, in order of appearance; a missing one stands alone.

    >>> codes_of(["a", None, "a", None]).tolist()
    [0, 1, 0, 2]
    """
    listed = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    known: dict[Any, int] = {}
    out = np.empty(len(listed), dtype=np.int64)
    for row, value in enumerate(listed):
        key = ("missing", row) if value is None or value != value else value
        out[row] = known.setdefault(key, len(known))
    return out
