"""Frames of the log: how rows become bytes, and how bytes that were damaged are told apart.

A frame is a 64-byte header and a payload::

    magic 8 | version 1 | kind 1 | codec 1 | 0 | rows 4 | first row 8 | stored 4 | raw 4
    | t0 8 | t1 8 | last received 8 | crc of payload 4 | crc of header 4

All integers little-endian. Both checksums are seeded with the salt of the segment, so that a
frame which strayed in from another file is not believed. The header has its own checksum: when
only the payload is damaged, the next frame is found by length; when the header is damaged too,
by searching the magic. Kinds: `COMPACT` is MessagePack of ``{column: list}``, for the small
groups of a live server; `ARROW` is an Arrow IPC stream, for bulk. Encoding 16 rows costs a tenth
of what an Arrow stream with compressed buffers costs (benchmarks/bench_storage.py). Small frames
are packed by LZ4, a quarter of the time of zstd for half as many bytes again, which live only
until the segment is archived; large ones by zstd.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from holdfast.errors import DataError

MAGIC = b"\x89HFrame\n"
VERSION = 1
COMPACT = 1
ARROW = 2
PLAIN = 0
ZSTD = 1
LZ4 = 2

_LAYOUT = struct.Struct("<8sBBBBIQIIqqqI")
_CRC = struct.Struct("<I")
HEADER_SIZE = _LAYOUT.size + _CRC.size
MAX_PAYLOAD = 1 << 30

_CODECS = {ZSTD: pa.Codec("zstd", compression_level=1), LZ4: pa.Codec("lz4_raw")}
#: from this size on compression counts more than its time
_LARGE = 32 << 10


class Payload(NamedTuple):
    """Encoded rows that are not yet placed in a segment.

    Attributes:
        kind, codec: see the module.
        rows: number of rows.
        data: the stored bytes.
        raw: number of bytes before compression.
        t0, t1: smallest and largest event time, microseconds since 1970 (UTC).
        received: largest time of receipt, same unit.
    """

    kind: int
    codec: int
    rows: int
    data: bytes
    raw: int
    t0: int
    t1: int
    received: int


class Frame(NamedTuple):
    """A frame found in a segment; `offset` and `end` are positions of bytes in the file."""

    offset: int
    end: int
    kind: int
    codec: int
    rows: int
    first_row: int
    raw: int
    t0: int
    t1: int
    received: int
    crc: int


class Damage(NamedTuple):
    """Bytes of a segment that are no frame.

    Attributes:
        offset, size: where, in bytes.
        reason: ``"payload"`` (header whole, content damaged), ``"header"`` (found again by
            search), ``"tail"`` (nothing readable after it) or ``"missing"`` (file too short).
        rows: number of rows lost, None if the header that knew it is lost as well.
    """

    offset: int
    size: int
    reason: str
    rows: int | None = None


def pack(raw: bytes, kind: int, *, rows: int, t0: int, t1: int, received: int) -> Payload:
    """Compress encoded rows if that helps.

    Raises:
        DataError: the rows are too large for one frame.
    """
    if len(raw) > MAX_PAYLOAD:
        raise DataError(
            "rows are too large for the log",
            expected=f"at most {MAX_PAYLOAD} bytes in one write",
            got=f"{len(raw)} bytes",
            remedy="write fewer rows at a time",
        )
    codec = LZ4 if len(raw) < _LARGE else ZSTD
    data = _CODECS[codec].compress(raw, asbytes=True)
    if len(data) < len(raw):
        return Payload(kind, codec, rows, data, len(raw), t0, t1, received)
    return Payload(kind, PLAIN, rows, raw, len(raw), t0, t1, received)


def header(payload: Payload, first_row: int, salt: int) -> bytes:
    """The header that places a payload at a row of the segment with this salt.

    >>> len(header(Payload(COMPACT, PLAIN, 1, b"x", 1, 0, 0, 0), 0, 7)) == HEADER_SIZE
    True
    """
    front = _LAYOUT.pack(
        MAGIC,
        VERSION,
        payload.kind,
        payload.codec,
        0,
        payload.rows,
        first_row,
        len(payload.data),
        payload.raw,
        payload.t0,
        payload.t1,
        payload.received,
        zlib.crc32(payload.data, salt),
    )
    return front + _CRC.pack(zlib.crc32(front, salt))


def parse_header(data: bytes, at: int, salt: int, base: int = 0) -> Frame | None:
    """The frame whose header stands at ``data[at]``, or None; the payload is not looked at.

    Args:
        data: bytes of the segment from file position `base` on.
        at: index into `data`.
        salt: salt of the segment.
        base: file position of ``data[0]``.
    """
    stop = at + HEADER_SIZE
    if stop > len(data) or data[at : at + 8] != MAGIC:
        return None
    if zlib.crc32(data[at : stop - 4], salt) != _CRC.unpack_from(data, stop - 4)[0]:
        return None
    fields = _LAYOUT.unpack_from(data, at)
    _, version, kind, codec, _, rows, first, stored, raw, t0, t1, received, crc = fields
    if version != VERSION or max(stored, raw) > MAX_PAYLOAD or codec > LZ4:
        return None
    start = base + at
    end = start + HEADER_SIZE + stored
    return Frame(start, end, kind, codec, rows, first, raw, t0, t1, received, crc)


def payload_of(frame: Frame, data: bytes, salt: int, base: int = 0) -> memoryview | None:
    """The stored payload of a frame if it is whole, else None."""
    view = memoryview(data)[frame.offset - base + HEADER_SIZE : frame.end - base]
    if len(view) != frame.end - frame.offset - HEADER_SIZE or zlib.crc32(view, salt) != frame.crc:
        return None
    return view


def unpack(frame: Frame, stored: memoryview) -> pa.Buffer:
    """The encoded rows of a frame, decompressed."""
    if frame.codec == PLAIN:
        return pa.py_buffer(stored)
    return _CODECS[frame.codec].decompress(stored, decompressed_size=frame.raw)


def scan(data: bytes, salt: int, base: int = 0) -> Iterator[tuple[Frame, memoryview] | Damage]:
    """Every whole frame and every damaged stretch of `data`, in order.

    Args:
        data: bytes of a segment from a frame boundary to its end.
        salt: salt of the segment.
        base: file position of ``data[0]``.
    """
    at = 0
    while at < len(data):
        frame = parse_header(data, at, salt, base)
        stored = None if frame is None else payload_of(frame, data, salt, base)
        if frame is not None and stored is not None:
            yield frame, stored
            at = frame.end - base
            continue
        following = _resume(data, at, frame, salt, base)
        if following is None:
            yield Damage(base + at, len(data) - at, "tail", frame.rows if frame else None)
            return
        reason = "header" if frame is None else "payload"
        yield Damage(base + at, following - at, reason, frame.rows if frame else None)
        at = following


def _resume(data: bytes, at: int, frame: Frame | None, salt: int, base: int) -> int | None:
    """Index of the next believable frame after a damaged one at `at`."""
    if frame is not None and parse_header(data, frame.end - base, salt, base) is not None:
        return frame.end - base
    place = data.find(MAGIC, at + 1)
    while place >= 0:
        if parse_header(data, place, salt, base) is not None:
            return place
        place = data.find(MAGIC, place + 1)
    return None


def salt_of(name: str) -> int:
    """The salt of the segment file `name`."""
    return zlib.crc32(name.encode())
