"""Questions beyond one value: stuck, coarser than before, at odds with the rest of the row.

Each answers with one flag a row and column. What they need of earlier rows (the last twelve values,
the last 300 rows) is small and part of the state, so that batches and restarts do not matter.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.cells import Cells, mid_ranks
from holdfast.frames.values import FloatArray, IntArray, ValueKind, Values

BoolArray = NDArray[np.bool_]

#: values looked back on for "one of the last"
RECENT = 12
#: rows looked back on for repeated rows
WINDOW = 300
#: steps of the lattice, from a thousandth of a standard deviation to ten
LATTICE_STEPS = 5
#: a column is worth predicting from the others from this R2 on
LEAST_R2 = 0.08
#: a residual is large beyond this share of the reference's
LARGE = 0.9
TOP_CATEGORIES = 6
RIDGE = 3.0

_NOTHING = np.int64(-0x7FFF_FFFF_FFFF_FFFF)


class Keys:
    """One integer a value: equal values have equal keys, whatever batch they come in."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._tables: dict[int, tuple[list[str], IntArray]] = {}

    def of(self, columns: Sequence[Values | None], rows: int) -> IntArray:
        """Shape (rows, columns); missing values share one key."""
        out = np.full((len(columns), rows), _NOTHING, np.int64)
        numbers, places = [], []
        for i, values in enumerate(columns):
            if values is None:
                continue
            if values.kind is ValueKind.NUMBER:
                numbers.append(values)
                places.append(i)
            else:
                self._table(i, values.names).take(values.codes, out=out[i], mode="wrap")
        if numbers:
            keys = np.array([v.numbers for v in numbers])
            keys += 0.0  # minus zero is zero
            known = np.array([v.state for v in numbers]) == 0
            out[places] = np.where(known, keys.view(np.int64), _NOTHING)
        return out.T

    def _table(self, column: int, names: list[str]) -> IntArray:
        known = self._tables.get(column)
        if known is None or known[0] != names:
            table = np.array([*(self._name(n) for n in names), _NOTHING], np.int64)
            known = self._tables[column] = (names, table)
        return known[1]

    def _name(self, name: str) -> int:
        known = self._names.get(name)
        if known is None:
            if len(self._names) > 100_000:
                self._names.clear()
            data = name.encode("utf-8", "surrogatepass")
            known = (zlib.crc32(data) << 31) ^ zlib.adler32(data[::-1])
            self._names[name] = known
        return known


