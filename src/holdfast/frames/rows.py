"""Dicts to Arrow: lists of rows and dicts of columns, one type per column or a clear error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from holdfast.errors import DataError

_EXACT = 2**53


def from_rows(rows: Sequence[Any], *, first: int = 0, unit: str = "row") -> pa.Table:
    """A list of dicts as a table; an absent key is a null; columns in order of first appearance.

    Args:
        rows: the dicts.
        first: number of the first row, for error messages.
        unit: what a row is called in error messages: ``"row"`` or ``"line"``.
    """
    names: dict[str, None] = {}
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(
                f"{unit} {first + position} is not an object with named values",
                expected="a dict per row",
                got=f"{unit}={first + position}, type={type(row).__name__}",
                remedy="give every row as {name: value}",
            )
        if row.keys() != names.keys():
            names.update(dict.fromkeys(row))
    for name in names:
        if not isinstance(name, str):
            raise DataError(
                "a column name is not text",
                expected="text as names",
                got=f"type={type(name).__name__}",
                remedy="use strings as keys",
            )
    columns = {
        name: to_array(name, [row.get(name) for row in rows], first=first, unit=unit)
        for name in names
    }
    return pa.table(columns)


def from_columns(columns: Mapping[str, Any]) -> pa.Table:
    """A dict of columns (lists, numpy or Arrow arrays) as a table."""
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, pa.Array | pa.ChunkedArray):
            arrays[name] = values
        elif hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
            arrays[name] = pa.chunked_array(values)
        elif hasattr(values, "__array__"):
            try:
                arrays[name] = pa.array(values)
            except (pa.ArrowException, TypeError, ValueError):
                arrays[name] = to_array(name, list(values))
        else:
            arrays[name] = to_array(name, list(values))
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}={count}" for name, count in list(lengths.items())[:6])
        raise DataError(
            "the columns differ in length",
            expected="as many values in every column",
            got=shown,
            remedy="fill the shorter columns with None",
        )
    return pa.table(arrays)


def to_array(name: str, values: list[Any], *, first: int = 0, unit: str = "row") -> pa.Array:
    """Python values as one Arrow array of one type.

    Integers that share a column with fractions must be exact as floats, or they are refused.
    """
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise _mixed(name, values, first, unit) from error
    if pa.types.is_floating(array.type):
        for position, value in enumerate(values):
            if value.__class__ is int and abs(value) > _EXACT:
                raise DataError(
                    f"column {name!r} mixes fractions with an integer above 2^53, which a float "
                    "would change",
                    expected="integers only, or smaller ones",
                    got=f"{unit}={first + position}",
                    remedy="give the column as text or as integers throughout",
                )
    return array


def _mixed(name: str, values: list[Any], first: int, unit: str) -> DataError:
    """Say where a column stops being of one type; values themselves are not shown."""
    seen: type | None = None
    for position, value in enumerate(values):
        kind = value.__class__
        where = f"{unit} {first + position}"
        if value is None:
            continue
        if kind is int and not -(2**63) <= value < 2**64:
            return DataError(
                f"column {name!r} holds an integer of more than 64 bits in {where}",
                expected="integers of at most 64 bits",
                got=f"{unit}={first + position}, bits={value.bit_length()}",
                remedy="give the column as text",
            )
        if seen is not None and kind is not seen and {kind, seen} != {int, float}:
            return DataError(
                f"column {name!r} mixes {seen.__name__} and {kind.__name__}, first in {where}",
                expected=f"{seen.__name__} in every row",
                got=f"{unit}={first + position}, type={kind.__name__}",
                remedy="mend that row, or give the whole column as text",
            )
        if seen is None or kind is float:
            seen = kind
    return DataError(
        f"column {name!r} cannot be carried as one Arrow type",
        expected="one type per column",
        got=f"type={seen.__name__ if seen else 'none'}",
        remedy="convert the column to numbers or text",
    )
