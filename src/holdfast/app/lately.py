"""The last rows of a model, as the pages want them: few, recent, and not read twice in a breath."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.storage.schema import parse_features

if TYPE_CHECKING:
    from holdfast.storage import Store

#: rows whose marks are counted over time
MARKED = 50_000
#: rows whose values are looked at
LOOKED_AT = 5_000
#: what was read is good for this long (microseconds)
FRESH = 10_000_000
#: models whose rows are kept at hand
MOST_MODELS = 4
_COLUMNS = ("id", "at", "source", "verdict", "marks")
_MINUTE = 60_000_000
#: windows that are tried, from the end of the log backwards
_WINDOWS = (15 * _MINUTE, 240 * _MINUTE, 1_440 * _MINUTE, 10_080 * _MINUTE, 43_200 * _MINUTE)


class Lately:
    """The last rows of one model.

    Attributes:
        rows: ``id``, ``at``, ``source``, ``verdict`` and ``marks`` of up to `MARKED` rows, oldest
            first.
        at: their event times, microseconds since 1970 (UTC).
        values: the inputs of the last `LOOKED_AT` of them; None for one that cannot be read.
        read_at: when this was read, same unit.
    """

    def __init__(
        self, rows: pa.Table, values: list[Mapping[str, Any] | None], read_at: int
    ) -> None:
        self.rows = rows
        self.at: np.ndarray[Any, np.dtype[np.int64]] = rows.column("at").cast(pa.int64()).to_numpy()
        self.values = values
        self.read_at = read_at
        self._places = _places(rows.column("marks"))

    def marked(self, *marks: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows that carry one of some marks, notes included, shape (n,)."""
        out = np.zeros(self.rows.num_rows, bool)
        for mark in marks:
            for spelled in (mark, f"~{mark}"):
                if spelled in self._places:
                    out[self._places[spelled]] = True
        return out

    def codes(self, field: str) -> list[str]:
        """Codes of the violations (not notes) of a field among the rows, the frequent first."""
        found = {
            mark.rpartition(":")[2]: len(at)
            for mark, at in self._places.items()
            if not mark.startswith("~") and mark.rpartition(":")[0] == field
        }
        return sorted(found, key=lambda code: (-found[code], code))

    def verdict(self, name: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows that got a verdict, shape (n,)."""
        same = pc.fill_null(pc.equal(self.rows.column("verdict"), name), False)
        found: np.ndarray[Any, np.dtype[np.bool_]] = same.to_numpy().astype(bool)
        return found


def _places(column: pa.ChunkedArray) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """Positions of the rows by mark."""
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.array([], pa.list_(pa.string()))
    flat = pc.dictionary_encode(pc.list_flatten(lists))
    parents = pc.list_parent_indices(lists).to_numpy()
    codes = flat.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    names = flat.dictionary.to_pylist()
    edges = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {
        str(name): parents[order[edges[i] : edges[i + 1]]].astype(np.int64)
        for i, name in enumerate(names)
    }


class Reader:
    """Gives the last rows of each model, and reads the log at most every few seconds.

    Args:
        store: the store.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, Lately] = {}
        self._lock = threading.Lock()

    def __call__(self, model: str) -> Lately:
        """The last rows of a model; one reader at a time reads, the others wait for it."""
        with self._lock:
            known = self._kept.get(model)
            now = self._clock()
            if known is not None and 0 <= now - known.read_at < FRESH:
                return known
            while len(self._kept) >= MOST_MODELS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[model] = found = self._read(model, now)
            return found

    def _read(self, model: str, now: int) -> Lately:
        rows = self._last(model, now, MARKED, _COLUMNS)
        values: list[Mapping[str, Any] | None] = []
        if rows.num_rows:
            tail = rows.slice(max(rows.num_rows - LOOKED_AT, 0))
            since = tail.column("at").cast(pa.int64())[0].as_py()
            looked = self._store.predictions.read(
                model=model, since=since, columns=["at", "features"]
            ).sort_by("at")
            texts = looked.slice(max(looked.num_rows - LOOKED_AT, 0)).column("features")
            values = [parse_features(text) for text in texts.to_pylist()]
        return Lately(rows, values, now)

    def _last(self, model: str, now: int, count: int, columns: tuple[str, ...]) -> pa.Table:
        """The last `count` rows by event time, found in ever longer windows."""
        read = self._store.predictions.read
        for end in (now, self._latest()):
            if end is None:
                continue
            for span in _WINDOWS:
                rows = read(model=model, since=end - span, columns=list(columns))
                if rows.num_rows >= count or (rows.num_rows and span == _WINDOWS[-1]):
                    return _newest(rows, count)
        return _newest(read(model=model, columns=list(columns)), count)

    def _latest(self) -> int | None:
        """Event time of the last row in a finished file of the log."""
        times = [row.t1 for row in self._store.predictions.index.all() if row.t1 is not None]
        return max(times, default=None)


def _newest(rows: pa.Table, count: int) -> pa.Table:
    rows = rows.sort_by("at")
    return rows.slice(max(rows.num_rows - count, 0))
