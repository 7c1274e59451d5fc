"""One column as an audit sees it: numbers for a model, and at most 64 codes for counting.

Everything here is free of the target: no category is ever replaced by what its rows showed.
"""

from __future__ import annotations

import enum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]

#: codes of a column: 0 to 63 for its values, 64 for null
CODES = 64
NULL = CODES
#: rows from which the cuts of a numeric column are taken
_CUT_ROWS = 100_000
#: components of a list column, and of the words of a text column
_PARTS = 32
_WORDS = 24


class Kind(enum.StrEnum):
    """What the values of a column are to a model."""

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"
    LIST = "list"
    EMPTY = "empty"


class Coding:
    """How one column becomes numbers and codes; learned from the training column.

    Attributes:
        kind: number (also booleans and times), category, text (prose), list or empty.
        distinct: distinct values seen, among at most 100,000 rows for numbers.

    Example:
        >>> view = ColumnView("x", pa.array([1.0, None, 2.0, 1.0]))
        >>> Coding(view).codes(view).tolist()
        [0, 64, 1, 0]
    """

    def __init__(self, view: ColumnView) -> None:
        self._view = view
        self.kind = _kind(view)

    @cached_property
    def _cuts(self) -> tuple[Floats, bool]:
        """Values (when at most 64) or upper edges of the bins; and whether they are values."""
        present = _spread(_finite(self._view.present), _CUT_ROWS)
        distinct = np.unique(present)
        if len(distinct) <= CODES:
            return distinct, True
        edges = np.unique(np.quantile(present, np.arange(1, CODES) / CODES))
        return edges, False

    @cached_property
    def distinct(self) -> int:
        """Distinct values, nulls not counted."""
        if self.kind is Kind.NUMBER:
            return len(np.unique(_spread(self._view.present, _CUT_ROWS)))
        if self.kind in {Kind.CATEGORY, Kind.TEXT}:
            return len(self._view.dictionary)
        return 0 if self.kind is Kind.EMPTY else self._view.present_count

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """The most frequent categories, the most frequent first; ties in the order of the text."""
        codes = self._view.codes
        counts = np.bincount(codes[codes >= 0], minlength=len(self._view.dictionary))
        if len(counts) > 4 * CODES:  # only those that can be among the first need be compared
            floor = np.partition(counts, -CODES)[-CODES]
            near = np.flatnonzero(counts >= floor)[: 16 * CODES]
        else:
            near = np.arange(len(counts))
        texts = self._view.dictionary.take(pa.array(near)).to_pylist()
        order = sorted(range(len(near)), key=lambda i: (-counts[near[i]], texts[i]))
        most = CODES if len(counts) <= CODES else CODES - 1
        return {texts[i]: place for place, i in enumerate(order[:most])}

    def _category(self, view: ColumnView) -> npt.NDArray[np.int64]:
        """Rank of every row's category: 63 for the rare ones of a long list, 64 for null."""
        ranks = self._ranks
        known = pa.array(list(ranks), pa.large_string())
        place = pc.index_in(view.dictionary, known)  # order of `ranks` is the order of the ranks
        table = np.append(
            np.asarray(place.fill_null(CODES - 1).to_numpy(zero_copy_only=False)), NULL
        )
        return np.asarray(table[view.codes], dtype=np.int64)

    def codes(self, view: ColumnView) -> Codes:
        """Shape (n,): code 0 to 63 of every row's value, 64 for null; one pass, no model."""
        if self.kind is Kind.EMPTY:
            return np.full(len(view), NULL, dtype=np.uint8)
        if self.kind is Kind.CATEGORY:
            return self._category(view).astype(np.uint8)
        if self.kind is not Kind.NUMBER:
            return _length_codes(view)
        cuts, exact = self._cuts
        values = _plain(view)
        found = np.searchsorted(cuts, values, side="left")
        codes = np.minimum(found, CODES - 1 if not exact else max(len(cuts) - 1, 0))
        codes = codes.astype(np.uint8)
        codes[np.isnan(values)] = NULL
        return codes

    def numbers(self, view: ColumnView, rows: Rows) -> npt.NDArray[np.float32]:
        """Shape (len(rows), k): what a model is given; NaN for null; k is 1 but for text and lists.

        Categories become their rank by frequency, texts the components of their words (hashed,
        idf, SVD), lists their numbers, times microseconds.
        """
        if self.kind is Kind.EMPTY:
            return np.zeros((len(rows), 0), dtype=np.float32)
        if self.kind is Kind.NUMBER:
            values = _plain(view)[rows]
            found = np.clip(values, -3e38, 3e38).astype(np.float32)[:, None]
            return np.asarray(found)
        if self.kind is Kind.CATEGORY:
            ranks = self._category(view)[rows].astype(np.float32)
            ranks[ranks == NULL] = np.nan
            return np.asarray(ranks[:, None])
        taken = view.array.take(pa.array(rows))
        if self.kind is Kind.LIST:
            return _components(taken)
        return _word_parts(taken)


