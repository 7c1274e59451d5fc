"""Helpers of the column-wide side of rules: masks over a `ColumnView`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.contracts.model import Field, Kind
from holdfast.contracts.rules.scalar import micros
from holdfast.frames.types import Storage

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

    Mask = npt.NDArray[np.bool_]


def nothing(column: ColumnView) -> Mask:
    """A mask that marks no row."""
    return np.zeros(len(column), dtype=bool)


def present(column: ColumnView) -> Mask:
    """Mask of the rows with a value."""
    return np.ones(len(column), dtype=bool) if column.missing is None else ~column.missing


def text_mask(column: ColumnView, marked: Callable[[str], bool]) -> Mask:
    """Marks of a text column from a test of its distinct texts."""
    codes, words = column.encoded
    flags = np.fromiter((marked(word) for word in words), dtype=bool, count=len(words))
    return np.append(flags, False)[codes]  # code -1 (null) meets the last flag


def instants(column: ColumnView) -> tuple[npt.NDArray[np.int64], Mask]:
    """Microseconds since 1970 and a mask of the rows that hold a time (a time, or ISO text)."""
    if column.storage is Storage.TIME:
        return column.values, present(column)
    if column.storage is not Storage.TEXT:
        return np.zeros(len(column), dtype=np.int64), nothing(column)
    codes, words = column.encoded
    parsed = [micros(word) for word in words]
    known = np.array([value is not None for value in parsed] + [False])
    values = np.array([value or 0 for value in parsed] + [0], dtype=np.int64)
    return values[codes], known[codes]


def sentinel_mask(field: Field, column: ColumnView, named: tuple[Any, ...]) -> Mask:
    """Rows that hold one of the named values."""
    if field.kind is Kind.TIME:
        values, known = instants(column)
        wanted = [m for m in map(micros, named) if m is not None]
        return known & np.isin(values, np.array(wanted, dtype=np.int64))
    if column.storage is Storage.TEXT:
        texts = {name for name in named if isinstance(name, str)}
        return text_mask(column, texts.__contains__)
    if column.storage not in {Storage.INT, Storage.FLOAT}:
        return nothing(column)
    mask = nothing(column)
    for name in named:
        if not isinstance(name, str):
            mask |= equal(column.values, name)
    return mask & present(column)


def equal(values: npt.NDArray[Any], number: float) -> Mask:
    """Exact equality with a Python number, also above 2^53."""
    if values.dtype.kind in "iu":
        if isinstance(number, float):
            if not number.is_integer():
                return np.zeros(len(values), dtype=bool)
            number = int(number)
        info = np.iinfo(values.dtype)
        if not info.min <= number <= info.max:
            return np.zeros(len(values), dtype=bool)
        return np.asarray(values == values.dtype.type(number))
    as_float = _float(number)
    if as_float != number:
        return np.zeros(len(values), dtype=bool)
    return np.asarray(values == np.float64(as_float))


def below(values: npt.NDArray[Any], bound: float) -> Mask:
    """``values < bound``, exact for every pair of integer and float types."""
    if values.dtype.kind in "iu":
        info = np.iinfo(values.dtype)
        limit = _ceiling(bound)
        if limit is None or limit > info.max:
            everything = bound > 0
            return np.full(len(values), everything)
        if limit <= info.min:
            return np.zeros(len(values), dtype=bool)
        return np.asarray(values < values.dtype.type(limit))
    near = _float(bound)
    if near < bound:  # the float just below stands for it: x < bound <=> x <= near
        return np.asarray(values.astype(np.float64, copy=False) <= near)
    return np.asarray(values.astype(np.float64, copy=False) < near)


def above(values: npt.NDArray[Any], bound: float) -> Mask:
    """``values > bound``, exact for every pair of integer and float types."""
    if values.dtype.kind in "iu":
        info = np.iinfo(values.dtype)
        limit = _floor(bound)
        if limit is None or limit < info.min:
            everything = bound < 0
            return np.full(len(values), everything)
        if limit >= info.max:
            return np.zeros(len(values), dtype=bool)
        return np.asarray(values > values.dtype.type(limit))
    near = _float(bound)
    if near > bound:
        return np.asarray(values.astype(np.float64, copy=False) >= near)
    return np.asarray(values.astype(np.float64, copy=False) > near)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _ceiling(bound: float) -> int | None:
    return None if isinstance(bound, float) and math.isinf(bound) else math.ceil(bound)


def _floor(bound: float) -> int | None:
    return None if isinstance(bound, float) and math.isinf(bound) else math.floor(bound)
