"""64-bit hashes of numbers and texts: the same on every machine, for whole arrays at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


def mix(words: Hashes, out: Hashes | None = None, spare: Hashes | None = None) -> Hashes:
    """Spread 64-bit words over all 64-bit numbers; different words stay different.

    Args:
        words: shape (n,), uint64.
        out: shape (n,), takes the result; None makes a new one.
        spare: shape (n,), to be written over; None makes a new one.

    Fold, multiply, fold, multiply: the high bits of the result are the good ones. The constants
    are those of Fibonacci hashing (Knuth 6.4) and of Evensen's rrmxmx.

    >>> int(mix(np.array([1], np.uint64))[0]) == int(mix(np.array([1], np.uint64))[0])
    True
    """
    out = np.empty_like(words) if out is None else out
    spare = np.empty_like(words) if spare is None else spare
    np.right_shift(words, _HALF, out=spare)
    np.bitwise_xor(words, spare, out=out)
    np.multiply(out, _FIRST, out=out)
    np.right_shift(out, _HALF, out=spare)
    np.bitwise_xor(out, spare, out=out)
    return np.multiply(out, _SECOND, out=out)


def hash_texts(texts: pa.Array) -> Hashes:
    """A hash of every text, by its UTF-8 bytes.

    Args:
        texts: an Arrow ``large_string`` array without nulls.

    Eight bytes are taken at a time, all texts at once: the cost is one pass for every eight bytes
    of the longest text still being read.

    >>> a, b = hash_texts(pa.array(["x", "x"], pa.large_string()))
    >>> bool(a == b)
    True
    """
    n = len(texts)
    if not n:
        return np.empty(0, np.uint64)
    buffers = texts.buffers()
    offsets = np.frombuffer(buffers[1], np.int64, texts.offset + n + 1)[texts.offset :]
    raw = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None else np.empty(0, np.uint8)
    data = np.zeros(int(offsets[-1] - offsets[0]) + 8, np.uint8)
    data[:-8] = raw[offsets[0] : offsets[-1]]
    starts = offsets[:-1] - offsets[0]
    lengths = np.diff(offsets)
    hashes = mix(lengths.astype(np.uint64) + np.uint64(1))
    active = np.flatnonzero(lengths > 0)
    read = 0
    while len(active):
        words = _words(data, starts[active] + read, lengths[active] - read)
        hashes[active] = mix(_fold(hashes[active]) ^ words)
        read += 8
        active = active[lengths[active] > read]
    return mix(_fold(hashes))


def _words(
    data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64], left: npt.NDArray[np.int64]
) -> Hashes:
    """Eight bytes from each place, little-endian; bytes beyond the end of the text are zero."""
    words = np.zeros(len(at), np.uint64)
    for i in range(8):
        byte = np.where(left > i, data[at + i], 0).astype(np.uint64)
        words |= byte << np.uint64(8 * i)
    return words


def _fold(hashes: Hashes) -> Hashes:
    return np.asarray(hashes ^ (hashes >> _HALF))
