"""The profile of one column: counts that add up, whatever the partitioning."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from holdfast.profiles.distinct import Distinct
from holdfast.profiles.sums import Sums

#: values outside the reference's list that are kept by name: those with the smallest hashes
UNSEEN_KEPT = 32


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of every column.

    Attributes:
        rows: rows of the window.
        absent: rows that came without the column at all.
        null: rows whose value is null.
        wrong: rows with a value of another type than the reference's (text where numbers belong).
        storage: how the column was stored -> rows (``int``, ``float``, ``text`` ...).
        distinct: the different values seen.
    """

    rows: int = 0
    absent: int = 0
    null: int = 0
    wrong: int = 0
    storage: dict[str, int] = {}
    distinct: Distinct = Distinct()


class NumberProfile(Common, frozen=True, kw_only=True, tag="number"):
    """Counts of a column of numbers, booleans or times.

    Attributes:
        nan, pos_inf, neg_inf, zero: rows that hold these; NaN is not null.
        cells: finite numbers in each cell of the spec.
        on_step: for each step of the spec the finite numbers that are multiples of it.
        sums: count, sum and squares of the finite numbers.
        low, high: smallest and largest finite number; None without any.
    """

    nan: int = 0
    pos_inf: int = 0
    neg_inf: int = 0
    zero: int = 0
    cells: tuple[int, ...] = ()
    on_step: tuple[int, ...] = ()
    sums: Sums = Sums()
    low: float | None = None
    high: float | None = None

    @property
    def finite(self) -> int:
        """Rows with a finite number."""
        return self.sums.count


class UnseenValue(msgspec.Struct, frozen=True, array_like=True):
    """A value that is not in the reference's list: its hash, its first 80 characters, its rows."""

    hash: int
    text: str
    rows: int


class TextProfile(Common, frozen=True, kw_only=True, tag="text"):
    """Counts of a column of categories or free text.

    Attributes:
        counts: rows with each category of the spec.
        other: rows with any other value; all of them unseen where the spec is complete.
        others: up to 32 of the other values with their exact numbers of rows.
        buckets: rows by the leading 6 bits of the value's hash; empty where the spec is complete.
        empty: rows with the empty text.
        characters: sum of the lengths in characters.
        shortest, longest: lengths; None without values.
        lengths: rows by length: 0 to 31 one by one, then each power of two.
        classes: rows whose text has a letter, a capital, a digit, a space at an end, another
            space, punctuation, a character outside ASCII.
    """

    counts: tuple[int, ...] = ()
    other: int = 0
    others: tuple[UnseenValue, ...] = ()
    buckets: tuple[int, ...] = ()
    empty: int = 0
    characters: int = 0
    shortest: int | None = None
    longest: int | None = None
    lengths: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()

    @property
    def present(self) -> int:
        """Rows with a value."""
        return sum(self.counts) + self.other


class EmbeddingProfile(Common, frozen=True, kw_only=True, tag="embedding"):
    """Counts of a column of lists of numbers.

    Attributes:
        odd_length: rows whose list has another length than the spec's.
        not_finite: rows of the usual length that hold NaN, a null or infinity.
        norm: the Euclidean norms of the other rows.
        sums: the same rows, dimension by dimension, as many as the spec has grids.
    """

    odd_length: int = 0
    not_finite: int = 0
    norm: NumberProfile = NumberProfile()
    sums: tuple[Sums, ...] = ()


ColumnProfile = NumberProfile | TextProfile | EmbeddingProfile
P = TypeVar("P", bound=Common)

_SMALLEST = frozenset({"low", "shortest"})
_LARGEST = frozenset({"high", "longest"})


def merge_columns(one: P, other: P) -> P:
    """Two profiles of one column as one: every field adds up by itself, the order does not matter.

    >>> a = NumberProfile(rows=2, null=1, low=3.0)
    >>> merge_columns(a, NumberProfile(rows=1, low=1.0)).low
    1.0
    """
    merged = {}
    for name in one.__struct_fields__:
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours is None or theirs is None:
            merged[name] = theirs if ours is None else ours
        elif name in _SMALLEST:
            merged[name] = min(ours, theirs)
        elif name in _LARGEST:
            merged[name] = max(ours, theirs)
        elif name == "others":
            merged[name] = _merge_unseen(ours, theirs)
        elif isinstance(ours, int):
            merged[name] = ours + theirs
        elif isinstance(ours, dict):
            merged[name] = {
                key: ours.get(key, 0) + theirs.get(key, 0) for key in sorted({*ours, *theirs})
            }
        elif isinstance(ours, tuple):
            merged[name] = _merge_tuples(ours, theirs)
        elif isinstance(ours, NumberProfile):
            merged[name] = merge_columns(ours, theirs)
        else:
            merged[name] = ours.merge(theirs)
    return type(one)(**merged)


def _merge_tuples(ours: tuple[object, ...], theirs: tuple[object, ...]) -> tuple[object, ...]:
    if not ours or not theirs:
        return ours or theirs
    if isinstance(ours[0], Sums):
        return tuple(a.merge(b) for a, b in zip(ours, theirs, strict=True))  # type: ignore[attr-defined]
    return tuple(a + b for a, b in zip(ours, theirs, strict=True))  # type: ignore[operator]


def _merge_unseen(
    ours: tuple[UnseenValue, ...], theirs: tuple[UnseenValue, ...]
) -> tuple[UnseenValue, ...]:
    """The smallest hashes of both.

    A value among them was among the smallest wherever it came up, so its count is complete.
    """
    found: dict[int, UnseenValue] = {}
    for value in (*ours, *theirs):
        known = found.get(value.hash)
        rows = value.rows + (known.rows if known is not None else 0)
        found[value.hash] = UnseenValue(value.hash, value.text, rows)
    return tuple(found[key] for key in sorted(found)[:UNSEEN_KEPT])
