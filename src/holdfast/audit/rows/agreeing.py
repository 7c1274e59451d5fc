"""Pairs of rows that agree exactly in all columns but a few, and how far apart those few are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.audit.case import Case
from holdfast.audit.columns import Kind
from holdfast.audit.rows.hashing import Hashes, column_hashes, mixed
from holdfast.frames.table import Table

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

#: columns in which two rows may differ
MOST = 3
#: rows that are looked at for one query in one block
_BUCKET = 32
_CHUNK = 1 << 14
#: numbers as large as this have no distance: their squares are none
_LARGE = 1e100


class Values(NamedTuple):
    """Some rows of a table, to be compared cell by cell.

    Attributes:
        same: shape (n, d) uint64, equal where two cells hold the same value.
        scaled: shape (n, d), numbers by their standard deviation in training; infinite for
            anything else, and for null.
    """

    same: Hashes
    scaled: Floats


class Agreeing(NamedTuple):
    """The rows that come nearest to each of q queries.

    Attributes:
        row: shape (2, q, MOST), position of the partner that differs in at most 1, 2, … columns
            and is nearest by the one measure or the other; -1 without any.
        gap: shape (2, q, MOST), the largest and the smallest distance of the two among the columns
            in which they differ, in standard deviations; infinite where there is no partner, or no
            number among those columns (for the largest: anything but numbers).
        equal: shape (q,), whether some row equals the query in every column.
        around: shape (q,), rows that differ in at most `MOST` columns, among those looked at.
    """

    row: Rows
    gap: Floats
    equal: npt.NDArray[np.bool_]
    around: npt.NDArray[np.intp]


def values(case: Case, names: list[str], table: Table, rows: Rows) -> Values:
    """The cells of some rows of the training or the test table."""
    same = np.empty((len(rows), len(names)), np.uint64)
    scaled = np.full((len(rows), len(names)), np.inf)
    for place, name in enumerate(names):
        view = table.column(name)
        same[:, place] = column_hashes(view)[rows, 0]
        if case.coding(name).kind is not Kind.NUMBER:
            continue
        known = case.column(name).present.astype(np.float64)
        known = known[np.abs(known) < _LARGE]
        spread = float(known.std()) if len(known) else 0.0
        numbers = view.values[rows].astype(np.float64)
        if view.missing is not None:
            numbers[view.missing[rows]] = np.inf
        numbers[~(np.abs(numbers) < _LARGE)] = np.inf
        with np.errstate(over="ignore"):
            scaled[:, place] = numbers / (spread if spread > 0.0 else 1.0)
    return Values(same, scaled)


def agreeing(
    base: Values, queries: Values, own: Rows | None = None, various: Any = None
) -> Agreeing:
    """For each query the base rows that agree with it in all but at most `MOST` columns.

    The columns are dealt into two, three and four blocks: a pair that differs in fewer columns
    than there are blocks agrees on a whole one (pigeonholes). At most 32 rows of a block are
    looked at, for queries and baseline alike.

    Args:
        base: n rows.
        queries: q rows.
        own: shape (q,), the queries' own position in the base, which does not count.
        various: shape (d,), how many values a column has; by it the blocks are made alike.

    Example:
        >>> numbers = np.arange(15.0).reshape(3, 5)
        >>> base = Values(numbers.astype(np.uint64), numbers)
        >>> one = Values(base.same[1:2].copy(), base.scaled[1:2].copy())
        >>> one.same[0, 2], one.scaled[0, 2] = 99, 7.5
        >>> found = agreeing(base, one)
        >>> found.row[0].tolist(), found.gap[0].tolist()
        ([[1, 1, 1]], [[0.5, 0.5, 0.5]])
    """
    q, d = queries.same.shape
    found = Agreeing(
        row=np.full((2, q, MOST), -1, np.intp),
        gap=np.full((2, q, MOST), np.inf),
        equal=np.zeros(q, np.bool_),
        around=np.zeros(q, np.intp),
    )
    order = np.argsort(-np.asarray(various if various is not None else np.zeros(d)), kind="stable")
    n = max(len(base.same), 1)
    met = [np.zeros(0, np.int64)]
    for blocks in range(2, min(MOST + 1, d) + 1):
        for block in range(blocks):
            at, partner = _together(base, queries, order[block::blocks])
            met.append(at * n + partner)
    pairs = np.unique(np.concatenate(met))
    at, partner = pairs // n, pairs % n
    if own is not None:
        other = partner != own[at]
        at, partner = at[other], partner[other]
    for start in range(0, len(at), _CHUNK):
        part = slice(start, start + _CHUNK)
        _compare(base, queries, at[part], partner[part], found)
    return found


def _together(base: Values, queries: Values, columns: Rows) -> tuple[Rows, Rows]:
    """Queries and base rows that agree on some columns."""
    keys, asked = (_keys(part.same[:, columns]) for part in (base, queries))
    ranked = np.argsort(keys, kind="stable")
    sorted_keys = keys[ranked]
    low = np.searchsorted(sorted_keys, asked, "left")
    many = np.minimum(np.searchsorted(sorted_keys, asked, "right") - low, _BUCKET)
    at = np.repeat(np.arange(len(asked)), many)
    step = np.arange(len(at)) - np.repeat(np.cumsum(many) - many, many)
    return at, ranked[low[at] + step]


def _compare(base: Values, queries: Values, at: Rows, partner: Rows, found: Agreeing) -> None:
    gap, row = found.gap, found.row
    differs = queries.same[at] != base.same[partner]
    number = differs.sum(axis=1)
    found.equal[at[number == 0]] = True
    close = (number > 0) & (number <= MOST)
    at, partner, differs, number = at[close], partner[close], differs[close], number[close]
    np.add.at(found.around, at, 1)
    with np.errstate(invalid="ignore"):
        apart = np.abs(queries.scaled[at] - base.scaled[partner])
    apart[np.isnan(apart)] = np.inf
    measures = (
        np.where(differs, apart, 0.0).max(axis=1, initial=0.0),
        np.where(differs, apart, np.inf).min(axis=1, initial=np.inf),
    )
    for way, far in enumerate(measures):
        for most in range(MOST):
            kept = np.flatnonzero((number <= most + 1) & (far < gap[way, at, most]))
            kept = kept[np.argsort(-far[kept], kind="stable")]  # the nearest is written last
            gap[way, at[kept], most], row[way, at[kept], most] = far[kept], partner[kept]


def _keys(cells: Hashes) -> npt.NDArray[np.uint64]:
    keys = np.zeros(len(cells), np.uint64)
    with np.errstate(over="ignore"):
        for place in range(cells.shape[1]):
            keys = mixed(keys + cells[:, place] + np.uint64(place + 1), 0)
    return keys