def _kind(view: ColumnView) -> Kind:
    if view.storage is Storage.NULL or not view.present_count:
        return Kind.EMPTY
    if view.storage is Storage.LIST:
        return Kind.LIST
    if view.storage is not Storage.TEXT:
        return Kind.NUMBER
    sample = view.array.slice(0, 2000).drop_null()
    if not len(sample):
        return Kind.CATEGORY
    words = pc.mean(pc.count_substring(sample, " ")).as_py() or 0.0
    various = pc.count_distinct(sample).as_py() > 0.5 * len(sample)
    return Kind.TEXT if words >= 3.0 and various and len(sample) >= 20 else Kind.CATEGORY


def _plain(view: ColumnView) -> Floats:
    """A number column as floats; NaN for null."""
    values = view.values.astype(np.float64)
    if view.missing is not None:
        values[view.missing] = np.nan
    return np.asarray(values)


def _finite(values: npt.NDArray[Any]) -> Floats:
    floats = values.astype(np.float64)
    return floats[~np.isnan(floats)]


def _spread(values: npt.NDArray[Any], most: int) -> npt.NDArray[Any]:
    """At most so many values, evenly spread over the column."""
    return values if len(values) <= most else values[:: -(-len(values) // most)]


def _length_codes(view: ColumnView) -> Codes:
    lengths = view.length_array.fill_null(-1).to_numpy(zero_copy_only=False)
    if not len(view):
        return np.zeros(0, dtype=np.uint8)
    edges = np.unique(np.quantile(lengths, np.arange(1, CODES) / CODES))
    codes = np.searchsorted(edges, lengths, side="left").astype(np.uint8)
    codes[lengths < 0] = NULL
    return np.asarray(codes)


def _components(lists: pa.Array) -> npt.NDArray[np.float32]:
    lengths = np.asarray(pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False))
    width = int(min(_PARTS, lengths.max(initial=0)))
    out = np.full((len(lists), width + 1), np.nan, dtype=np.float32)
    out[:, 0] = lengths
    flat = lists.fill_null([]) if lists.null_count else lists
    numbers = np.asarray(flat.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False))
    starts = np.r_[0, np.cumsum(lengths)[:-1]].astype(np.int64)
    for part in range(width):
        has = lengths > part
        out[has, part + 1] = numbers[starts[has] + part]
    return out


def _word_parts(texts: pa.Array) -> npt.NDArray[np.float32]:
    """Length, share of digits, and the leading components of the words of each text."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    plain = [t or "" for t in texts.to_pylist()]
    lengths = np.array([len(t) for t in plain], dtype=np.float32)
    digits = np.array([sum(c.isdigit() for c in t) for t in plain], dtype=np.float32)
    surface = np.c_[lengths, digits / np.maximum(lengths, 1.0)]
    words = HashingVectorizer(n_features=2**13, alternate_sign=False, norm=None)
    counts = words.fit_transform(t[:2000] for t in plain)
    if counts.nnz == 0 or len(plain) <= _WORDS + 1:
        return np.asarray(surface)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    parts = TruncatedSVD(_WORDS, random_state=0, n_iter=3).fit_transform(weighted)
    return np.asarray(np.c_[surface, parts], dtype=np.float32)
