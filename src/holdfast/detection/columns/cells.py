"""Cells: a column cut once, by the reference, so that a row becomes one small integer a column.

A number's cells are bounded by quantiles of the reference, with every common value in a cell of its
own and a cell below and above the reference's range. A category is a cell; rare known ones share
one, unseen ones another. Two last cells hold what is missing and what has the wrong type. Cells
never change afterwards, so counts of cells merge exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import NULL, WRONG, FloatArray, IntArray, ValueKind, Values

#: quantiles that bound cells: a grid of 24, finer in the tails
GRID = tuple(
    sorted({*(i / 24 for i in range(1, 24)), 0.002, 0.01, 0.02, 0.1, 0.9, 0.98, 0.99, 0.998})
)
#: a value with this share of the reference is a cell of its own
COMMON = 0.03
MOST_COMMON = 12
#: a numeric column with at most so many different values has a cell for each
FEW_VALUES = 12
#: categories with a cell of their own, at most
MOST_CATEGORIES = 48
#: known categories kept to tell unseen ones, at most
MOST_KNOWN = 20_000
#: part of the reference's range that values may lie beyond it
SLACK = 0.02


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one column.

    Attributes:
        kind: number or category.
        cuts: for numbers, ascending upper ends (inclusive) of all cells but the last; the first
            cell is below the range, the last above it.
        atoms: for numbers, cell of each common value.
        names: for categories, those with a cell of their own, commonest first.
        known: for categories, the other ones of the reference.
        complete: whether `known` holds all of them.
        counts: reference rows by cell, the last two being missing and wrong type.
    """

    kind: ValueKind
    cuts: tuple[float, ...] = ()
    atoms: dict[float, int] = {}
    names: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    complete: bool = True
    counts: tuple[int, ...] = ()

    @property
    def inner(self) -> int:
        """Cells that hold values: below to above for numbers, all but unseen for categories."""
        return len(self.cuts) + 1 if self.kind is ValueKind.NUMBER else len(self.names) + 1

    @property
    def unseen(self) -> int:
        """Cell of categories that the reference does not know (numbers have none)."""
        return len(self.names) + 1

    @property
    def size(self) -> int:
        """Number of cells."""
        return (self.inner if self.kind is ValueKind.NUMBER else self.inner + 1) + 2

    @property
    def missing(self) -> int:
        """Cell of rows without a value."""
        return self.size - 2

    @property
    def wrong(self) -> int:
        """Cell of values of the wrong type."""
        return self.size - 1

    @property
    def below(self) -> int:
        """Cell below the range (numbers)."""
        return 0

    @property
    def above(self) -> int:
        """Cell above the range (numbers)."""
        return len(self.cuts)


def learn_cells(values: Values) -> Cells:
    """Cuts a column by its reference.

    Example:
        >>> from holdfast.frames.values import read_values
        >>> cells = learn_cells(read_values(ValueKind.CATEGORY, ["a", "b", "a", None]))
        >>> cells.names, cells.counts
        (('a', 'b'), (2, 1, 0, 0, 1, 0))
    """
    cut = _cut_numbers(values) if values.kind is ValueKind.NUMBER else _list_categories(values)
    coded = Coder(cut).code(values)
    counts = tuple(np.bincount(coded, minlength=cut.size).tolist())
    return msgspec.structs.replace(cut, counts=counts)


