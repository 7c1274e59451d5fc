"""The screen: what each column, and its nulls, tell alone; one count per column, no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast.audit.columns import NULL, Floats

if TYPE_CHECKING:
    from holdfast.audit.case import Case

#: parts of the rows; a rate is always taken from the other parts
_PARTS = 3
#: rows of prior belief in every rate
_PRIOR = 2.0


class Single(msgspec.Struct, frozen=True, kw_only=True):
    """One column alone.

    Attributes:
        alone: AUC (direction chosen out of fold), macro AUC or R2 of the rate per code.
        nulls: the same of "is null" alone, of the class told best; None without nulls or values.
        null_share: share of rows without a value.
    """

    alone: float
    nulls: float | None
    null_share: float


def screen(case: Case) -> dict[str, Single]:
    """Every feature alone, over all training rows.

    Out-of-fold rates per code (at most 64 codes and null) are turned into the score of the task.
    """
    counts = Counts(case)
    found = {}
    for name in case.features:
        codes = case.codes(name)
        cells = counts.table(codes, NULL + 1)
        is_null = float(cells.rows[NULL].sum()) / case.n
        both = None
        if 0.0 < is_null < 1.0:
            both = Cells(
                rows=np.stack([cells.rows[:NULL].sum(0), cells.rows[NULL]]),
                sums=np.stack([cells.sums[:NULL].sum(0), cells.sums[NULL]]),
                square=cells.square,
            )
        found[name] = Single(
            alone=counts.score(cells),
            nulls=None if both is None else counts.score(both, best=True),
            null_share=is_null,
        )
    return found


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a coded column: rows (codes, parts) and sums of the target (codes, parts, k)."""

    rows: Floats
    sums: Floats
    square: float


class Counts:
    """Counts and scores of coded columns against one target.

    Args:
        case: the case.
        rows: positions of the rows that are counted; None counts all.
    """

    def __init__(self, case: Case, rows: Any = None) -> None:
        y = case.y if rows is None else case.y[rows]
        n = len(y)
        self.task = case.task
        self.part = (case.rng("screen").permutation(n) % _PARTS).astype(np.int32)
        if case.task == "multiclass":
            self.sides = [(y == k).astype(np.float64) for k in range(case.classes)]
        else:
            self.sides = [y]
        self.square = float((y**2).sum())
        self.mean = np.array([side.mean() for side in self.sides])
        self.n = n

    def table(self, codes: Any, width: int) -> Cells:
        """Counts of one coded column, codes in [0, width)."""
        cell = codes.astype(np.int32) * np.int32(_PARTS) + self.part
        size = width * _PARTS
        rows = np.bincount(cell, minlength=size).astype(np.float64)
        sums = np.stack(
            [np.bincount(cell, weights=s, minlength=size) for s in self.sides], axis=-1
        ).astype(np.float64)
        return Cells(
            rows=rows.reshape(width, _PARTS),
            sums=sums.reshape(width, _PARTS, -1),
            square=self.square,
        )

    def rates(self, cells: Cells) -> Floats:
        """Shape (codes, parts, k): rate of each code, from the other parts only."""
        rows = cells.rows.sum(1, keepdims=True) - cells.rows
        sums = cells.sums.sum(1, keepdims=True) - cells.sums
        return np.asarray((sums + _PRIOR * self.mean) / (rows + _PRIOR)[..., None])

    def score(self, cells: Cells, *, best: bool = False) -> float:
        """AUC, macro AUC or R2 of the out-of-fold rates; 0.5 or 0 where undefined.

        With `best` a multi-class task gives the AUC of the class that is told best.
        """
        rates = self.rates(cells)
        if self.task == "regression":
            rows, sums, rate = cells.rows, cells.sums[..., 0], rates[..., 0]
            error = cells.square - 2.0 * float((rate * sums).sum()) + float((rate**2 * rows).sum())
            spread = cells.square - self.n * float(self.mean[0]) ** 2
            return 1.0 - error / spread if spread > 0 else 0.0
        found = [
            _auc(rates[..., k].ravel(), cells.rows.ravel(), cells.sums[..., k].ravel())
            for k in range(rates.shape[-1])
        ]
        found = [f for f in found if np.isfinite(f)]
        if not found:
            return 0.5
        return float(max(found) if best else np.mean(found))


def _auc(rate: Floats, rows: Floats, positive: Floats) -> float:
    """AUC of rows that are grouped in cells, each cell scored by its rate; ties count half."""
    levels, place = np.unique(rate, return_inverse=True)
    up = np.bincount(place, weights=positive, minlength=len(levels))
    down = np.bincount(place, weights=rows - positive, minlength=len(levels))
    if not (up.sum() > 0 and down.sum() > 0):
        return float("nan")
    below = np.cumsum(down) - down
    return float((up * (below + 0.5 * down)).sum() / (up.sum() * down.sum()))
