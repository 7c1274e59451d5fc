"""Whether columns still move together: co-moments of clipped scores, exact and bounded.

Each number is turned into a score by itself: its distance from the reference's centre in robust
standard deviations, clipped at 3 and rounded to sixteenths; no number scores 0. Products of such
scores are whole numbers, so their sums are exact in any order. At most 12 columns are watched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.profiles.spec import ColumnKind, ColumnSpec, NumberSpec

Floats = npt.NDArray[np.float64]
MOST_TOGETHER = 12
WORTH = 0.2
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


def scores_of(values: npt.NDArray[Any], spec: NumberSpec, out: Floats) -> Floats:
    """The scores of some numbers in sixteenths; NaN scores 0.

    Args:
        values: shape (n,), any numeric type; infinite is fine.
        spec: gives centre and spread.
        out: shape (n,), written over.
    """
    limit = _CLIP * _SIXTEENTHS
    np.subtract(values, spec.grid.centre, out=out)
    np.multiply(out, _SIXTEENTHS / spread_of(spec), out=out)
    np.minimum(out, limit, out=out)
    np.maximum(out, -limit, out=out)
    np.rint(out, out=out)
    np.copyto(out, 0.0, where=np.isnan(out))
    return out


def spread_of(spec: NumberSpec) -> float:
    """A robust standard deviation: about that of a normal with this grid."""
    return 2.0 ** (spec.grid.width - 5)


def count_together(
    table: Table, specs: Mapping[str, ColumnSpec], names: tuple[str, ...]
) -> Together:
    """The co-moments of the named columns; one that is absent or not of numbers scores 0."""
    d, n = len(names), table.num_rows
    if not d or not n:
        return Together(0)
    columns = [
        (i, *found) for i, name in enumerate(names) if (found := _column(table, specs, name))
    ]
    block = np.zeros((min(n, 4 * _BLOCK), d), np.float32)
    buffer = np.empty(len(block))
    total, sums = np.zeros((d, d)), np.zeros(d)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, len(block)):
            size = min(len(block), n - start)
            for i, spec, values, missing in columns:
                scores = scores_of(values[start : start + size], spec, buffer[:size])
                if missing is not None:
                    np.copyto(scores, 0.0, where=missing[start : start + size])
                block[:size, i] = scores
            for at in range(0, size, _BLOCK):
                part = block[at : min(at + _BLOCK, size)]
                total += part.T @ part
                sums += part.sum(axis=0)
    return Together(
        n,
        tuple(sums.astype(np.int64).tolist()),
        tuple(total[np.triu_indices(d)].astype(np.int64).tolist()),
    )


def _column(
    table: Table, specs: Mapping[str, ColumnSpec], name: str
) -> tuple[NumberSpec, npt.NDArray[Any], npt.NDArray[np.bool_] | None] | None:
    """Spec, numbers and mask of nulls of a column; None where it is absent or not of numbers."""
    spec = specs[name]
    if name not in table or not isinstance(spec, NumberSpec):
        return None
    view = table.column(name)
    if view.storage not in {Storage.BOOL, Storage.INT, Storage.FLOAT}:
        return None
    nulls = view.array.is_null().to_numpy(zero_copy_only=False) if view.null_count else None
    return spec, view.values, nulls


def choose_together(table: Table, specs: Mapping[str, ColumnSpec]) -> tuple[str, ...]:
    """The number columns to watch together: those with a partner, the strongest 12 of them.

    A partner is a column with a correlation of `WORTH` or more in the reference: what moves with
    nothing has no company to lose.
    """
    names = tuple(
        name
        for name, spec in specs.items()
        if isinstance(spec, NumberSpec) and spec.kind is ColumnKind.NUMBER and len(spec.edges) > 3
    )
    step = max(1, table.num_rows // 5_000)
    few = table.take(np.arange(0, table.num_rows, step)[:10_000])
    if len(names) < 2 or few.num_rows < 2:
        return ()
    found = np.abs(count_together(few, specs, names).correlations())
    np.fill_diagonal(found, 0.0)
    strongest = np.nan_to_num(found).max(axis=1)
    best = np.argsort(-strongest, kind="stable")[:MOST_TOGETHER]
    chosen = {i for i in best.tolist() if strongest[i] >= WORTH}
    return tuple(name for i, name in enumerate(names) if i in chosen)
