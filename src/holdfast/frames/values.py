"""One column of some rows, read as what the reference says it is: numbers or categories.

Production rows do not keep their types: a number arrives as text, a category as an integer. A
`Values` never refuses; it says of every row whether there is a value, nothing, or something of
another type, and keeps what the caller needs to look closer.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage, normalise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: states of a row
VALUE, NULL, WRONG = 0, 1, 2


class ValueKind(enum.StrEnum):
    """How a column is watched."""

    NUMBER = "number"
    CATEGORY = "category"


class Values:
    """One column of some rows.

    Attributes:
        kind: number or category.
        state: shape (n,), 0 a value, 1 nothing (null or NaN), 2 of another type (a text that stands
            where numbers belong). Categories know no wrong type: anything has a spelling.
        numbers: shape (n,), the numbers; NaN where `state` is not 0. Booleans count as 0 and 1,
            times as microseconds since 1970. Infinite numbers are values. Empty for categories.
        codes: shape (n,), place in `names`, -1 where there is none. Empty for numbers.
        names: the different spellings of the categories of these rows, in order of first
            appearance.
        raw: gives the values of some rows as they came, for a closer look.

    Example:
        >>> v = read_values(ValueKind.NUMBER, [1.5, None, "7 EUR", float("nan")])
        >>> v.state.tolist(), v.numbers[:1].tolist(), v.raw(np.array([2]))
        ([0, 1, 2, 1], [1.5], ['7 EUR'])
        >>> read_values(ValueKind.CATEGORY, ["a", "b", "a", None]).codes.tolist()
        [0, 1, 0, -1]
    """

    __slots__ = ("_raw", "codes", "kind", "names", "numbers", "state")

    def __init__(
        self,
        kind: ValueKind,
        state: NDArray[np.uint8],
        *,
        numbers: FloatArray | None = None,
        codes: IntArray | None = None,
        names: Sequence[str] = (),
        raw: Callable[[IntArray], list[Any]] | None = None,
    ) -> None:
        self.kind = kind
        self.state = state
        self.numbers = np.empty(0) if numbers is None else numbers
        self.codes = np.empty(0, np.int64) if codes is None else codes
        self.names = list(names)
        self._raw = raw

    def __len__(self) -> int:
        return len(self.state)

    def raw(self, positions: IntArray) -> list[Any]:
        """The values at some positions as they came; numbers and spellings where that is lost."""
        if self._raw is not None:
            return self._raw(positions)
        if self.kind is ValueKind.NUMBER:
            return [None if math.isnan(x) else x for x in self.numbers[positions].tolist()]
        return [None if c < 0 else self.names[c] for c in self.codes[positions].tolist()]

    def take(self, positions: IntArray) -> Values:
        """Some of the rows, in that order; spellings stay as they are."""
        whole = self._raw
        return Values(
            self.kind,
            self.state[positions],
            numbers=self.numbers[positions] if len(self.numbers) else None,
            codes=self.codes[positions] if len(self.codes) else None,
            names=self.names,
            raw=None if whole is None else lambda at: whole(positions[at]),
        )


def concatenate(parts: Sequence[Values]) -> Values:
    """Rows of one column after another; spellings are put together.

    `raw` gives values of a wrong type as they came, others as numbers and spellings.

    Args:
        parts: at least one, all of the same kind.

    Example:
        >>> a, b = (read_values(ValueKind.CATEGORY, x) for x in (["x", "y"], ["y", None]))
        >>> concatenate([a, b]).codes.tolist()
        [0, 1, 1, -1]
    """
    if len(parts) == 1:
        return parts[0]
    kind = parts[0].kind
    state = np.concatenate([p.state for p in parts])
    if kind is ValueKind.NUMBER:
        numbers = np.concatenate([p.numbers for p in parts])
        odd: dict[int, Any] = {}
        start = 0
        for part in parts:
            wrong = np.flatnonzero(part.state == WRONG)
            if len(wrong):
                odd |= zip((wrong + start).tolist(), part.raw(wrong), strict=True)
            start += len(part)
        if not odd:
            return Values(kind, state, numbers=numbers)

        def raw(at: IntArray) -> list[Any]:
            plain = (None if math.isnan(x) else x for x in numbers[at].tolist())
            return [odd.get(i, x) for i, x in zip(at.tolist(), plain, strict=True)]

        return Values(kind, state, numbers=numbers, raw=raw)
    places: dict[str, int] = {}
    coded = []
    for part in parts:
        table = [places.setdefault(name, len(places)) for name in part.names]
        coded.append(np.array([*table, -1], np.int64)[part.codes])
    return Values(kind, state, codes=np.concatenate(coded), names=list(places))


def kind_of(data: Any) -> ValueKind:
    """How a reference column is watched: texts as categories, everything else as numbers.

    >>> kind_of(["a", None]).value, kind_of([1, 2.5]).value, kind_of([True]).value
    ('category', 'number', 'number')
    """
    if isinstance(data, ColumnView):
        storage = data.storage
        return ValueKind.CATEGORY if storage is Storage.TEXT else ValueKind.NUMBER
    array = data if isinstance(data, np.ndarray) else None
    if array is not None and array.dtype.kind in "fiubM":
        return ValueKind.NUMBER
    values = [v for v in (data.tolist() if hasattr(data, "tolist") else data) if v is not None]
    texts = sum(isinstance(v, str) for v in values)
    return ValueKind.CATEGORY if 2 * texts > len(values) else ValueKind.NUMBER


def read_values(kind: ValueKind, data: Any) -> Values:
    """A column as numbers or categories, whatever it holds.

    Args:
        kind: what the reference says the column is.
        data: an Arrow array, `ColumnView`, numpy array (object arrays too) or list.
    """
    if isinstance(data, ColumnView):
        return _from_view(kind, data)
    if isinstance(data, pa.Array | pa.ChunkedArray):
        whole = data if isinstance(data, pa.ChunkedArray) else pa.chunked_array([data])
        return _from_view(kind, ColumnView("", normalise("", whole)))
    if isinstance(data, np.ndarray) and data.dtype.kind in "fiub" and kind is ValueKind.NUMBER:
        numbers = data.astype(np.float64)
        return Values(kind, np.isnan(numbers).astype(np.uint8), numbers=numbers)
    plain = data.tolist() if hasattr(data, "tolist") else list(data)
    return _numbers(plain) if kind is ValueKind.NUMBER else _categories(plain)


def _from_view(kind: ValueKind, view: ColumnView) -> Values:
    if kind is ValueKind.NUMBER and view.storage in {
        Storage.INT, Storage.FLOAT, Storage.BOOL, Storage.TIME,
    }:  # fmt: skip
        numbers = view.values.astype(np.float64)
        missing = view.missing
        if missing is None:
            return Values(kind, np.zeros(len(numbers), np.uint8), numbers=numbers)
        numbers = np.where(missing, np.nan, numbers)
        return Values(kind, missing.astype(np.uint8), numbers=numbers)
    if kind is ValueKind.CATEGORY and view.storage is Storage.TEXT:
        codes = view.codes.astype(np.int64)
        state = (codes < 0).astype(np.uint8)
        return Values(kind, state, codes=codes, names=view.encoded[1])
    return read_values(kind, view.to_pylist())


def _numbers(values: list[Any]) -> Values:
    n = len(values)
    state = np.zeros(n, np.uint8)
    numbers = np.full(n, np.nan)
    for i, value in enumerate(values):
        kind = value.__class__
        try:
            if kind is float or kind is int or kind is bool:
                numbers[i] = value
            elif value is not None:
                if isinstance(value, str | bytes):
                    raise TypeError
                numbers[i] = float(value)
        except (TypeError, ValueError, OverflowError):
            state[i] = WRONG
    state[np.isnan(numbers) & (state == VALUE)] = NULL
    return Values(
        ValueKind.NUMBER, state, numbers=numbers, raw=lambda at: [values[i] for i in at.tolist()]
    )


def _categories(values: list[Any]) -> Values:
    places: dict[str, int] = {}
    codes = np.empty(len(values), np.int64)
    for i, value in enumerate(values):
        if value is None or (value.__class__ is float and value != value):
            codes[i] = -1
        else:
            codes[i] = places.setdefault(
                value if isinstance(value, str) else str(value), len(places)
            )
    return Values(
        ValueKind.CATEGORY,
        (codes < 0).astype(np.uint8),
        codes=codes,
        names=list(places),
        raw=lambda at: [values[i] for i in at.tolist()],
    )
