"""One column of a `Portrait`: what is kept of numbers and of categories, and how rows compare."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import NULL, VALUE, WRONG, ValueKind, Values
from holdfast.profiles import portrait_cells as cell
from holdfast.profiles import portrait_dependence as dependence
from holdfast.profiles.portrait_cells import pack, unpack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: quantiles kept of a number, names kept of a category
SAMPLE, NAMES = 1500, 400
#: so many different numbers are kept one by one, with their shares
KNOWN = 600
#: numbers beyond count as this, so that their squares are finite
ENORMOUS = 1e150
#: numbers with at most so many different values are levels one by one, as categories are
FEW = 16


class ColumnPortrait(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the reference. Byte fields are little-endian float64 (weights: float32) arrays.

    Attributes:
        name, kind: the column; ``number`` or ``category``.
        rows: rows of the reference.
        null, wrong: share of rows without a value; with a value of another type.
        low, high, mean, spread: of the finite numbers; spread is the standard deviation.
        distinct: different values among the numbers (or categories).
        step: the coarsest power of ten that at least 98 % of the numbers are multiples of; 0 if
            there is none.
        recurring: probability that a number of the reference is one of `numbers`; 1 when all
            different numbers are kept.
        quantiles: up to 1,500 evenly spaced order statistics of the numbers, sorted.
        known, known_shares: the different numbers, sorted, and their shares (float32), when there
            are at most 600; else empty.
        frequent, frequent_shares: numbers with at least 2 % of the values, and their shares.
        edges: of the quantile bins.
        names, name_shares: categories, most frequent first, and their shares of the values.
        own: the first so many categories have cells of their own.
        fresh: probability that a category of the reference is not among `names` (Good-Turing).
        cells: share of each cell (see `portrait_cells`).
        cells_if_1, cells_if_0: the same among rows with label 1 and 0; from the score where labels
            are missing, empty without either.
        log_odds: mean of the score's log-odds in each cell; empty without scores.
        weights, intercept, r2: the column's level from the features of the other columns.
        profile: covariance of the level with the features of all columns (float32).
        level_cuts, prediction_cuts, ratios: the table of `portrait_dependence`.
        levels: of categories with cells of their own, then of the rest; of numbers of few values.
        importance: share of the score that hangs on this column, 0 to 1.
        sticky: how much more often than by chance a value equals the one in the row before: 0 in a
            shuffled reference, near 1 where values stay for long.
        spell: longest run of one value, in rows.
    """

    name: str
    kind: ValueKind
    rows: int
    null: float
    wrong: float
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    distinct: int = 0
    step: float = 0.0
    recurring: float = 0.0
    quantiles: bytes = b""
    known: bytes = b""
    known_shares: bytes = b""
    frequent: bytes = b""
    frequent_shares: bytes = b""
    edges: bytes = b""
    names: tuple[str, ...] = ()
    name_shares: bytes = b""
    own: int = 0
    fresh: float = 0.0
    cells: bytes = b""
    cells_if_1: bytes = b""
    cells_if_0: bytes = b""
    log_odds: bytes = b""
    weights: bytes = b""
    profile: bytes = b""
    intercept: float = 0.0
    r2: float = 0.0
    level_cuts: bytes = b""
    prediction_cuts: bytes = b""
    ratios: bytes = b""
    levels: bytes = b""
    importance: float = 0.0
    sticky: float = 0.0
    spell: int = 0

    def cells_of(self, values: Values) -> IntArray:
        """The cell of every row."""
        if self.kind is ValueKind.NUMBER:
            return cell.cells_of_numbers(values, unpack(self.frequent), unpack(self.edges))
        return cell.cells_of_categories(values, self.names, self.own)

    def features_of(
        self, values: Values, cells: IntArray, ranks: FloatArray | None = None
    ) -> FloatArray:
        """Shape (n, k): the column's features for explaining others; `ranks` if known already."""
        parts = []
        if self.kind is ValueKind.NUMBER:
            if len(unpack(self.quantiles)) and self.high > self.low:
                present = values.state == VALUE
                if ranks is None:
                    ranks = self.ranks(np.where(present, values.numbers, 0.0))
                parts.append(dependence.rank_features(ranks, present))
        else:
            shares = unpack(self.cells)[cell.FIRST : cell.FIRST + min(self.own, 8)]
            few = shares[(shares >= 0.015) & (shares <= 0.985)]
            parts.append(dependence.indicator_features(cells - cell.FIRST, few))
        if 0.01 < self.null < 0.99:
            nulls = np.where(cells == cell.NULL, 0, -1)
            parts.append(dependence.indicator_features(nulls, np.array([self.null])))
        return np.hstack(parts) if parts else np.empty((len(values), 0))

    def ranks(self, numbers: FloatArray) -> FloatArray:
        """Mid-rank of numbers in the reference, 0 to 1."""
        quantiles = unpack(self.quantiles)
        left = np.searchsorted(quantiles, numbers, side="left")
        right = np.searchsorted(quantiles, numbers, side="right")
        return (left + right) / (2.0 * max(1, len(quantiles)))

    def level_bins(self, values: Values, cells: IntArray) -> IntArray:
        """Row of the table of `ratios` for every row; -1 without a level."""
        if self.kind is ValueKind.NUMBER:
            present = values.state == VALUE
            return np.where(present, self.levels_of(np.where(present, values.numbers, 0.0)), -1)
        last = len(unpack(self.levels)) - 1
        bins = np.where(cells == cell.RARE, last, np.minimum(cells - cell.FIRST, last))
        return np.where((cells == cell.NULL) | (cells == cell.UNSEEN), -1, bins)

    def levels_of(self, numbers: FloatArray, ranks: FloatArray | None = None) -> IntArray:
        """Row of the table of `ratios` for numbers: their place among few values, or their rank's.

        `ranks` are those of the numbers, if known already.
        """
        if self.few:
            known = unpack(self.known)
            middles = (known[1:] + known[:-1]) / 2
            return np.searchsorted(middles, numbers, side="right")
        ranks = self.ranks(numbers) if ranks is None else ranks
        return np.searchsorted(unpack(self.level_cuts), ranks, side="right")

    @property
    def few(self) -> bool:
        """Whether these are numbers of so few values that each is a level of its own."""
        return self.kind is ValueKind.NUMBER and 0 < len(self.known) <= 8 * FEW


