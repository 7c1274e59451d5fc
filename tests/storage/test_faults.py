"""Disks that are full, failing or read-only: refused in words, nothing half done, then on again."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.helpers import ids_of, names, rows

from holdfast.errors import StoreError, StoreFullError
from holdfast.storage import Store
from holdfast.storage.files import SystemCalls
from holdfast.storage.framing import salt_of
from holdfast.storage.recovery import examine


class Faulty(SystemCalls):
    """System calls that fail when told to: `faults` maps a call to the errors it gives next."""

    def __init__(self) -> None:
        self.faults: dict[str, list[int | None]] = {}
        self.short = 0

    def _next(self, call: str) -> None:
        waiting = self.faults.get(call)
        number = waiting.pop(0) if waiting else None
        if number is not None:
            raise OSError(number, os.strerror(number))

    def open(self, name, flags, mode=0o600, *, dir_fd):
        self._next("open")
        return super().open(name, flags, mode, dir_fd=dir_fd)

    def pwritev(self, fd, buffers, offset):
        if self.short:
            half = b"".join(buffers)[: self.short]
            self.short = 0
            return super().pwritev(fd, [half], offset)
        self._next("pwritev")
        return super().pwritev(fd, buffers, offset)

    def pread(self, fd, size, offset):
        self._next("pread")
        return super().pread(fd, size, offset)

    def fdatasync(self, fd):
        self._next("fdatasync")
        super().fdatasync(fd)

    def fsync(self, fd):
        self._next("fsync")
        super().fsync(fd)

    def ftruncate(self, fd, size):
        self._next("ftruncate")
        super().ftruncate(fd, size)


@pytest.fixture
def disk() -> Faulty:
    return Faulty()


@pytest.fixture
def faulty(path: Path, disk: Faulty) -> Iterator[Store]:
    with Store.open(path, system=disk) as store:
        store.predictions.append_columns(rows(0, 5))
        yield store


def survivors(path: Path) -> list[str]:
    """What a new process finds."""
    with Store.open(path) as store:
        assert store.verify() == []
        return sorted(ids_of(store.predictions.read()), key=lambda name: int(name[1:]))


FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS]


@pytest.mark.parametrize("number", [*FULL, errno.EIO])
def test_a_failed_write_is_refused_and_the_next_one_works(faulty, disk, path, number):
    disk.faults["pwritev"] = [number]

    with pytest.raises(StoreFullError if number in FULL else StoreError) as caught:
        faulty.predictions.append_columns(rows(5, 5))
    faulty.predictions.append_columns(rows(10, 5))

    assert caught.value.remedy
    assert ids_of(faulty.predictions.read()) == names(0, 5) + names(10, 5)
    faulty.close()
    assert survivors(path) == names(0, 5) + names(10, 5)


def test_a_frame_written_in_part_is_cut_away(faulty, disk, path):
    disk.short = 30
    disk.faults["pwritev"] = [errno.ENOSPC]
    file = next((faulty.files / "segments").glob("*.log"))
    before = examine(file.read_bytes(), salt_of(file.name)).extent.bytes

    with pytest.raises(StoreFullError):
        faulty.predictions.append_columns(rows(5, 5))

    assert file.stat().st_size == before
    faulty.close()
    assert survivors(path) == names(0, 5)


def test_a_write_in_two_parts_is_whole(faulty, disk, path):
    disk.short = 30

    faulty.predictions.append_columns(rows(5, 5))

    faulty.close()
    assert survivors(path) == names(0, 10)


def test_a_frame_that_can_be_neither_written_nor_cut_away_is_left_behind(faulty, disk, path):
    disk.short = 30
    disk.faults = {"pwritev": [errno.EIO], "ftruncate": [errno.EIO, errno.EIO]}

    with pytest.raises(StoreError):
        faulty.predictions.append_columns(rows(5, 5))
    faulty.predictions.append_columns(rows(10, 5))

    assert len(faulty.predictions.index.all()) == 2
    faulty.close()
    assert survivors(path) == names(0, 5) + names(10, 5)


@pytest.mark.parametrize("cuttable", [True, False])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_sync_a_new_segment_is_begun(faulty, disk, path, number, cuttable):
    disk.faults = {"fdatasync": [number], "ftruncate": [None if cuttable else errno.EIO]}

    with pytest.raises(StoreError, match="syncing"):
        faulty.predictions.append_columns(rows(5, 5))
    seen = ids_of(faulty.predictions.read())
    faulty.predictions.append_columns(rows(5, 5))  # the caller tries again

    assert seen == names(0, 5)
    assert [row.state for row in faulty.predictions.index.all()] == ["sealed", "open"]
    assert ids_of(faulty.predictions.read()) == names(0, 10)
    faulty.close()
    assert survivors(path) == names(0, 10)


def test_a_tail_never_gives_rows_whose_sync_failed(faulty, disk):
    found, cursor = faulty.predictions.tail()
    disk.faults["fdatasync"] = [errno.EIO]
    with pytest.raises(StoreError):
        faulty.predictions.append_columns(rows(5, 5))
    more, cursor = faulty.predictions.tail(cursor)
    faulty.predictions.append_columns(rows(5, 5))
    rest, _ = faulty.predictions.tail(cursor)

    assert (ids_of(found), ids_of(more), ids_of(rest)) == (names(0, 5), [], names(5, 5))


def test_rows_acknowledged_before_they_were_durable_are_written_again(faulty, disk, path):
    faulty.predictions.append_columns(rows(5, 5), durable=False)
    disk.faults["fdatasync"] = [errno.EIO]
    with pytest.raises(StoreError):
        faulty.predictions.append_columns(rows(10, 5))

    faulty.predictions.flush()

    assert ids_of(faulty.predictions.read()) == names(0, 10)
    faulty.close()
    assert survivors(path) == names(0, 10)


def test_rows_waiting_for_a_dead_disk_are_bounded(faulty, disk, monkeypatch):
    monkeypatch.setattr("holdfast.storage.writer.PENDING_BYTES", 2000)

    def fill() -> None:
        for first in range(0, 100_000, 50):
            faulty.predictions.append_columns(rows(first, 50), durable=False)

    with pytest.raises(StoreFullError, match="too many rows wait"):
        fill()


def test_of_threads_sharing_a_failed_sync_all_are_told(path, disk):
    started = threading.Event()
    going = threading.Event()

    class Slow(Faulty):
        def fdatasync(self, fd):
            if self.faults.get("fdatasync"):
                started.set()
                going.wait(10)
            super().fdatasync(fd)

    slow = Slow()
    with Store.open(path, system=slow) as store:
        store.predictions.append_columns(rows(0, 1))
        slow.faults["fdatasync"] = [errno.EIO]
        told: list[str] = []

        def write(first: int) -> None:
            try:
                store.predictions.append_columns(rows(first, 1))
            except StoreError:
                told.append(f"p{first}")

        threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 6)]
        threads[0].start()
        started.wait(10)
        for thread in threads[1:]:
            thread.start()
        while len(store.predictions._writer._changed._waiters) < 4:
            pass
        going.set()
        for thread in threads:
            thread.join()

        assert sorted(told) == names(1, 5)
        assert ids_of(store.predictions.read()) == ["p0"]


@pytest.mark.parametrize("call", ["open", "fsync", "pwritev"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_segment_that_cannot_be_begun_leaves_nothing_behind(path, disk, call, number):
    with Store.open(path, system=disk) as store:
        disk.faults[call] = [number]
        with pytest.raises(StoreError) as caught:
            store.predictions.append_columns(rows(0, 5))

        assert caught.value.remedy
        assert list((store.files / "segments").iterdir()) == []
        assert store.predictions.index.all() == []
        store.predictions.append_columns(rows(0, 5))
    assert survivors(path) == names(0, 5)


def test_a_disk_that_cannot_be_read_says_so(faulty, disk):
    disk.faults["pread"] = [None, errno.EIO]

    with pytest.raises(StoreError, match="reading the log"):
        faulty.predictions.read()

    assert ids_of(faulty.predictions.read()) == names(0, 5)


def test_every_call_may_fail_once_and_no_acknowledged_row_is_lost_nor_doubled(tmp_path):
    """The n-th system call fails, for every n, with and without a second failure after it."""
    for then in (None, errno.EIO):
        for n in range(1, 40):
            disk = Faulty()
            path = tmp_path / f"{then}-{n}.db"
            plan = [*[None] * (n - 1), errno.EIO, then]
            acknowledged: list[str] = []
            with Store.open(path, system=disk, segment_bytes=1500) as store:
                shared = plan.copy()
                disk.faults = dict.fromkeys(
                    ("open", "pwritev", "fdatasync", "fsync", "ftruncate"), shared
                )
                for first in range(0, 60, 5):
                    for _ in range(5):
                        try:
                            store.predictions.append_columns(rows(first, 5))
                        except StoreError:
                            continue
                        acknowledged += names(first, 5)
                        break
                disk.faults = {}
            assert survivors(path) == acknowledged == names(0, 60)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_an_archive_that_cannot_be_synced_leaves_the_segments(faulty, disk, path, number):
    faulty.predictions.rotate()
    disk.faults["fsync"] = [number]

    with pytest.raises(StoreError):
        faulty.compact()

    assert list((faulty.files / "parquet").iterdir()) == []
    assert faulty.compact().rows == 5
    faulty.close()
    assert survivors(path) == names(0, 5)


# -- real means -------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def noise(first: int, count: int) -> dict[str, object]:
    """Rows that do not compress."""
    return rows(first, count) | {"features": [os.urandom(500).hex() for _ in range(count)]}


def fill(store: Store) -> None:
    for number in range(1000):
        store.catalog.put_state(f"s{number}", os.urandom(20_000))


def test_a_full_disk_refuses_and_goes_on_when_space_returns(small_disk):
    path = small_disk / "holdfast.db"
    acknowledged: list[str] = []
    ballast = small_disk / "ballast"
    with Store.open(path) as store:
        store.predictions.append_columns(noise(0, 10))
        acknowledged += names(0, 10)
        ballast.write_bytes(b"\0" * 500_000)
        refused = 0
        for first in range(10, 5000, 10):
            try:
                store.predictions.append_columns(noise(first, 10))
                acknowledged += names(first, 10)
            except StoreFullError:
                refused += 1
                if refused == 3:
                    break
        assert refused == 3
        assert sorted(ids_of(store.predictions.read())) == sorted(acknowledged)
        with pytest.raises(StoreFullError):
            fill(store)
        ballast.unlink()
        store.predictions.append_columns(noise(5000, 10))
        acknowledged += names(5000, 10)
        store.control.append("space.returned", "loan", {}, at=0)
    assert sorted(survivors(path)) == sorted(acknowledged)


def test_a_read_only_file_system_refuses_writes_and_gives_reads(small_disk):
    path = small_disk / "holdfast.db"
    with Store.open(path) as store:
        store.predictions.append_columns(rows(0, 5))
        store.control.append("a", "loan", {}, at=0)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(StoreFullError, match=r"[Rr]ead-only"):
        Store.open(path)
    with Store.open(path, read_only=True) as reader:
        assert ids_of(reader.predictions.read()) == names(0, 5)
        assert len(reader.control.events()) == 1

    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert survivors(path) == names(0, 5)


def test_a_file_system_that_becomes_read_only_under_a_writer_cannot_be_remounted_silently(
    small_disk,
):
    path = small_disk / "holdfast.db"
    with Store.open(path) as store:
        store.predictions.append_columns(rows(0, 5))
        done = subprocess.run(
            ["mount", "-o", "remount,ro", small_disk], capture_output=True, check=False
        )
        assert done.returncode != 0  # the kernel refuses while a log is open for writing


def test_archiving_on_a_full_disk_is_refused_and_loses_nothing(small_disk):
    path = small_disk / "holdfast.db"
    with Store.open(path) as store:
        for first in range(0, 300, 50):
            store.predictions.append_columns(noise(first, 50))
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"\0" * (1 << 20))
        with ballast.open("r+b") as file:
            file.truncate(ballast.stat().st_size - 100_000)  # room for the catalog, no more

        with pytest.raises(StoreFullError):
            store.compact()
        assert list((store.files / "parquet").iterdir()) == []
        assert ids_of(store.predictions.read()) == names(0, 300)

        ballast.unlink()
        assert store.compact().rows == 300
    assert survivors(path) == names(0, 300)


LIMITED = """
    import resource, sys
    from holdfast.errors import StoreError, StoreFullError
    from holdfast.storage import Store
    from tests.storage.helpers import rows

    store = Store.open(sys.argv[1])
    store.predictions.append_columns(rows(0, 10))
    kind, low = getattr(resource, sys.argv[2]), int(sys.argv[3])
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (low, before[1]))
    first = 10
    try:
        for first in range(10, 3000, 10):
            store.predictions.append_columns(rows(first, 10))
            store.predictions.rotate() if sys.argv[2] == "RLIMIT_NOFILE" else None
    except StoreError as error:
        print(type(error).__name__, first)
    resource.setrlimit(kind, before)
    store.predictions.append_columns(rows(first, 10))
    store.close()
"""


@pytest.mark.parametrize(
    ("limit", "low", "kind"),
    [("RLIMIT_FSIZE", 20_000, "StoreFullError"), ("RLIMIT_NOFILE", 3, "StoreError")],
)
def test_a_process_at_its_limits_refuses_and_goes_on_when_they_are_raised(path, limit, low, kind):
    if not hasattr(resource, limit):
        pytest.skip(f"this system has no {limit}")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(path), limit, str(low)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    said, last = done.stdout.split()
    assert said == kind
    assert survivors(path) == names(0, int(last) + 10)
