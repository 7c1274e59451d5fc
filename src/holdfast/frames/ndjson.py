"""NDJSON: one JSON object per line; a bad line is named by its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.errors import DataError
from holdfast.frames.rows import from_rows

_CHUNK = 16_384


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole file; `columns` are selected by the caller."""
    del columns
    tables = [table for _, table in _chunks(path, _CHUNK)]
    schema = join_schemas([table.schema for table in tables])
    return pa.concat_tables([conform(table, schema) for table in tables])


def scan(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Record batches; the file is read twice so that every batch has the types of the whole."""
    schema = join_schemas([table.schema for _, table in _chunks(path, _CHUNK)])
    for _, table in _chunks(path, batch_rows):
        yield from conform(table, schema).combine_chunks().to_batches()


def _chunks(path: Path, rows: int) -> Iterator[tuple[int, pa.Table]]:
    decode = msgspec.json.Decoder().decode
    pending: list[Any] = []
    number = first = 0
    with pa.input_stream(str(path), compression="detect") as stream:
        for number, line in enumerate(_lines(stream), start=1):
            if not line.strip():
                continue
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _bad_line(number, line, error) from error
            if not pending:
                first = number
            pending.append(row)
            if len(pending) >= rows:
                yield first, from_rows(pending, first=first, unit="line")
                pending = []
    if pending or not first:
        yield first, from_rows(pending, first=first, unit="line")


def _lines(stream: pa.NativeFile) -> Iterator[bytes]:
    """Lines of a byte stream, without their line ends."""
    rest = b""
    while block := stream.read(1 << 20):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest


def _bad_line(number: int, line: bytes, error: Exception) -> DataError:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return DataError(
            f"line {number} is not UTF-8 text",
            expected="UTF-8",
            got=f"line={number}, byte={bad.start + 1}",
            remedy="save the file as UTF-8",
        )
    return DataError(
        f"line {number} is not a JSON object",
        expected="one JSON object per line",
        got=f"line={number}, {str(error).split(':')[0]}",
        remedy="mend or remove that line; NaN and Infinity are not JSON, use null",
    )


def join_schemas(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The types that hold every chunk: null gives way, integers widen to floats, else an error."""
    joined: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            known = joined.get(field.name, pa.null())
            joined[field.name] = _wider(field.name, known, field.type)
    return pa.schema(list(joined.items()))


def _wider(name: str, left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if {left, right} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(left) and pa.types.is_list(right):
        return pa.list_(_wider(name, left.value_type, right.value_type))
    raise DataError(
        f"column {name!r} changes its type within the file",
        expected=f"type={left}",
        got=f"type={right}",
        remedy="give the whole column as one type, for example as text",
    )


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns and types of `schema`; absent columns are null."""
    columns = {}
    for field in schema:
        if field.name not in table.column_names:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
            continue
        try:
            columns[field.name] = table.column(field.name).cast(field.type)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"column {field.name!r} mixes fractions with integers above 2^53, which a float "
                "would change",
                expected="integers only, or smaller ones",
                got=f"type={field.type}",
                remedy="give the column as text or as integers throughout",
            ) from error
    return pa.table(columns) if columns else table
