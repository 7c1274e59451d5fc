"""Arrow IPC bodies from strangers: measured before they are read, validated before they are used.

Arrow's reader trusts the sizes in a message. Here every message is looked at first: how many rows
it claims, how long its columns claim to be, and how large its compressed buffers claim to become.
Only then is it read, and then validated in full, before any value is touched.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from holdfast.errors import RequestError
from holdfast.serving.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

_DICTIONARY, _RECORDS = 2, 3


class _Table:
    """A flatbuffers table at `position` of `data`; reads fields by their number."""

    __slots__ = ("_data", "_fields", "_position")

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self._position = position
        vtable = position - struct.unpack_from("<i", data, position)[0]
        size = struct.unpack_from("<H", data, vtable)[0]
        self._fields = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)

    def _at(self, field: int) -> int:
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._position + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        at = self._at(field)
        return int(struct.unpack_from(form, self._data, at)[0]) if at else 0

    def table(self, field: int) -> _Table | None:
        at = self._at(field)
        return _Table(self._data, at + self._u32(at)) if at else None

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A vector of structs of two int64."""
        at = self._at(field)
        if not at:
            return
        start = at + self._u32(at)
        count = self._u32(start)
        if count * 16 > len(self._data):
            raise struct.error("vector longer than its message")
        yield from struct.iter_unpack("<qq", self._data[start + 4 : start + 4 + 16 * count])

    def _u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self._data, at)[0])


def _refuse(message: str, expected: str, got: str, status: int = 422) -> RequestError:
    return RequestError(
        message,
        status=status,
        code="HF-E-REQUEST-ARROW",
        expected=expected,
        got=got[:300],
        remedy="write the body with an Arrow IPC stream writer, in smaller pieces if need be",
    )


def measure(body: bytes, limits: Limits) -> None:
    """Check what the messages of an IPC stream claim, without reading a single column.

    Raises:
        RequestError: when rows, column lengths or decompressed sizes exceed the limits.
    """
    rows = grown = 0
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(body)):
        data = memoryview(message.metadata)
        root = _Table(data, struct.unpack_from("<I", data, 0)[0])
        kind = root.number(1, "<B")
        if kind not in (_DICTIONARY, _RECORDS):
            continue
        header = root.table(2)
        if header is not None and kind == _DICTIONARY:
            header = header.table(1)
        if header is None:
            raise struct.error("message without header")
        if kind == _RECORDS:
            rows += header.number(0, "<q")
        if rows > limits.rows:
            raise _refuse("there are too many rows", f"1 to {limits.rows} rows", f"rows={rows}")
        for length, nulls in header.pairs(1):
            if not 0 <= nulls <= length <= limits.body:
                raise _refuse(
                    "a column claims an impossible length", "as many values as sent", str(length)
                )
        if header.table(3) is not None:
            content = memoryview(message.body)
            for offset, length in header.pairs(2):
                if length >= 8:
                    grown += max(0, struct.unpack_from("<q", content, offset)[0])
            if grown > limits.expanded_bytes:
                raise _refuse(
                    "the body grows too large when decompressed",
                    f"at most {limits.expanded_bytes} bytes",
                    f"{grown} bytes claimed",
                    413,
                )


def _is_plain(kind: pa.DataType) -> bool:
    return bool(
        pt.is_boolean(kind)
        or pt.is_integer(kind)
        or pt.is_floating(kind)
        or pt.is_string(kind)
        or pt.is_large_string(kind)
        or pt.is_timestamp(kind)
        or pt.is_date(kind)
        or pt.is_null(kind)
    )


def _check_type(name: str, kind: pa.DataType) -> None:
    if pt.is_dictionary(kind):
        kind = kind.value_type
    elif pt.is_list(kind) or pt.is_large_list(kind):
        kind = kind.value_type
        if pt.is_null(kind):
            return
    if not _is_plain(kind):
        raise _refuse(
            f"column {name[:100]!r} has a type that is not read here",
            "booleans, numbers, texts, dates, times, dictionaries or lists of these",
            f"type={kind}",
        )


def _check_dictionaries(name: str, column: pa.Array, limits: Limits) -> None:
    """A long text in a dictionary may stand in every row: bound what it unfolds to."""
    if not pt.is_dictionary(column.type) or not len(column.dictionary):
        return
    values = column.dictionary
    if pt.is_string(values.type) or pt.is_large_string(values.type):
        longest = pc.max(pc.binary_length(values)).as_py() or 0
        if longest * len(column) > limits.expanded_bytes:
            raise _refuse(
                f"column {name[:100]!r} unfolds to too much text",
                f"at most {limits.expanded_bytes} bytes",
                f"{longest} bytes in one value",
                413,
            )


def read_batch(body: bytes, limits: Limits) -> pa.RecordBatch:
    """Read an IPC stream as one validated record batch; a column `features` may be a struct.

    Raises:
        RequestError: for anything that is not a sound stream within the limits.
    """
    try:
        measure(body, limits)
        reader = pa.ipc.open_stream(pa.BufferReader(body))
        schema = reader.schema
        if len(set(schema.names)) != len(schema.names):
            raise _refuse("two columns have the same name", "every name once", "duplicate columns")
        if len(schema.names) > limits.keys:
            raise _refuse("too many columns", f"at most {limits.keys}", str(len(schema.names)))
        for field in schema:
            if pt.is_struct(field.type) and field.name == "features":
                for inner in field.type:
                    _check_type(inner.name, inner.type)
            else:
                _check_type(field.name, field.type)
        batches = list(reader)
        for batch in batches:
            batch.validate(full=True)
            for name, column in zip(schema.names, batch.columns, strict=True):
                parts = (
                    [(name, column)]
                    if not pt.is_struct(column.type)
                    else list(zip([f.name for f in column.type], column.flatten(), strict=True))
                )
                for inner_name, inner in parts:
                    _check_dictionaries(inner_name, inner, limits)
        if len(batches) == 1:
            whole = batches[0]
        else:
            whole = pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([])
    except (pa.ArrowException, OSError, struct.error, ValueError, OverflowError) as error:
        raise _refuse(
            "the body is not a sound Arrow IPC stream",
            "application/vnd.apache.arrow.stream",
            f"{type(error).__name__}: {error}".replace("\n", " "),
        ) from None
    if whole.num_rows == 0:
        raise _refuse("there are no rows", f"1 to {limits.rows} rows", "rows=0")
    return whole
