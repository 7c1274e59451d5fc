"""Arrow files and streams (.arrow, .feather, .ipc)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from holdfast.errors import DataError


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The whole file, memory-mapped; `columns` are selected by the caller."""
    del columns
    schema, batches = _batches(path)
    return pa.Table.from_batches(list(batches), schema=schema)


def scan(path: Path, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Record batches of at most `batch_rows` rows."""
    schema, batches = _batches(path)
    for batch in batches:
        yield from pa.Table.from_batches([batch], schema=schema).to_batches(
            max_chunksize=batch_rows
        )


def _batches(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = pa.memory_map(str(path))
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        try:
            stream = pa.ipc.open_stream(source)
        except pa.ArrowException as error:
            raise _damaged(path) from error
        return stream.schema, _guarded(iter(stream), path)
    indices = range(reader.num_record_batches)
    return reader.schema, _guarded((reader.get_batch(i) for i in indices), path)


def _guarded(batches: Iterator[pa.RecordBatch], path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError(
        "the file cannot be read as Arrow",
        expected="a complete Arrow file or stream",
        got=f"name={path.name!r}",
        remedy="write the file again; it may be cut short or be of another format",
    )
