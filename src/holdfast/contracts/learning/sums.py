"""Candidates for constant-sum rules: shares that add up to 1 or 100, one-hot columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.contracts.model import ConstantSumRule

if TYPE_CHECKING:
    import numpy.typing as npt

MIN_COMPLETE = 200
MAX_COLUMNS = 200
MAX_MEMBERS = 64
_HUGE = 1e100
_ROUNDING = 0.02
#: spread, in standard deviations of its columns, below which a combination counts as constant
_SMALL = 5e-3


def sum_candidates(names: Sequence[str], values: npt.NDArray[np.float64]) -> list[ConstantSumRule]:
    """Sets of two to `MAX_MEMBERS` varying columns whose sum is constant up to rounding.

    A constant sum is a vector of ones and zeros in the null space of the centred columns; the
    null space is taken from the first half of the complete rows and reduced, and the second half
    must confirm the sum.

    Args:
        names: names of numeric columns.
        values: sampled values, shape (rows, columns), NaN where there is none.
    """
    full = [
        i
        for i in range(values.shape[1])
        if np.isnan(values[:, i]).mean() <= 0.05
        and np.nanmax(np.abs(values[:, i])) < _HUGE
        and np.nanstd(values[:, i]) > 0
    ]
    if not 2 <= len(full) <= MAX_COLUMNS:
        return []
    complete = values[:, full][~np.isnan(values[:, full]).any(axis=1)]
    if len(complete) < MIN_COMPLETE:
        return []
    half = len(complete) // 2
    rules = []
    for members in _indicators(complete[:half]):
        sums = complete[:, members].sum(axis=1)
        total = float(np.median(sums))
        scale = float(complete[:, members].std(axis=0).max())
        off = float(np.abs(sums - total).max())
        if off > _ROUNDING * scale:
            continue
        tolerance = max(2 * off, 1e-9 * max(1.0, abs(total), scale))
        rounded = round(total, 9 - int(np.floor(np.log10(max(tolerance, 1e-9) * 1e9))))
        total = rounded if abs(rounded - total) <= tolerance / 2 else total
        rules.append(
            ConstantSumRule(
                fields=tuple(names[full[i]] for i in members),
                total=total,
                tolerance=float(f"{tolerance:.2g}"),
            )
        )
    return rules


def _indicators(rows: npt.NDArray[np.float64]) -> list[list[int]]:
    """Column sets whose indicator vector the reduced null space of the centred rows holds."""
    centred = rows - rows.mean(axis=0)
    spread = centred.std(axis=0)
    usable = spread > 0
    places = np.flatnonzero(usable)
    if len(places) < 2:
        return []
    scaled = centred[:, usable] / spread[usable]
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    null = vectors.T[values < _SMALL**2]
    if not len(null):
        return []
    reduced = _row_reduce(null / spread[usable])
    sets = []
    for vector in reduced:
        inside = np.abs(vector) > 0.05
        if 2 <= inside.sum() <= MAX_MEMBERS and np.allclose(vector[inside], 1.0, atol=0.05):
            sets.append([int(place) for place in places[inside]])
    return sets


def _row_reduce(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Reduced row echelon form, pivots scaled to one, with partial pivoting."""
    reduced: npt.NDArray[np.float64] = matrix / np.abs(matrix).max(axis=1, keepdims=True)
    row = 0
    for column in range(reduced.shape[1]):
        if row == len(reduced):
            break
        pivot = row + int(np.argmax(np.abs(reduced[row:, column])))
        if abs(reduced[pivot, column]) < 1e-6:
            continue
        reduced[[row, pivot]] = reduced[[pivot, row]]
        reduced[row] /= reduced[row, column]
        for other in range(len(reduced)):
            if other != row:
                reduced[other] -= reduced[other, column] * reduced[row]
        row += 1
    return reduced[:row]
