"""Bytes of profiles and specs: a magic word, a version, then xz over msgpack. No code in them.

xz and not zlib: the coupons of 40 columns are bitmaps of every density, which it packs to 62 kB
where zlib needs 78; 40 ms for 50 columns, 3 ms to read back.
"""

from __future__ import annotations

import lzma
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
    body = lzma.compress(msgspec.msgpack.encode(record), preset=6)
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
        reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_BYTES)
        body = reader.decompress(data[5:], MOST_BYTES)
        if not reader.eof or reader.unused_data:
            raise _unreadable("complete bytes", f"{len(data)} bytes, cut or too large")
        return msgspec.msgpack.decode(body, type=record)
    except (lzma.LZMAError, EOFError, msgspec.MsgspecError) as error:
        raise _unreadable(f"a whole {kind}", type(error).__name__) from error


def _unreadable(expected: str, got: str) -> DataError:
    return DataError(
        "these bytes cannot be read as a profile",
        expected=expected,
        got=got,
        remedy="make the profile again with this version",
    )
