"""Events one by one: held back for a moment, so that twenty cost little more than one.

A row is held until twenty are there, or until the rows held show something hard twice (a column
missing, of a wrong type, unseen or out of range more often than the reference would): then they go
to the detector at once. Nothing changes but the moment: the detector sees the same rows in the same
order, and alarms name the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from holdfast.detection.columns.fit import ReferenceFit
from holdfast.detection.columns.quiet import BLOCK
from holdfast.frames.values import NULL, FloatArray, ValueKind, Values, read_values

Result = TypeVar("Result")
Take = Callable[[Mapping[str, Values], int, FloatArray], list[Result]]

#: hard rows in one column that let the rows go at once where the reference has hardly any
HARD = 2
#: spellings of one column kept at hand
MOST_NAMES = 4096


class _Column:
    """One column of the rows held."""

    __slots__ = ("hard", "high", "kind", "low", "name", "names", "needed", "places", "values")

    def __init__(self, fit: ReferenceFit, index: int) -> None:
        column = fit.columns[index]
        cells = column.cells
        self.name = column.name
        self.kind = cells.kind
        self.low = cells.cuts[0] if cells.cuts else -math.inf
        self.high = cells.cuts[-1] if cells.cuts else math.inf
        shares = [s.share for s in fit.streams if s.field == column.name and s.code in _HARD_CODES]
        self.needed = HARD + math.ceil(3.0 * BLOCK * max(shares, default=0.0))
        self.names: list[str] = [*cells.names, *cells.known]
        self.places = {name: i for i, name in enumerate(self.names)}
        self.values: list[Any] = []
        self.hard = 0

    def odd(self, value: Any) -> bool:
        """Looks again at a value that is no plain one; True when the rows should go at once."""
        if self.kind is ValueKind.NUMBER:
            hard = value.__class__ is not int or not self.low < value <= self.high
        else:
            hard = value.__class__ not in _PLAIN or str(value) not in self.places
        if not hard:
            return False
        self.hard += 1
        return self.hard >= self.needed

    def take(self) -> Values:
        """The values held, as a column; forgotten here."""
        values, self.hard = self.values[:], 0
        self.values.clear()
        if self.kind is ValueKind.CATEGORY:
            return self._categories(values)
        if not {v.__class__ for v in values} <= _NUMBERS:
            return read_values(self.kind, values)
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:
            return read_values(self.kind, values)
        return Values(self.kind, np.isnan(numbers).astype(np.uint8), numbers=numbers)

    def _categories(self, values: list[Any]) -> Values:
        places, names = self.places, self.names
        try:
            found = list(map(places.get, values))
        except TypeError:  # no hash: spelled out below
            found = [None]
        if None not in found:
            state = np.zeros(len(values), np.uint8)
            return Values(self.kind, state, codes=np.array(found, np.int64), names=names)
        codes = []
        for value in values:
            if value is None or (value.__class__ is float and value != value):
                codes.append(-1)
                continue
            text = value if value.__class__ is str else str(value)
            place = places.get(text)
            if place is None:
                if len(names) >= MOST_NAMES + len(values):
                    return read_values(self.kind, values)
                place = places[text] = len(names)
                names.append(text)
            codes.append(place)
        coded = np.array(codes, np.int64)
        return Values(self.kind, (coded < 0).astype(np.uint8) * NULL, codes=coded, names=names)


_HARD_CODES = frozenset({"null", "type", "unseen"})
#: classes of values that are read as numbers all at once
_NUMBERS = frozenset({float, int, bool, type(None)})
#: classes of values that are spelled out where categories belong
_PLAIN = frozenset({int, float, bool})


class Trickle(Generic[Result]):
    """Holds single rows back until they are worth a call.

    Args:
        fit: what the reference taught: the columns and what is hard about them.
        take: what the rows go to: columns, how many rows, scores.

    Example:
        >>> from holdfast.detection.columns.fit import learn_reference
        >>> ages = read_values(ValueKind.NUMBER, [float(i % 50) for i in range(400)])
        >>> seen = []
        >>> trickle = Trickle(learn_reference({"age": ages}), lambda c, n, s: seen.append(n) or [])
        >>> for i in range(25):
        ...     _ = trickle.add({"age": float(i)})
        >>> _ = trickle.add({"age": None}), trickle.add({"age": None})
        >>> seen
        [20, 7]
    """

    def __init__(self, fit: ReferenceFit, take: Take[Result]) -> None:
        self._take = take
        self._columns = [_Column(fit, i) for i in range(len(fit.columns))]
        self._numbers = [
            (c.name, c.values.append, c.low, c.high, c)
            for c in self._columns
            if c.kind is ValueKind.NUMBER
        ]
        self._categories = [
            (c.name, c.values.append, c.places, c)
            for c in self._columns
            if c.kind is not ValueKind.NUMBER
        ]
        self._scores: list[float] = []

    def add(self, row: Mapping[str, Any], score: float = math.nan) -> list[Result]:
        """Takes one row; gives what was found if this let the rows go."""
        now = False
        get = row.get
        for name, append, low, high, column in self._numbers:
            value = get(name)
            append(value)
            if (value.__class__ is not float or not low < value <= high) and column.odd(value):
                now = True
        for name, append, places, column in self._categories:
            value = get(name)
            append(value)
            if (value.__class__ is not str or value not in places) and column.odd(value):
                now = True
        self._scores.append(score)
        return self.flush() if now or len(self._scores) >= BLOCK else []

    def flush(self) -> list[Result]:
        """Lets the rows held go."""
        scores, self._scores = self._scores, []
        if not scores:
            return []
        columns = {column.name: column.take() for column in self._columns}
        return self._take(columns, len(scores), np.array(scores, np.float64))
