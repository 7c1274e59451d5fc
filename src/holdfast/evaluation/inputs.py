"""From whatever the caller has to arrays: truth, scores, times, names of what belongs together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def as_positive(y_true: Any, positive: Any = None) -> Bools:
    """Truth as booleans, True for the positive class.

    Args:
        y_true: shape (n,); booleans, 0/1, or labels together with `positive`.
        positive: label of the positive class; a text also names a number it spells.

    Raises:
        DataError: labels are missing, not a column, or `positive` is none of them.
        UsageError: labels that are not 0/1 without `positive`.

    >>> as_positive(["good", "bad"], "bad").tolist()
    [False, True]
    """
    array = plain(y_true)
    if array.ndim != 1:
        raise DataError("the truth is not one column", expected="shape (n,)", got=f"{array.shape}")
    missing = _missing(array)
    if missing:
        raise DataError(
            "some labels are missing",
            expected="a label in every row",
            got=f"missing={missing} of {len(array)}",
            remedy="leave rows without a label out, and say how many they are",
        )
    if positive is not None:
        found = np.array([v == positive for v in array.tolist()], dtype=np.bool_)
        if not found.any():
            found = np.array([str(v) == str(positive) for v in array.tolist()], dtype=np.bool_)
        return found
    if array.dtype.kind == "b":
        return array.astype(np.bool_)
    distinct = np.unique(array) if array.dtype.kind in "iuf" else None
    if distinct is not None and set(distinct[:3].tolist()) <= {0, 1} and len(distinct) <= 2:
        return array.astype(np.bool_)
    try:
        labels = set(array.tolist())
    except TypeError:
        raise DataError(
            "the labels are not plain values", expected="booleans, 0/1 or texts"
        ) from None
    if labels <= {0, 1}:
        return array.astype(np.bool_)
    raise UsageError(
        "which label is the positive class?",
        expected="booleans, 0/1, or positive=...",
        got=f"labels={len(labels)} distinct",
        remedy="pass positive=<label>",
    )


def plain(values: Any) -> npt.NDArray[Any]:
    """A column of any library as a numpy array; Arrow nulls become NaN or None."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        return np.asarray(values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array)
                          else values.to_numpy())  # fmt: skip
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    elif not isinstance(values, np.ndarray) and hasattr(values, "to_numpy"):
        values = values.to_numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(
            "a column holds rows of different lengths", expected="one value a row"
        ) from None
    if array.dtype == object and array.ndim == 1:  # nullable integers, Decimals, dates
        try:
            column = pa.array(array, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return array
        if not pa.types.is_nested(column.type):
            return np.asarray(column.to_numpy(zero_copy_only=False))
    return array


def _missing(array: npt.NDArray[Any]) -> int:
    if array.dtype.kind == "f":
        return int(np.isnan(array).sum())
    if array.dtype == object:
        try:
            return sum(1 for v in array.ravel().tolist() if v is None or v != v)
        except (TypeError, ValueError):
            raise DataError(
                "a column holds values that are not plain", expected="numbers, texts or booleans"
            ) from None
    return 0


def as_scores(y_score: Any, n: int, name: str = "score") -> Floats:
    """Scores as floats.

    Raises:
        DataError: not one finite number a row.
    """
    array = plain(y_score)
    try:
        if array.dtype.kind in "USmM" or (
            array.dtype == object and any(isinstance(v, str) for v in array.ravel().tolist())
        ):
            raise TypeError("texts and times are no scores")
        scores = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"the {name} is not made of numbers",
            expected="one finite number a row",
            got=f"type={array.dtype}",
        ) from None
    if scores.shape != (n,) or not n:
        raise DataError(
            "truth and scores must be two columns of the same, non-zero length",
            expected="equal lengths >= 1",
            got=f"truth={(n,)}, {name}={scores.shape}",
        )
    if not np.isfinite(scores).all():
        raise DataError(
            f"some {name}s are not finite",
            expected="finite numbers",
            got=f"bad={int((~np.isfinite(scores)).sum())} of {n}",
            remedy="evaluate only rows that were answered; count the others apart",
        )
    return scores


def as_codes(values: Any, n: int, name: str) -> npt.NDArray[np.intp]:
    """Numbers of the distinct values of a column; a missing value is one of its own.

    Args:
        values: shape (n,), or several such columns, which together name the unit.
        n: rows expected.
        name: the argument, for messages.
    """
    several = isinstance(values, list | tuple) and len(values) > 0
    if several and all(_is_column(part) for part in values):
        out = np.zeros(n, np.intp)
        for part in values:
            codes = as_codes(part, n, name)
            out = out * (int(codes.max()) + 1) + codes
            out = np.unique(out, return_inverse=True)[1].reshape(-1)
        return out
    column = _arrow(values, name)
    if len(column) != n:
        raise DataError(
            f"{name} does not fit the rows", expected=f"{n} values", got=f"values={len(column)}"
        )
    codes = pc.index_in(column, pc.unique(column).drop_null())
    found = np.asarray(pc.fill_null(codes, -1).to_numpy(), dtype=np.intp)
    lost = found < 0
    found[lost] = int(found.max(initial=-1)) + 1 + np.arange(int(lost.sum()))
    return found


def _is_column(part: Any) -> bool:
    return hasattr(part, "__len__") and not isinstance(part, str | bytes)


def as_times(values: Any, n: int) -> npt.NDArray[Any]:
    """A column that sorts by time.

    Raises:
        DataError: missing times, or of another length.
    """
    array = plain(values)
    if array.shape != (n,):
        raise DataError(
            "event_time does not fit the rows", expected=f"{n} values", got=f"shape={array.shape}"
        )
    if array.dtype == object:
        column = _arrow(values, "event_time")
        array = np.asarray(column.to_numpy())
    lost = int(np.isnat(array).sum()) if array.dtype.kind in "mM" else _missing(array)
    if lost:
        raise DataError(
            "some event times are missing",
            expected="a time in every row",
            got=f"missing={lost} of {n}",
            remedy="leave these rows out, or evaluate without event_time",
        )
    return array


def _arrow(values: Any, name: str) -> pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        column = values
    elif isinstance(values, pa.Array):
        column = pa.chunked_array([values])
    else:
        source = plain(values)
        try:
            column = pa.chunked_array([pa.array(source, from_pandas=True)])
        except (pa.ArrowException, TypeError, ValueError):
            texts = [None if v is None or v != v else str(v) for v in source.tolist()]
            column = pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        raise DataError(f"{name} is not one plain value a row", got=f"type={column.type}")
    return column
