"""Which rows may train and which are tested: at random, by group, forward in time, and both."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.frames import ColumnView
from holdfast.frames.types import Storage

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Fold = tuple[Ints, Ints]

_UNITS = {
    "s": 1e6, "min": 6e7, "m": 6e7, "h": 3.6e9, "d": 8.64e10, "w": 6.048e11,
}  # fmt: skip
_SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(s|min|m|h|d|w)[a-z]*\s*")


def span(text: str | float, *, of_time: bool = True, name: str = "label_delay") -> float:
    """A stretch of time in microseconds, or in the unit of a numeric time column.

    Args:
        text: ``"30d"``, ``"36 hours"``, ``"2w"``, ``"90 min"``; a number counts in the unit of the
            time column (microseconds for times).
        of_time: whether the column holds times; else only numbers are read.
        name: the argument's name, for the message.

    Raises:
        UsageError: it cannot be read, or is negative.

    >>> span("36 hours") == 1.5 * span("1d"), span(5, of_time=False)
    (True, 5.0)
    """
    plain = str(text).strip().lower()
    match = _SPAN.fullmatch(plain)
    try:
        found = float(match[1]) * _UNITS[match[2]] if match and of_time else float(plain)
    except ValueError:
        found = -1.0
    if not 0.0 <= found < np.inf:
        raise UsageError(
            "cannot read the stretch of time",
            expected='words like "30d", "36 hours" or "2w"' if of_time else "a number >= 0",
            got=f"{name}={text!r}",
        )
    return found


def times_of(view: ColumnView) -> Floats:
    """The times of the rows as numbers, microseconds since 1970 for times.

    Raises:
        DataError: the column holds no times or numbers, or a row has none.
    """
    if view.storage not in {Storage.TIME, Storage.INT, Storage.FLOAT}:
        raise DataError(
            "this column does not say when",
            expected="dates, times or numbers",
            got=f"{view.name!r} of type {view.storage.value}",
            remedy="parse the column as a time first",
        )
    values = view.values.astype(np.float64)
    bad = view.missing_count + int((~np.isfinite(values)).sum() if not view.missing_count else 0)
    if bad:
        raise DataError(
            "some rows do not say when",
            expected="a time in every row",
            got=f"{view.name!r}: missing={bad} of {len(view)}",
            remedy="leave these rows out, and say how many they are",
        )
    return values


def time_parts(times: Floats, count: int, start: float = 0.5) -> Ints:
    """The rows after the first `start` of all in `count` parts of about equal size; -1 before.

    Rows of one moment are never parted, so parts may be uneven or fewer.

    >>> time_parts(np.array([0.0, 1, 2, 3, 4, 5]), 2, start=1 / 3).tolist()
    [-1, -1, 0, 0, 1, 1]
    """
    ordered = np.sort(times)
    n = len(times)
    places = np.linspace(start, 1.0, count, endpoint=False) * n
    edges = np.unique(ordered[np.minimum(np.round(places).astype(np.int64), n - 1)])
    edges = edges[edges > ordered[0]]
    if not len(edges):
        return np.full(n, -1, dtype=np.int64)
    return np.searchsorted(edges, times, side="right").astype(np.int64) - 1


def random_folds(tested: Ints, n: int, count: int, rng: np.random.Generator) -> Iterator[Fold]:
    """The tested rows in `count` random parts; all other rows train."""
    fold = rng.permutation(np.arange(len(tested)) % count)
    for k in range(count):
        test = tested[fold == k]
        mask = np.ones(n, dtype=np.bool_)
        mask[test] = False
        yield np.flatnonzero(mask), test


def group_of_fold(groups: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Fold of each row so that a group is in one fold; large groups are dealt out first."""
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    load = np.zeros(count)
    fold = np.empty(len(sizes), dtype=np.int64)
    for group in order:
        least = int(load.argmin())
        fold[group] = least
        load[least] += sizes[group]
    return fold[groups]


def group_folds(tested: Ints, groups: Ints, count: int, rng: np.random.Generator) -> Iterator[Fold]:
    """The tested rows by groups in `count` parts; rows of other groups train."""
    fold = group_of_fold(groups, count, rng)
    for k in range(count):
        test = tested[fold[tested] == k]
        if len(test):
            yield np.flatnonzero(fold != k), test


def forward_folds(times: Floats, parts: Ints, gap: float) -> Iterator[Fold]:
    """Each part of time by the rows whose outcomes were known when it began."""
    for part in range(int(parts.max(initial=-1)) + 1):
        test = np.flatnonzero(parts == part)
        if len(test):
            yield np.flatnonzero((times + gap <= times[test].min()) & (parts < part)), test


def forward_group_folds(
    times: Floats, parts: Ints, gap: float, groups: Ints, count: int, rng: np.random.Generator
) -> Iterator[Fold]:
    """Forward in time, and no group of a tested row among those that train."""
    fold = group_of_fold(groups, count, rng)
    for past, test in forward_folds(times, parts, gap):
        for k in range(count):
            tested = test[fold[test] == k]
            if len(tested):
                yield past[fold[past] != k], tested
