"""What is put in order when a store is opened: segments of dead writers, and files left over."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from typing import NamedTuple

from holdfast.errors import StoreError
from holdfast.storage import framing
from holdfast.storage.files import Folder, read_all, refusal
from holdfast.storage.segments import Extent, SegmentIndex, SegmentRow
from holdfast.storage.writer import MARK, mark_name

logger = logging.getLogger(__name__)
#: a file without a row is only removed when it is older, so that one just begun is left alone
ORPHAN_SECONDS = 3600.0


class Recovered(NamedTuple):
    """What was found in the segment of a dead writer."""

    extent: Extent
    cut: int
    damage: list[framing.Damage]


def examine(data: bytes, salt: int, mark: int = 0) -> Recovered:
    """How much of a segment is whole.

    A torn tail, the frame that was being written when the machine stopped, is to be cut. Bytes
    before `mark` were acknowledged: if they cannot be read, that is damage, and they are kept.

    Args:
        data: the whole segment.
        salt: its salt.
        mark: how far it was known to be durable.
    """
    frames: list[framing.Frame] = []
    damage: list[framing.Damage] = []
    for found in framing.scan(data, salt):
        if isinstance(found, framing.Damage):
            damage.append(found)
        else:
            frames.append(found[0])
    whole = frames[-1].end if frames else 0
    end = max(whole, min(mark, len(data)))
    damage = [item for item in damage if item.offset < end]
    if mark > len(data):
        damage.append(framing.Damage(len(data), mark - len(data), "missing"))
    extent = Extent(
        frames[-1].first_row + frames[-1].rows if frames else 0,
        end,
        min((frame.t0 for frame in frames), default=None),
        max((frame.t1 for frame in frames), default=None),
        max((frame.received for frame in frames), default=None),
    )
    return Recovered(extent, len(data) - end, damage)


def recover(index: SegmentIndex, folder: Folder) -> int:
    """Seal the open segments of writers that are dead; returns how many.

    A live writer holds a lock on its segment, so its segment is left alone.
    """
    return sum(_recover_one(index, folder, row) for row in index.in_state("open"))


def _recover_one(index: SegmentIndex, folder: Folder, row: SegmentRow) -> bool:
    try:
        fd = folder.open(row.file, os.O_RDWR)
    except FileNotFoundError:
        index.seal(row.id, Extent(0, 0, None, None, None), "the file is missing")
        return True
    try:
        if not _locked(fd):
            return False
        current = index.get(row.id)
        if current is None or current.state != "open":
            return False
        data = read_all(folder.system, fd, os.fstat(fd).st_size, 0)
        found = examine(data, framing.salt_of(row.file), _mark(folder, row.file))
        if found.cut:
            torn = len(data[found.extent.bytes :].rstrip(b"\0"))  # zeros are room not used
            if torn:
                logger.warning("cut a torn tail of %d bytes from %s", torn, row.file)
            folder.system.ftruncate(fd, found.extent.bytes)
        folder.system.fsync(fd)
        damage = "; ".join(f"{d.reason} at {d.offset}, {d.size} bytes" for d in found.damage)
        if damage:
            logger.error("segment %s is damaged: %s", row.file, damage)
        index.seal(row.id, found.extent, damage or None)
    except OSError as error:
        raise refusal(error, "recovering a segment") from error
    finally:
        os.close(fd)
    if found.extent.rows == 0 and not damage:
        folder.remove(row.file)
    folder.remove(mark_name(row.file))
    return True


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mark(folder: Folder, file: str) -> int:
    try:
        fd = folder.open(mark_name(file))
    except FileNotFoundError:
        return 0
    try:
        said = read_all(folder.system, fd, MARK.size, 0)
    finally:
        os.close(fd)
    return int(MARK.unpack(said)[0]) if len(said) == MARK.size else 0


def sweep(folder: Folder, known: set[str]) -> int:
    """Remove files that no row of the catalog names and that nobody is writing.

    Args:
        folder: where to look.
        known: names of files that stay; a mark stays with its segment.
    """
    removed = 0
    for name in folder.names():
        owner = name.removesuffix(".mark") + ".log" if name.endswith(".mark") else name
        if owner in known:
            continue
        with contextlib.suppress(StoreError, FileNotFoundError):
            fd = folder.open(name)
            try:
                age = time.time() - os.fstat(fd).st_mtime
                if age >= ORPHAN_SECONDS and _locked(fd):
                    folder.remove(name)
                    removed += 1
            finally:
                os.close(fd)
    return removed
