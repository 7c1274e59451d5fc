"""Nearest training rows in rank-scaled features: exactly, or by blocking where rows are many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.audit.case import Case
from holdfast.audit.columns import NULL, Kind
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

#: training rows up to which every distance is computed
EXACT = 200_000
_CHUNK = 256
#: a category becomes a corner of a cube of so many sides
_CORNERS = 5
_TABLES = 12
_BUCKET = 48
_FIFTH = 5
#: distances of which only the least is ranked, and from how many parts on
_PART, _MANY_PARTS = 16, 500


class Near(NamedTuple):
    """Nearest rows of some queries.

    Attributes:
        row: shape (q,), position of the nearest row, -1 where none was looked at.
        first: shape (q,), its distance.
        fifth: shape (q,), distance of the fifth nearest.
    """

    row: Rows
    first: Floats
    fifth: Floats

    def part(self, start: int, stop: int) -> Near:
        """Some of the queries."""
        return Near(self.row[start:stop], self.first[start:stop], self.fifth[start:stop])

    @property
    def ratio(self) -> Floats:
        """`first / fifth`: how much nearer the nearest is than its surroundings; 1 where dense."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(self.fifth > 1e-6, self.first / self.fifth, 1.0)
        return np.asarray(found, np.float32)


def embedding(
    case: Case, names: list[str], table: Table, rows: Rows | None = None, among: Rows | None = None
) -> Floats:
    """Shape (n, d): numbers by their rank among training rows (0 to 1), categories as corners.

    Args:
        case: whose training rows give the ranks.
        names: d columns, a category taking several places.
        table: the table that is read.
        rows: the rows of it, ascending; None for all.
        among: the training rows that ranks refer to; None for all.

    A null is as far from every value as the ends are from the middle.
    """
    parts = [_column(case, name, table.column(name), rows, among) for name in names]
    return np.hstack(parts) if parts else np.zeros((table.num_rows, 0), np.float32)


