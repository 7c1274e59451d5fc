"""The door: `read` takes any table in, `scan` reads a file in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from holdfast.errors import DataError, UsageError
from holdfast.frames import csv, ndjson, parquet
from holdfast.frames import ipc as arrow_files
from holdfast.frames.rows import from_columns, from_rows
from holdfast.frames.table import BATCH_ROWS, Table

Scanner = Callable[[Path, int], Iterator[pa.RecordBatch]]
Reader = Callable[[Path, Sequence[str] | None], pa.Table]

#: suffix -> (read the whole file, read it in chunks); one more format is one file and one line
FORMATS: dict[str, tuple[Reader, Scanner]] = {
    ".parquet": (parquet.read, parquet.scan),
    ".pq": (parquet.read, parquet.scan),
    ".arrow": (arrow_files.read, arrow_files.scan),
    ".feather": (arrow_files.read, arrow_files.scan),
    ".ipc": (arrow_files.read, arrow_files.scan),
    ".csv": (csv.read, csv.scan),
    ".tsv": (csv.read, csv.scan),
    ".ndjson": (ndjson.read, ndjson.scan),
    ".jsonl": (ndjson.read, ndjson.scan),
}


def read(source: Any, *, columns: Sequence[str] | None = None) -> Table:
    """Any table as one typed view; the caller's object is never modified.

    Args:
        source: anything with ``__arrow_c_stream__`` (pandas >= 2.2, polars, pyarrow, duckdb), an
            Arrow table, record batch or list of batches, a list of dicts, a dict of columns, or
            the path of a Parquet, CSV, NDJSON or Arrow file.
        columns: only these columns, in this order; a column of a type that is not handled can be
            left out this way.

    Raises:
        DataError: the source cannot be read as a table; `TypeRefusedError` for a column type.

    Example:
        >>> read([{"a": 2**60 + 1}]).column("a").bounds[0] == 2**60 + 1
        True
    """
    if isinstance(source, Table):
        return source if columns is None else source.select(columns)
    if isinstance(source, str | Path):
        path = existing(source)
        return Table(_format(path)[0](path, columns), columns)
    if isinstance(source, pa.RecordBatch):
        return Table(pa.Table.from_batches([source]), columns)
    if isinstance(source, pa.Table):
        return Table(source, columns)
    if isinstance(source, Mapping):
        return Table(from_columns(source), columns)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return Table(_through_arrow(source), columns)
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        if source and all(isinstance(part, pa.RecordBatch) for part in source):
            return Table(pa.Table.from_batches(list(source)), columns)
        return Table(from_rows(source), columns)
    raise UsageError(
        "this is not a table",
        expected="an Arrow-speaking table, a list of dicts, a dict of columns, or a file path",
        got=f"type={type(source).__name__}",
        remedy="pass a pandas or polars frame, or a path to .parquet, .csv, .ndjson or .arrow",
    )


def scan(path: str | Path, batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Read a file in chunks of at most `batch_rows` rows, in the same types `read` gives."""
    found = existing(path)
    for batch in _format(found)[1](found, batch_rows):
        table = Table(pa.Table.from_batches([batch])).arrow()
        yield from table.to_batches(max_chunksize=batch_rows)


def existing(path: str | Path) -> Path:
    """The path, or a clear error when no file is there."""
    found = Path(path)
    if not found.is_file():
        raise DataError(
            "there is no such file",
            expected="the path of a Parquet, CSV, NDJSON or Arrow file",
            got=f"path={str(path)!r}",
            remedy="check the path; a folder must be given file by file",
        )
    return found


def _format(path: Path) -> tuple[Reader, Scanner]:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes = suffixes[:-1]
    found = FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise DataError(
            "cannot tell the format of the file from its name",
            expected=f"a suffix out of {', '.join(FORMATS)}",
            got=f"name={path.name!r}",
            remedy="rename the file, or read it yourself and pass the frame",
        )
    return found


def _through_arrow(source: Any) -> pa.Table:
    """A table through the Arrow protocol, without the index pandas adds to it."""
    try:
        table = pa.table(source)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"the {type(source).__name__} cannot be carried as an Arrow table: {_first(error)}",
            expected="one type per column and every column name once",
            got=f"type={type(source).__module__}.{type(source).__name__}",
            remedy="convert columns of mixed values to one type, for example to text",
        ) from error
    extra = [name for name in table.column_names if name.startswith("__index_level_")]
    if extra and b"pandas" in (table.schema.metadata or {}):
        table = table.drop_columns(extra)
    return table.replace_schema_metadata(None)


def _first(error: BaseException) -> str:
    """The last part of a foreign message, which names the column; parts that quote values go."""
    text = str(error.args[-1]) if error.args else ""
    safe = text.startswith(("Conversion failed for column", "Duplicate column names"))
    return text.splitlines()[0][:120] if safe else type(error).__name__
