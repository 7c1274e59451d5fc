"""Every error a user can meet, as one tree.

::

    HoldfastError                 base: code, message, expected, got, remedy; exit code 2
    ├── UsageError                the call itself is wrong (unknown flag, missing argument)
    ├── DataError                 a table, file or row cannot be read as asked
    │   └── TypeRefusedError      a column type we do not handle, said before anything is lost
    ├── ContractError             a contract document is malformed or contradicts itself
    ├── ModelError                a model cannot be saved, loaded or asked
    ├── ReleaseError              a release is damaged, tampered with, unknown or refused
    ├── StoreError                the store cannot be opened, written or read
    │   └── StoreFullError        no space, quota or read-only file system: refused, nothing lost
    ├── RequestError              a request to the server is malformed (HTTP 4xx)
    └── ConfigError               settings contradict each other or are unsafe

Messages say what was expected, what was got, and what to do about it.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HoldfastError(Exception):
    """Base of all errors shown to users.

    Args:
        message: one sentence in plain words.
        code: stable identifier such as ``"HF-E-DATA-ROW"``; the class gives a default.
        expected: what would have been right, in words.
        got: what was found, usually ``name=value``.
        remedy: what the reader can do now.

    Example:
        >>> print(DataError("cannot read the file", expected="a CSV file", got="suffix='.doc'"))
        [HF-E-DATA] cannot read the file; expected a CSV file; got suffix='.doc'
    """

    default_code: ClassVar[str] = "HF-E"
    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.expected = expected
        self.got = got
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [f"[{self.code}] {self.message}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The error as plain data, for JSON answers."""
        return {
            "code": self.code,
            "message": self.message,
            "expected": self.expected,
            "got": self.got,
            "remedy": self.remedy,
        }


class UsageError(HoldfastError):
    """The call itself is wrong."""

    default_code = "HF-E-USAGE"


class DataError(HoldfastError):
    """A table, file or row cannot be read as asked."""

    default_code = "HF-E-DATA"


class TypeRefusedError(DataError):
    """A column type that is not handled, said before anything is lost."""

    default_code = "HF-E-DATA-TYPE"


class ContractError(HoldfastError):
    """A contract document is malformed or contradicts itself."""

    default_code = "HF-E-CONTRACT"


class ModelError(HoldfastError):
    """A model cannot be saved, loaded or asked."""

    default_code = "HF-E-MODEL"


class ReleaseError(HoldfastError):
    """A release is damaged, tampered with, unknown or refused."""

    default_code = "HF-E-RELEASE"


class StoreError(HoldfastError):
    """The store cannot be opened, written or read."""

    default_code = "HF-E-STORE"


class StoreFullError(StoreError):
    """No space, no quota or a read-only file system: the write was refused, nothing was lost."""

    default_code = "HF-E-STORE-FULL"


class RequestError(HoldfastError):
    """A request to the server is malformed; `status` is the HTTP status to answer with."""

    default_code = "HF-E-REQUEST"

    def __init__(self, message: str, *, status: int = 422, **details: str | None) -> None:
        super().__init__(message, **details)
        self.status = status


class ConfigError(HoldfastError):
    """Settings contradict each other or are unsafe."""

    default_code = "HF-E-CONFIG"
