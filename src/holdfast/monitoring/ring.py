"""The values of the last rows of a model: what diagnosis looks at when something has moved.

Kept in memory only. After a restart it fills up again (a worker reads the rows back from the log),
so no value is written anywhere twice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from holdfast.detection.base import IntArray
from holdfast.diagnosis.evidence import Sample
from holdfast.frames.values import FloatArray, ValueKind, Values, concatenate
from holdfast.monitoring.rows import Coded

#: rows since the onset that diagnosis sees, the newest; and rows before it
NOW, BEFORE = 4096, 1024
#: rows kept
KEPT = 3 * NOW
#: parts at which small ones are put together
MANY_PARTS = 64


class _Part:
    """Rows taken together."""

    __slots__ = ("at", "columns", "label", "numbers", "score", "source")

    def __init__(
        self,
        numbers: IntArray,
        at: IntArray,
        columns: Mapping[str, Values],
        score: FloatArray,
        source: Coded,
        label: FloatArray,
    ) -> None:
        self.numbers, self.at, self.columns = numbers, at, columns
        self.score, self.source, self.label = score, source, label

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, positions: IntArray) -> _Part:
        return _Part(
            self.numbers[positions],
            self.at[positions],
            {name: v.take(positions) for name, v in self.columns.items()},
            self.score[positions],
            self.source.take(positions),
            self.label[positions],
        )

    def ordered(self) -> _Part:
        """By number: rows of two releases that serve at the same time come in turns."""
        if (np.diff(self.numbers) > 0).all():
            return self
        return self.take(np.argsort(self.numbers, kind="stable"))

    def lean(self) -> _Part:
        """The same rows without spellings that none of them has."""
        columns = {name: _lean(v) for name, v in self.columns.items()}
        return _Part(self.numbers, self.at, columns, self.score, self.source, self.label)


class Ring:
    """The last rows with their values, scores, sources, and outcomes once they are known.

    Example:
        >>> Ring().sample(0, 10) is None
        True
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        #: columns that are kept and not looked at: whose row it is
        self.aside: set[str] = set()

    def copy(self) -> Ring:
        """The same rows; what is appended or labelled afterwards stays apart."""
        twin = Ring()
        twin.aside = set(self.aside)
        twin._parts = [
            _Part(p.numbers, p.at, p.columns, p.score, p.source, p.label.copy())
            for p in self._parts
        ]
        return twin

    def append(
        self,
        numbers: IntArray,
        at: IntArray,
        columns: Mapping[str, Values],
        score: FloatArray | None,
        source: Coded,
        label: FloatArray | None = None,
    ) -> None:
        """Takes new rows and forgets the oldest."""
        n = len(numbers)
        if not n:
            return
        known = np.full(n, np.nan) if score is None else score
        outcome = np.full(n, np.nan) if label is None else label
        self._parts.append(_Part(numbers, at, columns, known, source, outcome))
        kept = sum(len(p) for p in self._parts)
        while kept - len(self._parts[0]) >= KEPT:
            kept -= len(self._parts.pop(0))
        if len(self._parts) > MANY_PARTS:
            whole = _join(self._parts).ordered()
            # the newest only: one part that is never dropped would grow for ever
            newest = np.arange(max(len(whole) - KEPT, 0), len(whole))
            self._parts = [whole.take(newest).lean()]

    def outcomes_since(self, row: int) -> bool:
        """Whether the outcome of any row from `row` on is known."""
        return any(bool(np.isfinite(p.label[p.numbers >= row]).any()) for p in self._parts)

    def label(self, numbers: IntArray, label: FloatArray) -> None:
        """Notes outcomes of some rows; those that are gone already are left out."""
        for part in self._parts:
            place = np.searchsorted(part.numbers, numbers)
            place = np.minimum(place, len(part) - 1)
            mine = part.numbers[place] == numbers
            part.label[place[mine]] = label[mine]

    def rows(self, numbers: IntArray) -> tuple[IntArray, _Part] | None:
        """Which of some rows are still kept (their places in `numbers`), and those rows."""
        found, places = [], []
        for part in self._parts:
            place = np.minimum(np.searchsorted(part.numbers, numbers), len(part) - 1)
            mine = np.flatnonzero(part.numbers[place] == numbers)
            if len(mine):
                places.append(mine)
                found.append(part.take(place[mine]))
        if not found:
            return None
        order = np.concatenate(places)
        turn = np.argsort(order, kind="stable")
        return order[turn], _join(found).take(turn)

    def sample(self, since: int, until: int) -> Sample | None:
        """Rows `since` through `until`, the newest 4,096 of them; None where none is kept."""
        return self._between(since, until, NOW)

    def before(self, row: int) -> Sample | None:
        """The last 1,024 rows before a row; None where none is kept."""
        return self._between(0, row - 1, BEFORE)

    def _between(self, since: int, until: int, most: int) -> Sample | None:
        chosen = []
        left = most
        for part in reversed(self._parts):
            if part.numbers[0] > until or left <= 0:
                continue
            if part.numbers[-1] < since:
                break
            at = np.flatnonzero((part.numbers >= since) & (part.numbers <= until))[-left:]
            if len(at):
                chosen.append(part if len(at) == len(part) else part.take(at))
                left -= len(at)
        if not chosen:
            return None
        whole = _join(chosen[::-1]).ordered()
        return Sample(
            columns={n: v for n, v in whole.columns.items() if n not in self.aside},
            score=_known(whole.score),
            label=_known(whole.label),
            origins={"source": (whole.source.codes, whole.source.names)},
            at=whole.at,
        )


def _known(values: FloatArray) -> NDArray[np.float64] | None:
    return values if np.isfinite(values).any() else None


def _lean(values: Values) -> Values:
    if values.kind is ValueKind.NUMBER:
        return values
    used, codes = np.unique(np.append(values.codes, -1), return_inverse=True)
    names = [values.names[i] for i in used[1:].tolist()]
    return Values(values.kind, values.state, codes=codes[:-1] - 1, names=names)


def _join(parts: list[_Part]) -> _Part:
    if len(parts) == 1:
        return parts[0]
    names = parts[-1].columns.keys()
    alike = [p for p in parts if p.columns.keys() == names]
    places: dict[str, int] = {}
    codes = []
    for part in alike:
        table = [places.setdefault(n, len(places)) for n in part.source.names]
        codes.append(np.array([*table, -1], np.int64)[part.source.codes])
    return _Part(
        np.concatenate([p.numbers for p in alike]),
        np.concatenate([p.at for p in alike]),
        {n: concatenate([p.columns[n] for p in alike]) for n in names},
        np.concatenate([p.score for p in alike]),
        Coded(np.concatenate(codes), list(places)),
        np.concatenate([p.label for p in alike]),
    )
