"""Parquet files, whole or by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import DataError

_READ_AHEAD = 1 << 20


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole file; only `columns` are read from disk when given (and present)."""
    file = _open(path)
    present = set(file.schema_arrow.names)
    wanted = [c for c in columns if c in present] if columns is not None else None
    try:
        return file.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error


def scan(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Record batches of at most `batch_rows` rows, in the memory of a few row groups."""
    file = _open(path, pre_buffer=False, buffer_size=_READ_AHEAD)  # else the whole file is held
    try:
        yield from file.iter_batches(batch_size=batch_rows, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error


def _open(path: Path, **how: Any) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, **how)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError(
        "the file cannot be read as Parquet",
        expected="a complete Parquet file",
        got=f"name={path.name!r}",
        remedy="write the file again; it may be cut short or be of another format",
    )
