"""Rows of the catalog about files of the logs: segments being written, sealed, and archives.

The catalog row comes before a segment is used and goes before its file does; a file without a
row is rubbish and is swept away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from holdfast.storage.database import Database

_SEGMENT = "id, log, file, writer, state, rows, bytes, t0, t1, received, archive, damage"
_ARCHIVE = "id, log, file, rows, bytes, t0, t1, received"


class SegmentRow(NamedTuple):
    """One segment. Rows, bytes and times are None while it is open."""

    id: int
    log: str
    file: str
    writer: str
    state: str
    rows: int | None
    bytes: int | None
    t0: int | None
    t1: int | None
    received: int | None
    archive: int | None
    damage: str | None


class ArchiveRow(NamedTuple):
    """One Parquet file made from whole segments."""

    id: int
    log: str
    file: str
    rows: int
    bytes: int
    t0: int
    t1: int
    received: int


class Extent(NamedTuple):
    """How much a segment holds: rows, bytes, event times and last receipt."""

    rows: int
    bytes: int
    t0: int | None
    t1: int | None
    received: int | None


class SegmentIndex:
    """The catalog rows of one log."""

    def __init__(self, database: Database, log: str) -> None:
        self._database = database
        self.log = log

    def begin(self, file: str, writer: str) -> int:
        """Note a new open segment and give it its number."""
        with self._database.transaction() as connection:
            done = connection.execute(
                "INSERT INTO segments (log, file, writer, state) VALUES (?, ?, ?, 'open')",
                (self.log, file, writer),
            )
            return int(done.lastrowid or 0)

    def seal(self, segment: int, extent: Extent, damage: str | None = None) -> None:
        """Note that a segment is finished; one without rows is forgotten."""
        with self._database.transaction() as connection:
            if extent.rows == 0 and damage is None:
                connection.execute("DELETE FROM segments WHERE id = ?", (segment,))
                return
            connection.execute(
                "UPDATE segments SET state = 'sealed', rows = ?, bytes = ?, t0 = ?, t1 = ?, "
                "received = ?, damage = ? WHERE id = ? AND state = 'open'",
                (*extent, damage, segment),
            )

    def note_damage(self, segment: int, damage: str) -> None:
        """Note that a sealed segment was found damaged."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE segments SET damage = ? WHERE id = ? AND damage IS NULL", (damage, segment)
            )

    def all(self) -> list[SegmentRow]:
        """Every segment, oldest first."""
        rows = self._database.rows(
            f"SELECT {_SEGMENT} FROM segments WHERE log = ? ORDER BY id",  # noqa: S608
            (self.log,),
        )
        return [SegmentRow(*row) for row in rows]

    def get(self, segment: int) -> SegmentRow | None:
        """One segment, or None if it is gone."""
        row = self._database.row(
            f"SELECT {_SEGMENT} FROM segments WHERE id = ?",  # noqa: S608
            (segment,),
        )
        return None if row is None else SegmentRow(*row)

    def in_state(self, state: str) -> list[SegmentRow]:
        """Segments in one state, oldest first."""
        rows = self._database.rows(
            f"SELECT {_SEGMENT} FROM segments WHERE log = ? AND state = ? ORDER BY id",  # noqa: S608
            (self.log, state),
        )
        return [SegmentRow(*row) for row in rows]

    def overlapping(
        self, since: int | None, until: int | None
    ) -> tuple[list[SegmentRow], list[ArchiveRow]]:
        """Files that may hold rows with ``since <= time < until``, as of one moment."""
        window = {"log": self.log, "since": since, "until": until}
        with self._database.snapshot():
            segments = self._database.rows(
                f"SELECT {_SEGMENT} FROM segments WHERE log = :log AND state != 'archived'"  # noqa: S608
                " AND (state = 'open' OR ((:since IS NULL OR t1 >= :since)"
                " AND (:until IS NULL OR t0 < :until))) ORDER BY id",
                window,
            )
            archives = self._database.rows(
                f"SELECT {_ARCHIVE} FROM archives WHERE log = :log"  # noqa: S608
                " AND (:since IS NULL OR t1 >= :since) AND (:until IS NULL OR t0 < :until)"
                " ORDER BY id",
                window,
            )
        return [SegmentRow(*row) for row in segments], [ArchiveRow(*row) for row in archives]

    def after(self, high: int, unfinished: Sequence[int]) -> list[SegmentRow]:
        """Segments with a larger number than `high`, and the unfinished ones, oldest first."""
        rows = self._database.rows(
            f"SELECT {_SEGMENT} FROM segments WHERE log = :log AND (id > :high"  # noqa: S608
            " OR id IN (SELECT value FROM json_each(:unfinished))) ORDER BY id",
            {
                "log": self.log,
                "high": high,
                "unfinished": msgspec.json.encode(list(unfinished)).decode(),
            },
        )
        return [SegmentRow(*row) for row in rows]

    # -- archives -----------------------------------------------------------------------------

    def archives(self) -> list[ArchiveRow]:
        """Every archive, oldest first."""
        return self.overlapping(None, None)[1]

    def archive(self, archive: int) -> ArchiveRow | None:
        """One archive, or None if it is gone."""
        row = self._database.row(
            f"SELECT {_ARCHIVE} FROM archives WHERE id = ?",  # noqa: S608
            (archive,),
        )
        return None if row is None else ArchiveRow(*row)

    def put_archive(self, file: str, extent: Extent, segments: Sequence[SegmentRow]) -> int:
        """Let an archive take the place of sealed segments, in one step."""
        with self._database.transaction() as connection:
            done = connection.execute(
                "INSERT INTO archives (log, file, rows, bytes, t0, t1, received)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self.log, file, *extent),
            )
            number = int(done.lastrowid or 0)
            connection.executemany(
                "UPDATE segments SET state = 'archived', archive = ?"
                " WHERE id = ? AND state = 'sealed'",
                [(number, segment.id) for segment in segments],
            )
        return number

    def drop_received_before(self, cutoff: int) -> tuple[list[str], list[str], int]:
        """Forget segments and archives whose last row was received before `cutoff`.

        Returns:
            Names of segment files and of archive files to remove, and the number of rows.
        """
        old = {"log": self.log, "cutoff": cutoff}
        with self._database.transaction() as connection:
            archives = connection.execute(
                "SELECT id, file, rows FROM archives WHERE log = :log AND received < :cutoff", old
            ).fetchall()
            connection.executemany(
                "DELETE FROM segments WHERE archive = ?", [(row[0],) for row in archives]
            )
            connection.executemany(
                "DELETE FROM archives WHERE id = ?", [(row[0],) for row in archives]
            )
            sealed = "log = :log AND state = 'sealed' AND coalesce(received, :cutoff - 1) < :cutoff"
            segments = connection.execute(
                f"SELECT file, rows FROM segments WHERE {sealed}",  # noqa: S608
                old,
            ).fetchall()
            connection.execute(f"DELETE FROM segments WHERE {sealed}", old)  # noqa: S608
        rows = sum(row[2] for row in archives) + sum(row[1] or 0 for row in segments)
        return [row[0] for row in segments], [row[1] for row in archives], rows

    def files(self) -> set[str]:
        """Names of all files the catalog knows of this log, archived segments left out."""
        rows = self._database.rows(
            "SELECT file FROM segments WHERE log = :log AND state != 'archived'"
            " UNION ALL SELECT file FROM archives WHERE log = :log",
            {"log": self.log},
        )
        return {row[0] for row in rows}
