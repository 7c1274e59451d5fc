"""Columns that look like the id of a person, device or place, though nobody said so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.audit.case import Case
from holdfast.audit.columns import CODES, NULL, Codes, Kind, Rows

_PAIRS = 4000
#: share of pairs of one value that agree on a column, from which it counts as a trait of the entity
_TRAIT = 0.97
#: how far two rows of one value may lie apart on a number of many values, by how far any two do
_CLOSE = 0.1
#: traits of this kind that are no functions of each other, by which a column is an id for certain
_HABITS, _TIED, _VERY_CLOSE = 3, 0.9, 0.05
_FEWEST = 50
#: columns that are tried as traits, those of most values first
_COLUMNS = 60


class Candidate(NamedTuple):
    """A column whose repeated values seem to name entities.

    Attributes:
        name: the column.
        values: distinct values.
        repeated: rows whose value occurs again.
        agree: columns that hardly ever differ within one value, and often between two; of numbers
            with many values those that lie close together.
        label: share of pairs within one value that have the same label (classes only), or None.
        lift: how much more often than chance pairs of one value agree, averaged over the columns.
        sure: whether the traits alone make it an id, worth or no worth.
    """

    name: str
    values: int
    repeated: int
    agree: tuple[str, ...]
    label: float | None
    lift: float
    sure: bool


def candidates(case: Case, most: int = 3) -> list[Candidate]:
    """Undeclared columns that may be groups, the likeliest first.

    A candidate is a whole number or a text with many values (20 and more) of which a good part
    comes back. Pairs of rows of one value nearly always agree on two other columns, on which
    any two rows often differ: traits of the entity, as the sex and the race of a patient. A number
    of many values agrees where the two are ten times nearer than any two rows: a habit.
    """
    found = []
    others = [
        name
        for name in case.features
        if case.coding(name).kind in {Kind.NUMBER, Kind.CATEGORY}
        and case.coding(name).distinct >= 2
        and not _follows_the_file(case, name)
    ]
    others = sorted(others, key=lambda name: -case.coding(name).distinct)[:_COLUMNS]
    for name in (*case.features, *case.roles.ids):
        candidate = _candidate(case, name, others)
        if candidate is not None:
            found.append(candidate)
    found.sort(key=lambda c: (not c.sure, -c.lift))
    return found[:most]


def _candidate(case: Case, name: str, others: list[str]) -> Candidate | None:
    codes = _values(case, name)
    if codes is None:
        return None
    counts = np.bincount(codes[codes >= 0])
    values = int((counts > 0).sum())
    known = int(counts.sum())
    repeated = codes >= 0
    repeated[repeated] = counts[codes[repeated]] > 1
    rows = int(repeated.sum())
    if values < 20 or rows < max(_FEWEST, 0.02 * case.n) or counts.max() > 0.2 * known:
        return None
    if values < 0.05 * case.n and _in_blocks(codes, values):
        return None  # a day or month in the order of the file: the checks of time ask about it
    rng = case.rng(f"candidate {name}")
    left, right = _pairs(codes, repeated, rng)
    if len(left) < _FEWEST:
        return None
    gains, traits, habits = _traits(case, name, others, (left, right), rng)
    if not gains:
        return None
    label = None
    if case.task in {"binary", "multiclass"}:
        label = round(float((case.y[left] == case.y[right]).mean()), 4)
    lift = float(np.mean(gains))
    traits.sort()
    agree = tuple(other for _, other in traits[:5])
    if len(traits) < 2 or (lift < 0.05 and len(habits) < _HABITS):
        return None
    sure = values >= 0.2 * case.n or (
        values >= 0.02 * case.n and _independent(case, name, habits) >= _HABITS
    )
    return Candidate(name, values, rows, agree, label, round(lift, 4), sure)


def _traits(
    case: Case, name: str, others: list[str], pairs: tuple[Rows, Rows], rng: np.random.Generator
) -> tuple[list[float], list[tuple[float, str]], list[str]]:
    """How much more often than chance pairs agree on each column, the traits, the close habits."""
    left, right = pairs
    one, two = rng.integers(0, case.n, (2, _PAIRS))
    gains: list[float] = []
    traits: list[tuple[float, str]] = []
    habits: list[str] = []
    for other in others:
        if other == name:
            continue
        column = case.codes(other)
        known_pairs = (column[left] != NULL) & (column[right] != NULL)
        if known_pairs.sum() < _FEWEST:
            continue
        within = float((column[left] == column[right])[known_pairs].mean())
        between = float((column[one] == column[two]).mean())
        gains.append((within - between) / max(1.0 - between, 0.05))
        if within >= _TRAIT and between <= 0.75:
            traits.append((between, other))
        elif case.coding(other).kind is Kind.NUMBER and case.coding(other).distinct >= CODES:
            apart = _apart(column, left, right) / max(_apart(column, one, two), 1e-9)
            if apart <= _CLOSE:
                traits.append((between, other))
                gains[-1] = 1.0 - apart
            if apart <= _VERY_CLOSE:
                habits.append(other)
    return gains, traits, habits


def _apart(codes: Codes, one: npt.NDArray[np.intp], two: npt.NDArray[np.intp]) -> float:
    """Mean distance of pairs of rows in codes of a number; pairs with a null are left out."""
    known = (codes[one] != NULL) & (codes[two] != NULL)
    if not known.any():
        return 0.0
    return float(np.abs(codes[one].astype(np.int64) - codes[two])[known].mean())


def _independent(case: Case, name: str, habits: list[str]) -> int:
    """Habits that neither the size of the value nor another habit gives away."""
    kept: list[npt.NDArray[np.float64]] = []
    values = _values(case, name)
    rows = case.subset(_PAIRS, "habits")
    if case.coding(name).kind is Kind.NUMBER and values is not None:
        kept.append(values[rows].astype(np.float64))
    named = len(kept)
    for habit in habits:
        codes = case.codes(habit)[rows].astype(np.float64)
        if all(abs(np.corrcoef(codes, other)[0, 1]) < _TIED for other in kept):
            kept.append(codes)
    return len(kept) - named


def _follows_the_file(case: Case, name: str) -> bool:
    """Whether a column rises or falls with the order of the rows: a time, or a count of rows."""
    codes = case.codes(name).astype(np.float64)
    if len(codes) < 3 or codes.std() == 0.0:
        return False
    return bool(abs(np.corrcoef(codes, np.arange(len(codes)))[0, 1]) > 0.9)


def _in_blocks(codes: npt.NDArray[np.int64], values: int) -> bool:
    return int(np.count_nonzero(np.diff(codes))) + 1 <= 3 * values


def _values(case: Case, name: str) -> npt.NDArray[np.int64] | None:
    """Value of every row as a number, -1 for null; None for columns that cannot be an id."""
    view, kind = case.column(name), case.coding(name).kind
    if kind is Kind.CATEGORY:
        return view.codes.astype(np.int64)
    if kind is not Kind.NUMBER or view.storage.value != "int":
        return None
    codes = np.unique(view.values, return_inverse=True)[1].astype(np.int64)
    if view.missing is not None:
        codes[view.missing] = -1
    return codes


def _pairs(
    codes: npt.NDArray[np.int64], repeated: npt.NDArray[np.bool_], rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of rows of one value: every row with the next of its value, at most 4,000."""
    rows = np.flatnonzero(repeated)
    rows = rows[rng.permutation(len(rows))]
    order = rows[np.argsort(codes[rows], kind="stable")]
    same = np.flatnonzero(np.diff(codes[order]) == 0)
    if len(same) > _PAIRS:
        same = rng.choice(same, _PAIRS, replace=False)
    return order[same], order[same + 1]
