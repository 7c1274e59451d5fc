"""Counting texts: once per different value, weighted by how often it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage
from holdfast.profiles.columns import UNSEEN_KEPT, TextProfile, UnseenValue
from holdfast.profiles.distinct import Distinct, distinct_of
from holdfast.profiles.hashing import hash_texts
from holdfast.profiles.spec import TextSpec

Ints = npt.NDArray[np.int64]

#: classes of characters, in the order of `TextProfile.classes`
CLASSES = (
    ("letter", r"\pL"),
    ("capital", r"\p{Lu}"),
    ("digit", r"\d"),
    ("space at an end", r"^\s|\s$"),
    ("space", r"\S\s+\S"),
    ("punctuation", r"\pP"),
    ("outside ASCII", r"[^\x00-\x7F]"),
)
#: lengths 0 to 31 one by one, then 32 to 63, 64 to 127, ...
LENGTH_CELLS = 48
#: a character limit for the values that are kept by name
_SHOWN = 80


def summarise_text(view: ColumnView, spec: TextSpec) -> TextProfile:
    """Count one column of texts.

    Numbers and booleans are counted by their spelling, as the guard reads them, and as of a wrong
    type besides; lists are of a wrong type only.
    """
    rows = len(view)
    values, weights = weighed(view)
    present = int(weights.sum())
    wrong = 0
    if view.storage is Storage.LIST:
        present = wrong = rows - view.null_count
    elif view.storage not in {Storage.TEXT, Storage.NULL}:
        wrong = present
    return TextProfile(
        rows=rows,
        null=rows - present,
        wrong=wrong,
        storage={view.storage.value: rows} if rows else {},
        **count_values(values, weights, spec),
    )


def weighed(view: ColumnView) -> tuple[pa.Array, Ints]:
    """The different values as texts, and the rows with each; missing ones and lists left out."""
    if view.storage in {Storage.NULL, Storage.LIST} or not len(view):
        return pa.array([], pa.large_string()), np.empty(0, np.int64)
    counted = view.array.value_counts()
    values, counts = counted.field(0), counted.field(1)
    if values.null_count:
        keep = values.is_valid()
        values, counts = values.filter(keep), counts.filter(keep)
    weights = np.asarray(counts.to_numpy(zero_copy_only=False)).astype(np.int64)
    if view.storage is Storage.TEXT:
        return values, weights
    totals: dict[str, int] = {}
    for value, rows in zip(values.to_pylist(), weights.tolist(), strict=True):
        if value == value:  # NaN is no value
            totals[str(value)] = totals.get(str(value), 0) + rows
    return pa.array(list(totals), pa.large_string()), np.array(list(totals.values()), np.int64)


def count_values(values: pa.Array, weights: Ints, spec: TextSpec) -> dict[str, Any]:
    """The counts of different values that come `weights` times each; values without rows go."""
    if len(weights) and not weights.all():
        keep = np.flatnonzero(weights)
        values, weights = values.take(pa.array(keep)), weights[keep]
    hashes = hash_texts(values)
    listed = pa.array(spec.categories, pa.large_string())
    places = pc.index_in(values, value_set=listed)
    at = np.asarray(places.fill_null(-1).to_numpy(zero_copy_only=False)).astype(np.int64)
    known = at >= 0
    counts = np.zeros(len(spec.categories), np.int64)
    counts[at[known]] = weights[known]
    lengths = np.asarray(pc.utf8_length(values).to_numpy(zero_copy_only=False)).astype(np.int64)
    cells = _total(length_cells(lengths), weights, LENGTH_CELLS)
    return {
        "counts": tuple(counts.tolist()),
        "other": int(weights[~known].sum()),
        "others": _unseen(values, hashes, weights, np.flatnonzero(~known)),
        "buckets": ()
        if spec.complete
        else tuple(_total((hashes >> np.uint64(58)).astype(np.int64), weights, 64).tolist()),
        "empty": int(weights[lengths == 0].sum()),
        "characters": int((lengths * weights).sum()),
        "shortest": int(lengths.min()) if len(lengths) else None,
        "longest": int(lengths.max()) if len(lengths) else None,
        "lengths": tuple(cells.tolist()),
        "classes": tuple(_classes(values, weights)),
        "distinct": distinct_of(hashes) if len(hashes) else Distinct(),
    }


def length_cells(lengths: Ints) -> Ints:
    """The cell of each length.

    >>> length_cells(np.array([0, 31, 32, 63, 64])).tolist()
    [0, 31, 32, 32, 33]
    """
    powers = np.floor(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    return np.minimum(np.where(lengths < 32, lengths, 27 + powers), LENGTH_CELLS - 1)


def _total(cells: Ints, weights: Ints, size: int) -> Ints:
    return np.bincount(cells, weights=weights, minlength=size).astype(np.int64)


def _classes(values: pa.Array, weights: Ints) -> list[int]:
    return [
        int(
            weights[
                np.asarray(pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False))
            ].sum()
        )
        if len(values)
        else 0
        for _, pattern in CLASSES
    ]


def _unseen(
    values: pa.Array, hashes: npt.NDArray[np.uint64], weights: Ints, at: npt.NDArray[np.intp]
) -> tuple[UnseenValue, ...]:
    if len(at) > UNSEEN_KEPT:
        at = at[np.argpartition(hashes[at], UNSEEN_KEPT - 1)[:UNSEEN_KEPT]]
    at = at[np.argsort(hashes[at], kind="stable")]
    texts = values.take(pa.array(at)).to_pylist()
    return tuple(
        UnseenValue(int(hashes[i]), text[:_SHOWN], int(weights[i]))
        for i, text in zip(at, texts, strict=True)
    )
