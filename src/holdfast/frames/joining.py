"""Which row of the training side belongs to which logged row, and which rows came before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.errors import DataError
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table
from holdfast.frames.types import Storage

IntArray = NDArray[np.int64]

#: earlier rows of an entity that are looked at
LOOKBACK = 5


class Joined(NamedTuple):
    """Pairs of rows, and what could not be paired.

    Attributes:
        logged, training: shape (pairs,), row numbers on both sides.
        without_partner: logged rows whose key the training side lacks (or has only later).
        null_keys: logged rows without a key.
        duplicates_logged: logged rows beyond the first of their key.
        ambiguous: logged rows left out because the training side has several rows of that key.
        unused: training rows that no logged row belongs to.
        duplicates_training: training rows beyond the first of their key (and time).
        by_time: whether the latest row not after the logged one was taken.
        codes: shape (training rows,), entity of each training row as a number, -1 for none.
    """

    logged: IntArray
    training: IntArray
    without_partner: int
    null_keys: int
    duplicates_logged: int
    ambiguous: int
    unused: int
    duplicates_training: int
    by_time: bool
    codes: IntArray


def join(logged: Table, training: Table, key: Sequence[str], time: str | None = None) -> Joined:
    """Pairs rows by key.

    Where keys repeat on the training side and both sides have `time`, each logged row gets the
    latest training row of its key that is not later than it. Without a time, keys that repeat on
    the training side are left out.

    Raises:
        DataError: no key of the one side is on the other, or every pair is ambiguous.
    """
    left, right = key_codes(logged, training, key)
    known = right >= 0
    most = max(int(max(left.max(initial=-1), right.max(initial=-1))) + 1, 1)
    per_key = np.bincount(right[known], minlength=most)
    timed = time is not None and time in logged and time in training
    if timed and time is not None and (per_key > 1).any():
        found, repeated = _as_of(left, right, logged.column(time), training.column(time))
        ambiguous = np.zeros(len(left), np.bool_)
    else:
        timed = False
        first = np.full(most, -1, np.int64)
        places = np.flatnonzero(known)
        first[right[places[::-1]]] = places[::-1]
        found = np.where(left >= 0, first[left], -1)
        ambiguous = (left >= 0) & (np.where(left >= 0, per_key[left], 0) > 1)
        found = np.where(ambiguous, -1, found)
        repeated = int(np.maximum(per_key - 1, 0).sum())
    paired = np.flatnonzero(found >= 0)
    if not len(paired):
        raise _nothing(key, ambiguous, left, right)
    own = left[left >= 0]
    return Joined(
        logged=paired,
        training=found[paired],
        without_partner=int(np.count_nonzero((found < 0) & ~ambiguous & (left >= 0))),
        null_keys=int(np.count_nonzero(left < 0)),
        duplicates_logged=0 if timed else len(own) - len(np.unique(own)),
        ambiguous=int(np.count_nonzero(ambiguous)),
        unused=len(right) - len(np.unique(found[paired])),
        duplicates_training=repeated,
        by_time=timed,
        codes=right,
    )


def _nothing(
    key: Sequence[str], ambiguous: NDArray[np.bool_], left: IntArray, right: IntArray
) -> DataError:
    names = ", ".join(repr(name) for name in key)
    if ambiguous.any():
        return DataError(
            f"every key in {names} stands in several training rows",
            code="HF-E-SKEW-KEY",
            expected="one training row a key, or times to choose by",
            got=f"{int(ambiguous.sum())} logged rows, all ambiguous",
            remedy="name the time column with --event-time, or a key that names one row",
        )
    return DataError(
        f"the two tables have no value of {names} in common",
        code="HF-E-SKEW-KEY",
        expected="logged rows that the training table also has, and not only later",
        got=f"{len(np.unique(left[left >= 0]))} keys logged, "
        f"{len(np.unique(right[right >= 0]))} in training",
        remedy="check the key column, its type, and that the tables cover the same days",
    )


def key_codes(logged: Table, training: Table, key: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Keys of both tables as numbers of one numbering; -1 where a part of the key is null."""
    left = np.zeros(logged.num_rows, np.int64)
    right = np.zeros(training.num_rows, np.int64)
    for name in key:
        one, two = _codes(logged.column(name), training.column(name))
        width = int(max(one.max(initial=0), two.max(initial=0))) + 1
        left = np.where((left < 0) | (one < 0), -1, left * width + one)
        right = np.where((right < 0) | (two < 0), -1, right * width + two)
        values, inverse = np.unique(np.concatenate([left, right]), return_inverse=True)
        dense = inverse - int(np.count_nonzero(values < 0))
        left, right = dense[: len(left)], dense[len(left) :]
    return left, right


