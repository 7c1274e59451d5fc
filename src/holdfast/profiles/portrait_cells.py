"""A column cut into cells: nothing, another type, below and above the range, frequent values, bins.

Every row of a column falls into exactly one cell. Cells of numbers, in this order::

    0 null   1 wrong type   2 below   3 above   4.. frequent single values   then quantile bins

and of categories::

    0 null   1 (never)      2 unseen  3 rare    4.. categories, most frequent first
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import VALUE, Values

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NULL, WRONG, BELOW, ABOVE, FIRST = 0, 1, 2, 3, 4
UNSEEN, RARE = 2, 3

#: quantile bins of the numbers that are not frequent single values
BINS = 20
#: a value this frequent is a cell of its own
FREQUENT = 0.02
MOST_FREQUENT = 24
#: categories that are cells of their own
MOST_CATEGORIES = 40
LEAST_CATEGORY = 0.003
#: numbers beyond the range by less than this share of it still count as inside
SLACK = 0.02


def pack(values: Sequence[float] | FloatArray, dtype: str = "<f8") -> bytes:
    """Numbers as bytes, little-endian."""
    return np.ascontiguousarray(values, dtype=dtype).tobytes()


def unpack(data: bytes) -> FloatArray:
    """The numbers of `pack`, without a copy."""
    return np.frombuffer(data, dtype="<f8")


def unpack4(data: bytes) -> FloatArray:
    """The numbers of `pack` in single precision, as doubles."""
    return np.frombuffer(data, dtype="<f4").astype(np.float64)


def spread_sample(ordered: FloatArray, size: int) -> FloatArray:
    """Evenly spaced members of sorted numbers, both ends among them; all when they are few."""
    if len(ordered) <= size:
        return ordered
    return ordered[np.round(np.linspace(0, len(ordered) - 1, size)).astype(np.int64)]


def frequent_values(ordered: FloatArray, least: float, most: int) -> tuple[FloatArray, FloatArray]:
    """Values with at least this share, and their shares, most frequent first.

    >>> frequent_values(np.array([0.0, 0, 0, 1, 2, 2]), 0.3, 9)
    (array([0., 2.]), array([0.5       , 0.33333333]))
    """
    if not len(ordered):
        return np.empty(0), np.empty(0)
    values, counts = np.unique(ordered, return_counts=True)
    keep = np.flatnonzero(counts >= max(2.0, least * len(ordered)))
    keep = keep[np.argsort(-counts[keep], kind="stable")][:most]
    return values[keep], counts[keep] / len(ordered)


def bin_edges(ordered: FloatArray, atoms: FloatArray) -> FloatArray:
    """Edges of the quantile bins of the values that are no atoms: k bins, k + 1 edges.

    The first edge is a little below the smallest value of the column, the last a little above the
    largest; without any other value there is one bin.
    """
    if not len(ordered):
        return np.array([-0.5, 0.5])
    low, high = float(ordered[0]), float(ordered[-1])
    slack = SLACK * (high - low) if high > low else max(1e-9, 1e-6 * abs(high))
    rest = ordered[~is_in(ordered, np.sort(atoms))]
    bins = int(np.clip(len(rest) // 40, 1, BINS))
    inner = np.quantile(rest, np.arange(1, bins) / bins) if bins > 1 else np.empty(0)
    inner = np.unique(inner[(inner > low) & (inner < high)])
    return np.concatenate(([low - slack], inner, [high + slack]))


def is_in(values: FloatArray, ordered: FloatArray, near: float = 1e-9) -> NDArray[np.bool_]:
    """Whether each value is one of some sorted numbers, up to a relative error `near`."""
    if not len(ordered):
        return np.zeros(values.shape, bool)
    place = np.searchsorted(ordered, values)
    right = ordered[np.minimum(place, len(ordered) - 1)]
    left = ordered[np.maximum(place - 1, 0)]
    allowed = near * np.abs(values)
    return (np.abs(values - right) <= allowed) | (np.abs(values - left) <= allowed)


def number_cells(numbers: FloatArray, atoms: FloatArray, edges: FloatArray) -> IntArray:
    """Cells of numbers without nulls; atoms in their own order, see the head of this file."""
    bins = len(edges) - 1
    place = np.searchsorted(edges, numbers, side="right") - 1
    cells = np.where(numbers == edges[-1], bins - 1, place) + FIRST + len(atoms)
    cells = np.where(numbers < edges[0], BELOW, np.where(numbers > edges[-1], ABOVE, cells))
    if len(atoms):
        order = np.argsort(atoms)
        known = atoms[order]
        near = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        cells = np.where(known[near] == numbers, FIRST + order[near], cells)
    return cells.astype(np.int64)


def cells_of_numbers(values: Values, atoms: FloatArray, edges: FloatArray) -> IntArray:
    """The cell of every row of a column of numbers."""
    cells = np.where(values.state == VALUE, 0, values.state - 1).astype(np.int64)
    here = values.state == VALUE
    cells[here] = number_cells(values.numbers[here], atoms, edges)
    return cells


def cells_of_categories(values: Values, names: Sequence[str], own: int) -> IntArray:
    """The cell of every row of a column of categories.

    Args:
        values: the rows.
        names: all known categories, those with cells of their own first.
        own: how many have cells of their own.
    """
    places = {name: FIRST + i if i < own else RARE for i, name in enumerate(names)}
    table = np.array([places.get(name, UNSEEN) for name in values.names] + [NULL], np.int64)
    return table[values.codes]
