"""From record batches of the prediction log to rows by model, with their marks as positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.detection.base import Block, IntArray
from holdfast.detection.mark_streams import ABSTAINED, REJECTED
from holdfast.releases.switches import CODE as SWITCHED_OFF

#: columns of the log that monitoring reads
COLUMNS = ("id", "model", "release", "at", "received", "source", "verdict", "marks")
#: mark of rows answered without a field that was switched off
_SWITCHED = f":{SWITCHED_OFF}"

#: gives the features of the rows at some positions, for diagnosis; None per unreadable row
Look = Callable[[IntArray], Sequence[Mapping[str, Any] | None]]


class Coded:
    """A text column as small integers into a list of names; -1 is null."""

    __slots__ = ("codes", "names")

    def __init__(self, codes: IntArray, names: list[str]) -> None:
        self.codes = codes
        self.names = names

    @classmethod
    def of(cls, column: pa.Array) -> Coded:
        """Codes of a string column, dictionary-encoded or not."""
        if not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(column)
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(codes, [str(name) for name in column.dictionary.to_pylist()])

    def where(self, name: str) -> IntArray:
        """Positions of one name, ascending."""
        if name not in self.names:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.codes == self.names.index(name))

    def take(self, positions: IntArray) -> Coded:
        """The same names, other rows."""
        return Coded(self.codes[positions], self.names)


class Rows:
    """Consecutive rows of one model.

    Attributes:
        ids: prediction ids.
        at, received: microseconds since 1970 (UTC).
        release, source, verdict: coded columns.
        marks: per mark (verdict marks included) the ascending positions of its rows.
        look: gives the features of some rows, or None.
    """

    __slots__ = ("at", "ids", "look", "marks", "received", "release", "source", "verdict")

    def __init__(
        self,
        *,
        ids: pa.Array,
        at: IntArray,
        received: IntArray,
        release: Coded,
        source: Coded,
        verdict: Coded,
        marks: Mapping[str, IntArray],
        look: Look | None = None,
    ) -> None:
        self.ids = ids
        self.at = at
        self.received = received
        self.release = release
        self.source = source
        self.verdict = verdict
        self.marks = marks
        self.look = look

    def __len__(self) -> int:
        return len(self.at)

    def block(self, numbers: IntArray, positions: IntArray | None) -> Block:
        """Some of the rows (all when None) as a block for detectors; `numbers` are of all rows."""
        if positions is None:
            return Block(numbers, self.at, self.marks)
        return Block(
            numbers[positions],
            self.at[positions],
            {mark: found for mark, at in self.marks.items() if len(found := _among(at, positions))},
        )


def by_model(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each model in a batch, in order."""
    model = Coded.of(batch.column("model"))
    for i, name in enumerate(model.names):
        mask = model.codes == i
        if mask.all():
            yield name, batch
        elif mask.any():
            yield name, batch.filter(pa.array(mask))


def decode(batch: pa.RecordBatch, look: Look | None = None) -> Rows:
    """Rows of one model from a batch of the prediction log."""
    verdict = Coded.of(batch.column("verdict"))
    marks = _marks(batch.column("marks"))
    for mark in (REJECTED, ABSTAINED):
        at = verdict.where(mark[1:])
        if len(at):
            marks[mark] = at
    return Rows(
        ids=batch.column("id"),
        at=_micros(batch.column("at")),
        received=_micros(batch.column("received")),
        release=Coded.of(batch.column("release")),
        source=Coded.of(batch.column("source")),
        verdict=verdict,
        marks=marks,
        look=look,
    )


def _micros(column: pa.Array) -> IntArray:
    values: NDArray[np.int64] = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values


def _marks(column: pa.Array) -> dict[str, IntArray]:
    """Positions by mark; each row counts once however often a mark is repeated."""
    flat = column.flatten()
    if len(flat) == 0:
        return {}
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(column), dtype=np.int64), lengths)
    coded = Coded.of(flat)
    order = np.argsort(coded.codes, kind="stable")
    ordered = coded.codes[order]
    edges = np.searchsorted(ordered, np.arange(len(coded.names) + 1))
    out = {}
    for i, name in enumerate(coded.names):
        if name.endswith(_SWITCHED):
            continue  # our own doing, no trouble of the row
        at = rows[order[edges[i] : edges[i + 1]]]
        out[name] = np.unique(at) if len(at) > 1 and (np.diff(at) == 0).any() else at
    return out


def _among(at: IntArray, positions: IntArray) -> IntArray:
    """Where the values of `at` stand in `positions`; both ascending, others left out."""
    found: IntArray = np.searchsorted(positions, at)
    inside = found < len(positions)
    found, at = found[inside], at[inside]
    same: IntArray = found[positions[found] == at]
    return same
