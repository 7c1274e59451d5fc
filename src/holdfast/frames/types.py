"""Which Arrow types are handled, how each is normalised, and which are refused.

==========================  =============================================================
Arrow type                  becomes
==========================  =============================================================
null, bool, int*, uint*     itself; integers stay integers, exactly
float16                     float32; float32 and float64 stay
decimal                     int64 (scale 0) or float64, only where the digits survive
string, string_view         large_string; large_string stays
dictionary, run-end         its values, then as above
date32, date64              date32
timestamp (any unit, zone)  timestamp[us], in UTC where there was a zone; finer digits are cut
list of numbers             large_list of float64 or int64
anything else               refused: struct, map, union, binary, time of day, duration ...
==========================  =============================================================
"""

from __future__ import annotations

import enum

import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, TypeRefusedError

_EXACT = 2**53


class Storage(enum.StrEnum):
    """How the values of a column are stored once normalised."""

    NULL = "null"
    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    TIME = "time"
    LIST = "list"


def storage_of(kind: pa.DataType) -> Storage:
    """The storage of a normalised type.

    >>> import pyarrow as pa
    >>> storage_of(pa.int8()).value
    'int'
    """
    if pa.types.is_null(kind):
        return Storage.NULL
    if pa.types.is_boolean(kind):
        return Storage.BOOL
    if pa.types.is_integer(kind):
        return Storage.INT
    if pa.types.is_floating(kind):
        return Storage.FLOAT
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Storage.TIME
    if pa.types.is_large_list(kind):
        return Storage.LIST
    return Storage.TEXT


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _refused(name: str, kind: pa.DataType, remedy: str) -> TypeRefusedError:
    return TypeRefusedError(
        f"column {name!r} has a type that is not handled",
        expected="numbers, booleans, text, times, or lists of numbers",
        got=f"type={kind}",
        remedy=remedy,
    )


def target_type(name: str, kind: pa.DataType) -> pa.DataType:
    """The normalised type of a column, or `TypeRefusedError` when it is not handled.

    >>> import pyarrow as pa
    >>> target_type("x", pa.dictionary(pa.int8(), pa.string()))
    DataType(large_string)
    """
    types = pa.types
    if types.is_dictionary(kind):
        return target_type(name, kind.value_type)
    if types.is_run_end_encoded(kind):
        return target_type(name, kind.value_type)
    if types.is_null(kind) or types.is_boolean(kind) or types.is_integer(kind):
        return kind
    if types.is_floating(kind):
        return pa.float32() if kind == pa.float16() else kind
    if types.is_decimal(kind):
        return pa.int64() if kind.scale <= 0 else pa.float64()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.large_string()
    if types.is_date(kind):
        return pa.date32()
    if types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if _is_list(kind):
        inner = kind.value_type
        if types.is_integer(inner):
            return pa.large_list(pa.int64())
        if types.is_floating(inner):
            return pa.large_list(pa.float64())
        raise _refused(name, kind, "leave the column out, or turn each list into text or columns")
    if types.is_struct(kind) or types.is_map(kind):
        raise _refused(name, kind, "flatten it into one column per field, or leave it out")
    if types.is_duration(kind) or types.is_time(kind):
        raise _refused(name, kind, "turn it into a number of seconds, or leave it out")
    raise _refused(name, kind, "leave the column out with columns=[...], or convert it to text")


def normalise(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in its normalised type; the caller's column is not modified.

    Raises:
        TypeRefusedError: the type is not handled.
        DataError: decimals that a float cannot carry, or values out of range.
    """
    target = target_type(name, column.type)
    if column.type == target:
        return column
    try:
        if pa.types.is_dictionary(column.type):
            decoded = pa.chunked_array(
                [chunk.dictionary_decode() for chunk in column.chunks], column.type.value_type
            )
            return normalise(name, decoded)
        if pa.types.is_run_end_encoded(column.type):
            decoded = pa.chunked_array(
                [pc.run_end_decode(chunk) for chunk in column.chunks], column.type.value_type
            )
            return normalise(name, decoded)
        if pa.types.is_decimal(column.type) and column.type.scale > 0:
            _require_exact(name, column)
        if pa.types.is_string_view(column.type):
            return column.cast(pa.string()).cast(target)
        if pa.types.is_timestamp(column.type):
            return column.cast(target, safe=False)
        return column.cast(target)
    except pa.ArrowException as error:
        raise DataError(
            f"column {name!r} cannot be carried as {target}",
            expected=f"values that fit {target}",
            got=f"type={column.type}",
            remedy="cast the column yourself, to text if every digit matters",
        ) from error


def _require_exact(name: str, column: pa.ChunkedArray) -> None:
    """Refuse decimals whose digits a 64-bit float would lose."""
    bounds = pc.min_max(column).as_py()
    for value in (bounds["min"], bounds["max"]):
        if value is not None and abs(value.scaleb(column.type.scale)) > _EXACT:
            raise TypeRefusedError(
                f"column {name!r} holds decimals with more digits than a 64-bit float carries",
                expected="at most 15 significant digits",
                got=f"type={column.type}",
                remedy="round the column, or cast it to text",
            )
