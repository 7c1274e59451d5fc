"""Candidates for order rules: columns of one scale that keep their order in every sampled row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.contracts.model import Kind, OrderRule

if TYPE_CHECKING:
    import numpy.typing as npt

MIN_PAIRS = 200
MIN_DISTINCT = 10
#: share of rows that would break the order if the two columns had nothing to do with each other
BY_CHANCE = 0.05
_FIRST = 200


def order_candidates(
    names: Sequence[str], kinds: Sequence[Kind], values: npt.NDArray[np.float64]
) -> list[OrderRule]:
    """Pairs with ``left <= right`` in all sampled rows but one in a thousand.

    A pair is a candidate only if the order would break in at least 5% of rows by chance, told by
    pairing each value with those of all other rows: ranges that hardly overlap prove nothing. An
    order that follows from two others is left out.

    Args:
        names: column names.
        kinds: their kinds; times are compared with times only.
        values: sampled values, shape (rows, columns), NaN where there is none.
    """
    times = np.array([kind is Kind.TIME for kind in kinds], dtype=bool)
    rich = [_distinct(values[:, i]) > MIN_DISTINCT for i in range(len(names))]
    found: list[tuple[float, int, int]] = []
    head = values[:_FIRST]
    for i in range(len(names)):
        if not rich[i]:
            continue
        broken_early = (head[:, i : i + 1] > head).sum(axis=0)
        for j in np.flatnonzero(broken_early <= 1):
            if i == j or not rich[j] or times[i] != times[j]:
                continue
            chance = _chance(values[:, i], values[:, j])
            if chance is not None and chance >= BY_CHANCE:
                found.append((chance, i, int(j)))
    found.sort(key=lambda item: (-item[0], item[1], item[2]))
    pairs = {(i, j) for _, i, j in found}
    return [
        OrderRule(left=names[i], right=names[j])
        for _, i, j in found
        if not any(
            (i, k) in pairs and (k, j) in pairs for k in range(len(names)) if k not in {i, j}
        )
    ]


def _distinct(column: npt.NDArray[np.float64]) -> int:
    return len(np.unique(column[~np.isnan(column)]))


def _chance(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float | None:
    """How often the order would break by chance; None when it breaks in the sample itself.

    Both halves of the sample must hold the order: the second confirms what the first proposes.
    """
    both = ~(np.isnan(left) | np.isnan(right))
    a, b = left[both], right[both]
    if len(a) < MIN_PAIRS:
        return None
    broken = a > b
    half = len(a) // 2
    if broken[:half].mean() > 0.001 or broken[half:].mean() > 0.001 or np.array_equal(a, b):
        return None
    ordered = np.sort(b)  # share of all pairs of rows (r, s) with left[r] > right[s]
    return float(np.searchsorted(ordered, a, side="left").mean() / len(b))