def number_facts(values: Values) -> dict[str, Any]:
    """What is kept of one column of numbers, apart from cells and dependence."""
    numbers = values.numbers[values.state == VALUE]
    ordered = np.sort(np.clip(numbers[np.isfinite(numbers)], -ENORMOUS, ENORMOUS) + 0.0)
    sample = cell.spread_sample(ordered, SAMPLE)
    distinct, heads = np.unique(ordered, return_counts=True)
    atoms, shares = cell.frequent_values(ordered, cell.FREQUENT, cell.MOST_FREQUENT)
    few = len(distinct) <= KNOWN
    known = distinct if few else np.empty(0)
    if few:
        recurring = 1.0 - np.count_nonzero(heads == 1) / max(1, len(ordered))
    else:
        kept = cell.is_in(ordered, np.unique(sample)).mean() * len(ordered) - len(sample)
        recurring = max(0.0, kept / max(1, len(ordered) - len(sample)))
    return {
        "low": float(ordered[0]) if len(ordered) else 0.0,
        "high": float(ordered[-1]) if len(ordered) else 0.0,
        "mean": float(ordered.mean()) if len(ordered) else 0.0,
        "spread": float(ordered.std()) if len(ordered) else 0.0,
        "distinct": len(distinct),
        "step": step_of(distinct),
        "recurring": float(recurring),
        "quantiles": pack(sample),
        "known": pack(known),
        "known_shares": pack(heads / max(1, len(ordered)) if few else [], "<f4"),
        "frequent": pack(atoms),
        "frequent_shares": pack(shares),
        "edges": pack(cell.bin_edges(ordered, atoms)),
    }


def step_of(distinct: FloatArray) -> float:
    """The coarsest power of ten that 98 % of some different numbers are multiples of; 0 if none.

    >>> step_of(np.array([0.25, 1.5, 3.75])), step_of(np.array([1000.0, 3000.0]))
    (0.01, 1000.0)
    """
    nonzero = distinct[distinct != 0.0]
    if len(nonzero) < 2:
        return 0.0
    if len(nonzero) > 4000:
        nonzero = nonzero[:: len(nonzero) // 2000]
    for exponent in range(6, -7, -1):
        if on_step(nonzero, exponent).mean() >= 0.98:
            return float(10.0**exponent)
    return 0.0


def on_step(numbers: FloatArray, exponent: int) -> NDArray[np.bool_]:
    """Whether numbers are multiples of ten to some power, up to rounding of their storage."""
    scaled = numbers / 10.0**exponent if exponent > 0 else numbers * 10.0**-exponent
    near = np.abs(scaled - np.round(scaled))
    return near <= np.minimum(1e-9 * np.maximum(1.0, np.abs(scaled)), 1e-3)


def category_facts(values: Values) -> dict[str, Any]:
    """What is kept of one column of categories, apart from cells and dependence."""
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.names))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    total = max(1, int(counts.sum()))
    kept = order[:NAMES]
    shares = counts[kept] / total
    common = int((shares >= cell.LEAST_CATEGORY).sum())
    own = min(cell.MOST_CATEGORIES, max(1, common))
    fresh = (np.count_nonzero(counts == 1) + int(counts[order[NAMES:]].sum())) / total
    return {
        "distinct": len(order),
        "names": tuple(values.names[i] for i in kept),
        "name_shares": pack(shares),
        "own": min(own, len(kept)),
        "fresh": min(1.0, float(fresh)),
    }


def stickiness(values: Values) -> tuple[float, int]:
    """Excess of values equal to the one before over chance, and the longest run; nulls are a value.

    >>> from holdfast.frames.values import read_values
    >>> stickiness(read_values(ValueKind.CATEGORY, ["a"] * 50 + ["b"] * 50))
    (0.98, 50)
    >>> stickiness(read_values(ValueKind.NUMBER, [1.0, 2.0] * 50))[1]
    1
    """
    n = len(values)
    if n < 2:
        return 0.0, n
    if values.kind is ValueKind.NUMBER:
        _, codes = np.unique(np.nan_to_num(values.numbers, nan=np.inf), return_inverse=True)
    else:
        codes = values.codes
    shares = np.bincount(codes - codes.min()) / n
    chance = float(shares @ shares)
    change = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    ends = np.concatenate(([0], change, [n]))
    same = 1.0 - len(change) / (n - 1)
    excess = (same - chance) / (1.0 - chance) if chance < 1.0 else 0.0
    return max(0.0, round(excess, 3)), int(np.diff(ends).max())


def state_shares(values: Values) -> tuple[float, float]:
    """Shares of rows without a value, and of another type."""
    n = max(1, len(values))
    return float((values.state == NULL).sum()) / n, float((values.state == WRONG).sum()) / n
