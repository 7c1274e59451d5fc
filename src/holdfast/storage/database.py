"""The SQLite file: connection, transactions, schema versions, and its errors in our words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.errors import StoreError, StoreFullError
from holdfast.storage.migrations import APPLICATION_ID, MIGRATIONS

Row = tuple[Any, ...]
BUSY_SECONDS = 30.0


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn errors of SQLite into `StoreError` and `StoreFullError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _refusal(error, doing) from error


def _refusal(error: sqlite3.Error, doing: str) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    primary = code & 0xFF
    sentence = f"the store refused {doing}: {error}"
    if primary == sqlite3.SQLITE_FULL:
        return StoreFullError(sentence, remedy="free space on the disk of the store")
    if primary == sqlite3.SQLITE_READONLY:
        return StoreFullError(
            sentence, remedy="make the file and its folder writable, or open with read_only=True"
        )
    remedies = {
        sqlite3.SQLITE_BUSY: "another process holds the store for long; try again",
        sqlite3.SQLITE_CORRUPT: "restore the file from a backup",
        sqlite3.SQLITE_NOTADB: "name a file that Holdfast wrote",
        sqlite3.SQLITE_CANTOPEN: "check the path, the rights and the limit of open files",
        sqlite3.SQLITE_IOERR: "check the disk; if it is full, free space",
    }
    return StoreError(sentence, remedy=remedies.get(primary))


class Database:
    """One SQLite file shared by threads and processes.

    WAL mode and ``synchronous=FULL``: a committed transaction survives a power loss. All writes
    run in `transaction`, which takes the write lock at its start (``BEGIN IMMEDIATE``), so that
    a read inside it is still true when the write happens.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False
        self._strays: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._connection = self._connect()
        try:
            self._check_schema(migrations)
        except BaseException:
            self._connection.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        with translated(f"opening {self.path.name}"):
            if self.read_only:
                return self._connect_read_only()
            connection = self._plain_connection("rw")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            return connection

    def _plain_connection(self, mode: str, extra: str = "") -> sqlite3.Connection:
        place = urllib.parse.quote(str(self.path.absolute()))
        connection = sqlite3.connect(
            f"file:{place}?mode={mode}{extra}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA trusted_schema=OFF")
        return connection

    def _connect_read_only(self) -> sqlite3.Connection:
        connection = self._plain_connection("ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # a WAL file cannot be shared where nothing may be written: read the file as it is
            connection.close()
            wal = self.path.with_name(self.path.name + "-wal")
            if wal.exists() and wal.stat().st_size:
                raise
            connection = self._plain_connection("ro", "&immutable=1")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection

    def _check_schema(self, migrations: Sequence[Sequence[str]]) -> None:
        with translated(f"reading {self.path.name}"):
            mark = self._connection.execute("PRAGMA application_id").fetchone()[0]
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and mark != APPLICATION_ID:
            raise StoreError(
                f"{self.path.name} is a SQLite file of another program",
                expected="a store written by Holdfast, or a new file",
                got=f"application_id={mark}",
                remedy="choose another path for --store",
            )
        have = self._version() if tables else 0
        if have > len(migrations):
            raise StoreError(
                f"{self.path.name} was written by a newer Holdfast",
                code="HF-E-STORE-SCHEMA",
                expected=f"schema version <= {len(migrations)}",
                got=f"schema version {have}",
                remedy="upgrade holdfast, or open a backup made before the upgrade",
            )
        if have == len(migrations):
            return
        if self.read_only:
            raise StoreError(
                f"{self.path.name} needs an upgrade of its schema before it can be read",
                code="HF-E-STORE-SCHEMA",
                expected=f"schema version {len(migrations)}",
                got=f"schema version {have}",
                remedy="open it once with write access",
            )
        with self.transaction() as connection:
            have = self._version() if self._has_tables() else 0
            for version in range(have, len(migrations)):
                for statement in migrations[version]:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_version (version) VALUES (?)", (version + 1,)
                )
            # a pragma takes no bound parameter; the value is a constant of this program
            connection.execute(f"PRAGMA application_id={APPLICATION_ID:d}")

    def _has_tables(self) -> bool:
        return bool(self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])

    def _version(self) -> int:
        with translated("reading the schema version"):
            row = self._connection.execute("SELECT max(version) FROM schema_version").fetchone()
        return int(row[0] or 0)

    def _mine(self) -> sqlite3.Connection:
        """The connection of this process; a connection must not be carried through a fork."""
        if self._closed:
            raise StoreError("the store is closed", remedy="open it again")
        if self._pid != os.getpid():
            self._strays.append(self._connection)
            self._depth = 0
            self._pid = os.getpid()
            self._connection = self._connect()
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction; nested use joins the outer one.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = Path(folder, "a.db"); path.touch()
            ...     database = Database(path)
            ...     with database.transaction() as connection:
            ...         n = connection.execute("SELECT count(*) FROM models").fetchone()[0]
            ...     database.close()
            >>> n
            0
        """
        with self._lock:
            connection = self._mine()
            if self._depth:
                self._depth += 1
                try:
                    with translated("writing the catalog"):
                        yield connection
                finally:
                    self._depth -= 1
                return
            with translated("writing the catalog"):
                connection.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    self._depth = 0

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads in the block see the store at one moment."""
        with self._lock, translated("reading the catalog"):
            connection = self._mine()
            if connection.in_transaction:  # one around this is a snapshot already
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """All rows of a query with bound parameters."""
        with self._lock, translated("reading the catalog"):
            return self._mine().execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def copy_to(self, target: Path) -> None:
        """Copy the database, consistent, while others write."""
        with translated("making a backup"):
            copy = sqlite3.connect(target)
            try:
                with self._lock:
                    self._mine().backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            if self._pid == os.getpid():
                with translated("closing"):
                    self._connection.close()
