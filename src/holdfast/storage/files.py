"""The only opener of files whose names come from data, and the calls it makes to the system.

A `Folder` opens names it was given only inside itself: one component, a plain alphabet, no
symbolic link, a regular file. `SystemCalls` is the seam through which tests make disks fail.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from holdfast.errors import StoreError, StoreFullError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")

#: no space, no quota, file too large for its limit, read-only file system
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

_REMEDIES = {
    errno.ENOSPC: "free space on the disk of the store; writing resumes by itself",
    errno.EDQUOT: "raise the disk quota or remove files; writing resumes by itself",
    errno.EFBIG: "raise the file size limit of the process (ulimit -f)",
    errno.EROFS: "mount the file system of the store writable",
    errno.EMFILE: "raise the limit of open files (ulimit -n) or close files",
    errno.ENFILE: "the whole machine is out of file handles; close files",
    errno.EACCES: "give this user the right to read and write the store",
    errno.EPERM: "give this user the right to read and write the store",
    errno.EIO: "check the disk (dmesg, smartctl); move the store if it is failing",
}


class SystemCalls:
    """The system calls the log uses, one method each, so that a test can let any of them fail."""

    def open(self, name: str, flags: int, mode: int = 0o600, *, dir_fd: int) -> int:
        """Open `name` inside the directory `dir_fd`."""
        return os.open(name, flags, mode, dir_fd=dir_fd)

    def pwritev(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write at an offset; may write less than asked."""
        return os.pwritev(fd, buffers, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read at an offset; may read less than asked."""
        return os.pread(fd, size, offset)

    def fdatasync(self, fd: int) -> None:
        """Bring the data of a file to the disk."""
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """Bring a file or directory to the disk with its metadata."""
        os.fsync(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        """Cut a file to `size` bytes."""
        os.ftruncate(fd, size)


SYSTEM = SystemCalls()


def refusal(error: OSError, doing: str) -> StoreError:
    """The error a user sees for a failed system call.

    Args:
        error: what the system said.
        doing: what was being done, for example ``"appending to the log"``.

    Example:
        >>> print(refusal(OSError(28, "No space left on device"), "appending"))
        [HF-E-STORE-FULL] the store refused appending: No space left on device; remedy: free \
space on the disk of the store; writing resumes by itself
    """
    number = error.errno or 0
    kind = StoreFullError if number in _FULL else StoreError
    said = error.strerror or type(error).__name__
    return kind(f"the store refused {doing}: {said}", remedy=_REMEDIES.get(number))


def check_name(name: str) -> str:
    """Return `name` if it may name a file of the store, else refuse it.

    >>> check_name("predictions-0a1b.log")
    'predictions-0a1b.log'
    >>> check_name("../secret")
    Traceback (most recent call last):
    ...
    holdfast.errors.StoreError: [HF-E-STORE-NAME] a file name was refused; expected letters, \
digits, '.', '_' and '-', at most 200; got a name of 9 characters
    """
    if not _NAME.fullmatch(name):
        raise StoreError(
            "a file name was refused",
            code="HF-E-STORE-NAME",
            expected="letters, digits, '.', '_' and '-', at most 200",
            got=f"a name of {len(name)} characters",
        )
    return name


def open_beneath(
    directory: int, name: str, flags: int, mode: int = 0o600, *, system: SystemCalls = SYSTEM
) -> int:
    """Open the regular file `name` directly inside an open directory, never through a link.

    Args:
        directory: descriptor of the directory.
        name: one component, see `check_name`.
        flags: as for `os.open`; ``O_NOFOLLOW`` and ``O_CLOEXEC`` are added.
        mode: permissions of a new file.
        system: the system calls to use.

    Raises:
        FileNotFoundError: there is no such file (left to the caller, who may know why).
        StoreError: the name is refused, or it is a link, a device or anything but a file.
    """
    check_name(name)
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = system.open(name, flags, mode, dir_fd=directory)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise refusal(error, f"opening the file {name}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StoreError(
            f"{name} in the store is not a regular file",
            code="HF-E-STORE-NAME",
            remedy="remove it; only Holdfast writes into this folder",
        )
    return fd


class Folder:
    """An open directory of the store; every file in it is reached through this object."""

    def __init__(self, path: Path, *, create: bool = True, system: SystemCalls = SYSTEM) -> None:
        self.path = path
        self.system = system
        try:
            if create:
                path.mkdir(mode=0o700, exist_ok=True)
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise refusal(error, f"opening the folder {path.name}") from error

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """Open a file of this folder, see `open_beneath`."""
        return open_beneath(self.fd, name, flags, mode, system=self.system)

    def exists(self, name: str) -> bool:
        """True if there is an entry of that name."""
        try:
            os.stat(check_name(name), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> list[str]:
        """All names in the folder, sorted."""
        return sorted(os.listdir(self.fd))  # noqa: PTH208 (pathlib knows no descriptors)

    def remove(self, name: str) -> None:
        """Remove a file; a file that is gone already is no error."""
        try:
            os.unlink(check_name(name), dir_fd=self.fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise refusal(error, f"removing the file {name}") from error

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name in one step."""
        try:
            os.rename(check_name(old), check_name(new), src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as error:
            raise refusal(error, f"renaming the file {old}") from error

    def sync(self) -> None:
        """Bring the directory itself to the disk, so that new names survive a power loss."""
        try:
            self.system.fsync(self.fd)
        except OSError as error:
            raise refusal(error, f"syncing the folder {self.path.name}") from error

    def close(self) -> None:
        """Close the directory."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_all(system: SystemCalls, fd: int, size: int, offset: int) -> bytes:
    """Read exactly `size` bytes at `offset`, or fewer if the file ends before.

    Raises:
        StoreError: the disk could not be read.
    """
    parts: list[bytes] = []
    while size > 0:
        try:
            part = system.pread(fd, size, offset)
        except OSError as error:
            raise refusal(error, "reading the log") from error
        if not part:
            break
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