def _cut_numbers(values: Values) -> Cells:
    x = values.numbers[values.state == 0]
    x = np.sort(x[np.isfinite(x)])
    if not len(x):
        return Cells(kind=ValueKind.NUMBER)
    first = np.flatnonzero(np.concatenate(([True], x[1:] != x[:-1])))
    distinct, times = x[first], np.diff(np.append(first, len(x)))
    low, high = float(x[0]), float(x[-1])
    slack = SLACK * (high - low)
    common = np.flatnonzero(times >= COMMON * len(x))
    if len(distinct) <= FEW_VALUES:
        atoms = distinct
    else:
        common = common[np.argsort(-times[common], kind="stable")][:MOST_COMMON]
        atoms = np.sort(distinct[common])
    places = np.minimum((np.array(GRID) * len(x)).astype(np.int64), len(x) - 1)
    with np.errstate(over="ignore"):  # below the least float lies minus infinity
        bounds = [np.nextafter(low - slack, -np.inf), high + slack]
        inside = (x[places], atoms, np.nextafter(atoms, -np.inf))
    cuts = np.unique(np.concatenate((bounds, *inside)))
    cuts = cuts[(cuts >= bounds[0]) & (cuts <= bounds[1])]
    at = np.searchsorted(cuts, atoms, side="left")
    return Cells(
        kind=ValueKind.NUMBER,
        cuts=tuple(cuts.tolist()),
        atoms={float(a): int(i) for a, i in zip(atoms, at, strict=True)},
    )


def _list_categories(values: Values) -> Cells:
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.names))
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda i: (-counts[i], values.names[i]))
    own, rest = order[:MOST_CATEGORIES], order[MOST_CATEGORIES:]
    return Cells(
        kind=ValueKind.CATEGORY,
        names=tuple(values.names[i] for i in own),
        known=tuple(values.names[i] for i in rest[:MOST_KNOWN]),
        complete=len(rest) <= MOST_KNOWN,
    )


class Coder:
    """Turns values into cells."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._cuts = np.array(cells.cuts)
        self._places: dict[str, int] = {name: i for i, name in enumerate(cells.names)}
        self._places |= dict.fromkeys(cells.known, len(cells.names))
        self._default = cells.unseen if cells.complete else len(cells.names)
        # batches of one source spell alike: the last table of spellings is kept
        self._names: list[str] = []
        self._table = np.array([cells.missing], np.int64)

    def code(self, values: Values) -> IntArray:
        """Shape (n,): the cell of each row."""
        cells = self.cells
        if cells.kind is ValueKind.NUMBER:
            out = self._cuts.searchsorted(values.numbers, side="left")
            if values.state.any():
                out[values.state == NULL] = cells.missing
                out[values.state == WRONG] = cells.wrong
            return out
        if values.names != self._names:
            places, default = self._places, self._default
            found = [places.get(name, default) for name in values.names]
            self._names, self._table = values.names, np.array([*found, cells.missing], np.int64)
        return self._table[values.codes]


def mid_ranks(cells: Cells) -> FloatArray:
    """Shape (size,): middle of each cell's ranks in the reference, in [0, 1]; 0.5 without values.

    Categories are ordered by their share, commonest first: their ranks carry no meaning, only
    equality.
    """
    counts = np.array(cells.counts, float)
    counts[cells.inner :] = 0.0
    total = counts.sum()
    if total <= 0:
        return np.full(cells.size, 0.5)
    ranks: FloatArray = (np.cumsum(counts) - counts / 2.0) / total
    ranks[cells.inner :] = 0.5
    return ranks


def standardise(z: FloatArray, weights: FloatArray) -> FloatArray:
    """`z` with mean 0 and standard deviation 1 under `weights`; zeros where it does not vary."""
    total = weights.sum()
    if total <= 0:
        return np.zeros_like(z)
    mean = float((weights * z).sum() / total)
    spread = float((weights * (z - mean) ** 2).sum() / total)
    if spread <= 1e-12:
        return np.zeros_like(z)
    result: FloatArray = (z - mean) / np.sqrt(spread)
    return result


def code_columns(
    coders: Mapping[str, Coder], columns: Mapping[str, Values], rows: int
) -> NDArray[np.int64]:
    """Shape (rows, columns): cells of every column, in the order of `coders`.

    A column that is absent counts as missing in every row.
    """
    out = np.empty((len(coders), rows), np.int64)
    for i, (name, coder) in enumerate(coders.items()):
        values = columns.get(name)
        out[i] = coder.cells.missing if values is None else coder.code(values)
    return out.T
