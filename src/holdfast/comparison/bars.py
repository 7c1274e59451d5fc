"""Small multiples: the shares of a few groups of values, reference beside current."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from holdfast.comparison.groups import counts, group_neighbours, number_cells, summed
from holdfast.comparison.record import Bars
from holdfast.profiles.columns import ColumnProfile, NumberProfile, TextProfile
from holdfast.profiles.spec import ColumnKind, ColumnSpec, NumberSpec, TextSpec

Ints = npt.NDArray[np.int64]
MOST_BARS = 10


def bars(
    reference: ColumnProfile, current: ColumnProfile, spec: ColumnSpec, *, shown: bool
) -> Bars | None:
    """Shares of the rows in a few groups of values, and without a value.

    Args:
        reference: the column's reference profile.
        current: its current profile.
        spec: what both counted.
        shown: whether values may be shown; else groups are named by their rank in the reference.
    """
    if not reference.rows or not current.rows:
        return None
    if isinstance(spec, NumberSpec) and spec.kind is not ColumnKind.TIME:
        found = _numbers(cast(NumberProfile, reference), cast(NumberProfile, current), spec, shown)
    elif isinstance(spec, TextSpec) and spec.complete:
        found = _texts(cast(TextProfile, reference), cast(TextProfile, current), spec, shown)
    else:
        return None
    labels, old, new = found
    rest = reference.rows - int(old.sum()), current.rows - int(new.sum())
    if any(rest):
        labels, old, new = [*labels, "no value"], np.r_[old, rest[0]], np.r_[new, rest[1]]
    return Bars(
        labels=tuple(labels),
        reference=tuple((old / reference.rows).tolist()),
        current=tuple((new / current.rows).tolist()),
    )


def _numbers(
    reference: NumberProfile, current: NumberProfile, spec: NumberSpec, shown: bool
) -> tuple[list[str], Ints, Ints]:
    old, new = counts(reference), counts(current)
    cells = number_cells(spec)
    inside = ~(cells.below | cells.above)
    inner = np.flatnonzero(inside)
    if not len(inner) or not old.sum():
        return ["any value"], np.array([old.sum()]), np.array([new.sum()])
    # by the reference alone: its groups are about equal, so that a change is seen at once
    groups = group_neighbours(old[inner], old[inner], cells.known[inner], most=8)
    while len(groups) > MOST_BARS:
        sizes = [old[inner[a]].sum() + old[inner[b]].sum() for a, b in itertools.pairwise(groups)]
        at = int(np.argmin(sizes))
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    placed = [inner[group].tolist() for group in groups]
    labels = _names(placed, old, spec, shown)
    a, b = summed(old, placed), summed(new, placed)
    for name, mask in (("below range", cells.below), ("above range", cells.above)):
        if old[mask].sum() or new[mask].sum():
            at = 0 if name == "below range" else len(labels)
            labels.insert(at, name)
            a, b = np.insert(a, at, old[mask].sum()), np.insert(b, at, new[mask].sum())
    return labels, a, b


def _names(groups: Sequence[Sequence[int]], old: Ints, spec: NumberSpec, shown: bool) -> list[str]:
    starts = [-np.inf, *spec.edges]
    out, before, total = [], 0.0, float(old.sum())
    for group in groups:
        after = before + float(old[list(group)].sum())
        if shown:
            start = starts[group[0]]
            values = [starts[i] for i in group if starts[i] in spec.values]
            single = len(values) == 1 and old[list(group)].sum() == old[starts.index(values[0])]
            end = starts[group[-1] + 1] if group[-1] + 1 < len(starts) else np.inf
            out.append(f"{values[0]:.6g}" if single else f"{start:.6g} to {end:.6g}")
        else:
            out.append(f"reference rank {before / total:.0%} to {after / total:.0%}")
        before = after
    return out


def _texts(
    reference: TextProfile, current: TextProfile, spec: TextSpec, shown: bool
) -> tuple[list[str], Ints, Ints]:
    old, new = np.array(reference.counts, np.int64), np.array(current.counts, np.int64)
    order = np.arange(len(old))[:MOST_BARS]
    labels = [spec.categories[i] if shown else f"category {i + 1}" for i in order]
    a, b = old[order], new[order]
    if len(old) > MOST_BARS:
        labels.append(f"{len(old) - MOST_BARS} other categories")
        a, b = np.r_[a, old[MOST_BARS:].sum()], np.r_[b, new[MOST_BARS:].sum()]
    if reference.other or current.other:
        labels.append("not in the reference")
        a, b = np.r_[a, reference.other], np.r_[b, current.other]
    return labels, a, b
