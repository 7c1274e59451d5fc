"""The writing end of a log: one segment file per process, group commit, and failing disks.

What is promised: when `LogWriter.append` returns with ``durable=True`` the rows are on the disk.
When it raises, the rows are not in the log, and the next call tries again from a clean place:

- a write that fails (no space, I/O error) is cut away, the segment stays in use;
- after a failed sync nothing that was not synced before is trusted: the segment is cut there
  and sealed, and a new one is begun. Rows taken with ``durable=False`` since the last sync are
  still in memory and are written again; rows whose caller got the error are not.

Readers in other processes see rows up to the mark, eight bytes in a small file beside the
segment, which moves only after a sync.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
import time
import uuid
from collections.abc import Sequence

import msgspec

from holdfast.errors import HoldfastError, StoreError, StoreFullError
from holdfast.storage import framing
from holdfast.storage.files import Folder, SystemCalls, refusal
from holdfast.storage.segments import Extent, SegmentIndex

MARK = struct.Struct("<Q")
SEGMENT_BYTES = 32 << 20
SEGMENT_SECONDS = 3600.0
#: small writes go into bytes that were zeroed before: a sync that need not make the file longer
#: costs a third less (benchmarks/bench_storage.py); only where there is far more room than that
AHEAD = bytes(256 << 10)
SMALL_WRITE = 64 << 10
#: rows acknowledged before they are durable that may wait in memory
PENDING_BYTES = 64 << 20


class Position(msgspec.Struct, frozen=True):
    """Where appended rows stand.

    Attributes:
        segment: number of the segment, 0 for rows that wait in memory.
        row: number of the first row in it.
        rows: how many.
        durable: True if they are on the disk.
    """

    segment: int
    row: int
    rows: int
    durable: bool


class _Segment:
    """A segment file being written; all fields are guarded by the writer's lock."""

    def __init__(self, number: int, file: str, fd: int, mark_fd: int, start: int) -> None:
        self.number = number
        self.file = file
        self.fd = fd
        self.mark_fd = mark_fd
        self.salt = framing.salt_of(file)
        self.end = self.synced = self.zeroed = start
        self.rows = self.synced_rows = 0
        self.t0: int | None = None
        self.t1: int | None = None
        self.received: int | None = None
        self.begun = time.monotonic()
        self.syncing = False
        self.error: StoreError | None = None
        #: payloads acknowledged before they are durable, with the end of their frame
        self.pending: list[tuple[int, framing.Payload]] = []
        self.waiting = 0

    def keep(self, payloads: Sequence[framing.Payload]) -> None:
        """Remember rows that were acknowledged before they are durable."""
        self.pending += [(self.end, payload) for payload in payloads]
        self.waiting += sum(len(payload.data) for payload in payloads)

    def synced_to(self, target: int, rows: int) -> None:
        """Note that everything up to `target` is on the disk."""
        self.synced, self.synced_rows = target, rows
        if self.pending:
            self.pending = [item for item in self.pending if item[0] > target]
            self.waiting = sum(len(payload.data) for _, payload in self.pending)

    def extent(self) -> Extent:
        """What of it is durable."""
        return Extent(self.synced_rows, self.synced, self.t0, self.t1, self.received)


def mark_name(file: str) -> str:
    """Name of the file that says how far a segment is durable."""
    return file.removesuffix(".log") + ".mark"


