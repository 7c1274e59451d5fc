"""A consistent copy of a store, made while others write."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from holdfast.errors import StoreError
from holdfast.storage.database import Database
from holdfast.storage.files import refusal
from holdfast.storage.log import EventLog
from holdfast.storage.segments import SegmentIndex


def backup(database: Database, logs: list[EventLog], files: Path, target: Path) -> int:
    """Copy catalog, control events and every durable row to a new store.

    The catalog is copied first, at one moment; then the files it names. A file is never changed
    before its end, so what the catalog of that moment promises is whole. Files are hard links
    where the file system can, so a copy on the same disk costs little.

    Args:
        database: the open catalog.
        logs: the logs whose files are copied.
        files: folder of the store.
        target: path of the new SQLite file; must not exist.

    Returns:
        The number of log files copied.

    Raises:
        StoreError: the target exists, or cannot be written.
    """
    folder = target.with_suffix(".files")
    if target.exists() or folder.exists():
        raise StoreError(
            f"{target.name} exists already",
            expected="the path of a new file",
            remedy="name another file for the backup, or remove the old one",
        )
    try:
        folder.mkdir(mode=0o700)
        for name in ("segments", "parquet"):
            (folder / name).mkdir(mode=0o700)
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return _copy(database, logs, files, target, folder)
    except OSError as error:
        raise refusal(error, "making a backup") from error


def _copy(database: Database, logs: list[EventLog], files: Path, target: Path, folder: Path) -> int:
    database.copy_to(target)
    copied = 0
    copy = Database(target)
    try:
        for log in logs:
            index = SegmentIndex(copy, log.kind.name)
            for row in index.all():
                if row.state == "sealed":
                    _link(files / "segments" / row.file, folder / "segments" / row.file)
                elif row.state == "open":
                    _copy_open(files / "segments" / row.file, folder / "segments" / row.file)
                copied += row.state != "archived"
            for archive in index.archives():
                _link(files / "parquet" / archive.file, folder / "parquet" / archive.file)
                copied += 1
    finally:
        copy.close()
    if (files / "releases").is_dir():
        shutil.copytree(files / "releases", folder / "releases", copy_function=_link)
    for place in (folder / "segments", folder / "parquet", folder, target.parent):
        _sync(place)
    return copied


def _copy_open(source: Path, target: Path) -> None:
    """Copy a segment that is being written; a tail torn by that is cut when the copy is opened."""
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        target.touch()  # it was sealed meanwhile and held nothing
    _sync(target)


def _link(source: str | Path, target: str | Path) -> None:
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
    _sync(Path(target))


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
