"""The reading end of a log: whole frames out of segments and archives, in order, each row once."""

from __future__ import annotations

import bisect
import itertools
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.errors import StoreError
from holdfast.storage import framing
from holdfast.storage.files import Folder, read_all
from holdfast.storage.schema import LogKind, as_table, json_rows
from holdfast.storage.segments import ArchiveRow, SegmentRow
from holdfast.storage.writer import MARK, mark_name

logger = logging.getLogger(__name__)

#: bytes of a segment read at once
CHUNK = 8 << 20
#: rows of one piece at most, when small frames are gathered
GATHER = 4096
_PLACES_APART = 64 << 10
_PLACES_KEPT = 256
#: columns of an archive that say where a row stood in the log
SEGMENT_COLUMN, ROW_COLUMN = "_segment", "_row"


class Cursor(msgspec.Struct, frozen=True):
    """How far a reader has come; keep it with the state that the rows went into.

    Attributes:
        high: every segment up to this number was seen.
        unfinished: of those, the segments that may still give rows, with the next row of each.

    Example:
        >>> Cursor.decode(Cursor(7, {5: 120}).encode())
        Cursor(high=7, unfinished={5: 120})
    """

    high: int = 0
    unfinished: dict[int, int] = {}

    def encode(self) -> bytes:
        """The cursor as bytes (JSON)."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Cursor:
        """The cursor that `encode` made."""
        return msgspec.json.decode(data, type=cls)


class Piece(NamedTuple):
    """Rows that stand one after the other in a segment."""

    first_row: int
    next_row: int
    received: int
    batch: pa.RecordBatch


class Wanted(NamedTuple):
    """Which columns to give, and which rows cannot be of interest.

    Attributes:
        columns: names in the order wanted; ``row`` gives the features as a struct where they
            were written so.
        since, until: frames wholly outside this half-open window may be left out.
        as_written: leave `features` null where they were written as a struct.
        holding: frames and row groups without a row of this id may be left out.
    """

    columns: tuple[str, ...]
    since: int | None = None
    until: int | None = None
    as_written: bool = False
    holding: str | None = None

    def skips(self, t0: int, t1: int) -> bool:
        """True if nothing between these times is wanted."""
        return (self.since is not None and t1 < self.since) or (
            self.until is not None and t0 >= self.until
        )


class GoneError(Exception):
    """A file vanished, most likely because its rows moved or were retired; look again."""

    def __init__(self, row: SegmentRow | ArchiveRow) -> None:
        super().__init__(row.file)
        self.row = row


class LogReader:
    """Reads the segments and archives of one log.

    Args:
        kind: which log.
        segments, archives: the folders they are in.
        on_damage: told about every damaged stretch met.
    """

    def __init__(
        self,
        kind: LogKind,
        segments: Folder,
        archives: Folder,
        on_damage: Callable[[str, framing.Damage], None],
    ) -> None:
        self.kind = kind
        self._segments = segments
        self._archives = archives
        self._on_damage = on_damage
        self._decoder = msgspec.msgpack.Decoder(kind.columns)
        # for some rows of each segment where their frame begins, so that a tail need not search
        self._places: dict[int, list[tuple[int, int]]] = {}

    # -- segments -----------------------------------------------------------------------------

    def segment(self, row: SegmentRow, wanted: Wanted, first: int = 0) -> Iterator[Piece]:
        """Pieces of a segment from row `first` on, up to where it is durable.

        Raises:
            GoneError: the file is gone.
        """
        fd = self._open(self._segments, row.file, row)
        try:
            end = self._durable_end(row, fd)
            gathered: list[tuple[framing.Frame, Any]] = []
            count = 0
            # both encodings keep the text of an id in one piece
            needle = None if wanted.holding is None else wanted.holding.encode()
            for frame, stored in self._frames(row, fd, first, end):
                last = frame.first_row + frame.rows
                if last <= first or wanted.skips(frame.t0, frame.t1):
                    continue
                joins = (
                    bool(gathered)
                    and frame.kind == framing.COMPACT
                    and gathered[-1][0].kind == framing.COMPACT
                    and gathered[-1][0].first_row + gathered[-1][0].rows == frame.first_row
                    and count + frame.rows <= GATHER
                )
                if gathered and not joins:
                    yield from self._piece(gathered, wanted, first)
                    gathered, count = [], 0
                buffer = framing.unpack(frame, stored)
                if needle is not None and bytes(buffer).find(needle) < 0:
                    continue
                gathered.append((frame, buffer))
                count += frame.rows
            if gathered:
                yield from self._piece(gathered, wanted, first)
        finally:
            os.close(fd)

    def _open(self, folder: Folder, name: str, row: SegmentRow | ArchiveRow) -> int:
        try:
            return folder.open(name)
        except FileNotFoundError as error:
            raise GoneError(row) from error

    def _durable_end(self, row: SegmentRow, fd: int) -> int:
        """How far readers may go: what the catalog says, or the mark while it is written."""
        if row.bytes is not None:
            return row.bytes
        mark = self._open(self._segments, mark_name(row.file), row)
        try:
            said = read_all(self._segments.system, mark, MARK.size, 0)
        finally:
            os.close(mark)
        return int(MARK.unpack(said)[0]) if len(said) == MARK.size else 0

    def _frames(
        self, row: SegmentRow, fd: int, first: int, end: int
    ) -> Iterator[tuple[framing.Frame, memoryview]]:
        """Whole frames up to byte `end`, from the one that holds row `first` if that is known."""
        salt = framing.salt_of(row.file)
        if len(self._places) > _PLACES_KEPT:
            self._places.clear()
        places = self._places.setdefault(row.id, [(0, 0)])
        offset = places[bisect.bisect_right(places, (first, end)) - 1][1]
        size = CHUNK
        while offset < end:
            data = read_all(self._segments.system, fd, min(size, end - offset), offset)
            short = offset + len(data) < end and len(data) < size
            final = short or offset + len(data) >= end
            progress = offset
            for found in framing.scan(data, salt, offset):
                if isinstance(found, framing.Damage):
                    if not final and found.reason == "tail":
                        break  # the frame goes on in the next chunk
                    self._on_damage(row.file, found)
                    progress = found.offset + found.size
                    continue
                progress = found[0].end
                if progress - places[-1][1] >= _PLACES_APART:
                    places.append((found[0].first_row + found[0].rows, progress))
                yield found
            if final:
                if short:
                    self._on_damage(
                        row.file,
                        framing.Damage(offset + len(data), end - offset - len(data), "missing"),
                    )
                return
            size = CHUNK if progress > offset else size * 2
            offset = progress

    def _piece(
        self, gathered: list[tuple[framing.Frame, Any]], wanted: Wanted, first: int
    ) -> Iterator[Piece]:
        start = gathered[0][0].first_row
        stop = gathered[-1][0].first_row + gathered[-1][0].rows
        received = min(frame.received for frame, _ in gathered)
        if gathered[0][0].kind == framing.COMPACT:
            batch = self._from_lists([buffer for _, buffer in gathered], wanted)
        else:
            with pa.ipc.open_stream(gathered[0][1]) as stream:
                batch = project(self.kind, stream.read_next_batch(), wanted)
        skip = max(0, first - start)
        yield Piece(start + skip, stop, received, batch.slice(skip))

    def _from_lists(self, buffers: list[Any], wanted: Wanted) -> pa.RecordBatch:
        decoded = [self._decoder.decode(buffer) for buffer in buffers]
        columns: dict[str, list[Any]] = {name: [] for name in wanted.columns}
        for group in decoded:
            values = as_table(self.kind, group)
            rows = len(values["id"])
            for name, column in columns.items():
                column.extend(values.get(name) or [None] * rows)
        total = sum(len(group.id) for group in decoded)
        arrays, fields = [], []
        for name in wanted.columns:
            if name == self.kind.struct_column:
                continue
            field = self.kind.schema.field(name)
            arrays.append(pa.array(columns[name], field.type))
            fields.append(field)
        return _batch(arrays, fields, total)

    # -- archives -----------------------------------------------------------------------------

    def archive(
        self, row: ArchiveRow, wanted: Wanted, segment: int | None = None, first: int = 0
    ) -> Iterator[Piece]:
        """Pieces of an archive; with `segment`, only its rows from row `first` on.

        Raises:
            GoneError: the file is gone.
        """
        fd = self._open(self._archives, row.file, row)
        with os.fdopen(fd, "rb") as file:
            try:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
            except (pa.ArrowInvalid, OSError) as error:
                self._lost(row, "its footer", error)
                return
            have = parquet.schema_arrow.names
            names = [name for name in wanted.columns if name in have]
            if self.kind.struct_column in have and "features" in names:
                names.append(str(self.kind.struct_column))
            names += [SEGMENT_COLUMN, ROW_COLUMN]
            for group in range(parquet.num_row_groups):
                if self._skips(parquet, group, wanted, segment):
                    continue
                try:
                    if wanted.holding is not None and not _holds(parquet, group, wanted.holding):
                        continue
                    table = parquet.read_row_group(group, columns=list(dict.fromkeys(names)))
                except (pa.ArrowInvalid, OSError) as error:
                    self._lost(row, f"row group {group}", error)
                    continue
                yield from self._rows_of(table, wanted, segment, first)

    def _lost(self, row: ArchiveRow, what: str, error: Exception) -> None:
        logger.error("archive %s is damaged: %s cannot be read: %s", row.file, what, error)
        self._on_damage(row.file, framing.Damage(0, row.bytes, "payload"))

    def _skips(
        self, parquet: pq.ParquetFile, group: int, wanted: Wanted, segment: int | None
    ) -> bool:
        """True if the statistics of a row group exclude every row wanted."""
        info = parquet.metadata.row_group(group)
        for index in range(info.num_columns):
            column = info.column(index)
            stats = column.statistics
            if stats is None or not stats.has_min_max:
                continue
            if column.path_in_schema == self.kind.time:
                low, high = (
                    pa.scalar(value).cast(pa.timestamp("us", "UTC")).value
                    for value in (stats.min, stats.max)
                )
                if wanted.skips(low, high):
                    return True
            if (
                column.path_in_schema == SEGMENT_COLUMN
                and segment is not None
                and not stats.min <= segment <= stats.max
            ):
                return True
        return False

    def _rows_of(
        self, table: pa.Table, wanted: Wanted, segment: int | None, first: int
    ) -> Iterator[Piece]:
        if segment is not None:
            mask = pc.and_(
                pc.equal(table.column(SEGMENT_COLUMN), segment),
                pc.greater_equal(table.column(ROW_COLUMN), first),
            )
            table = table.filter(mask)
        if table.num_rows == 0:
            return
        rows = table.column(ROW_COLUMN).to_numpy()
        batch = table.combine_chunks().to_batches()[0]
        batch = project(self.kind, batch, wanted)
        breaks = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for start, stop in itertools.pairwise(breaks):
            yield Piece(
                int(rows[start]), int(rows[stop - 1]) + 1, 0, batch.slice(start, stop - start)
            )


def _holds(parquet: pq.ParquetFile, group: int, name: str) -> bool:
    """Whether a row group has a row of this id; reads the ids alone."""
    ids = parquet.read_row_group(group, columns=["id"]).column("id")
    return bool(pc.index(ids, pa.scalar(name, ids.type)).as_py() >= 0)


def project(kind: LogKind, batch: pa.RecordBatch, wanted: Wanted) -> pa.RecordBatch:
    """The wanted columns of a batch; `features` is made from `row` where needed."""
    arrays, fields = [], []
    names = batch.schema.names
    made = not wanted.as_written and kind.struct_column in names
    for name in wanted.columns:
        if name == kind.struct_column:
            if name in names:
                arrays.append(batch.column(name))
                fields.append(batch.schema.field(name))
            continue
        field = kind.schema.field(name)
        array = batch.column(name) if name in names else pa.nulls(batch.num_rows, field.type)
        if made and name == "features" and array.null_count:
            array = pc.coalesce(array, json_rows(batch.column(kind.struct_column)))
        arrays.append(array)
        fields.append(field)
    return _batch(arrays, fields, batch.num_rows)


def _batch(arrays: list[pa.Array], fields: list[pa.Field], rows: int) -> pa.RecordBatch:
    if not fields:
        raise StoreError("no columns were asked for", expected="at least one column name")
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
