"""CSV and TSV: types from all rows, not the first block; a bad line is named by its number.

A column is integer, float, boolean, date, time or text, the first of these that every value
fits. Codes with leading zeros stay text, and so do integers of more than 64 bits. An empty cell
is null; in a column of numbers, dates or booleans ``NA``, ``N/A``, ``NaN``, ``null`` and
``None`` are null too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from holdfast.errors import DataError

_NULLS = pa.array(["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A"])
_EXACT = 2**53
_BLOCK = 1 << 22


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole file; `columns` are selected by the caller."""
    del columns
    table = pa.Table.from_batches(list(_texts(path)), schema=_schema(path))
    found = [_kind(column) for column in table.columns]
    return _convert(table, found)


def scan(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Record batches; the file is read twice so that every batch has the types of the whole."""
    kinds = ["null"] * len(_schema(path))
    for batch in _texts(path):
        kinds = [_wider(k, _kind(c)) for k, c in zip(kinds, batch.columns, strict=True)]
    for batch in _texts(path):
        table = _convert(pa.Table.from_batches([batch]), kinds)
        yield from table.combine_chunks().to_batches(max_chunksize=batch_rows)


def _options(path: Path) -> tuple[pacsv.ReadOptions, pacsv.ParseOptions]:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(1 << 16)
    line = head.split(b"\n", 1)[0]
    if not line.strip():
        raise DataError(
            "the file is empty",
            expected="a first line with the column names",
            got=f"bytes={path.stat().st_size}",
            remedy="write the header line, even when there are no rows",
        )
    delimiter = max([b",", b";", b"\t", b"|"], key=line.count).decode()
    parse = pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    return pacsv.ReadOptions(use_threads=False, block_size=_BLOCK), parse


def _schema(path: Path) -> pa.Schema:
    read_options, parse = _options(path)
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            first = stream.read(_BLOCK).split(b"\n", 1)[0] + b"\n"
        names = pacsv.read_csv(
            pa.BufferReader(first), read_options=read_options, parse_options=parse
        ).column_names
        return pa.schema([(name, pa.string()) for name in names])
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _explain(path, error) from error


def _texts(path: Path) -> Iterator[pa.RecordBatch]:
    """Every cell as text, empty cells null."""
    read_options, parse = _options(path)
    schema = _schema(path)
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(schema.names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            yield from pacsv.open_csv(
                stream, read_options=read_options, parse_options=parse, convert_options=convert
            )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _explain(path, error) from error


def _kind(column: pa.Array | pa.ChunkedArray) -> str:
    """The narrowest kind every value of a text column fits."""
    values = _bare(column).drop_null()
    if not len(values):
        return "null"
    if _fits(values, pa.int64()):
        if pc.any(pc.match_substring_regex(values, r"^-?0[0-9]")).as_py():
            return "text"
        bounds = pc.min_max(values.cast(pa.int64())).as_py()
        exact = bounds["min"] >= -_EXACT and bounds["max"] <= _EXACT
        return "int" if exact else "bigint"
    if _fits(values, pa.float64()):
        risky = pc.match_substring_regex(values, r"^-?[0-9]{16,}$|^-?0[0-9]")
        return "text" if pc.any(risky).as_py() else "float"
    words = pc.unique(values.slice(0, 64)).to_pylist()
    if {word.lower() for word in words} <= {"true", "false"} and _fits(values, pa.bool_()):
        return "bool"
    if _fits(values, pa.date32()):
        return "date"
    return "time" if _fits(values, pa.timestamp("us")) else "text"


_TYPES = {
    "null": pa.null(),
    "int": pa.int64(),
    "bigint": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}
_WIDER = {
    frozenset({"int", "bigint"}): "bigint",
    frozenset({"int", "float"}): "float",
    frozenset({"date", "time"}): "time",
}


def _wider(left: str, right: str) -> str:
    if left == right or right == "null":
        return left
    if left == "null":
        return right
    return _WIDER.get(frozenset({left, right}), "text")


def _fits(values: pa.Array | pa.ChunkedArray, target: pa.DataType) -> bool:
    if not _fits_slice(values.slice(0, 256), target):
        return False
    return len(values) <= 256 or _fits_slice(values, target)


def _fits_slice(values: pa.Array | pa.ChunkedArray, target: pa.DataType) -> bool:
    try:
        values.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


def _bare(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column with every word for nothing as null."""
    words = pc.is_in(pc.utf8_trim_whitespace(column), value_set=_NULLS)
    return pc.if_else(words, pa.scalar(None, pa.string()), column)


def _convert(table: pa.Table, kinds: Sequence[str]) -> pa.Table:
    columns = []
    for column, kind in zip(table.columns, kinds, strict=True):
        if kind == "text":
            columns.append(column)
        elif kind == "null":
            columns.append(pa.chunked_array([pa.nulls(table.num_rows)]))
        else:
            columns.append(_bare(column).cast(_TYPES[kind]))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _explain(path: Path, error: Exception) -> DataError:
    """Name the line, never its text."""
    bad = _first_bad_byte(path)
    if bad is not None:
        line, byte = bad
        return DataError(
            f"line {line} is not UTF-8 text",
            expected="UTF-8",
            got=f"line={line}, byte={byte}",
            remedy="save the file as UTF-8",
        )
    message = str(error)
    where = _between(message, "Row #", ":")
    expected = _between(message, "Expected ", ",")
    got = _between(message, "got ", ":")
    wanted = expected.removesuffix(" columns")
    if where and wanted and got:
        return DataError(
            f"line {where} has {got} cells where the header has {wanted}",
            expected=f"{wanted} cells",
            got=f"line={where}, cells={got}",
            remedy="mend that line: a comma in a text needs quotes around it",
        )
    return DataError(
        "the file cannot be read as CSV",
        expected="a header line and rows of as many cells",
        got=f"name={path.name!r}",
        remedy="check the separator and the quotes",
    )


def _between(text: str, start: str, end: str) -> str:
    _, found, rest = text.partition(start)
    return rest.partition(end)[0].strip() if found else ""


def _first_bad_byte(path: Path) -> tuple[int, int] | None:
    with pa.input_stream(str(path), compression="detect") as stream:
        rest, number = b"", 0
        while block := stream.read(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                number += 1
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as error:
                    return number, error.start + 1
        try:
            rest.decode("utf-8")
        except UnicodeDecodeError as error:
            return number + 1, error.start + 1
    return None
