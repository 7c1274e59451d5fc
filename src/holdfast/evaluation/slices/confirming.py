"""The confirmation: candidates held against the rows that they were not found on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.slices.codes import Coded
from holdfast.evaluation.slices.search import Candidate
from holdfast.records import Estimate
from holdfast.stats.influence import cluster_error
from holdfast.stats.multiplicity import benjamini_hochberg
from holdfast.stats.paired import t_quantile, t_upper
from holdfast.stats.slicing import random_group_p
from holdfast.stats.twosample import fisher_upper, score_test

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: p-values between these, of slices of at most so many rows, are drawn: the saddlepoint is smooth,
#: the mean of few rows with some huge losses is not
DRAWN, DRAWN_ROWS = (1e-6, 0.2), 5_000
#: candidates ranked below (a family-wise 1 % where they were found) explain what overlaps them
SURE = math.log(0.01)


def at(column: Coded, rows: Ints) -> Coded:
    """A column at these rows."""
    return Coded(
        name=column.name, codes=column.codes[rows], labels=column.labels, covers=column.covers,
        usable=column.usable,
    )  # fmt: skip


def tested(
    found: Sequence[Candidate],
    coded: Sequence[Coded],
    values: Floats,
    owners: Ints | None,
    rows: Ints,
    level: float,
) -> list[tuple[Candidate, npt.NDArray[np.bool_], float, Estimate]]:
    """Each candidate held against rows it was not found on; those hardly there are left out."""
    columns = [at(c, rows) for c in coded]
    owned = None if owners is None else np.unique(owners[rows], return_inverse=True)[1]
    out = []
    told = np.zeros(len(rows), dtype=np.bool_)
    for candidate in found:
        inside = candidate.rows(columns)
        if 2 <= int(inside.sum()) <= len(rows) - 2:
            p, excess = _test(values[rows], inside, owned, level)
            if (told & inside).any():
                p = max(p, _beyond(values[rows], inside, owned, told, level))
            out.append((candidate, inside, p, excess))
        if candidate.rank < SURE:
            told |= inside
    return out


def _beyond(
    loss: Floats,
    inside: npt.NDArray[np.bool_],
    owners: Ints | None,
    told: npt.NDArray[np.bool_],
    level: float,
) -> float:
    """The p-value over the rows that no better slice holds already."""
    left = ~told
    if not 2 <= int(inside[left].sum()) <= int(left.sum()) - 2:
        return 1.0
    owned = None if owners is None else np.unique(owners[left], return_inverse=True)[1]
    return _test(loss[left], inside[left], owned, level)[0]


def adjusted(p: Sequence[float]) -> list[float]:
    """Adjusted p-values of one half's candidates, doubled since there are two halves.

    Candidates weigh by 1 / rank, set before the held-out rows were seen.

    Source: Genovese, Roeder and Wasserman, Biometrika 93 (2006) 509-524.
    """
    weights = 1.0 / np.arange(1, len(p) + 1)
    weights *= len(p) / max(weights.sum(), 1e-300)
    weighted = [min(1.0, x / w) for x, w in zip(p, weights.tolist(), strict=True)]
    return [min(1.0, 2.0 * q) for q in benjamini_hochberg(weighted)]


def _test(
    loss: Floats, inside: npt.NDArray[np.bool_], owners: Ints | None, level: float
) -> tuple[float, Estimate]:
    """One-sided p-value of an excess, and the excess with its interval."""
    k, n = int(inside.sum()), len(loss)
    a, b = loss[inside], loss[~inside]
    gap = float(a.mean() - b.mean())
    influence = np.where(inside, (loss - a.mean()) / k, -(loss - b.mean()) / (n - k))
    error, clusters = cluster_error(influence, [owners])
    if owners is None:
        freedom = _welch(a, b)
        error = math.sqrt(a.var(ddof=1) / k + b.var(ddof=1) / (n - k))
        p = _chance(loss, inside, gap)
    else:
        touched = len(np.unique(owners[inside]))
        freedom = max(1.0, min(clusters, touched) - 1.0)
        usable = touched >= 2 and error > 0
        p = t_upper(gap / error, freedom) if usable else 1.0
    half = t_quantile(level, freedom) * error
    return p, Estimate(
        value=gap, low=gap - half, high=gap + half, level=level, n=k, unit="loss",
        method="welch t" if owners is None else "clustered t",
    )  # fmt: skip


def _welch(a: Floats, b: Floats) -> float:
    u, v = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if u + v <= 0:
        return float(len(a) + len(b) - 2)
    return float((u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1)))


def _chance(loss: Floats, inside: npt.NDArray[np.bool_], gap: float) -> float:
    """P(a random group of this size has such an excess)."""
    cells, place = np.unique(loss, return_inverse=True)
    first = np.bincount(place[inside], minlength=len(cells))
    both = np.bincount(place, minlength=len(cells))
    if len(cells) == 2:
        return fisher_upper(
            int(first[1]), int(first.sum()), int(both[1] - first[1]), int((~inside).sum())
        )
    both_sided = score_test(first, both - first, cells)
    p = both_sided / 2 if gap > 0 else 1.0 - both_sided / 2
    rows = int(inside.sum())
    if DRAWN[0] < p < DRAWN[1] and rows <= DRAWN_ROWS:
        return random_group_p(loss, rows, float(loss[inside].mean()), seed=rows)
    return p
