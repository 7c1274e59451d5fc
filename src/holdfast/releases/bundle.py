"""The bundle on disk: content-addressed, written beside and renamed, verified before it is used."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec

from holdfast.errors import ReleaseError
from holdfast.releases.records import FORMAT_VERSION, FileEntry, Manifest

MANIFEST = "manifest.json"
_ID = re.compile(r"[0-9a-f]{64}")
_REMEDY = "restore the directory from a backup, or build the release again"
T = TypeVar("T")


def canonical(record: msgspec.Struct) -> bytes:
    """JSON with sorted keys: equal records have equal bytes."""
    return msgspec.json.encode(record, order="deterministic") + b"\n"


def is_id(text: str) -> bool:
    """Whether a text has the form of a release id."""
    return _ID.fullmatch(text) is not None


def sha256_of(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def staging(directory: Path) -> Path:
    """A private folder beside the final place, so that a rename is atomic."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".building-", dir=directory))
    except OSError as error:
        raise ReleaseError(
            "the release cannot be written here",
            expected="a writable directory",
            got=type(error).__name__,
            remedy="choose another directory or make room",
        ) from error


def file_entries(folder: Path) -> dict[str, FileEntry]:
    """Every regular file below a folder, by its path with forward slashes."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def seal(folder: Path, directory: Path, manifest: Manifest) -> tuple[str, Path]:
    """Write the manifest, make everything durable, and move the folder to ``directory/<id>``.

    An equal release that is there already is kept.
    """
    text = canonical(manifest)
    release_id = hashlib.sha256(text).hexdigest()
    target = directory / release_id
    try:
        (folder / MANIFEST).write_bytes(text)
        for path in sorted(folder.rglob("*"), reverse=True):
            _sync(path)
        _sync(folder)
        folder.chmod(0o755)
        if target.exists():
            verify(target)
            shutil.rmtree(folder)
        else:
            folder.rename(target)
        _sync(directory)
    except OSError as error:
        raise ReleaseError(
            "the release could not be written completely; nothing was kept",
            got=type(error).__name__,
            remedy="make room on the disk and build again",
        ) from error
    return release_id, target


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(directory: Path, expected_id: str | None = None) -> tuple[str, Manifest]:
    """Check every byte of a release against its manifest; gives its id and manifest.

    Args:
        directory: the release's folder.
        expected_id: id it must have; None takes the folder's name where that is an id.

    Raises:
        ReleaseError: a file is missing, changed, extra, or not a plain file, or the manifest is
            not the one the id stands for.
    """
    release_id, manifest = read_manifest(directory, expected_id)
    _compare_files(directory, manifest)
    return release_id, manifest


def read_manifest(directory: Path, expected_id: str | None = None) -> tuple[str, Manifest]:
    """The manifest that an id stands for; the files beside it are not looked at. As `verify`."""
    try:
        text = _plain_file(directory / MANIFEST).read_bytes()
    except OSError as error:
        raise ReleaseError(
            "this is no release",
            expected=f"a directory with {MANIFEST}",
            got=f"directory={directory.name!r}",
            remedy="give the directory that Release.build returned",
        ) from error
    release_id = hashlib.sha256(text).hexdigest()
    wanted = expected_id or (directory.name if is_id(directory.name) else None)
    if wanted is not None and wanted != release_id:
        raise ReleaseError(
            "the release's manifest was changed after it was built",
            expected=f"id {wanted[:12]}…",
            got=f"id {release_id[:12]}…",
            remedy=_REMEDY,
        )
    manifest = decode(text, Manifest, MANIFEST)
    if manifest.format > FORMAT_VERSION:
        raise ReleaseError(
            "the release was written by a newer Holdfast",
            expected=f"format <= {FORMAT_VERSION}",
            got=f"format={manifest.format}",
            remedy="upgrade Holdfast",
        )
    return release_id, manifest


def _compare_files(directory: Path, manifest: Manifest) -> None:
    present: set[str] = set()
    for path in directory.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            _plain_file(path)
            present.add(path.relative_to(directory).as_posix())
    present.discard(MANIFEST)
    missing = sorted(set(manifest.files) - present)
    extra = sorted(present - set(manifest.files))
    if missing or extra:
        raise ReleaseError(
            "the release's files are not those of its manifest",
            expected=f"{len(manifest.files)} files",
            got=f"missing={missing}, extra={extra}",
            remedy=_REMEDY,
        )
    for name, entry in manifest.files.items():
        path = directory / name
        if path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
            raise ReleaseError(
                "a file of the release was changed or damaged after it was built",
                expected=f"sha256 {entry.sha256[:12]}…, {entry.size} bytes",
                got=f"file={name!r}",
                remedy=_REMEDY,
            )


def _plain_file(path: Path) -> Path:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise ReleaseError(
            "a release holds plain files only",
            expected="a regular file",
            got=f"file={path.name!r}",
            remedy=_REMEDY,
        )
    return path


def decode(text: bytes, kind: type[T], name: str) -> T:
    """One JSON file of the bundle as its record."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise ReleaseError(
            "a file of the release cannot be understood",
            expected=f"a {kind.__name__} as JSON" if isinstance(kind, type) else "JSON",
            got=f"file={name!r}: {error}",
            remedy=_REMEDY,
        ) from error
