"""Which columns say that two rows are copies, where a row stood, and whether chance explains it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.audit.case import Case
from holdfast.audit.columns import Kind
from holdfast.audit.rows.hashing import Hashes, column_hashes, named, pairs
from holdfast.frames.table import Table
from holdfast.stats.twosample import fisher_upper

_SAMPLE = 60_000
#: copies that differ in one cell, for each that differs in none, which chance would bring at least
_ONE_OFF = 0.5
#: texts with fewer words than this may well be written twice
_WORDS = 4

Integers = npt.NDArray[np.int64]


def comparable(case: Case) -> list[str]:
    """Features by which rows are compared: those that do not name the row, in both tables."""
    names = shared(case)
    kept = [n for n in names if not names_row(case, n)]
    return kept or names


def shared(case: Case) -> list[str]:
    """Features that are not empty and, with a test table, are in both."""
    names = [n for n in case.features if case.coding(n).kind is not Kind.EMPTY]
    return names if case.test is None else [n for n in names if n in case.test]


def names_row(case: Case, name: str) -> bool:
    """Whether a column holds a whole number or a word of its own for (nearly) every row."""
    view, kind = case.column(name), case.coding(name).kind
    if case.n < 20 or view.missing_count:
        return False
    if kind is Kind.CATEGORY:
        return len(view.dictionary) >= 0.98 * case.n
    if kind is not Kind.NUMBER or view.storage.value not in {"int", "time"}:
        return False
    return len(np.unique(view.values)) >= 0.98 * case.n


def table_hashes(case: Case, table: Table, names: list[str]) -> Hashes:
    """Shape (rows, 2): hashes of the rows of a table over some columns."""
    total = np.zeros((table.num_rows, 2), np.uint64)
    with np.errstate(over="ignore"):
        for name in names:
            total += named(column_hashes(table.column(name)), name)
    return total


def beyond_chance(case: Case, names: list[str], hashes: Hashes) -> bool:
    """Whether equal rows of the training table are copies, rather than rows that fell together.

    Where values are few, rows fall together by chance; then many more pairs differ in exactly one
    column. Copies have no such neighbours. A text of some length is never written twice by chance.
    """
    if any(_wordy(case, name) for name in names):
        return True
    if len(names) < 2:
        return False
    rows = case.subset(_SAMPLE, "chance")
    own = hashes[rows]
    exact = pairs(own)
    near = 0
    with np.errstate(over="ignore"):
        for name in names:
            column = named(column_hashes(case.column(name)), name)[rows]
            near += pairs(own - column) - exact
            if near > _ONE_OFF * max(exact, 2):
                return False
    return True


def _wordy(case: Case, name: str) -> bool:
    view = case.column(name)
    if case.coding(name).kind is not Kind.TEXT:
        return False
    sample = view.array.slice(0, 500).drop_null().to_pylist()
    return bool(sample) and float(np.median([len(t.split()) for t in sample])) >= _WORDS


def row_numbers(case: Case, rows: npt.NDArray[Any], *, test: bool = False) -> list[int]:
    """The first five of these rows, counted from 0 in the table as it was given."""
    target = case.test_target if test else case.target
    first = np.asarray(rows)[:5]
    return [int(i) for i in (target.kept[first] if target is not None else first)]


def excess(seen: npt.NDArray[np.bool_], usual: npt.NDArray[np.bool_],
           of_seen: Integers, of_usual: Integers) -> float:  # fmt: skip
    """Probability that the marked share of `seen` is as high by the rate of `usual` alone.

    Marked rows come in clusters (many copies of one row), which are counted as one: both tables
    shrink by the mean size of a cluster that a marked row belongs to.

    Args:
        seen: shape (m,), marks of the test rows.
        usual: shape (n,), marks of the training rows among themselves.
        of_seen: cluster of each test row.
        of_usual: cluster of each training row.

    Returns:
        One-sided p of Fisher's exact test.
    """
    one = shrunk(seen, of_seen)
    other = shrunk(usual, of_usual)
    return fisher_upper(one[0], one[1], other[0], other[1])


def shrunk(marks: npt.NDArray[np.bool_], clusters: Integers) -> tuple[int, int]:
    """Marked rows and all rows, by the mean size of the cluster that a marked row belongs to."""
    marked = int(marks.sum())
    if not marked:
        return 0, len(marks)
    sizes = np.bincount(clusters[marks])
    sizes = sizes[sizes > 0].astype(np.float64)
    effect = max(float((sizes**2).sum() / sizes.sum()), 1.0)
    rows = math.ceil(len(marks) / effect)
    return min(round(marked / effect), rows), rows
