"""From whatever the caller has to arrays that can be trusted: labels, numbers, ids."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def plain(values: Any, what: str) -> npt.NDArray[Any]:
    """One column as an array: from a list, numpy, Arrow, pandas or polars column.

    Raises:
        DataError: it is no column, or it is empty.
    """
    if _temporal(values):
        values = values.to_numpy(zero_copy_only=False) if _one_piece(values) else values.to_numpy()
    elif hasattr(values, "to_pylist"):
        values = values.to_pylist()
    elif hasattr(values, "to_numpy"):
        values = values.to_numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
            array = np.asarray(values, dtype=object)  # numpy writes 1 beside "a" as "1"
    except (ValueError, TypeError):
        array = np.empty(0)
    if array.ndim != 1 or not len(array):
        raise DataError(
            f"{what} must be one column of at least one row",
            expected="shape (n,), n >= 1",
            got=f"shape={array.shape}",
        )
    return array


def _temporal(values: Any) -> bool:
    kind = getattr(values, "type", None)
    return isinstance(kind, pa.DataType) and pa.types.is_temporal(kind)


def _one_piece(values: Any) -> bool:
    return isinstance(values, pa.Array)


def labels(values: Any, what: str) -> npt.NDArray[Any]:
    """A column of labels or times, none missing; mixed types are refused: they cannot be ordered.

    Raises:
        DataError: labels are missing or of mixed types.
    """
    array = plain(values, what)
    missing = _missing(array)
    if missing:
        raise DataError(
            f"some of {what} are missing",
            expected="a label in every row",
            got=f"missing={missing} of {len(array)}",
            remedy="leave rows without a label out, and say how many they are",
        )
    if array.dtype.kind != "O":
        return array
    listed = [v.item() if isinstance(v, np.generic) else v for v in array.tolist()]
    kinds = {type(v) for v in listed}
    if kinds == {str}:
        return np.asarray(listed, dtype=str)
    if kinds <= {int, float, bool}:
        return np.asarray(listed)
    if all(issubclass(kind, date) for kind in kinds):
        try:
            return np.asarray(pa.array(listed).to_numpy(zero_copy_only=False))
        except (pa.ArrowException, TypeError, ValueError):
            pass
    raise DataError(
        f"{what} are of mixed types",
        expected="texts, or numbers, or booleans",
        got=f"types={sorted(k.__name__ for k in kinds)}",
        remedy="write each label the same way everywhere",
    )


def _missing(array: npt.NDArray[Any]) -> int:
    if array.dtype.kind == "f":
        return int(np.isnan(array).sum())
    if array.dtype.kind in "mM":
        return int(np.isnat(array).sum())
    if array.dtype.kind == "O":
        return sum(1 for v in array.tolist() if v is None or v is not v or _unequal(v))
    return 0


def _unequal(value: Any) -> bool:
    """NaN, NaT and the like are not equal to themselves; pandas.NA cannot even say."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def numbers(values: Any, what: str, n: int | None = None) -> Floats:
    """A column of finite numbers, `n` of them.

    Raises:
        DataError: not numbers, not finite, or another length.
    """
    array = plain(values, what)
    if array.dtype.kind in "USmM" or (
        array.dtype.kind == "O" and any(isinstance(v, str) for v in array.tolist())
    ):
        raise DataError(f"{what} must be numbers", expected="numbers", got=f"type={array.dtype}")
    try:
        found = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            f"{what} must be numbers", expected="numbers", got=f"type={array.dtype}"
        ) from None
    bad = int((~np.isfinite(found)).sum())
    if bad:
        raise DataError(
            f"some of {what} are missing or not finite",
            expected="finite numbers",
            got=f"bad={bad} of {len(found)}",
            remedy="evaluate only rows that were answered; count the others apart",
        )
    if n is not None:
        same_length(found, n, what)
    return found


def same_length(array: npt.NDArray[Any], n: int, what: str) -> None:
    """Refuses a column of another length."""
    if len(array) != n:
        raise DataError(
            f"{what} do not fit the rows", expected=f"{n} values", got=f"{len(array)} values"
        )


def share(level: float) -> float:
    """The level of an interval.

    Raises:
        UsageError: it is not inside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise UsageError("the level is no share", expected="0 < level < 1", got=f"level={level}")
    return level


#: stretches of time that are resampled, and rows that each needs
_BLOCKS, _LEAST = 60, 10


def units(entity: Any, n: int, event_time: Any = None) -> tuple[Ints | None, int, str]:
    """What is independent: (unit of each row, how many, the word).

    All rows of an entity; else stretches of time of equal number of rows, at most 60, where there
    are times and at least 100 rows; else rows.
    """
    if entity is None and (event_time is None or n < _LEAST * _LEAST):
        return None, n, "rows"
    if entity is None:
        times = labels(event_time, "the event times")
        same_length(times, n, "the event times")
        _, moment, rows = np.unique(times, return_inverse=True, return_counts=True)
        place = (np.cumsum(rows) - rows) * min(_BLOCKS, n // _LEAST) // n
        _, block = np.unique(place, return_inverse=True)
        of_moment = block.reshape(-1).astype(np.intp)
        return of_moment[moment.reshape(-1)], int(of_moment.max()) + 1, "stretches of time"
    from holdfast.stats.units import numbered

    ids = labels(entity, "the entities")
    same_length(ids, n, "the entities")
    of_row, count = numbered(ids)
    return (None, n, "rows") if count == n else (of_row, count, "entities")
