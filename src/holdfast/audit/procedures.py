"""Runs of the user's own model or procedure, on the kind of table the user gave."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.audit.case import Case
from holdfast.audit.columns import Floats, Rows
from holdfast.errors import DataError, ModelError


def is_estimator(model: Any) -> bool:
    """Whether it has fit and predict."""
    return callable(getattr(model, "fit", None)) and callable(getattr(model, "predict", None))


def arguments(procedure: Any) -> int:
    """Number of tables a procedure takes: 2 for (train, test), 1 for the whole table."""
    try:
        needed = [
            p
            for p in inspect.signature(procedure).parameters.values()
            if p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}
        ]
    except (TypeError, ValueError):
        return 2
    return len(needed)


class Frames:
    """The user's tables, cut and relabelled in their own kind: pandas, polars, or Arrow.

    Args:
        source: what the caller gave.
        arrow: the same as Arrow, used where the source is neither pandas nor polars.
    """

    def __init__(self, source: Any, arrow: pa.Table) -> None:
        kind = type(source).__module__.split(".")[0]
        known = kind in {"pandas", "polars"} and hasattr(source, "columns")
        self._frame = source if known else arrow
        self._kind = kind if known else "pyarrow"

    def rows(self, rows: Rows) -> Any:
        """The rows at these positions, in this order."""
        if self._kind == "pandas":
            return self._frame.iloc[rows]
        return self._frame[rows] if self._kind == "polars" else self._frame.take(pa.array(rows))

    def relabelled(self, rows: Rows, target: str, source: Rows) -> Any:
        """The rows, with the target of other rows in the place of their own."""
        taken = self.rows(rows)
        if self._kind == "pandas":
            return taken.assign(**{target: self._frame[target].to_numpy()[source]})
        if self._kind == "polars":
            return taken.with_columns(self._frame[target].gather(source).alias(target))
        place = taken.column_names.index(target)
        return taken.set_column(place, target, self._frame.column(target).take(pa.array(source)))

    def split(self, rows: Rows, target: str, features: tuple[str, ...]) -> tuple[Any, Any]:
        """Features and target of the rows, as an estimator takes them."""
        taken = self.rows(rows)
        if self._kind == "pyarrow":
            return taken.select(list(features)), taken.column(target).to_numpy()
        return taken[list(features)], taken[target]


def numbers(case: Case, answer: Any, rows: int, classes: Any = None) -> Floats:
    """An answer of a model as predictions of the case's task.

    Args:
        case: the case; its target says which label is scored.
        answer: scores (n,), probabilities (n, k), or labels (n,).
        rows: rows asked about.
        classes: the labels of the columns of probabilities, where the model names them.

    Raises:
        DataError: another number of rows, or NaN.
    """
    found = np.asarray(answer)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.shape[:1] != (rows,):
        raise DataError(
            "the procedure does not answer for every row",
            expected=f"{rows} predictions, in the order of the rows",
            got=f"shape={found.shape}",
        )
    labels = list(case.target.classes) if case.target is not None else []
    if found.ndim == 2:
        return _probabilities(case, found, labels, classes)
    if found.dtype.kind in "OUSb" or found.dtype.kind == "T":
        texts = [str(v) for v in found.tolist()]
        if case.task == "multiclass":
            return np.array([[float(t == label) for label in labels] for t in texts])
        return np.array([float(t == labels[1]) for t in texts]) if len(labels) > 1 else np.zeros(0)
    values = found.astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError("the procedure answers NaN", expected="finite scores", got="NaN or inf")
    if case.task == "multiclass":
        texts = [str(int(v)) if float(v).is_integer() else repr(v) for v in values.tolist()]
        return np.array([[float(t == label) for label in labels] for t in texts])
    return np.asarray(values)


def _probabilities(case: Case, found: Any, labels: list[str], classes: Any) -> Floats:
    named = [_label(c) for c in classes] if classes is not None else labels
    if case.task == "binary":
        place = named.index(labels[1]) if labels[1] in named else found.shape[1] - 1
        return np.asarray(found[:, place], dtype=np.float64)
    out = np.zeros((len(found), len(labels)))
    for i, label in enumerate(labels):
        if label in named:
            out[:, i] = found[:, named.index(label)]
    return out


def _label(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and plain.is_integer():
        return str(int(plain))
    return str(plain)


def asked(case: Case, model: Any, x: Any, rows: int) -> Floats:
    """Predictions of an estimator: probabilities where it has them.

    Raises:
        ModelError: the model refuses the table.
    """
    try:
        if case.task != "regression" and callable(getattr(model, "predict_proba", None)):
            answer, classes = model.predict_proba(x), getattr(model, "classes_", None)
        else:
            answer, classes = model.predict(x), None
    except Exception as error:
        raise ModelError(
            "the model cannot be asked about the test table",
            expected="a model that takes the table's features",
            got=type(error).__name__,
        ) from error
    return numbers(case, answer, rows, classes)


def ran(case: Case, procedure: Any, rows: int, *tables: Any) -> Floats:
    """Predictions of a procedure for its last table.

    Raises:
        ModelError: the procedure fails.
    """
    try:
        answer = procedure(*tables)
    except Exception as error:
        raise ModelError(
            "the procedure failed",
            expected="a function of (train, test) that gives a prediction for each row of test",
            got=type(error).__name__,
            remedy="run it on the two tables by hand",
        ) from error
    return numbers(case, answer, rows)
