"""Interactions and recommended lists as numbers: one coding of users and items for all tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def table(source: Any, what: str, needed: tuple[str, ...]) -> pa.Table:
    """A table that has the columns needed.

    Raises:
        DataError: it cannot be read, or lacks one.
    """
    from holdfast import frames

    found = frames.read(source).arrow()
    absent = [name for name in needed if name not in found.column_names]
    if absent:
        raise DataError(
            f"{what} lack a column",
            expected=f"columns {', '.join(needed)}",
            got=f"columns {', '.join(found.column_names[:12])}",
            remedy="name the columns with user=, item=, score=, relevance= or event_time=",
        )
    return found


def code(columns: list[Any], what: str) -> tuple[list[Ints], int]:
    """Ids of several columns as numbers of one coding: (numbers of each column, how many).

    Raises:
        DataError: ids are missing, or texts in one table and numbers in another.
    """
    kinds = set()
    for column in columns:
        if column.null_count:
            raise DataError(
                f"some {what} ids are missing",
                expected="an id in every row",
                got=f"missing={column.null_count} of {len(column)}",
            )
        if pa.types.is_nested(column.type):
            raise DataError(
                f"{what} ids are not plain values",
                expected="one number or text in every row",
                got=f"type={column.type}",
            )
        kinds.add(_kind(column.type))
    kinds.discard("null")
    if len(kinds) > 1:
        raise DataError(
            f"{what} ids are of different types in the tables",
            expected="ids of one type",
            got=f"types={sorted(kinds)}",
            remedy="write each id the same way everywhere",
        )
    kind = next(iter(kinds), "null")
    to = {"number": pa.float64(), "integer": pa.int64(), "text": pa.large_string()}.get(kind)
    chunks: list[Any] = []
    for column in columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        chunks += (column.cast(to) if to is not None else column).chunks
    if not chunks:
        return [np.zeros(0, np.intp) for _ in columns], 0
    whole = pa.chunked_array(chunks).combine_chunks().dictionary_encode()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.combine_chunks()
    numbers = whole.indices.to_numpy(zero_copy_only=False).astype(np.intp)
    parts = np.split(numbers, np.cumsum([len(c) for c in columns])[:-1])
    return [np.asarray(p) for p in parts], len(whole.dictionary)


def _kind(type_: Any) -> str:
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_floating(type_):
        return "number"
    if (
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    ):
        return "text"
    return str(type_)


def times(column: Any, what: str) -> npt.NDArray[np.int64] | Floats:
    """Event times as numbers that sort.

    Raises:
        DataError: times are missing or of a type that does not sort as time.
    """
    type_ = column.type
    if column.null_count:
        raise DataError(
            f"some event times of {what} are missing", got=f"missing={column.null_count}"
        )
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        column = column.cast(pa.timestamp("us", tz=getattr(type_, "tz", None))).cast(pa.int64())
    elif pa.types.is_string(type_) or pa.types.is_large_string(type_):
        try:
            column = pc.cast(column, pa.timestamp("us")).cast(pa.int64())
        except pa.ArrowInvalid:
            raise DataError(
                f"the event times of {what} are texts that are no times",
                expected="times, dates, numbers or ISO 8601 texts",
            ) from None
    elif not (pa.types.is_integer(type_) or pa.types.is_floating(type_)):
        raise DataError(
            f"the event times of {what} do not sort", expected="times or numbers", got=f"{type_}"
        )
    found = column.to_numpy()
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise DataError(f"some event times of {what} are not finite")
    return np.asarray(found)


def numbers(column: Any, what: str) -> Floats:
    """A column of finite numbers.

    Raises:
        DataError: it is none.
    """
    type_ = column.type
    if not (
        pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)
    ):
        raise DataError(f"{what} are no numbers", expected="finite numbers", got=f"type={type_}")
    found: Floats = column.cast(pa.float64()).to_numpy().astype(np.float64)
    bad = int((~np.isfinite(found)).sum())
    if bad:
        raise DataError(
            f"some of {what} are missing or not finite", expected="finite numbers",
            got=f"bad={bad} of {len(found)}",
        )  # fmt: skip
    return found


def ranked(
    user: Ints, item: Ints, score: Floats | None, items: int
) -> tuple[Ints, Ints, Ints, int]:
    """Lists in order: (user, item, place from 0, doubles left out).

    Without scores the order of rows counts. Equal scores keep the order of rows. Of an item that
    is listed twice for a user the better place is kept.
    """
    n = len(user)
    order = np.argsort(user, kind="stable") if score is None else np.lexsort((-score, user))
    u, i = user[order], item[order]
    _, first = np.unique(u.astype(np.int64) * max(items, 1) + i, return_index=True)
    keep = np.sort(first)
    u, i = u[keep], i[keep]
    return u, i, places(u), n - len(keep)


def places(group: Ints) -> Ints:
    """Place of each row within its run of equal numbers, from 0.

    >>> places(np.array([3, 3, 5, 5, 5])).tolist()
    [0, 1, 0, 1, 2]
    """
    n = len(group)
    if not n:
        return np.zeros(0, np.intp)
    start = np.r_[True, group[1:] != group[:-1]]
    return np.asarray(np.arange(n) - np.maximum.accumulate(np.where(start, np.arange(n), 0)))


def matrix(user: Ints, item: Ints, place: Ints, row_of: Ints, rows: int, k: int) -> Ints:
    """The first k items of each evaluated user, shape (rows, k), -1 where the list has ended.

    `user`, `item` and `place` are the lists; `row_of` gives the row of a user, or -1 where the
    user is not evaluated.
    """
    out = np.full((rows, k), -1, dtype=np.intp)
    kept = (place < k) & (row_of[user] >= 0)
    out[row_of[user[kept]], place[kept]] = item[kept]
    return out
