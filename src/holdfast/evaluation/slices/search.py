"""The search on one half: all slices of one and two literals, ranked, overlaps explained away."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.slices.codes import Coded
from holdfast.stats.slicing import excess_z, log_normal_tail, pair_counts, single_counts

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: columns that are paired, those with the most telling single slices first
PAIRED = 40
#: slices that are looked at for overlap
LOOKED_AT = 400
#: standard errors that a slice must stand out by to be a candidate
OUTSTANDING = 2.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A slice as found: (column, code) once or twice, and how far it stands out.

    `rank` orders slices of one and of two conditions: the logarithm of the chance of such a `z`
    plus that of how many slices of as many conditions there are. Low is outstanding.
    """

    literals: tuple[tuple[int, int], ...]
    z: float
    rank: float = 0.0

    def rows(self, columns: Sequence[Coded]) -> Bools:
        """Mask of its rows."""
        mask = np.ones(len(columns[0].codes), dtype=np.bool_)
        for column, code in self.literals:
            mask &= columns[column].codes == code
        return mask


def search(
    columns: Sequence[Coded], loss: Floats, *, support: int, most: int
) -> tuple[list[Candidate], int]:
    """Candidates, the most outstanding first, and the number of slices that had support.

    There are far more slices of two conditions than of one, and the luckiest of many stands out by
    more: each kind is ranked against its own number. A slice that overlaps a better one stays only
    if its rows outside all better ones still stand out by two standard errors; so neither the
    halves of a slice nor the whole around it are told beside it.

    Args:
        columns: the coded columns of these rows.
        loss: shape (n,), finite.
        support: fewest rows of a slice.
        most: candidates to give.
    """
    n, whole, variance = len(loss), float(loss.sum()), float(loss.var())
    found: list[Candidate] = []
    tried = [0, 0]
    best: list[float] = []
    singles: list[Bools] = []
    for place, column in enumerate(columns):
        rows, total = single_counts(column.codes, len(column.labels), loss)
        allowed = (rows >= support) & np.array(column.usable)
        z = np.where(allowed, excess_z(rows, total, n, whole, variance), -np.inf)
        tried[0] += int(allowed.sum())
        singles.append(allowed)
        best.append(float(z.max(initial=-np.inf)))
        found += [
            Candidate(literals=((place, int(code)),), z=float(z[code]))
            for code in np.flatnonzero(z > OUTSTANDING)
        ]
    paired = sorted(sorted(range(len(columns)), key=lambda j: -best[j])[:PAIRED])
    for at, left in enumerate(paired):
        for right in paired[at + 1 :]:
            a, b = columns[left], columns[right]
            rows, total = pair_counts(a.codes, b.codes, (len(a.labels), len(b.labels)), loss)
            inside = np.outer(singles[left], singles[right])
            thin = np.minimum.outer(rows.sum(axis=1), rows.sum(axis=0)) - rows
            allowed = (rows >= support) & inside & (thin > 0)
            z = np.where(allowed, excess_z(rows, total, n, whole, variance), -np.inf)
            tried[1] += int(allowed.sum())
            found += [
                Candidate(literals=((left, int(i)), (right, int(j))), z=float(z[i, j]))
                for i, j in np.argwhere(z > OUTSTANDING)
            ]
    ranked = [
        Candidate(
            literals=c.literals, z=c.z,
            rank=log_normal_tail(c.z) + math.log(max(1, tried[len(c.literals) - 1])),
        )
        for c in found
    ]  # fmt: skip
    ranked.sort(key=lambda c: (c.rank, c.literals))
    return _explained(ranked[:LOOKED_AT], columns, loss, support, most), sum(tried)


def _explained(
    found: Sequence[Candidate], columns: Sequence[Coded], loss: Floats, support: int, most: int
) -> list[Candidate]:
    """Those whose rows beyond the better ones still stand out."""
    n, variance = len(loss), float(loss.var())
    told = np.zeros(n, dtype=np.bool_)
    kept: list[Candidate] = []
    for candidate in found:
        mask = candidate.rows(columns)
        rest = mask & ~told
        rows = int(rest.sum())
        if rows < max(2, support // 2) or rows < 0.5 * int(mask.sum()):
            continue
        outside = ~told
        z = excess_z(
            np.array(float(rows)),
            np.array(float(loss[rest].sum())),
            int(outside.sum()),
            float(loss[outside].sum()),
            variance,
        )
        if kept and float(z) < OUTSTANDING:
            continue
        kept.append(candidate)
        told |= mask
        if len(kept) == most:
            break
    return kept