def _column(
    case: Case, name: str, view: ColumnView, rows: Rows | None, among: Rows | None
) -> Floats:
    coding = case.coding(name)
    if coding.kind is Kind.NUMBER:
        whole = case.column(name)
        if among is None:
            known = whole.present.astype(np.float64)
        else:
            known = whole.values[among].astype(np.float64)
            if whole.missing is not None:
                known = known[~whole.missing[among]]
        known = np.sort(known[np.isfinite(known)][:: max(1, len(known) // 20_000)])
        values = view.values if rows is None else view.values[rows]
        plain = values.astype(np.float64)
        low, high = (np.searchsorted(known, plain, side) for side in ("left", "right"))
        ranks = (0.5 * (low + high) + _between(known, plain, low)) / max(len(known), 1)
        if view.missing is not None:
            ranks[view.missing if rows is None else view.missing[rows]] = -0.5
        return np.asarray(ranks[:, None], np.float32)
    codes = coding.codes(view).astype(np.intp)
    codes = codes if rows is None else codes[rows]
    corners = np.random.default_rng(len(name)).choice([-1.0, 1.0], (NULL + 1, _CORNERS))
    return np.asarray(corners[codes] * (0.5 / np.sqrt(_CORNERS)), np.float32)


def _between(known: npt.NDArray[np.float64], values: npt.NDArray[np.float64], low: Rows) -> Any:
    """How far between two neighbouring known values a new value lies, 0 to 1."""
    if not len(known):
        return 0.0
    left = known[np.clip(low - 1, 0, len(known) - 1)]
    right = known[np.clip(low, 0, len(known) - 1)]
    gap = right - left
    inside = (gap > 0.0) & (values < right) & (values > left)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside, (values - left) / np.where(gap > 0.0, gap, 1.0) - 1.0, 0.0)


def nearest(base: Floats, queries: Floats, own: Rows | None = None) -> Near:
    """Every distance: for each query the nearest base row and the fifth nearest.

    Args:
        base: shape (n, d).
        queries: shape (q, d).
        own: shape (q,), the queries' own position in the base, which does not count.

    Example:
        >>> base = np.array([[0.0], [1.0], [3.0]], np.float32)
        >>> near = nearest(base, base, np.arange(3))
        >>> near.row.tolist(), near.first.round(4).tolist()
        ([1, 0, 1], [1.0, 1.0, 2.0])
    """
    q = len(queries)
    row = np.full(q, -1, np.intp)
    first, fifth = np.full(q, np.inf, np.float32), np.full(q, np.inf, np.float32)
    squares = np.einsum("ij,ij->i", base, base)
    place = min(_FIFTH, len(base)) - 1
    for start in range(0, q, _CHUNK):
        part = queries[start : start + _CHUNK]
        far = squares[None, :] - 2.0 * (part @ base.T)
        if own is not None:
            far[np.arange(len(part)), own[start : start + _CHUNK]] = np.inf
        best = np.argmin(far, axis=1)
        row[start : start + _CHUNK] = best
        # the small difference of large squares is made anew for the nearest
        first[start : start + _CHUNK] = np.sqrt(((part - base[best]) ** 2).sum(axis=1))
        own_square = np.einsum("ij,ij->i", part, part)
        least = _least_of_parts(far)
        kth = np.partition(least, place, axis=1)[:, place] + own_square
        fifth[start : start + _CHUNK] = np.sqrt(np.maximum(kth, 0.0))
    return Near(row, first, fifth)


def _least_of_parts(far: Floats) -> Floats:
    """Shape (q, p): the least of every sixteen columns, which stand far apart; all where few.

    The fifth least of these is that of all, but where two of the five stand in one part.
    """
    parts = far.shape[1] // _PART
    if parts < _MANY_PARTS:
        return far
    whole = far[:, : parts * _PART].reshape(len(far), _PART, parts).min(axis=1)
    return np.hstack([whole, far[:, parts * _PART :]])


def blocked(base: Floats, queries: Floats, rng: np.random.Generator) -> Near:
    """The nearest among rows that share a block with the query, over several ways of blocking.

    Each way cuts some coordinates, chosen at random, into cells until a cell holds about fifty
    rows; a copy with a little noise shares most cells with its original. What a fuller search
    would find nearer can be missed, in queries and baseline alike.
    """
    q, d = queries.shape
    found = np.full((q, _TABLES * _BUCKET), -1, np.int64)
    for table in range(_TABLES):
        keys, asked = _keys(base, queries, rng.permutation(d), rng)
        order = np.argsort(keys, kind="stable")
        low = np.searchsorted(keys[order], asked, "left")
        high = np.searchsorted(keys[order], asked, "right")
        for step in range(_BUCKET):
            inside = low + step < high
            found[inside, table * _BUCKET + step] = order[(low + step)[inside]]
    row = np.full(q, -1, np.intp)
    first, fifth = np.full(q, np.inf, np.float32), np.full(q, np.inf, np.float32)
    for i in range(q):
        candidates = np.unique(found[i])
        candidates = candidates[candidates >= 0]
        if len(candidates) < _FIFTH:
            continue
        far = np.sqrt(((base[candidates] - queries[i]) ** 2).sum(axis=1))
        ranked = np.argsort(far, kind="stable")
        row[i], first[i] = candidates[ranked[0]], far[ranked[0]]
        fifth[i] = far[ranked[_FIFTH - 1]]
    return Near(row, first, fifth)


def _keys(
    base: Floats, queries: Floats, order: Rows, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    keys, asked = np.zeros(len(base), np.int64), np.zeros(len(queries), np.int64)
    cells = 1
    for coordinate in order:
        offset = rng.random() / 4.0
        one = np.floor((base[:, coordinate] + offset) * 4.0).astype(np.int64) + 4
        two = np.floor((queries[:, coordinate] + offset) * 4.0).astype(np.int64) + 4
        keys, asked = keys * 16 + one, asked * 16 + two
        values, inverse = np.unique(keys, return_inverse=True)
        place = np.searchsorted(values, asked)
        known = values[np.minimum(place, len(values) - 1)] == asked
        keys, asked = inverse.astype(np.int64), np.where(known, place, -(10**9))
        cells = len(values)
        if cells * _BUCKET >= len(base):
            break
    return keys, asked
