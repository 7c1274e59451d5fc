"""Reading the logs for the monitor: what is new, by model, predictions and labels in one order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from holdfast.detection.base import IntArray
from holdfast.monitoring.rows import by_model
from holdfast.storage import Cursor, EventLog

#: a place in a log: the cursor (None: its beginning) and the rows before it
Place = tuple[bytes | None, int]
#: rows between two places kept, and rows that the oldest of them lies behind at least
APART, BEHIND = 4096, 32_768
#: a label is looked at behind the next row whose number is a multiple of this
TOGETHER = 256


class Feed(NamedTuple):
    """New rows of a log, and the cursor behind them."""

    batches: list[pa.RecordBatch]
    after: bytes | None

    @classmethod
    def read(
        cls,
        log: EventLog,
        cursor: bytes | None,
        rows: int,
        columns: Sequence[str] | None = None,
    ) -> Feed:
        """The next rows of a log, at most so many."""
        if rows <= 0:
            return cls([], cursor)
        start = None if cursor is None else Cursor.decode(cursor)
        batches, after = log.tail(start, rows, columns=columns)
        same = start is not None and after == start
        return cls(batches, cursor if same else after.encode())

    @property
    def size(self) -> int:
        """How many rows."""
        return sum(b.num_rows for b in self.batches)

    @property
    def latest(self) -> int:
        """The latest arrival among them; -1 without any."""
        return max((int(_received(b).max()) for b in self.batches if b.num_rows), default=-1)

    def until(self, log: EventLog, cursor: bytes | None, latest: int) -> Feed:
        """Only the leading rows that came no later than `latest`; the others are left for later."""
        times = [_received(b) for b in self.batches if b.num_rows]
        if not times:
            return self
        late = np.flatnonzero(np.concatenate(times) > latest)
        return Feed.read(log, cursor, int(late[0])) if len(late) else self

    def by_model(self) -> dict[str, pa.RecordBatch]:
        """The rows of each model, in the order of its first one."""
        parts: dict[str, list[pa.RecordBatch]] = {}
        for batch in self.batches:
            for name, part in by_model(batch):
                parts.setdefault(name, []).append(part)
        out = {}
        for name, found in parts.items():
            table = pa.Table.from_batches(found).combine_chunks()
            out[name] = table.to_batches()[0] if table.num_rows else found[0]
        return out


def mark(places: list[Place], cursor: bytes | None, before: int, count: int) -> list[Place]:
    """The places to keep when `count` rows were read from `cursor` on, `before` rows in."""
    kept = list(places)
    if count and (not kept or before - kept[-1][1] >= APART):
        kept.append((cursor, before))
    while len(kept) > 1 and before + count - kept[1][1] >= BEHIND:
        kept.pop(0)
    return kept


def steps(
    rows: pa.RecordBatch | None, labels: pa.RecordBatch | None, seen: int
) -> Iterator[tuple[pa.RecordBatch | None, pa.RecordBatch | None]]:
    """Rows of one model and its labels in the order in which they came, some of each at a time.

    Args:
        rows: new predictions.
        labels: new labels.
        seen: rows of the model before these.
    """
    if labels is None or not labels.num_rows:
        if rows is not None:
            yield rows, None
        return
    if rows is None or not rows.num_rows:
        yield None, labels
        return
    came = np.maximum.accumulate(_received(rows))
    place = np.searchsorted(came, np.maximum.accumulate(_received(labels)), side="right")
    place = np.minimum(-(-(seen + place) // TOGETHER) * TOGETHER - seen, rows.num_rows)
    done = 0
    edges = [0, *(np.flatnonzero(np.diff(place)) + 1).tolist(), len(place)]
    for low, high in itertools.pairwise(edges):
        stop = int(place[low])
        part = rows.slice(done, stop - done) if stop > done else None
        yield part, labels.slice(low, high - low)
        done = stop
    if done < rows.num_rows:
        yield rows.slice(done), None


def _received(batch: pa.RecordBatch) -> IntArray:
    times: IntArray = batch.column("received").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return times