class LogWriter:
    """Appends payloads to the segments of one process; thread-safe, see the module."""

    def __init__(
        self,
        index: SegmentIndex,
        folder: Folder,
        name: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        self._index = index
        self._folder = folder
        self._system: SystemCalls = folder.system
        self._name = name
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._changed = threading.Condition(threading.RLock())
        self._active: _Segment | None = None
        self._retiring: list[_Segment] = []
        self._carried: list[framing.Payload] = []
        self._sealing = False
        self._pid = os.getpid()

    # -- appending ----------------------------------------------------------------------------

    def append(self, payloads: Sequence[framing.Payload], *, durable: bool = True) -> Position:
        """Append payloads in one write and, if `durable`, one sync shared with other threads.

        Raises:
            StoreFullError: no space, no quota, read-only: nothing was kept.
            StoreError: the disk failed: nothing was kept.
        """
        rows = sum(payload.rows for payload in payloads)
        if self._pid != os.getpid():
            self._after_fork()
        with self._changed:
            segment = self._ready()
            if not durable and segment.waiting > PENDING_BYTES:
                raise StoreFullError(
                    "too many rows wait to become durable",
                    remedy="call flush(), or wait for the disk",
                )
            start = segment.rows
            self._write(segment, payloads)
            if not durable:
                segment.keep(payloads)
            end = segment.end
        if durable:
            self._sync(segment, end)
        return Position(segment.number, start, rows, durable)

    def flush(self) -> None:
        """Make every row durable that was taken with ``durable=False``."""
        if self._pid != os.getpid():
            self._after_fork()
        with self._changed:
            if self._active is None and not self._carried and not self._retiring:
                return
            segment = self._ready()
            end = segment.end
        self._sync(segment, end)

    def rotate(self) -> None:
        """Seal the segment in use; the next rows begin a new one."""
        with self._changed:
            if self._carried:
                self._ready()
            if self._active is not None:
                self._retiring.append(self._active)
                self._active = None
            self._retire()

    def close(self) -> None:
        """Make everything durable and seal the segment."""
        if self._pid == os.getpid():
            self.rotate()

    # -- one segment after the other ----------------------------------------------------------

    def _after_fork(self) -> None:
        """Forget the file of the parent process; a child writes its own."""
        for segment in (*self._retiring, *filter(None, [self._active])):
            os.close(segment.fd)
            os.close(segment.mark_fd)
        self._changed = threading.Condition(threading.RLock())
        self._active, self._retiring, self._carried = None, [], []
        self._sealing = False
        self._pid = os.getpid()

    def _ready(self) -> _Segment:
        """The segment to write to, with older debts settled first."""
        segment = self._active
        if segment is not None and (
            segment.end >= self._segment_bytes
            or time.monotonic() - segment.begun >= self._segment_seconds
        ):
            self._retiring.append(segment)
            self._active = None
        if self._retiring:
            self._retire()
        segment = self._active
        if segment is None:
            segment = self._active = self._begin()
        if self._carried:
            carried = self._carried
            self._write(segment, carried)
            segment.keep(carried)
            self._carried = []
        return segment

    def _begin(self) -> _Segment:
        """Create a segment: file, lock, then the row of the catalog that makes it known."""
        file = f"{self._index.log}-{uuid.uuid4().hex}.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        fds: list[int] = []
        try:
            fds.append(self._folder.open(file, flags))
            # held until the segment is sealed or the process is dead; taken before the catalog
            # knows the file, so that nobody can mistake it for one left behind
            fcntl.flock(fds[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
            fds.append(self._folder.open(mark_name(file), flags))
            self._system.pwritev(fds[1], [MARK.pack(0)], 0)
            self._system.fsync(fds[0])
            self._folder.sync()
            number = self._index.begin(file, self._name)
        except BaseException as error:
            for fd in fds:
                os.close(fd)
            for name in (file, mark_name(file)):
                with contextlib.suppress(HoldfastError):
                    self._folder.remove(name)
            if isinstance(error, OSError):
                raise refusal(error, "beginning a segment of the log") from error
            raise
        return _Segment(number, file, fds[0], fds[1], 0)

    def _retire(self) -> None:
        """Seal segments that are no longer written; what cannot be sealed now waits."""
        while self._sealing:
            self._changed.wait()
        self._sealing = True
        try:
            while self._retiring:
                segment = self._retiring[0]
                if segment.error is None:
                    self._sync(segment, segment.end)
                self._index.seal(segment.number, segment.extent())
                self._retiring.pop(0)
                with contextlib.suppress(OSError):
                    self._system.ftruncate(segment.fd, segment.synced)
                self._let_go(segment)
        finally:
            self._sealing = False
            self._changed.notify_all()

    def _let_go(self, segment: _Segment) -> None:
        gone = [mark_name(segment.file), *([] if segment.synced_rows else [segment.file])]
        for name in gone:
            with contextlib.suppress(HoldfastError):  # swept away when the store is opened next
                self._folder.remove(name)
        os.close(segment.mark_fd)
        os.close(segment.fd)

    # -- bytes --------------------------------------------------------------------------------

    def _write(self, segment: _Segment, payloads: Sequence[framing.Payload]) -> None:
        """Write frames at the end of the segment, or leave it as it was."""
        buffers: list[bytes | memoryview] = []
        row, size = segment.rows, 0
        for payload in payloads:
            buffers += (framing.header(payload, row, segment.salt), payload.data)
            size += framing.HEADER_SIZE + len(payload.data)
            row += payload.rows
        if segment.end + size > segment.zeroed and size <= SMALL_WRITE:
            self._zero_ahead(segment)
        try:
            self._write_all(segment.fd, buffers, size, segment.end)
        except OSError as error:
            refused = refusal(error, "appending to the log")
            segment.zeroed = segment.end
            try:
                self._system.ftruncate(segment.fd, segment.end)
            except OSError:
                self._give_up(segment, refused)
            raise refused from error
        segment.end += size
        segment.rows = row
        for payload in payloads:
            segment.t0 = payload.t0 if segment.t0 is None else min(segment.t0, payload.t0)
            segment.t1 = payload.t1 if segment.t1 is None else max(segment.t1, payload.t1)
            segment.received = max(payload.received, segment.received or payload.received)

    def _zero_ahead(self, segment: _Segment) -> None:
        with contextlib.suppress(OSError):  # it only saves time
            room = os.fstatvfs(segment.fd)
            if room.f_bavail * room.f_frsize > 64 * len(AHEAD):
                written = self._system.pwritev(segment.fd, [AHEAD], segment.end)
                segment.zeroed = segment.end + written

    def _write_all(
        self, fd: int, buffers: list[bytes | memoryview], size: int, offset: int
    ) -> None:
        written = self._system.pwritev(fd, buffers[:1024], offset)
        if written == size:
            return
        rest = memoryview(b"".join(buffers))
        while written < size:
            part = self._system.pwritev(fd, [rest[written:]], offset + written)
            if part == 0:
                raise OSError(5, "nothing was written")
            written += part

    def _sync(self, segment: _Segment, end: int) -> None:
        """Return when the segment is durable up to `end`; one thread syncs for all that wait."""
        with self._changed:
            while segment.synced < end:
                if segment.error is not None:
                    raise segment.error
                if not segment.syncing:
                    break
                self._changed.wait()
            else:
                return
            segment.syncing = True
            target, rows = segment.end, segment.rows
        failure: OSError | None = None
        try:
            self._system.fdatasync(segment.fd)
        except OSError as error:
            failure = error
        with self._changed:
            segment.syncing = False
            self._changed.notify_all()
            if failure is not None:
                refused = refusal(failure, "syncing the log")
                self._give_up(segment, refused)
                raise refused from failure
            segment.synced_to(target, rows)
            with contextlib.suppress(OSError):
                # failing that, other processes see the rows after the next sync
                self._system.pwritev(segment.mark_fd, [MARK.pack(target)], 0)

    def _give_up(self, segment: _Segment, refused: StoreError) -> None:
        """Use a segment no more: nothing after its last good sync is believed."""
        segment.error = refused
        if self._active is segment:
            self._active = None
            self._retiring.append(segment)
        self._carried += [payload for _, payload in segment.pending]
        segment.pending, segment.waiting = [], 0
        with contextlib.suppress(OSError):
            # failing that, the catalog will say where the segment ends
            self._system.ftruncate(segment.fd, segment.synced)
