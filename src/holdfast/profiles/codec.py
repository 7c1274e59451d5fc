"""Bytes of profiles and specs: a magic word, a version, then zlib over msgpack. No code in them."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

from holdfast.errors import DataError
from holdfast.profiles.spec import FORMAT_VERSION

T = TypeVar("T")

_MAGIC = b"HFP"
_KINDS = {"spec": b"S", "profile": b"P"}
#: what one file may unpack to: damaged or hostile bytes must not fill the memory
MOST_BYTES = 1 << 30


def pack(kind: str, record: Any) -> bytes:
    """A record as bytes: equal records give equal bytes."""
    body = zlib.compress(msgspec.msgpack.encode(record), 6)
    return _MAGIC + _KINDS[kind] + bytes([FORMAT_VERSION]) + body


def unpack(kind: str, data: bytes, record: type[T]) -> T:
    """Read back `pack`.

    Raises:
        DataError: damaged, of a later version, or another kind of record.
    """
    if data[:3] != _MAGIC or data[3:4] != _KINDS[kind]:
        raise _unreadable(f"the bytes of a {kind}", f"a beginning of {data[:4]!r}")
    if data[4:5] != bytes([FORMAT_VERSION]):
        raise _unreadable(f"version {FORMAT_VERSION}", f"version={data[4:5]!r}")
    try:
        reader = zlib.decompressobj()
        body = reader.decompress(data[5:], MOST_BYTES)
        if reader.unconsumed_tail or not reader.eof:
            raise _unreadable("complete bytes", f"{len(data)} bytes, cut or too large")
        return msgspec.msgpack.decode(body, type=record)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise _unreadable(f"a whole {kind}", type(error).__name__) from error


def _unreadable(expected: str, got: str) -> DataError:
    return DataError(
        "these bytes cannot be read as a profile",
        expected=expected,
        got=got,
        remedy="make the profile again with this version",
    )
