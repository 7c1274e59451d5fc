"""Cells of two profiles made comparable: the same groups on both sides, none too thin to test."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.profiles.columns import NumberProfile
from holdfast.profiles.spec import NumberSpec

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: groups of a column at most, and the rows the smaller sample is expected to have in each
MOST_GROUPS = 20
THIN = 5.0
#: a value with so many reference rows may have a group of its own
ALONE = 30


class NumberCells(msgspec.Struct, frozen=True, kw_only=True):
    """What the cells of a number column are.

    Attributes:
        below, above: cells out of the reference's range (see `NumberSpec.limits`), sentinels left
            out.
        sentinel: cells of sentinels.
        known: cells of single values the reference holds.
        gap: cells of a discrete column between its known values, in range.
    """

    below: Bools
    above: Bools
    sentinel: Bools
    known: Bools
    gap: Bools


def number_cells(spec: NumberSpec) -> NumberCells:
    """Which cell of a number column is what."""
    starts = np.r_[-np.inf, np.array(spec.edges, float)]
    sentinel = np.isin(starts, np.array(spec.sentinels, float))
    known = np.isin(starts, np.array(spec.values, float))
    low, high = spec.limits
    below, above = starts < low, starts >= high
    inside = ~below & ~above
    return NumberCells(
        below=below & ~sentinel,
        above=above & ~sentinel,
        sentinel=sentinel,
        known=known,
        gap=inside & ~known & ~sentinel & spec.complete,
    )


def counts(profile: NumberProfile) -> Ints:
    """The cells as an array."""
    return np.array(profile.cells, np.int64)


def group_neighbours(
    reference: Ints, current: Ints, alone: Bools, *, most: int = MOST_GROUPS
) -> list[list[int]]:
    """Neighbouring cells in groups of about equal pooled size, thick enough to test.

    Args:
        reference: shape (cells,).
        current: shape (cells,).
        alone: cells that stand alone where they are thick enough (frequent values).
        most: about how many groups at most, frequent values besides.

    Returns:
        Positions of the cells of each group, in order.
    """
    pooled = reference + current
    total = int(pooled.sum())
    smaller = min(int(reference.sum()), int(current.sum()))
    if not smaller:
        return [list(range(len(pooled)))]
    need = max(total / most, THIN * total / smaller)
    thick = max(THIN * total / smaller, 1.0)
    groups: list[list[int]] = []
    open_: list[int] = []
    weight = 0
    for i, rows in enumerate(pooled.tolist()):
        if alone[i] and rows >= thick and reference[i] >= ALONE:
            if weight >= thick or not groups:
                groups += [open_] if open_ else []
            else:
                groups[-1] += open_
            groups.append([i])
            open_, weight = [], 0
            continue
        open_.append(i)
        weight += rows
        if weight >= need:
            groups.append(open_)
            open_, weight = [], 0
    if open_:
        if weight >= thick or not groups:
            groups.append(open_)
        else:
            groups[-1] += open_
    if len(groups) > 1 and pooled[groups[0]].sum() < thick:
        groups[1] = groups[0] + groups[1]
        del groups[0]
    return groups


def group_categories(reference: Ints, current: Ints, *, rest: int | None = None) -> list[list[int]]:
    """Each thick category by itself, all thin ones together.

    Args:
        reference: shape (cells,).
        current: the same.
        rest: the cell of values that only the current rows hold. It belongs with the thin ones:
            the reference has as many that only it holds, and they are among those. Without thin
            ones it is left out, and tested as unseen.
    """
    pooled = reference + current
    total = int(pooled.sum())
    smaller = min(int(reference.sum()), int(current.sum()))
    cells = [i for i in range(len(pooled)) if i != rest]
    if not smaller:
        return [cells]
    thick = THIN * total / smaller
    order = sorted(cells, key=lambda i: -pooled[i])
    single = [[i] for i in order if pooled[i] >= thick][: 5 * MOST_GROUPS]
    thin = order[len(single) :]
    if not thin:
        return single
    thin += [] if rest is None else [rest]
    if single and pooled[thin].sum() < thick:
        return [*single[:-1], [*single[-1], *thin]]
    return [*single, thin]


def summed(values: Ints, groups: Sequence[Sequence[int]]) -> Ints:
    """Totals of the groups.

    >>> summed(np.array([1, 2, 4]), [[0, 2], [1]]).tolist()
    [5, 2]
    """
    return np.array([values[list(group)].sum() for group in groups], np.int64)
