"""Faults of a pipeline, dosed beforehand: what they do to the rows of two windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.loop.streams import Stream

FAULTS = (
    "unit_change", "null_flood", "stuck_value", "duplicated_load", "shifted_join",
    "renamed_category", "swapped_columns", "default_fill",
)  # fmt: skip
#: share of the rows that nulls and defaults take, rows that a join is late, copies of a load
DOSE, LATE, COPIES = 0.6, 997, 5
#: a fault that moves its column by less than this, in standard deviations a row, is none: a column
#: that stands still can neither stick nor come late
NOTICED = 0.25


def broken(
    stream: Stream, fault: str, columns: Sequence[str], rows: np.ndarray, seed: int
) -> Stream | None:
    """The stream with a fault in some rows; None where it has no column for it, or hardly changes.

    Args:
        stream: the sound stream.
        fault: one of `FAULTS`.
        columns: numeric columns that are hit, the second only by a swap; fewer where there are
            fewer.
        rows: consecutive rows.
        seed: of the rows that are hit.
    """
    if not columns or (fault == "swapped_columns" and len(columns) < 2):
        return None
    (column, other), begin = (columns[0], columns[-1]), int(rows[0])
    rng = np.random.default_rng(seed)
    numbers = {name: values.copy() for name, values in stream.numbers.items()}
    words = {name: values.copy() for name, values in stream.words.items()}
    bad = stream.bad.copy()
    hit = rows[rng.random(len(rows)) < DOSE]
    if fault == "unit_change":
        numbers[column][rows] *= 1000.0
    elif fault == "null_flood":
        numbers[column][hit] = np.nan
    elif fault == "stuck_value":
        numbers[column][rows] = numbers[column][begin]
    elif fault == "duplicated_load":
        again = begin + np.arange(len(rows)) // COPIES
        for values in (*numbers.values(), *words.values(), bad):
            values[rows] = values[again]
    elif fault == "shifted_join":
        numbers[column][rows] = stream.numbers[column][rows - LATE]
    elif fault == "renamed_category":
        found = _common(words, rows)
        if found is None:
            return None
        name, top = found
        words[name][rows[words[name][rows] == top]] = f"{top}_v2"
    elif fault == "swapped_columns":
        numbers[column][rows], numbers[other][rows] = (
            stream.numbers[other][rows], stream.numbers[column][rows],
        )  # fmt: skip
    else:
        numbers[column][hit] = 0.0
    broken_one = stream._replace(numbers=numbers, words=words, bad=bad)
    whole = fault in ("duplicated_load", "renamed_category")
    return broken_one if whole or _moved(stream, broken_one, column, rows) >= NOTICED else None


def _common(words: dict[str, np.ndarray], rows: np.ndarray) -> tuple[str, str] | None:
    """Of the text column with most values, the value most common both before the rows and in them.

    None where that is fewer than a tenth of either.
    """
    if not words:
        return None
    name = max(words, key=lambda n: len(set(words[n][: rows[-1]].tolist())))
    before = words[name][rows[0] - 2 * len(rows) : rows[0]]
    share = {v: min(np.mean(words[name][rows] == v), np.mean(before == v)) for v in set(before)}
    top = max(share, key=lambda v: (share[v], str(v)))
    return (name, str(top)) if share[top] >= 0.1 else None


def _moved(old: Stream, new: Stream, column: str, rows: np.ndarray) -> float:
    """Mean change of a row in standard deviations of before, at most one; one for a lost value."""
    was, now = old.numbers[column][rows], new.numbers[column][rows]
    before = old.numbers[column][: rows[0]]
    spread = float(np.nanstd(before)) or 1.0
    change = np.abs(now - was) / spread
    change[np.isnan(was) != np.isnan(now)] = 1.0
    return float(np.nan_to_num(np.minimum(change, 1.0)).mean())
