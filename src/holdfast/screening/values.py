"""Values that are not a column's own: defaults, other units, other spellings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.diagnosis.signatures.spelling import likeness
from holdfast.frames.values import ValueKind, Values

Floats = npt.NDArray[np.float64]

#: share of a part that such values must take
FLOOD = 0.3
#: a number is rare with at most this share of the reference
RARE = 0.005
#: of the rows of a default, at least so many follow another value
BETWEEN = 0.1
#: numbers of a part that are looked at, the most frequent ones
LOOKED = 3
#: so many times beyond the largest number of the reference, or below the smallest, is another unit
FAR = 8.0
#: likeness of a spelling that is a known one, altered
ALIKE = 0.9


def strange(values: Values, reference: Values) -> str | None:
    """The kind of fault that the values of a part show, or None.

    A number that was rare and now stands *between* other values in many rows is a default; one
    that stays, as a rate does, is not. Numbers far outside of all that was seen come in another
    unit. An unseen category that is a known one, altered, was renamed; other new ones are left to
    the diagnosis.

    Args:
        values: the part, 100 rows or more.
        reference: rows of the same column.

    Example:
        >>> from holdfast.frames.values import read_values
        >>> rng = np.random.default_rng(0)
        >>> ages = rng.integers(20, 70, 2_000).astype(float)
        >>> known = read_values(ValueKind.NUMBER, ages)
        >>> filled = np.where(rng.random(250) < 0.5, 0.0, ages[:250])
        >>> strange(read_values(ValueKind.NUMBER, filled), known)
        'default_filled'
        >>> strange(read_values(ValueKind.NUMBER, ages[:250] * 12), known)
        'unit_scale'
        >>> strange(read_values(ValueKind.NUMBER, ages[:250]), known)
    """
    if values.kind is not ValueKind.NUMBER:
        return "category_renamed" if _renamed(values, reference) else None
    numbers, known = values.numbers[values.state == 0], reference.numbers[reference.state == 0]
    if not len(numbers) or not len(known):
        return None
    if _default(values, known):
        return "default_filled"
    return "unit_scale" if _far(numbers, known) > FLOOD * len(values) else None


def _default(values: Values, known: Floats) -> bool:
    here = values.state == 0
    found, counts = np.unique(values.numbers[here], return_counts=True)
    for i in np.argsort(-counts, kind="stable")[:LOOKED]:
        if counts[i] <= FLOOD * len(values):
            return False
        there = (values.numbers == found[i]) & here
        between = np.count_nonzero(there[1:] & ~there[:-1]) >= BETWEEN * counts[i]
        if between and np.mean(known == found[i]) <= RARE:
            return True
    return False


def _far(numbers: Floats, known: Floats) -> int:
    """How many numbers lie far beyond all of the reference, or below all of a positive one."""
    size, sizes = np.abs(numbers), np.abs(known)
    beyond = size > FAR * sizes.max()
    if (known > 0).all():
        beyond |= (numbers > 0) & (size < sizes.min() / FAR)
    return int(np.count_nonzero(beyond))


def _renamed(values: Values, reference: Values) -> bool:
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.names))
    known = set(reference.names)
    new = [(n, c) for n, c in zip(values.names, counts, strict=True) if c and n not in known]
    altered = sum(c for n, c in new if any(likeness(n, old) >= ALIKE for old in known))
    return bool(altered > FLOOD / 2 * len(values))
