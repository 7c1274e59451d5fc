"""Outcomes of one model on their way to its monitor: which row each belongs to.

The label log names predictions by id. The last rows are known by id in memory; older predictions
are read back from the log, window by window of event time, beginning where labels usually are: as
far back as the last ones were. What is not found in a bounded search is counted, not guessed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.detection.base import IntArray
from holdfast.detection.volume_rows import KeyMemory
from holdfast.errors import DataError
from holdfast.frames.values import FloatArray
from holdfast.monitoring.clock import RowClock
from holdfast.monitoring.engine import Change, Labelled, ModelMonitor
from holdfast.monitoring.ring import KEPT
from holdfast.monitoring.rows import COLUMNS, Rows, decode
from holdfast.monitoring.table_reference import outcomes
from holdfast.storage import Store

#: rows that one look into the log should take, and looks for one group of labels
LOOK_ROWS, LOOKS = 200_000, 16
MINUTE, DAY = 60_000_000, 86_400_000_000


class _State(msgspec.Struct, kw_only=True):
    keys: bytes = b""
    delay: int = 0
    first_at: int = -1
    last_at: int = -1
    rows: int = 0
    joined: int = 0
    repeated: int = 0
    unmatched: int = 0
    unread: int = 0


class Outcomes:
    """Labels of one model.

    The first label of a prediction counts; a later one for the same prediction changes nothing
    that was judged already.

    Args:
        model: its name.
        store: the store with both logs.
        state: from `dump`, to go on.
    """

    def __init__(self, model: str, store: Store, state: bytes | None = None) -> None:
        self.model = model
        self._store = store
        self._state = _State() if state is None else msgspec.msgpack.decode(state, type=_State)
        self._keys = KeyMemory.load(self._state.keys)
        self._places: dict[str, int] = {}
        #: how often predictions were looked for in the log
        self.looked = 0

    @property
    def facts(self) -> dict[str, int]:
        """Labels joined to their rows, repeated, without a prediction, and not to be read."""
        s = self._state
        return {
            "joined": s.joined, "repeated": s.repeated, "unmatched": s.unmatched,
            "unread": s.unread,
        }  # fmt: skip

    def dump(self) -> bytes:
        """Everything but the places of the last rows, which are in the log."""
        self._state.keys = self._keys.dump()
        return msgspec.msgpack.encode(self._state)

    def note(self, rows: Rows, first: int, *, again: bool = False) -> None:
        """Takes note of predictions; `again`: they were seen before the restart."""
        if not len(rows):
            return
        self._places.update(zip(rows.ids.to_pylist(), range(first, first + len(rows)), strict=True))
        if len(self._places) > 4 * KEPT:
            least = first + len(rows) - KEPT
            self._places = {k: n for k, n in self._places.items() if n >= least}
        if again:
            return
        s = self._state
        low, high = int(rows.at.min()), int(rows.at.max())
        s.first_at = low if s.first_at < 0 else min(s.first_at, low)
        s.last_at = max(s.last_at, high)
        s.rows += len(rows)

    def places(self, ids: Sequence[str]) -> IntArray:
        """Shape (n,): row numbers of predictions among the last rows, -1 for others."""
        return np.array([self._places.get(i, -1) for i in ids], np.int64)

    def take(
        self,
        monitor: ModelMonitor,
        clock: RowClock,
        labels: pa.RecordBatch,
        positive: object,
    ) -> list[Change]:
        """Takes labels in the order in which they came."""
        ids = [str(i) for i in labels.column("id").to_pylist()]
        value, unread = read_values(labels.column("value").to_pylist(), positive)
        received = labels.column("received").cast(pa.int64()).to_numpy(zero_copy_only=False)
        keys = np.fromiter((zlib.crc32(i.encode()) for i in ids), np.int64, len(ids))
        again = self._keys.repeated(keys)
        self._state.repeated += int(again.sum())
        self._state.unread += unread
        if not monitor.reads_outcomes:
            return []
        wanted = np.flatnonzero(~again & np.isfinite(value))
        numbers = self.places([ids[i] for i in wanted.tolist()])
        young = numbers >= max(monitor.rows - KEPT, 0)
        changes: list[Change] = []
        old = wanted[~young]
        if len(old):
            changes += self._judge_old(monitor, clock, ids, value, received, old)
        if young.any():
            self._state.joined += int(young.sum())
            known = Labelled(numbers[young], value[wanted[young]])
            changes += monitor.observe_labels(known)
        return changes

    def _judge_old(
        self,
        monitor: ModelMonitor,
        clock: RowClock,
        ids: list[str],
        value: FloatArray,
        received: IntArray,
        old: IntArray,
    ) -> list[Change]:
        """Labels of rows that are no longer kept: read back, in the order of the labels."""
        sought = [ids[i] for i in old.tolist()]
        found = self._recall(sought, int(received[old[-1]]))
        if found is None:
            self._state.unmatched += len(old)
            return []
        places = {name: i for i, name in enumerate(found.column("id").to_pylist())}
        mine = [(i, places[name]) for i, name in zip(old, sought, strict=True) if name in places]
        self._state.unmatched += len(old) - len(mine)
        if not mine:
            return []
        rows = decode(found.take(pa.array([place for _, place in mine])))
        when = np.array([i for i, _ in mine], np.int64)
        self._state.delay = max(int(np.median(received[when] - rows.at)), 0)
        self._state.joined += len(mine)
        numbers = np.clip(clock.rows_at(rows.received), 0, max(monitor.rows - KEPT - 1, 0))
        return monitor.observe_labels(Labelled(numbers, value[when], rows))

    def _recall(self, ids: Sequence[str], latest: int) -> pa.RecordBatch | None:
        """The predictions of some ids, from a bounded number of windows of the log."""
        s = self._state
        if s.rows == 0:
            return None
        self.looked += 1
        span = max(s.last_at - s.first_at, 1)
        width = min(max(int(LOOK_ROWS * span / s.rows), MINUTE), 40 * 365 * DAY)
        centre = min(max(latest - s.delay, s.first_at), s.last_at)
        missing = pa.array(sorted(set(ids)), pa.string())
        parts: list[pa.Table] = []
        for since in _windows(centre, width, s.first_at, s.last_at + 1):
            table = self._among(missing, since, since + width)
            if table is not None:
                parts.append(table)
                got = pc.is_in(missing, value_set=table.column("id").combine_chunks())
                missing = missing.filter(pc.invert(got))
            if not len(missing):
                break
        if not parts:
            return None
        batches = pa.concat_tables(parts).combine_chunks().to_batches()
        return batches[0] if batches else None

    def _among(self, ids: pa.Array, since: int, until: int) -> pa.Table | None:
        """Predictions of these ids in a window; first where they are, then those rows whole."""
        log = self._store.predictions
        brief = log.read(model=self.model, since=since, until=until, columns=["id", "at"])
        at = brief.filter(pc.is_in(brief.column("id"), value_set=ids)).column("at")
        if not len(at):
            return None
        when = at.cast(pa.int64()).to_numpy()
        table = log.read(
            model=self.model, since=int(when.min()), until=int(when.max()) + 1, columns=COLUMNS
        )
        return table.filter(pc.is_in(table.column("id"), value_set=ids))


def _windows(centre: int, width: int, first: int, end: int) -> list[int]:
    """Starts of windows outwards from the one around `centre`, while they meet [first, end).

    >>> _windows(50, 10, 31, 75)
    [45, 35, 55, 25, 65]
    """
    start = centre - width // 2
    found: list[int] = []
    for step in range(LOOKS):
        for since in (start - step * width, start + step * width):
            if since + width > first and since < end and since not in found:
                found.append(since)
    return found[:LOOKS]


def read_values(texts: Sequence[str], positive: object) -> tuple[FloatArray, int]:
    """Labels as 0, 1 and NaN, and how many could not be read.

    Args:
        texts: JSON scalars as the label log keeps them.
        positive: what counts as 1; None: the labels are 0 and 1.

    Example:
        >>> read_values(["true", "0", '"late"', "null"], None)[1]
        1
    """
    plain: list[object] = []
    unread = 0
    for text in texts:
        try:
            plain.append(msgspec.json.decode(text))
        except msgspec.DecodeError:
            plain.append(None)
            unread += 1
    try:
        return outcomes(plain, positive), unread
    except DataError:  # without a positive label, one by one: what is not 0 or 1 is not known
        out = np.array([float(v) if v in (0, 1) else np.nan for v in plain])
        return out, unread + sum(v is not None and v not in (0, 1) for v in plain)