def row_hashes(keys: IntArray) -> IntArray:
    """Shape (rows,): a 64-bit hash of each row of keys.

    >>> a = row_hashes(np.array([[1, 2], [2, 1], [1, 2]]))
    >>> bool(a[0] == a[2]), bool(a[0] == a[1])
    (True, False)
    """
    mixed = np.ascontiguousarray(keys).view(np.uint64)
    with np.errstate(over="ignore"):
        # splitmix64 of every value, begun at a place of its own in each column
        begin = np.arange(1, keys.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = mixed + begin
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        summed = mixed.sum(axis=1, dtype=np.uint64)
    hashes: IntArray = summed.view(np.int64)
    return hashes


class Repeats:
    """Values equal to the row before or to one of the last twelve, and rows seen before.

    Args:
        columns: how many.
    """

    def __init__(self, columns: int) -> None:
        self.last = np.full((RECENT, columns), _NOTHING, np.int64)
        self._seen: dict[int, int] = {}
        self._rows = 0

    def observe(self, keys: IntArray) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Takes rows in order.

        Returns:
            `same` as the row before and `recent` (one of the last twelve values), shape
            (rows, columns), and `again`, shape (rows, 2): the exact row was seen in the last 300
            rows; in the row right before.
        """
        n = len(keys)
        both = np.concatenate((self.last.T, keys.T), axis=1)
        now = both[:, RECENT:]
        present = now != _NOTHING
        same = both[:, RECENT - 1 : -1] == now
        same &= present
        recent, equal = same.copy(), np.empty_like(same)
        for back in range(2, RECENT + 1):
            np.equal(both[:, RECENT - back : RECENT - back + n], now, out=equal)
            recent |= equal
        recent &= present
        again = np.zeros((n, 2), np.bool_)
        seen, row = self._seen, self._rows
        for i, value in enumerate(row_hashes(keys).tolist()):
            before = seen.get(value)
            if before is not None and row - before <= WINDOW:
                again[i, 0] = True
                again[i, 1] = row - before == 1
            seen[value] = row
            row += 1
        self._rows = row
        if len(seen) > 4 * WINDOW:
            self._seen = {k: v for k, v in seen.items() if row - v <= WINDOW}
        self.last = both[:, -RECENT:].T.copy()
        return same.T, recent.T, again

    def dump(self) -> bytes:
        """The last rows."""
        seen = [x for x in self._seen.items() if self._rows - x[1] <= WINDOW]
        # by row: a row seen again keeps its old place otherwise
        state = (self.last.tobytes(), self._rows, sorted(seen, key=lambda x: x[1]))
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        last, self._rows, seen = msgspec.msgpack.decode(
            data, type=tuple[bytes, int, list[tuple[int, int]]]
        )
        self.last = np.frombuffer(last, np.int64).reshape(RECENT, -1).copy()
        self._seen = dict(seen)


def lattice_steps(values: Values) -> tuple[float, ...]:
    """Steps 10^k at which a numeric column is asked whether it lies on a multiple of them.

    Five decades from a thousandth of the standard deviation on; of the steps on which nearly all
    of the reference lies only the coarsest is kept, since losing it is what shows.
    """
    x = values.numbers[values.state == 0]
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.std(x))
    if not 1e-300 < spread < 1e300:
        return ()
    first = math.floor(math.log10(spread / 1000.0))
    steps = [10.0**k for k in range(first, first + LATTICE_STEPS)]
    shares = [float(on_lattice(x, s).mean()) for s in steps]
    full = [s for s, share in zip(steps, shares, strict=True) if share > 0.97]
    return tuple(s for s in steps if s not in full[:-1])


def on_lattice(x: FloatArray, step: FloatArray | float) -> BoolArray:
    """Which numbers are multiples of `step`, up to rounding.

    >>> on_lattice(np.array([0.3, 0.35, 20.0]), 0.1).tolist()
    [True, False, True]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.abs(x / step)
        gap = np.rint(ratio)
        gap -= ratio
        # rounding of the division and of the number itself grows with the ratio
        result: BoolArray = np.abs(gap) <= 1e-9 * ratio + 1e-6
    return result


class Lattices:
    """The lattice questions of all columns at once.

    Args:
        steps: steps of each column, at most `width` of them.
        width: flags a column.
    """

    def __init__(self, steps: Sequence[Sequence[float]], width: int) -> None:
        self._columns = [i for i, s in enumerate(steps) if s]
        asked = [(k, i, j) for k, i in enumerate(self._columns) for j in range(len(steps[i]))]
        self._line, self._column, self._flag = np.array(asked, np.int64).reshape(-1, 3).T
        self._steps = np.array([steps[i][j] for _, i, j in asked])[:, None]
        self.width = width

    def flags(self, columns: Sequence[Values | None], rows: int, out: BoolArray) -> None:
        """Sets flags in `out`, shape (rows, columns, flags): whether a value is a multiple."""
        if not self._columns:
            return
        numbers = np.full((len(self._columns), rows), np.nan)
        for k, i in enumerate(self._columns):
            values = columns[i]
            if values is not None and values.kind is ValueKind.NUMBER:
                numbers[k] = values.numbers
        lit = on_lattice(numbers.take(self._line, axis=0), self._steps)
        out[:, self._column, self._flag] = lit.T


class Dependence(msgspec.Struct, frozen=True, kw_only=True):
    """How well each numeric column's rank follows from the rest of the row: ridge regressions.

    Attributes:
        targets: places of the columns predicted, those with an R2 above 0.08.
        weights: shape (inputs + 1, targets) as bytes; the last row is the constant.
        limits: residual beyond which a row is flagged, one a target.
        r2: one a target.
        inputs: for each column its input table, shape (cells, k), as bytes.
        widths: k of each column.
    """

    targets: tuple[int, ...] = ()
    weights: bytes = b""
    limits: tuple[float, ...] = ()
    r2: tuple[float, ...] = ()
    inputs: tuple[bytes, ...] = ()
    widths: tuple[int, ...] = ()


def _input_table(cells: Cells) -> FloatArray:
    """Shape (cells, k): what a cell says about other columns."""
    if cells.kind is ValueKind.NUMBER:
        r = mid_ranks(cells) - 0.5
        return np.stack((r * 3.46, (r**2 - 1 / 12) * 13.4, np.sin(2 * np.pi * r) * 1.41), axis=1)
    k = min(TOP_CATEGORIES, len(cells.names))
    table = np.zeros((cells.size, k))
    table[np.arange(k), np.arange(k)] = 2.0
    return table


def learn_dependence(cells: Sequence[Cells], coded: IntArray) -> Dependence:
    """Fits every numeric column on the others; columns that do not follow are left out.

    Args:
        cells: cells of each column.
        coded: shape (rows, columns), cells of the reference rows.
    """
    rows = len(coded)
    tables = [_input_table(c) for c in cells]
    widths = [t.shape[1] for t in tables]
    total = sum(widths)
    if rows < max(200, 3 * total) or len(cells) < 2:
        return Dependence()
    design = np.concatenate([t[coded[:, i]] for i, t in enumerate(tables)], axis=1)
    design = np.concatenate((design, np.ones((rows, 1))), axis=1)
    owner = np.repeat(np.arange(len(cells)), widths)
    gram = design.T @ design
    targets, weights, limits, r2s = [], [], [], []
    for i, c in enumerate(cells):
        if c.kind is not ValueKind.NUMBER or c.inner < 6:
            continue
        rank = mid_ranks(c)[coded[:, i]]
        known = coded[:, i] < c.inner
        if known.sum() < max(200, 2 * total):
            continue
        keep = np.append(owner != i, True)
        if known.all():
            left, right = gram[np.ix_(keep, keep)], design[:, keep].T @ rank
        else:
            part = design[known][:, keep]
            left, right = part.T @ part, part.T @ rank[known]
        ridge = np.full(len(left), RIDGE)
        ridge[-1] = 0.0
        solved = np.linalg.solve(left + np.diag(ridge), right)
        residual = rank - design[:, keep] @ solved
        variance = float(np.var(rank[known]))
        r2 = 1.0 - float(np.mean(residual[known] ** 2)) / variance if variance > 0 else 0.0
        if r2 <= LEAST_R2:
            continue
        full = np.zeros(total + 1)
        full[keep] = solved
        targets.append(i)
        weights.append(full)
        limits.append(float(np.quantile(np.abs(residual[known]), LARGE)))
        r2s.append(r2)
    if not targets:
        return Dependence()
    return Dependence(
        targets=tuple(targets),
        weights=np.array(weights).T.tobytes(),
        limits=tuple(limits),
        r2=tuple(r2s),
        inputs=tuple(t.tobytes() for t in tables),
        widths=tuple(widths),
    )


class Residuals:
    """Flags rows whose value does not fit the rest of the row."""

    def __init__(self, model: Dependence, cells: Sequence[Cells]) -> None:
        self.targets = np.array(model.targets, np.int64)
        count = len(model.targets)
        self._weights = np.frombuffer(model.weights).reshape(-1, count) if count else None
        self._limits = np.array(model.limits)
        # what each cell of each column says about every target: the regression as a table
        sizes = [c.size for c in cells]
        self._offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
        said, start = [], 0
        for data, width in zip(model.inputs, model.widths, strict=True):
            table = np.frombuffer(data).reshape(-1, width)
            if self._weights is not None:
                said.append(table @ self._weights[start : start + width])
            start += width
        self._said = np.concatenate(said) if said else np.zeros((0, count))
        ranks = [mid_ranks(cells[i]) for i in model.targets]
        self._ranks = np.concatenate(ranks) if ranks else np.empty(0)
        lengths = [len(r) for r in ranks]
        self._rank_offsets = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
        self._inner = np.array([cells[i].inner for i in model.targets], np.int64)

    def flags(self, coded: IntArray) -> BoolArray:
        """Shape (rows, targets): whether the residual is large; False without a value."""
        if self._weights is None:
            return np.zeros((len(coded), 0), np.bool_)
        index = coded.T + self._offsets[:, None]
        said = self._said.take(index, axis=0).reshape(len(index), -1).sum(axis=0)
        predicted = said.reshape(len(coded), -1) + self._weights[-1]
        mine = coded[:, self.targets]
        actual = self._ranks[mine + self._rank_offsets]
        # compared on a grid, so that the order of a sum cannot decide
        gap = np.round(np.abs(actual - predicted), 9)
        result: BoolArray = (gap > np.round(self._limits, 9)) & (mine < self._inner)
        return result
