"""Whether equal rows of a class are copies, where rows lie so close that some are equal anyway."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.audit.rows.hashing import Hashes, column_hashes, named, pairs

#: rows of either part, and pairs of columns, that are counted
_ROWS, _COLUMN_PAIRS = 10_000, 150
#: equal rows beyond chance, by those of the other classes
_TIMES = 5.0


def copied(case: Case, names: list[str], own: Hashes, rows: Any, others: Any) -> bool:
    """Whether equal rows of a class are more than how densely its rows lie explains.

    Pairs that differ in 0, 1 and 2 columns: where rows fall together by chance, the first times
    the third is about half the square of the second, however dense the rows (the number of
    columns that differ is a sum of coin throws). The other classes say how it is in this table.
    """
    rates = []
    for chosen in (rows[:_ROWS], np.flatnonzero(others)[:_ROWS]):
        exact, one, two = _differing(case, names, own, chosen)
        rates.append((exact + 1.0) * (two + 1.0) / (one + 1.0) ** 2)
    return rates[0] >= _TIMES * rates[1]


def _differing(case: Case, names: list[str], own: Hashes, rows: Any) -> tuple[int, float, float]:
    """Pairs of rows that differ in no column, in exactly one, in exactly two."""
    whole = own[rows]
    exact, one, two = pairs(whole), 0, 0.0
    with np.errstate(over="ignore"):
        columns = [named(column_hashes(case.column(name)), name)[rows] for name in names]
        without = [pairs(whole - column) for column in columns]
        one = sum(without) - exact * len(names)
        tried = list(combinations(range(len(names)), 2))
        drawn = case.rng("two columns").permutation(len(tried))[:_COLUMN_PAIRS]
        for i, j in (tried[place] for place in drawn):
            # less those that differ in one of the two columns, or in none
            two += pairs(whole - columns[i] - columns[j]) - without[i] - without[j] + exact
    return exact, float(one), max(two, 0.0) * len(tried) / max(len(drawn), 1)
