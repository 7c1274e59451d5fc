"""One append-only log of the store: predictions or labels."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, StoreError, UsageError
from holdfast.findings import Finding, Severity
from holdfast.storage import framing
from holdfast.storage.files import Folder
from holdfast.storage.reader import Cursor, GoneError, LogReader, Piece, Wanted
from holdfast.storage.schema import FRAME_ROWS, LogKind, encode_batch, encode_columns
from holdfast.storage.segments import ArchiveRow, SegmentIndex, SegmentRow
from holdfast.storage.writer import LogWriter, Position

logger = logging.getLogger(__name__)


class EventLog:
    """Rows that are only ever added, kept in the order in which each process wrote them.

    Example:
        >>> import tempfile, pathlib
        >>> from holdfast.storage import Store
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = Store.open(pathlib.Path(folder.name, "holdfast.db"))
        >>> row = {"id": ["p1"], "model": ["loan"], "at": [5], "received": [5], "score": [0.2]}
        >>> store.predictions.append_columns(row).durable
        True
        >>> store.predictions.read(model="loan", columns=["id", "score"]).to_pylist()
        [{'id': 'p1', 'score': 0.2}]
        >>> store.close(); folder.cleanup()
    """

    def __init__(
        self,
        kind: LogKind,
        index: SegmentIndex,
        segments: Folder,
        archives: Folder,
        writer: LogWriter | None,
    ) -> None:
        self.kind = kind
        self.index = index
        self._writer = writer
        self.reader = LogReader(kind, segments, archives, self._damaged)
        #: damaged stretches met while reading, one finding each
        self.damage: list[Finding] = []
        self._seen: set[tuple[str, int]] = set()

    # -- writing ------------------------------------------------------------------------------

    def append(self, batch: pa.RecordBatch, *, durable: bool = True) -> Position:
        """Append many rows that are in Arrow; on the disk on return.

        Args:
            batch: columns of the log (see `holdfast.storage.schema`); a prediction may have
                `row`, a struct of its features, instead of `features`.
            durable: False returns before the rows are on the disk; `flush` brings them there.

        Raises:
            DataError: the columns do not fit; nothing was written.
            StoreFullError: no space; nothing was written.
            StoreError: the disk failed; nothing was written.
        """
        return self.append_many([batch], durable=durable)

    def append_many(self, batches: Sequence[pa.RecordBatch], *, durable: bool = True) -> Position:
        """Append several batches with one sync: all of them or none."""
        payloads = [
            encode_batch(self.kind, batch.slice(start, FRAME_ROWS))
            for batch in batches
            for start in range(0, max(1, batch.num_rows), FRAME_ROWS)
        ]
        return self._append(payloads, durable)

    def append_columns(
        self, columns: Mapping[str, Sequence[Any]], *, durable: bool = True
    ) -> Position:
        """Append a small group of rows given as lists: the fast way for a live server.

        Args:
            columns: a list per column, all of one length; times are microseconds since 1970
                (UTC); columns that may be null can be left out.
            durable: as for `append`.

        Raises:
            DataError, StoreFullError, StoreError: as for `append`.
        """
        return self._append([encode_columns(self.kind, columns)], durable)

    def _append(self, payloads: list[framing.Payload], durable: bool) -> Position:
        return self._writable().append(payloads, durable=durable)

    def _writable(self) -> LogWriter:
        if self._writer is None:
            raise StoreError(
                "the store was opened for reading only", remedy="open it without read_only"
            )
        return self._writer

    def flush(self) -> None:
        """Make rows durable that were appended with ``durable=False``."""
        if self._writer is not None:
            self._writer.flush()

    def rotate(self) -> None:
        """Seal the segment of this process, so that it can be archived."""
        if self._writer is not None:
            self._writer.rotate()

    def close(self) -> None:
        """Make everything durable and seal the segment of this process."""
        if self._writer is not None:
            self._writer.close()

    # -- reading ------------------------------------------------------------------------------

    def read(
        self,
        *,
        model: str | None = None,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """All durable rows of a window, in no promised order across writers.

        Args:
            model: only rows of this model.
            since: start of the window of event time, microseconds since 1970 (UTC).
            until: its end, not included.
            columns: names; None for all. ``"row"`` gives the features as a struct for rows that
                were written as Arrow.

        Returns:
            A table with exactly the wanted columns.
        """
        names = self._names(columns)
        helpers = [name for name in (self.kind.time, "model") if name not in names]
        wanted = Wanted((*names, *helpers), since, until)
        batches = [
            batch
            for piece in self._settled(wanted)
            if (batch := self._filtered(piece.batch, model, since, until)).num_rows
        ]
        return self.assemble(batches, names)

    def find(self, id: str, model: str | None = None) -> pa.Table:  # noqa: A002 - the column's name
        """Every durable row of one id; reads the ids, and of the rest only what lies around it.

        Nothing orders ids, so every archive is asked; use `read` for a window of time.

        Args:
            id: the id; of a prediction, of the labelled prediction in the log of labels.
            model: only rows of this model; ids need not differ between models.

        Returns:
            A table with all columns; no row if there is none.

        Example:
            >>> import tempfile, pathlib
            >>> from holdfast.storage import Store
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
            ...         row = {"id": ["p1"], "model": ["loan"], "at": [5], "received": [5]}
            ...         _ = store.predictions.append_columns(row)
            ...         store.predictions.find("p1").num_rows, store.predictions.find("p").num_rows
            (1, 0)
        """
        names = tuple(self.kind.schema.names)
        batches = [
            batch
            for piece in self._settled(Wanted(names, holding=id))
            if (found := piece.batch.filter(pc.equal(piece.batch.column("id"), id))).num_rows
            and (batch := self._filtered(found, model, None, None)).num_rows
        ]
        return self.assemble(batches, names)

    def assemble(self, batches: Sequence[pa.RecordBatch], names: Sequence[str]) -> pa.Table:
        """One table of these columns from batches of this log."""
        fields = [self.kind.schema.field(n) for n in names if n != self.kind.struct_column]
        empty = pa.schema(fields).empty_table()
        tables = [pa.Table.from_batches([batch]) for batch in batches]
        try:
            table = pa.concat_tables([empty, *tables], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataError(
                "features were written with types that contradict each other",
                got=str(error),
                remedy="read the column 'features' (JSON), or a shorter window",
            ) from error
        return table.select([name for name in names if name in table.column_names])

    def _names(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        known = self.kind.schema.names
        if columns is None:
            return tuple(known)
        odd = [n for n in columns if n not in known and n != self.kind.struct_column]
        if odd or not columns:
            raise UsageError(
                f"the log of {self.kind.name} has no such columns",
                expected=f"some of {', '.join(known)}",
                got=", ".join(map(repr, odd)) or "none",
            )
        return tuple(dict.fromkeys(columns))

    def _settled(self, wanted: Wanted) -> list[Piece]:
        """Every piece that may be wanted; looks again when files moved meanwhile."""
        missing: set[SegmentRow | ArchiveRow] = set()
        while True:
            try:
                return list(self._all(wanted, missing))
            except GoneError as error:
                if self._is_missing(error.row):
                    missing.add(error.row)

    def _is_missing(self, row: SegmentRow | ArchiveRow) -> bool:
        """True, and reported, if the catalog still promises the file that was not found."""
        same = self.index.get if isinstance(row, SegmentRow) else self.index.archive
        if same(row.id) != row:
            return False
        self._damaged(row.file, framing.Damage(0, row.bytes or 0, "missing", row.rows))
        return True

    def _all(
        self, wanted: Wanted, missing: AbstractSet[SegmentRow | ArchiveRow]
    ) -> Iterator[Piece]:
        segments, archives = self.index.overlapping(wanted.since, wanted.until)
        for archive in archives:
            if archive not in missing:
                yield from self.reader.archive(archive, wanted)
        for segment in segments:
            if segment not in missing:
                yield from self.reader.segment(segment, wanted)

    def _filtered(
        self, batch: pa.RecordBatch, model: str | None, since: int | None, until: int | None
    ) -> pa.RecordBatch:
        tests = []
        if model is not None:
            tests.append(pc.equal(batch.column("model"), model))
        time = batch.column(self.kind.time)
        if since is not None:
            tests.append(pc.greater_equal(time, pa.scalar(since, time.type)))
        if until is not None:
            tests.append(pc.less(time, pa.scalar(until, time.type)))
        for test in tests[1:]:
            tests[0] = pc.and_(tests[0], test)
        return batch.filter(tests[0]) if tests else batch

    # -- tail ---------------------------------------------------------------------------------

    def tail(
        self,
        cursor: Cursor | None = None,
        max_rows: int = 65_536,
        *,
        columns: Sequence[str] | None = None,
    ) -> tuple[list[pa.RecordBatch], Cursor]:
        """Rows that came since `cursor`, each exactly once, across all writers.

        Rows of one writer come in their order; of several live writers, roughly by receipt.
        Leaving `features` out of `columns` makes it faster.

        Args:
            cursor: where to go on; None from the first row that is kept.
            max_rows: at most so many.
            columns: names; None for all.

        Returns:
            The batches (an empty list: nothing new) and the cursor behind them.
        """
        wanted = Wanted(self._names(columns))
        cursor = cursor or Cursor()
        rows = self.index.after(cursor.high, list(cursor.unfinished))
        high = max([cursor.high, *(row.id for row in rows)])
        next_row = {row.id: cursor.unfinished.get(row.id, 0) for row in rows}
        batches: list[pa.RecordBatch] = []
        left = max_rows
        finished = sorted(
            (row for row in rows if row.state != "open"),
            key=lambda row: (row.received or 0, row.id),
        )
        sources: list[list[SegmentRow]] = [[row] for row in finished]
        sources.append([row for row in rows if row.state == "open"])
        for source in sources:
            if left <= 0:
                break
            for segment, piece in self._merged(source, next_row, wanted):
                batch = piece.batch.slice(0, left)
                batches.append(batch)
                left -= batch.num_rows
                whole = batch.num_rows == piece.batch.num_rows
                next_row[segment] = piece.next_row if whole else piece.first_row + batch.num_rows
                if left <= 0:
                    break
            else:
                for row in source:
                    if row.state != "open":
                        next_row.pop(row.id, None)
        return batches, Cursor(high, next_row)

    def _merged(
        self, source: list[SegmentRow], next_row: dict[int, int], wanted: Wanted
    ) -> Iterator[tuple[int, Piece]]:
        """Pieces of several segments, always the one received first of those at hand."""
        heap: list[tuple[int, int, Piece, Iterator[Piece]]] = []
        for row in source:
            self._push(heap, row.id, self._from(row, next_row.get(row.id, 0), wanted))
        while heap:
            _, segment, piece, rest = heapq.heappop(heap)
            yield segment, piece
            self._push(heap, segment, rest)

    @staticmethod
    def _push(
        heap: list[tuple[int, int, Piece, Iterator[Piece]]], segment: int, pieces: Iterator[Piece]
    ) -> None:
        piece = next(pieces, None)
        if piece is not None:
            heapq.heappush(heap, (piece.received, segment, piece, pieces))

    def _from(self, row: SegmentRow, first: int, wanted: Wanted) -> Iterator[Piece]:
        """Pieces of a segment from a row on, wherever the segment is now."""
        while True:
            try:
                if row.archive is None:
                    pieces = self.reader.segment(row, wanted, first)
                else:
                    archive = self.index.archive(row.archive)
                    if archive is None:
                        return
                    pieces = self.reader.archive(archive, wanted, row.id, first)
                for piece in pieces:
                    first = piece.next_row
                    yield piece
                return
            except GoneError as error:
                found = self.index.get(row.id)
                if found is None or self._is_missing(error.row):
                    return  # retired meanwhile, or lost
                row = found

    # -- damage -------------------------------------------------------------------------------

    def _damaged(self, file: str, damage: framing.Damage) -> None:
        if (file, damage.offset) in self._seen:
            return
        self._seen.add((file, damage.offset))
        lost = "an unknown number of" if damage.rows is None else str(damage.rows)
        finding = Finding(
            code="HF-STORE-DAMAGE",
            severity=Severity.CRITICAL,
            sentence=f"A stretch of the log of {self.kind.name} is damaged: {lost} rows cannot "
            "be read; rows before and after it can.",
            evidence={
                "file": file,
                "offset": damage.offset,
                "bytes": damage.size,
                "reason": damage.reason,
                "rows": damage.rows,
            },
            remedy="Restore the file from a backup; check the disk.",
        )
        self.damage.append(finding)
        logger.error("%s %s", finding.sentence, finding.evidence)
