"""Whether columns still move together: co-moments of clipped scores, exact and bounded.

Each number is turned into a score by itself: its distance from the reference's centre in robust
standard deviations, clipped at 3 and rounded to sixteenths; no number scores 0. Products of such
scores are whole numbers, so their sums are exact in any order. At most 16 columns are watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.profiles.spec import ColumnKind, ColumnSpec, NumberSpec

Floats32 = npt.NDArray[np.float32]
MOST_TOGETHER = 16
_CLIP, _SIXTEENTHS = 3.0, 16.0
#: products of 48 * 48 over so many rows are exact in a 32-bit float
_BLOCK = 4096


class Together(msgspec.Struct, frozen=True):
    """Sums over rows of the scores and of their products.

    Attributes:
        rows: rows counted.
        sums: for each column of the spec's `together` the sum of its scores, in sixteenths.
        products: the upper triangle of the matrix of products, row by row, in 1/256.
    """

    rows: int = 0
    sums: tuple[int, ...] = ()
    products: tuple[int, ...] = ()

    def merge(self, other: Together) -> Together:
        """Both together."""
        if not self.rows or not other.rows:
            return other if not self.rows else self
        return Together(
            self.rows + other.rows,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            tuple(a + b for a, b in zip(self.products, other.products, strict=True)),
        )

    def correlations(self) -> npt.NDArray[np.float64]:
        """The matrix of correlations of the scores; NaN for a column that does not vary."""
        d = len(self.sums)
        full = np.zeros((d, d))
        full[np.triu_indices(d)] = self.products
        full = full + np.triu(full, 1).T
        if not self.rows:
            return np.full((d, d), np.nan)
        mean = np.array(self.sums, float) / self.rows
        covariance = full / self.rows - np.outer(mean, mean)
        sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        sd[sd < 1e-9] = np.nan
        return np.asarray(np.clip(covariance / np.outer(sd, sd), -1.0, 1.0))


def score_column(values: npt.NDArray[Any], spec: NumberSpec, out: Floats32) -> None:
    """Write the scores of some numbers in sixteenths; NaN scores 0.

    Args:
        values: shape (n,), float64; infinite is fine.
        spec: gives centre and spread.
        out: shape (n,), float32.
    """
    scale = _SIXTEENTHS / spread_of(spec)
    shifted = np.subtract(values, spec.grid.centre)
    np.multiply(shifted, scale, out=shifted)
    limit = _CLIP * _SIXTEENTHS
    np.clip(shifted, -limit, limit, out=shifted)
    np.rint(shifted, out=out, casting="same_kind")
    np.copyto(out, 0.0, where=np.isnan(out))


def spread_of(spec: NumberSpec) -> float:
    """A robust standard deviation: that of a normal with the spec's grid (2^-5 of its half width)."""
    return 2.0 ** (spec.grid.width - 5)


def count_together(table: Table, specs: Mapping[str, ColumnSpec], names: tuple[str, ...]) -> Together:
    """The co-moments of the named columns; one that is absent or not of numbers scores 0."""
    d, n = len(names), table.num_rows
    if not d or not n:
        return Together(0)
    scores = np.zeros((n, d), np.float32, order="F")
    for i, name in enumerate(names):
        spec = specs[name]
        if name in table and isinstance(spec, NumberSpec):
            _score_view(table.column(name), spec, scores[:, i])
    return _sum(scores)


def _score_view(view: ColumnView, spec: NumberSpec, out: Floats32) -> None:
    if view.storage not in {Storage.BOOL, Storage.INT, Storage.FLOAT}:
        return
    values = view.values.astype(np.float64, copy=False)
    for start in range(0, len(values), 4 * _BLOCK):
        with np.errstate(over="ignore", invalid="ignore"):
            score_column(
                values[start : start + 4 * _BLOCK], spec, out[start : start + 4 * _BLOCK]
            )
    if view.null_count:
        out[view.array.is_null().to_numpy(zero_copy_only=False)] = 0.0


def _sum(scores: Floats32) -> Together:
    n, d = scores.shape
    total = np.zeros((d, d))
    sums = np.zeros(d)
    for start in range(0, n, _BLOCK):
        block = scores[start : start + _BLOCK]
        total += block.T @ block
        sums += block.sum(axis=0, dtype=np.float64)
    return Together(
        n,
        tuple(sums.astype(np.int64).tolist()),
        tuple(total[np.triu_indices(d)].astype(np.int64).tolist()),
    )


def choose_together(table: Table, specs: Mapping[str, ColumnSpec]) -> tuple[str, ...]:
    """The number columns to watch together: those with the strongest partner, at most 16."""
    names = tuple(
        name
        for name, spec in specs.items()
        if isinstance(spec, NumberSpec) and spec.kind is ColumnKind.NUMBER and len(spec.edges) > 3
    )
    if len(names) <= MOST_TOGETHER:
        return names if len(names) > 1 else ()
    step = max(1, table.num_rows // 5_000)
    few = table.take(np.arange(0, table.num_rows, step)[:10_000])
    found = np.abs(count_together(few, specs, names).correlations())
    np.fill_diagonal(found, 0.0)
    strongest = np.nan_to_num(found).max(axis=1)
    chosen = set(np.argsort(-strongest, kind="stable")[:MOST_TOGETHER].tolist())
    return tuple(name for i, name in enumerate(names) if i in chosen)
