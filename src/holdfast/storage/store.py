"""The store as one object: catalog, control events, and the logs of answers and labels."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from holdfast.errors import StoreError
from holdfast.findings import Finding
from holdfast.storage import compaction, labels
from holdfast.storage.backup import backup
from holdfast.storage.catalog import Catalog
from holdfast.storage.compaction import Compacted, Retained
from holdfast.storage.control import ControlLog
from holdfast.storage.database import Database
from holdfast.storage.files import SYSTEM, Folder, SystemCalls, refusal
from holdfast.storage.lifecycle import LifecycleTables
from holdfast.storage.log import EventLog
from holdfast.storage.recovery import recover, sweep
from holdfast.storage.schema import LABELS, PREDICTIONS, SHADOWS, LogKind
from holdfast.storage.segments import SegmentIndex
from holdfast.storage.training import TrainingTables
from holdfast.storage.writer import SEGMENT_BYTES, SEGMENT_SECONDS, LogWriter


class Store:
    """Everything Holdfast remembers, in one SQLite file and the folder beside it.

    Any number of processes and threads may have a store open at once. Each process that appends
    writes its own log file.

    Attributes:
        path: the SQLite file.
        catalog: models, releases, champions, detector states, leases.
        control: append-only control events.
        lifecycle: stages, moves, checks and freezes of releases.
        training: what releases learned from, and spoiled rows.
        predictions, labels, shadows: the event logs.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(Path(folder, "holdfast.db")) as store:
        ...         store.predictions.read().num_rows
        0
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        files: Path,
        *,
        writer: str,
        segment_bytes: int,
        segment_seconds: float,
        system: SystemCalls,
    ) -> None:
        self.path = path
        self.files = files
        self._database = database
        create = not database.read_only
        self._root = Folder(files, create=create, system=system)
        self._segments = Folder(files / "segments", create=create, system=system)
        self._archives = Folder(files / "parquet", create=create, system=system)
        self.catalog = Catalog(database)
        self.control = ControlLog(database)
        self.lifecycle = LifecycleTables(database)
        self.training = TrainingTables(database, self.control)

        def log(kind: LogKind) -> EventLog:
            index = SegmentIndex(database, kind.name)
            out = None
            if not database.read_only:
                out = LogWriter(
                    index,
                    self._segments,
                    writer,
                    segment_bytes=segment_bytes,
                    segment_seconds=segment_seconds,
                )
            return EventLog(kind, index, self._segments, self._archives, out)

        self.predictions = log(PREDICTIONS)
        self.labels = log(LABELS)
        self.shadows = log(SHADOWS)
        self._logs = (self.predictions, self.labels, self.shadows)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] = "holdfast.db",
        *,
        writer: str | None = None,
        read_only: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        system: SystemCalls = SYSTEM,
    ) -> Store:
        """Open a store, or make a new one.

        Opening puts in order what dead processes left: torn tails are cut, their segments sealed.

        Args:
            path: the SQLite file; logs go to ``<stem>.files/`` beside it.
            writer: name under which this process appends (for people; default its number).
            read_only: change nothing, not even on a read-only file system.
            segment_bytes: a log file is sealed when it is as large as this ...
            segment_seconds: ... or as old, and a new one begun.
            system: system calls of the log (for tests of failing disks).

        Raises:
            StoreError: not a store, written by a newer version, or not readable.
            StoreFullError: no space or no right to write.
        """
        place = Path(path)
        files = place.with_suffix(".files")
        if read_only:
            if not place.exists():
                raise StoreError(
                    f"there is no store {place.name}",
                    expected="the path of an existing store",
                    remedy="check --store, or open it for writing once to make it",
                )
            database = Database(place, read_only=True)
        else:
            cls._prepare(place, files)
            with cls._opening(files):
                database = Database(place)
        store = cls(
            place,
            database,
            files,
            writer=writer or f"process-{os.getpid()}",
            segment_bytes=segment_bytes,
            segment_seconds=segment_seconds,
            system=system,
        )
        if not read_only:
            with cls._opening(files):
                store._put_in_order()
        return store

    @staticmethod
    def _prepare(place: Path, files: Path) -> None:
        try:
            files.mkdir(mode=0o700, exist_ok=True)
            # A file that is there is not opened: closing it again would drop the locks that SQLite
            # holds for another store of this process, and the next process to leave would take its
            # write-ahead log away.
            if not place.exists():
                with contextlib.suppress(FileExistsError):  # another process was faster
                    # rows may be personal: readable for the owner only
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                    os.close(os.open(place, flags, 0o600))
            elif not os.access(place, os.W_OK):
                fixed = os.statvfs(place).f_flag & os.ST_RDONLY
                number = errno.EROFS if fixed else errno.EACCES
                raise OSError(number, os.strerror(number))
        except FileNotFoundError as error:
            raise StoreError(
                f"the folder for {place.name} does not exist", remedy="create it first"
            ) from error
        except OSError as error:
            raise refusal(error, f"opening {place.name}") from error

    @staticmethod
    @contextlib.contextmanager
    def _opening(files: Path) -> Iterator[None]:
        """One process at a time makes the tables and recovers."""
        folder = Folder(files)
        try:
            fd = folder.open("open.lock", os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                yield
            finally:
                os.close(fd)
        finally:
            folder.close()

    def _put_in_order(self) -> None:
        known_segments: set[str] = set()
        for log in self._logs:
            recover(log.index, self._segments)
            known_segments |= log.index.files()
        sweep(self._segments, known_segments)
        sweep(self._archives, known_segments)

    # -- all parts at once --------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Let several changes of catalog and control events happen together or not at all.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     with Store.open(Path(folder, "holdfast.db")) as store:
            ...         with store.transaction():
            ...             store.catalog.add_release("loan", "a1", at=0)
            ...             store.decide_gate("loan", "a1", "passed", at=0)
            ...             revision = store.catalog.compare_and_set("loan", 0, "a1", at=0)
            ...             seq = store.control.append("promoted", "loan", {}, at=0)
            >>> revision, seq
            (1, 2)
        """
        with self._database.transaction():
            yield

    def decide_gate(
        self, model: str, release: str, state: str, *, at: int, reasons: Sequence[str] = ()
    ) -> None:
        """Record what the gate of a release says: the event ``gate.decided`` and its state.

        Args:
            model: name of the model.
            release: id of a release known to it.
            state: ``passed``, ``waiting`` or ``failed``; a gate that failed stays failed.
            at: microseconds since 1970 (UTC).
            reasons: sentences of what keeps it shut.

        Raises:
            StoreError: unknown release, or the gate failed before (``HF-E-GATE``).
        """
        payload = {"release": release, "state": state, "reasons": list(reasons)}
        with self.transaction():
            event = self.control.append(
                "gate.decided", model, payload, at=at, key=f"gate:{model}:{release}:{state}"
            )
            self.catalog.set_gate(model, release, state, event=event)

    def join_labels(
        self,
        model: str,
        since: int | None = None,
        until: int | None = None,
        policy: labels.DuplicatePolicy = "last",
        *,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Predictions of a window with the labels that have come for them, whenever they came.

        Args:
            model: name of the model.
            since: start of the window of the predictions' event time, microseconds.
            until: its end, not included.
            policy: which of several labels counts, see `holdfast.storage.labels.join`.
            columns: columns of the predictions; None for all.
        """
        wanted = None if columns is None else list(dict.fromkeys([*columns, "id", "model"]))
        predictions = self.predictions.read(model=model, since=since, until=until, columns=wanted)
        return labels.join(predictions, self.labels.read(model=model), policy)

    def compact(self, now: int | None = None, *, min_rows: int = 0) -> Compacted:
        """Turn sealed log files into Parquet; reads and cursors notice nothing.

        Args:
            now: unused for now; the time of the call, microseconds since 1970 (UTC).
            min_rows: leave a log alone while fewer sealed rows wait (many small archives are
                slow to read); 0 archives all, also what this process wrote last.
        """
        done = Compacted()
        with compaction.alone(self._root) as free:
            if not free:
                return Compacted(busy=True)
            for log in self._logs:
                more = compaction.compact(log, self._segments, self._archives, min_rows=min_rows)
                done = Compacted(
                    done.segments + more.segments,
                    done.archives + more.archives,
                    done.rows + more.rows,
                )
        return done

    def retain(self, days: float, now: int) -> Retained:
        """Let go of rows received more than `days` before `now`, file by file.

        A file goes when its last row is old enough, so rows may stay longer, never shorter.
        """
        done = Retained()
        with compaction.alone(self._root) as free:
            if not free:
                return Retained(busy=True)
            for log in self._logs:
                more = compaction.retain(log, self._segments, self._archives, days, now)
                done = Retained(
                    done.segments + more.segments,
                    done.archives + more.archives,
                    done.rows + more.rows,
                )
        return done

    def backup(self, target: str | os.PathLike[str]) -> int:
        """Copy the store, consistent, while others write; open the copy to restore it.

        Args:
            target: path of the new SQLite file; its folder of files comes beside it.

        Returns:
            The number of log files copied.
        """
        for log in self._logs:
            log.rotate()
        with compaction.alone(self._root, wait=True):
            return backup(self._database, list(self._logs), self.files, Path(target))

    def verify(self) -> list[Finding]:
        """Read everything and check every hash; an empty list means that all is whole."""
        findings = self.control.verify()
        for log in self._logs:
            log.read(columns=["id"])
            findings += log.damage
        return findings

    def close(self) -> None:
        """Make everything durable and close; closing twice does nothing."""
        if self._root.fd < 0:
            return
        try:
            for log in self._logs:
                log.close()
        finally:
            self._database.close()
            for folder in (self._root, self._segments, self._archives):
                folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
