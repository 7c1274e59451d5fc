"""128-bit hashes of rows: equal rows have equal hashes, whatever type or chunk they came in."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage

Hashes = npt.NDArray[np.uint64]

_LANES = 2
_MIX = (
    (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)),
    (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)),
)
_NULL = np.uint64(0x9E3779B97F4A7C15)
_NAN_BITS = np.float64(np.nan).view(np.uint64)


def mixed(values: Hashes, lane: int) -> Hashes:
    """A bijection of 64-bit numbers whose bits look independent (the finaliser of splitmix64)."""
    one, two = _MIX[lane]
    x = values ^ (values >> np.uint64(30))
    x = x * one
    x ^= x >> np.uint64(27)
    x *= two
    x ^= x >> np.uint64(31)
    return x


def column_hashes(view: ColumnView) -> Hashes:
    """Shape (n, 2): a 128-bit hash of every value of a column.

    1, 1.0 and true are one value, so are -0.0 and 0.0; texts are compared in Unicode form NFC
    without blanks at the ends; null and NaN are one value; times are microseconds.

    Example:
        >>> import pyarrow as pa
        >>> one = column_hashes(ColumnView("x", pa.array([1, 2])))
        >>> two = column_hashes(ColumnView("y", pa.array([1.0, 2.5])))
        >>> (one == two).all(axis=1).tolist()
        [True, False]
    """
    with np.errstate(over="ignore"):
        if view.storage is Storage.TEXT:
            return _text_hashes(view)
        if view.storage is Storage.LIST:
            return _list_hashes(view)
        bits = _bits(view)
        out = np.empty((len(view), _LANES), np.uint64)
        for lane in range(_LANES):
            out[:, lane] = mixed(bits + np.uint64(lane), lane)
    if view.storage is Storage.NULL:
        out[:] = _NULL
    elif view.missing is not None:
        out[view.missing] = _NULL
    return out


def _bits(view: ColumnView) -> Hashes:
    values = view.values
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        floats = values.astype(np.float64)
        large = np.abs(floats) >= 2.0**53
        bits = (floats + 0.0).view(np.uint64)
        return np.where(large, values.view(np.uint64) ^ np.uint64(1), bits) if large.any() else bits
    floats = values.astype(np.float64) + 0.0  # turns -0.0 into 0.0
    bits = floats.view(np.uint64)
    return np.where(np.isnan(floats), _NAN_BITS, bits)


def _text_hashes(view: ColumnView) -> Hashes:
    codes, texts = view.encoded
    table = np.empty((len(texts) + 1, _LANES), np.uint64)
    for place, text in enumerate(texts):
        table[place] = _of_text(text)
    table[-1] = _NULL
    return table[codes]


def _of_text(text: str) -> tuple[int, int]:
    plain = text.strip()
    if not plain.isascii():
        plain = unicodedata.normalize("NFC", plain)
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _list_hashes(view: ColumnView) -> Hashes:
    out = np.empty((len(view), _LANES), np.uint64)
    for place, items in enumerate(view.to_pylist()):
        if items is None:
            out[place] = _NULL
            continue
        plain = ["nan" if x is None else repr(float(x) + 0.0) for x in items]
        out[place] = _of_text("\x1f".join(plain))
    return out


def row_hashes(views: Sequence[tuple[str, ColumnView]], n: int) -> Hashes:
    """Shape (n, 2): a 128-bit hash of every row over the named columns, in any order.

    The hash of a row is the sum of its columns' hashes, each mixed with the column's name: that of
    the row without one column is a subtraction (`without`).

    Args:
        views: (name, column) pairs, each of n rows.
        n: number of rows.
    """
    total = np.zeros((n, _LANES), np.uint64)
    with np.errstate(over="ignore"):
        for name, view in views:
            total += named(column_hashes(view), name)
    return total


def named(hashes: Hashes, name: str) -> Hashes:
    """Hashes of a column's values made its own: the same value elsewhere gives another one."""
    salt = _of_text(name)
    out = np.empty_like(hashes)
    with np.errstate(over="ignore"):
        for lane in range(_LANES):
            out[:, lane] = mixed(hashes[:, lane] ^ np.uint64(salt[lane]), 1 - lane)
    return out


def groups(*tables: Hashes) -> list[npt.NDArray[np.int64]]:
    """Rows of several tables numbered by their hash: equal numbers are equal rows.

    Example:
        >>> a = np.array([[1, 1], [2, 2]], np.uint64)
        >>> [g.tolist() for g in groups(a, a[1:])]
        [[0, 1], [1]]
    """
    whole = np.concatenate(tables)
    # the first lane tells nearly all apart; the second settles what the first has in common
    _, numbers = np.unique(whole[:, 0], return_inverse=True)
    order = np.lexsort((whole[:, 1], numbers))
    one, two = numbers[order], whole[order, 1]
    new = np.empty(len(whole), np.int64)
    if len(whole):
        steps = np.r_[False, (np.diff(one) != 0) | (two[1:] != two[:-1])]
        new[order] = np.cumsum(steps)
    edges = np.cumsum([len(t) for t in tables])[:-1]
    return [np.asarray(part) for part in np.split(new, edges)]


def pairs(hashes: Hashes) -> int:
    """Number of pairs of equal rows.

    >>> pairs(np.zeros((4, 2), np.uint64))
    6
    """
    _, counts = np.unique(hashes[:, 0], return_counts=True)
    wide: Any = counts.astype(np.int64)
    return int((wide * (wide - 1) // 2).sum())
