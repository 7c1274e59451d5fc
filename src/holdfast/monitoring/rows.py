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
from holdfast.frames.values import FloatArray, ValueKind, Values, read_values
from holdfast.releases.switches import CODE as SWITCHED_OFF
from holdfast.storage.schema import parse_features

#: columns of the log that monitoring reads
COLUMNS = (
    "id", "model", "release", "at", "received", "source", "score", "verdict", "marks", "features",
)  # fmt: skip
#: mark of rows answered without a field that was switched off
_SWITCHED = f":{SWITCHED_OFF}"

#: gives the features of the rows at some positions, for diagnosis; None per unreadable row
Look = Callable[[IntArray], Sequence[Mapping[str, Any] | None]]
#: gives columns of all rows, read as some kinds
Read = Callable[[Mapping[str, ValueKind]], Mapping[str, Values]]


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
        score: the main model's scores, NaN where something else answered; None without any.
        read: gives the features as columns, or None.
        timed: shape (n,), which `at` are event times of the rows' own; None: all of them.
    """

    __slots__ = (
        "_columns", "at", "ids", "look", "marks", "read", "received", "release", "score", "source",
        "timed", "verdict",
    )  # fmt: skip

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
        score: FloatArray | None = None,
        read: Read | None = None,
        timed: NDArray[np.bool_] | None = None,
    ) -> None:
        self.timed = timed
        self.score = score
        self.read = read
        self._columns: tuple[Mapping[str, ValueKind], Mapping[str, Values]] | None = None
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

    def columns(self, kinds: Mapping[str, ValueKind]) -> Mapping[str, Values] | None:
        """All rows as columns of these kinds; None where the features are not known."""
        if self.read is None or not kinds:
            return None
        if self._columns is None or self._columns[0] != kinds:
            self._columns = (dict(kinds), self.read(kinds))
        return self._columns[1]

    def block(
        self,
        numbers: IntArray,
        positions: IntArray | None,
        kinds: Mapping[str, ValueKind] | None = None,
    ) -> Block:
        """Some of the rows (all when None) as a block for detectors; `numbers` are of all rows.

        Args:
            numbers: row numbers of all rows.
            positions: which of them.
            kinds: of the columns that detectors look at; none when None.
        """
        columns = self.columns(kinds) if kinds else None
        if positions is None:
            return Block(numbers, self.at, self.marks, columns, self.score, self.timed)
        return Block(
            numbers[positions],
            self.at[positions],
            {mark: found for mark, at in self.marks.items() if len(found := _among(at, positions))},
            None if columns is None else {n: v.take(positions) for n, v in columns.items()},
            None if self.score is None else self.score[positions],
            None if self.timed is None else self.timed[positions],
        )


def by_release(rows: Rows) -> dict[str, IntArray | None]:
    """Positions of the rows of each release, in order of first appearance; None: all of them."""
    coded = rows.release
    if len(coded.names) == 1 and (coded.codes == 0).all():
        return {coded.names[0]: None}
    found: dict[str, IntArray] = {
        name: np.flatnonzero(coded.codes == i) for i, name in enumerate(coded.names)
    }
    present = sorted((int(at[0]), name) for name, at in found.items() if len(at))
    return {name: found[name] for _, name in present}


def one_row(number: int, at: int) -> Rows:
    """A stand-in for the newest row after a restart: its number and time."""
    when = np.array([at], np.int64)
    none = Coded(np.array([-1], np.int64), [])
    return Rows(
        ids=pa.array([str(number)]), at=when, received=when, release=none, source=none,
        verdict=none, marks={},
    )  # fmt: skip


def by_model(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each model in a batch, in order."""
    model = Coded.of(batch.column("model"))
    for i, name in enumerate(model.names):
        mask = model.codes == i
        if mask.all():
            yield name, batch
        elif mask.any():
            yield name, batch.filter(pa.array(mask))


def decode(batch: pa.RecordBatch) -> Rows:
    """Rows of one model from a batch of the prediction log."""
    verdict = Coded.of(batch.column("verdict"))
    look, read = _features(batch)
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
        score=_scores(batch, verdict),
        read=read,
    )


def _scores(batch: pa.RecordBatch, verdict: Coded) -> FloatArray | None:
    """Scores of the main model: what fallbacks answered is no evidence about it."""
    if "score" not in batch.schema.names:
        return None
    column = batch.column("score").cast(pa.float64())
    score: FloatArray = column.to_numpy(zero_copy_only=False).astype(np.float64)
    if "degraded" in verdict.names:
        score = np.where(verdict.codes == verdict.names.index("degraded"), np.nan, score)
    return score


def _features(batch: pa.RecordBatch) -> tuple[Look | None, Read | None]:
    """Reads the features, a JSON object a row: of a few rows, and of all as columns."""
    if "features" not in batch.schema.names:
        return None, None
    texts = batch.column("features")

    def look(positions: IntArray) -> Sequence[Mapping[str, Any] | None]:
        return [parse_features(text) for text in texts.take(pa.array(positions)).to_pylist()]

    def read(kinds: Mapping[str, ValueKind]) -> Mapping[str, Values]:
        return columns_of([parse_features(text) for text in texts.to_pylist()], kinds)

    return look, read


def columns_of(
    rows: Sequence[Mapping[str, Any] | None], kinds: Mapping[str, ValueKind]
) -> dict[str, Values]:
    """Rows as columns; a row that is not known has no value anywhere."""
    none: Mapping[str, Any] = {}
    known = [none if row is None else row for row in rows]
    return {
        name: read_values(kind, [row.get(name) for row in known]) for name, kind in kinds.items()
    }


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
