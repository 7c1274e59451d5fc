"""Unexplained certainty: rows that all have one outcome though the other columns expect less."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from holdfast.audit.case import Case
from holdfast.stats.intervals import binomial_tail

#: a part of a column this pure ...
PURE = 0.97
#: ... with so many rows ...
LEAST_ROWS = 15
#: ... where the others expect so much less, beyond chance at this level
UNEXPLAINED, CHANCE = 0.15, 1e-6


def unexplained(case: Case, name: str, part: Any) -> dict[str, Any] | None:
    """The purity of some fixed rows that the other columns cannot explain; None when they can.

    Args:
        case: a binary or multi-class case.
        name: the column the rows were chosen by; it is left out of the model.
        part: shape (len(case.rows),), the rows.
    """
    rows = int(part.sum())
    if rows < LEAST_ROWS or rows == len(part):
        return None
    y = case.fixed_y[part].astype(np.intp)
    counts = np.bincount(y, minlength=max(case.classes, 2))
    top = int(counts.argmax())
    if counts[top] < PURE * rows:
        return None
    rest = [f for f in case.honest if f != name]
    predicted = case.score(rest)
    if predicted.ndim == 1:
        probability = predicted[part] if top == 1 else 1.0 - predicted[part]
    else:
        probability = predicted[part, top]
    expected = float(np.nanmean(probability))
    chance = binomial_tail(int(counts[top]), rows, min(expected, 1.0))
    if counts[top] / rows - expected < UNEXPLAINED or chance >= CHANCE:
        return None
    return {
        "rows": rows,
        "of_class": int(counts[top]),
        "class_share_elsewhere": round(float((case.fixed_y[~part] == top).mean()), 4),
        "expected": round(expected, 4),
        "log10_p": round(math.log10(max(chance, 1e-300)), 1),
    }