def _codes(left: ColumnView, right: ColumnView) -> tuple[IntArray, IntArray]:
    same = left.storage is right.storage and left.array.type == right.array.type
    if same and left.storage is not Storage.LIST:
        arrays = [left.array, right.array]
    else:
        arrays = [_texts(left), _texts(right)]
    encoded = pa.chunked_array(arrays).combine_chunks()
    whole = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    indices = whole.dictionary_encode().indices.fill_null(-1)
    codes = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes[: len(left)], codes[len(left) :]


def _texts(view: ColumnView) -> pa.Array:
    """A key as text, so that 12, 12.0 and "12" are one key."""
    array = view.array
    if view.storage is Storage.FLOAT:
        values, missing = view.values, view.missing
        whole = np.isfinite(values) & (np.floor(values) == values) & (np.abs(values) < 2**53)
        texts = [
            None if missing is not None and missing[i] else str(int(x)) if whole[i] else repr(x)
            for i, x in enumerate(values.tolist())
        ]
        return pa.array(texts, pa.large_string())
    if view.storage is Storage.LIST:
        raise DataError(
            f"column {view.name!r} cannot be a key",
            code="HF-E-SKEW-KEY",
            expected="numbers, texts or times",
            got="lists",
        )
    return array.cast(pa.large_string())


def _as_of(
    left: IntArray, right: IntArray, left_time: ColumnView, right_time: ColumnView
) -> tuple[IntArray, int]:
    """The latest training row of the same key that is not later, and repeated (key, time)."""
    for view in (left_time, right_time):
        if view.storage not in {Storage.TIME, Storage.INT, Storage.FLOAT}:
            raise DataError(
                f"column {view.name!r} cannot say when",
                code="HF-E-SKEW-KEY",
                expected="times or numbers",
                got=f"storage={view.storage.value}",
                remedy="convert it to timestamps, or leave --event-time out",
            )
    late = left_time.values.astype(np.float64), right_time.values.astype(np.float64)
    known = [
        codes >= 0 if view.missing is None else (codes >= 0) & ~view.missing
        for codes, view in ((left, left_time), (right, right_time))
    ]
    rows = np.concatenate([np.flatnonzero(known[1]), np.flatnonzero(known[0])])
    side = np.repeat([0, 1], [int(known[1].sum()), int(known[0].sum())])
    codes = np.concatenate([right[known[1]], left[known[0]]])
    when = np.concatenate([late[1][known[1]], late[0][known[0]]])
    order = np.lexsort((rows, side, when, codes))
    place = np.where(side[order] == 0, np.arange(len(order)), -1)
    latest = np.maximum.accumulate(place) if len(place) else place
    fits = (latest >= 0) & (codes[order][latest] == codes[order])
    found = np.full(len(left), -1, np.int64)
    mine = (side[order] == 1) & fits
    found[rows[order][mine]] = rows[order][latest[mine]]
    ours = order[side[order] == 0]
    repeated = (np.diff(codes[ours]) == 0) & (np.diff(when[ours]) == 0)
    return found, int(repeated.sum())


def earlier_rows(codes: IntArray, time: ColumnView | None, rows: IntArray) -> list[IntArray]:
    """For some training rows, the up to five rows of the same entity before each.

    Args:
        codes: shape (n,), entity of every training row, -1 for none.
        time: when each was; the order of the table where there is none.
        rows: shape (k,), the rows asked for.

    Returns:
        Arrays of shape (k,): one step back, two steps back ...; -1 where there is none.
    """
    if time is not None and time.storage in {Storage.TIME, Storage.INT, Storage.FLOAT}:
        when = time.values.astype(np.float64)
    else:
        when = np.zeros(len(codes))
    order = np.lexsort((np.arange(len(codes)), when, codes))
    before = np.full(len(codes), -1, np.int64)
    same = (np.diff(codes[order]) == 0) & (codes[order][1:] >= 0)
    before[order[1:][same]] = order[:-1][same]
    steps, at = [], rows
    for _ in range(LOOKBACK):
        at = np.where(at >= 0, before[at], -1)
        if not (at >= 0).any():
            break
        steps.append(at)
    return steps
