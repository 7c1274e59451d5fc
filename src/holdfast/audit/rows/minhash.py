"""Near-equal texts: sets of five letters in a row, MinHash, buckets, and an exact check.

One-permutation hashing: every five-letter piece falls into one of 64 bins by its hash, the smallest
hash of each bin is kept, empty bins borrow from the next full one. Texts that share four bins in a
row out of 16 such rows are compared exactly. Source: Broder 1997; Li, Owen, Zhang 2012;
Shrivastava, Li 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.audit.rows.hashing import mixed

GRAM = 5
BINS = 64
BANDS = 16
#: letters of a text that are looked at
LONGEST = 1500
#: texts of one bucket that are compared with the ones right before them
_BEFORE = 5
_CHUNK = 20_000
_EMPTY = np.uint32(0xFFFFFFFF)

Ints = npt.NDArray[np.int64]


def plain(texts: pa.Array) -> pa.Array:
    """Small letters, single blanks, none at the ends, at most 1,500 letters; null is empty.

    >>> plain(pa.array(["  A  b ", None])).to_pylist()
    ['a b', '']
    """
    small = pc.utf8_lower(pc.fill_null(texts.cast(pa.large_string()), ""))
    single = pc.replace_substring_regex(small, r"\s+", " ")
    return pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(single), 0, LONGEST)


def grams(texts: pa.Array) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Hashes of all five-byte pieces of all texts, one after the other, and where each text ends.

    Returns:
        (hashes, ends): text i owns ``hashes[ends[i-1]:ends[i]]``; a text of fewer than five bytes
        owns none.
    """
    data = np.frombuffer(b"".join(t.encode() for t in texts.to_pylist()), np.uint8)
    lengths = np.asarray(pc.binary_length(texts).to_numpy(zero_copy_only=False), np.int64)
    wide = data.astype(np.uint64)
    whole = max(len(data) - GRAM + 1, 0)
    value = np.zeros(whole, np.uint64)
    for step in range(GRAM):
        value |= wide[step : step + whole] << np.uint64(8 * step)
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    own = np.maximum(lengths - GRAM + 1, 0)
    ends = np.cumsum(own)
    place = np.repeat(starts - (ends - own), own) + np.arange(int(ends[-1]) if len(ends) else 0)
    with np.errstate(over="ignore"):
        return mixed(value[place], 0), ends


def signatures(hashes: npt.NDArray[np.uint64], ends: Ints) -> npt.NDArray[np.uint32]:
    """Shape (texts, 64): the smallest hash in each bin; a text without pieces keeps the largest."""
    n = len(ends)
    out = np.full(n * BINS, _EMPTY, np.uint32)
    text = np.repeat(np.arange(n), np.diff(np.r_[0, ends]))
    bins = (hashes & np.uint64(BINS - 1)).astype(np.int64)
    np.minimum.at(out, text * BINS + bins, (hashes >> np.uint64(32)).astype(np.uint32))
    made = out.reshape(n, BINS)
    empty = made == _EMPTY
    full = ~empty.all(axis=1)
    for step in range(1, BINS):
        if not empty[full].any():
            break
        source = np.roll(made, -step, axis=1)
        usable = empty & (np.roll(out.reshape(n, BINS) == _EMPTY, -step, axis=1) == 0)
        made = np.where(usable, source ^ np.uint32((step * 0x9E3779B1) & 0xFFFFFFFF), made)
        empty &= ~usable
    return made


def similar(texts: pa.Array, least: float = 0.8, shortest: int = 20) -> tuple[Ints, Ints]:
    """Pairs of texts whose sets of five-letter pieces have a Jaccard similarity of `least` or more.

    Args:
        texts: of any length; nulls and texts shorter than `shortest` bytes are in no pair.
        least: similarity, 0 to 1.
        shortest: bytes.

    Returns:
        (i, j) with i < j: enough pairs to connect the texts of a group, not every one of them.

    Example:
        >>> one = "the quick brown fox jumps over the lazy dog again and again"
        >>> i, j = similar(pa.array([one, "something else entirely, of some length", one + "!"]))
        >>> i.tolist(), j.tolist()
        ([0], [2])
    """
    cleaned = plain(texts)
    parts = [
        signatures(*grams(cleaned.slice(start, _CHUNK))) for start in range(0, len(cleaned), _CHUNK)
    ]
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    made = np.vstack(parts)
    long = np.asarray(pc.binary_length(cleaned).to_numpy(zero_copy_only=False)) >= shortest
    known = np.flatnonzero(long)
    found = _candidates(made, known)
    return _checked(cleaned, found, least)


def _candidates(made: npt.NDArray[np.uint32], known: Ints) -> Ints:
    """Shape (pairs,): i * n + j of texts that share a band."""
    n, per_band = len(made), BINS // BANDS
    found: list[Any] = []
    with np.errstate(over="ignore"):
        for band in range(BANDS + 1):  # the last is the whole signature: equal texts share it
            columns = slice(band * per_band, (band + 1) * per_band) if band < BANDS else slice(None)
            part = made[known, columns].astype(np.uint64)
            key = np.zeros(len(known), np.uint64)
            for column in part.T:
                key = mixed(key + column, 1)
            order = np.argsort(key, kind="stable")
            for step in range(1, _BEFORE + 1):
                same = key[order[step:]] == key[order[:-step]]
                one, two = known[order[:-step][same]], known[order[step:][same]]
                found.append(np.minimum(one, two) * n + np.maximum(one, two))
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _checked(cleaned: pa.Array, found: Ints, least: float) -> tuple[Ints, Ints]:
    n = len(cleaned)
    one, two = found // max(n, 1), found % max(n, 1)
    used = np.unique(np.concatenate([one, two]))
    hashes, ends = grams(cleaned.take(pa.array(used)))
    sets = [np.unique(part) for part in np.split(hashes, ends[:-1])] if len(used) else []
    a, b = np.searchsorted(used, one), np.searchsorted(used, two)
    keep = np.array(
        [_jaccard(sets[i], sets[j]) >= least for i, j in zip(a, b, strict=True)], np.bool_
    )
    return one[keep], two[keep]


def _jaccard(one: Any, two: Any) -> float:
    if len(one) == 0 or min(len(one), len(two)) < 0.5 * max(len(one), len(two)):
        return 0.0
    both = len(np.intersect1d(one, two, assume_unique=True))
    return both / (len(one) + len(two) - both)


def components(n: int, pairs: Sequence[tuple[Ints, Ints]]) -> Ints:
    """Shape (n,): the same number for all that pairs connect.

    >>> components(4, [(np.array([0, 2]), np.array([2, 3]))]).tolist()
    [0, 1, 0, 0]
    """
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for one, two in pairs:
        for i, j in zip(one.tolist(), two.tolist(), strict=True):
            a, b = root(i), root(j)
            if a != b:
                parent[max(a, b)] = min(a, b)
    return np.unique(np.array([root(i) for i in range(n)], np.int64), return_inverse=True)[1]
