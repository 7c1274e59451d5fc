"""Tokens and roles. A token file holds only hashes; a token is shown once, when it is made."""

from __future__ import annotations

import enum
import hashlib
import os
import secrets
from pathlib import Path

import msgspec

from holdfast.errors import ConfigError

PREFIX = "hf_"


class Role(enum.StrEnum):
    """What a token may do; each role is a closed list of routes (see `routes`)."""

    CLIENT = "client"
    VIEWER = "viewer"
    OPERATOR = "operator"
    RELEASER = "releaser"
    ADMIN = "admin"


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One token as stored: never the token itself.

    Attributes:
        name: who holds it.
        role: what it may do.
        sha256: hash of the token, in hex.
        hint: its first characters, to recognise it by.
        created: microseconds since 1970 (UTC).
        expires: microseconds since 1970 (UTC), or None for never.
    """

    name: str
    role: Role
    sha256: str
    hint: str
    created: int
    expires: int | None = None


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token file: format version and entries."""

    version: int = 1
    tokens: tuple[TokenEntry, ...] = ()


def digest(token: str | bytes) -> str:
    """Hash of a token. Tokens are 256 random bits, so one round of sha256 suffices."""
    raw = token.encode() if isinstance(token, str) else token
    return hashlib.sha256(raw).hexdigest()


class Tokens:
    """The tokens that are valid now.

    Example:
        >>> token, entry = make_token("app", Role.CLIENT, now=0)
        >>> Tokens([entry]).role_of(token.encode(), now=1)
        <Role.CLIENT: 'client'>
        >>> Tokens([entry]).role_of(b"hf_wrong", now=1) is None
        True
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: tuple[TokenEntry, ...] | list[TokenEntry]) -> None:
        self._entries = {entry.sha256: entry for entry in entries}

    def __len__(self) -> int:
        return len(self._entries)

    def entry_of(self, token: bytes, now: int) -> TokenEntry | None:
        """Entry of a presented token, None when unknown or expired; looked up by its hash."""
        entry = self._entries.get(hashlib.sha256(token).hexdigest())
        if entry is None or (entry.expires is not None and now >= entry.expires):
            return None
        return entry

    def role_of(self, token: bytes, now: int) -> Role | None:
        """Role of a presented token, None when unknown or expired."""
        entry = self.entry_of(token, now)
        return None if entry is None else entry.role


def make_token(
    name: str, role: Role, *, now: int, days: float | None = None
) -> tuple[str, TokenEntry]:
    """A new token (to be shown once) and its entry (to be stored)."""
    token = PREFIX + secrets.token_urlsafe(32)
    expires = None if days is None else now + int(days * 86_400_000_000)
    return token, TokenEntry(name, role, digest(token), token[: len(PREFIX) + 4], now, expires)


def read_tokens(path: Path) -> TokenFile:
    """Read a token file.

    Raises:
        ConfigError: when it cannot be read, is malformed, or others may read or change it.
    """
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & 0o077:
            raise ConfigError(
                "the token file is open to others",
                expected="mode 600",
                got=f"mode {mode & 0o777:o}",
                remedy=f"chmod 600 {path}",
            )
        return msgspec.json.decode(path.read_bytes(), type=TokenFile)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the token file cannot be read",
            expected="a file made by `holdfast serve --new-token`",
            got=f"{path}: {error}",
            remedy="make a token; the file is created with it",
        ) from None


def add_token(
    path: Path, name: str, role: Role | str, *, now: int, days: float | None = None
) -> str:
    """Make a token, add its hash to the file at `path` (created with mode 600), return it."""
    try:
        role = Role(role)
    except ValueError:
        raise ConfigError(
            "there is no such role",
            expected=", ".join(Role),
            got=f"role={str(role)!r}",
        ) from None
    known = read_tokens(path) if path.exists() else TokenFile()
    token, entry = make_token(name, role, now=now, days=days)
    content = msgspec.json.format(
        msgspec.json.encode(TokenFile(tokens=(*known.tokens, entry))), indent=2
    )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return token
