"""Faults of a pipeline, dosed beforehand: what they do to the rows of two windows."""

from __future__ import annotations

import numpy as np

from benchmarks.loop.streams import Stream

FAULTS = (
    "unit_change", "null_flood", "stuck_value", "duplicated_load", "shifted_join",
    "renamed_category", "swapped_columns", "default_fill",
)  # fmt: skip
#: share of the rows that nulls and defaults take, rows that a join is late, copies of a load
DOSE, LATE, COPIES = 0.6, 997, 5


def broken(
    stream: Stream, fault: str, columns: tuple[str, str], rows: np.ndarray, seed: int
) -> Stream | None:
    """The stream with a fault in some rows; None where it has no column for it.

    Args:
        stream: the sound stream.
        fault: one of `FAULTS`.
        columns: numeric columns that are hit, the second only by a swap.
        rows: consecutive rows.
        seed: of the rows that are hit.
    """
    (column, other), begin = columns, int(rows[0])
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
        if not words:
            return None
        name = max(words, key=lambda n: len(set(words[n].tolist())))
        values, counts = np.unique(words[name][rows].astype(str), return_counts=True)
        top = values[counts.argmax()]
        words[name][rows[words[name][rows] == top]] = f"{top}_v2"
    elif fault == "swapped_columns":
        numbers[column][rows], numbers[other][rows] = (
            stream.numbers[other][rows], stream.numbers[column][rows],
        )  # fmt: skip
    else:
        numbers[column][hit] = 0.0
    return stream._replace(numbers=numbers, words=words, bad=bad)
