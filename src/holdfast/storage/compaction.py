"""Old segments become Parquet archives, and rows older than promised are let go."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.errors import HoldfastError
from holdfast.storage.files import Folder, refusal
from holdfast.storage.log import EventLog
from holdfast.storage.reader import ROW_COLUMN, SEGMENT_COLUMN, Wanted
from holdfast.storage.recovery import recover
from holdfast.storage.schema import json_rows
from holdfast.storage.segments import Extent, SegmentRow

#: rows of one archive, about
ARCHIVE_ROWS = 250_000
GROUP_ROWS = 65_536
_LOCK = "compaction.lock"
DAY = 86_400_000_000


class Compacted(NamedTuple):
    """What a compaction did; `busy` means that another process is at it."""

    segments: int = 0
    archives: int = 0
    rows: int = 0
    busy: bool = False


class Retained(NamedTuple):
    """What a retention let go; `busy` means that another process is at it."""

    segments: int = 0
    archives: int = 0
    rows: int = 0
    busy: bool = False


@contextlib.contextmanager
def alone(folder: Folder, *, wait: bool = False) -> Iterator[bool]:
    """True inside the block if no other process moves or removes files; freed even by a crash.

    Args:
        folder: folder of the store.
        wait: wait for the other process instead of giving False.
    """
    fd = folder.open(_LOCK, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def compact(log: EventLog, segments: Folder, archives: Folder, *, min_rows: int = 0) -> Compacted:
    """Write the sealed segments of a log into Parquet and remove them.

    A damaged segment stays as it is: its whole frames are readable, and its bytes are evidence.

    Args:
        log: which log.
        segments: folder of its segments.
        archives: folder of its archives.
        min_rows: do nothing while fewer sealed rows wait; 0 also seals the segment of this
            process first.
    """
    recover(log.index, segments)
    if min_rows == 0:
        log.rotate()
    sealed = [row for row in log.index.in_state("sealed") if row.damage is None]
    done = Compacted()
    if sum(row.rows or 0 for row in sealed) < min_rows:
        return done
    for group in _groups(sealed):
        written = _archive(log, segments, archives, group)
        if written is not None:
            done = Compacted(done.segments + len(group), done.archives + 1, done.rows + written)
    return done


def _groups(rows: list[SegmentRow]) -> Iterator[list[SegmentRow]]:
    group: list[SegmentRow] = []
    count = 0
    for row in rows:
        group.append(row)
        count += row.rows or 0
        if count >= ARCHIVE_ROWS:
            yield group
            group, count = [], 0
    if group:
        yield group


def _archive(
    log: EventLog, segments: Folder, archives: Folder, group: list[SegmentRow]
) -> int | None:
    before = len(log.damage)
    columns = (*log.kind.schema.names, *filter(None, [log.kind.struct_column]))
    wanted = Wanted(columns, as_written=True)
    tables = [table for row in group for table in _positioned(log, row, wanted)]
    if len(log.damage) > before:
        for row in group:
            if any(item.evidence["file"] == row.file for item in log.damage):
                log.index.note_damage(row.id, "found damaged when it was to be archived")
        return None  # the whole ones go next time
    table = _joined(tables)
    name = f"{log.kind.name}-{uuid.uuid4().hex}.parquet"
    size = _write(archives, name, table)
    extent = Extent(
        table.num_rows,
        size,
        min(row.t0 for row in group if row.t0 is not None),
        max(row.t1 for row in group if row.t1 is not None),
        max(row.received for row in group if row.received is not None),
    )
    log.index.put_archive(name, extent, group)
    for row in group:
        with contextlib.suppress(HoldfastError):  # swept away when the store is opened next
            segments.remove(row.file)
    return int(table.num_rows)


def _positioned(log: EventLog, row: SegmentRow, wanted: Wanted) -> Iterator[pa.Table]:
    """All rows of a segment as written, with their place in the log."""
    for piece in log.reader.segment(row, wanted):
        table = pa.Table.from_batches([piece.batch])
        places = pa.array(range(piece.first_row, piece.next_row), pa.int64())
        table = table.append_column(
            pa.field(SEGMENT_COLUMN, pa.int64()), pa.repeat(pa.scalar(row.id), table.num_rows)
        )
        yield table.append_column(pa.field(ROW_COLUMN, pa.int64()), places)


def _joined(tables: list[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        # feature types that contradict each other: keep every value, as JSON
        return pa.concat_tables([_as_json(table) for table in tables])


def _as_json(table: pa.Table) -> pa.Table:
    if "row" not in table.column_names:
        return table
    made = json_rows(table.column("row").combine_chunks())
    features = pc.coalesce(table.column("features"), made)
    place = table.column_names.index("features")
    return table.set_column(place, table.schema.field("features"), features).drop_columns("row")


def _write(folder: Folder, name: str, table: pa.Table) -> int:
    """Write under a passing name, sync, then give the final name."""
    passing = f"{name}.tmp"
    try:
        fd = folder.open(passing, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            with os.fdopen(fd, "wb", closefd=False) as file:
                pq.write_table(
                    table,
                    file,
                    compression="zstd",
                    row_group_size=GROUP_ROWS,
                    write_page_checksum=True,
                    store_schema=True,
                )
            folder.system.fsync(fd)
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
        folder.rename(passing, name)
    except BaseException as error:
        with contextlib.suppress(HoldfastError):
            folder.remove(passing)
        if isinstance(error, OSError):
            raise refusal(error, "writing an archive") from error
        raise
    folder.sync()
    return size


def retain(log: EventLog, segments: Folder, archives: Folder, days: float, now: int) -> Retained:
    """Let go whole files whose last row was received more than `days` before `now`.

    The row of the catalog goes first, then the file.
    """
    cutoff = now - round(days * DAY)
    log.rotate()
    old_segments, old_archives, rows = log.index.drop_received_before(cutoff)
    for name in old_segments:
        segments.remove(name)
    for name in old_archives:
        archives.remove(name)
    return Retained(len(old_segments), len(old_archives), rows)
