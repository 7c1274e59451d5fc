"""Runs of equal values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import ValueKind, Values


def longest_spell(values: Values) -> int:
    """Rows of the longest run of one value; rows without a value are no run.

    >>> from holdfast.frames.values import read_values
    >>> longest_spell(read_values(ValueKind.NUMBER, [1.0, 1.0, 2.0, None, None, None]))
    2
    """
    same, here = _same(values)
    if not here.any():
        return 0
    ends = np.flatnonzero(np.concatenate(([True], ~same, [True])))
    return int(np.diff(ends).max())


def spells(values: Values) -> int:
    """How many runs the rows are; a row without a value is one by itself.

    >>> from holdfast.frames.values import read_values
    >>> spells(read_values(ValueKind.CATEGORY, ["a", "a", "b", "a"]))
    3
    """
    return len(values) - int(np.count_nonzero(_same(values)[0]))


def _same(values: Values) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Shape (n - 1,): equal to the row before; and shape (n,): with a value."""
    if values.kind is ValueKind.NUMBER:
        here = np.asarray(values.state == 0)
        return (values.numbers[1:] == values.numbers[:-1]) & here[1:] & here[:-1], here
    here = values.codes >= 0
    return (values.codes[1:] == values.codes[:-1]) & here[1:], here
