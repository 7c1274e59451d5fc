"""``hf.Monitor``: the same engine for a table at a time, in memory, without store or server."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from holdfast import frames
from holdfast.contracts.model import Role, Violation
from holdfast.detection.base import Stream
from holdfast.detection.budget import Budget, parse_budget
from holdfast.errors import DataError
from holdfast.monitoring.engine import ModelMonitor
from holdfast.monitoring.promise import Watched, promise, watched
from holdfast.monitoring.reference import MonitoredRelease
from holdfast.monitoring.rows import Rows, decode
from holdfast.records import Incident

#: rows answered at a time
STEP = 4096
_TIME = pa.timestamp("us", tz="UTC")


class _Answer(Protocol):
    @property
    def verdict(self) -> str: ...
    @property
    def violations(self) -> Sequence[Violation]: ...


class _Scorer(Protocol):
    def answer(self, rows: list[dict[str, Any]]) -> Sequence[_Answer]: ...


class ScoringRelease(MonitoredRelease, Protocol):
    """A release that can also answer rows."""

    def scorer(self) -> _Scorer:
        """What answers rows by the release's contract and model."""
        ...


def now_us() -> int:
    """Microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


class Monitor:
    """Watches tables of production rows against a release.

    Rows count in the order in which they are given, over all calls.

    Args:
        release: the release that serves (or would serve) the rows.
        budget: the false-alarm promise in words.
        rows_per_day: expected traffic, for a promise per time; without it, such a promise counts
            as one in 10,000 windows of 200 rows until a day of traffic was measured.
        model: a name for sentences and records.
        clock: gives the current time in microseconds since 1970 (UTC).
    """

    def __init__(
        self,
        release: ScoringRelease,
        *,
        budget: str | Budget = "1 false incident per month",
        rows_per_day: float | None = None,
        model: str = "model",
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._release = release
        self._scorer: _Scorer | None = None
        self._budget = parse_budget(budget, rows_per_day=rows_per_day)
        self._clock = clock
        self._count = 0
        self._found: dict[str, Incident] = {}
        self._engine = ModelMonitor(model, lambda _model, _id: release, self._budget)
        self._engine.start(release.id)

    def observe(self, table: Any, *, source: str | None = None) -> list[Incident]:
        """Takes a table of rows as they arrive in production.

        Args:
            table: anything that `holdfast.frames.read` takes. The contract's event time column,
                where there is one, gives each row's time. A table of the prediction log (columns
                ``verdict`` and ``marks``) is taken as it is.
            source: where the rows come from, for attribution; a column ``source`` that is no
                feature does the same row by row.

        Returns:
            The incidents that this table opened, updated or closed, as they are now.
        """
        now = self._clock()
        changed: dict[str, Incident] = {}
        for rows in self._read(table, now, source):
            for change in self._engine.observe(rows):
                changed[change.incident.id] = change.incident
        self._found |= changed
        return list(changed.values())

    @property
    def incidents(self) -> list[Incident]:
        """Every incident so far, oldest first."""
        return list(self._found.values())

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return self._engine.rows

    @property
    def promise(self) -> str:
        """The false-alarm promise in words."""
        return promise(self._budget, self._budget.rows())

    @property
    def watched(self) -> list[Watched]:
        """What is watched, how far it may move, and after how many rows a fault is noticed."""
        return watched(self.streams)

    @property
    def streams(self) -> list[Stream]:
        """The questions that are watched, as fitted."""
        detectors = self._engine.detectors(self._release.id)
        return [stream for d in detectors.values() for stream in d.streams]

    def fork(self) -> Monitor:
        """A second monitor that has seen the same rows and goes its own way from here."""
        twin = copy.copy(self)
        twin._found = dict(self._found)
        twin._engine = self._engine.fork()
        return twin

    def _read(self, table: Any, now: int, source: str | None) -> Iterator[Rows]:
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        if isinstance(table, pa.Table) and {"verdict", "marks"} <= set(table.column_names):
            for batch in table.to_batches(STEP):
                log = _as_log(batch, self._release.id, self._take(batch), now, source)
                yield decode(log)
            return
        for batch in frames.read(table).batches(STEP):
            yield self._answered(batch, now, source)

    def _take(self, batch: pa.RecordBatch) -> int:
        """Number of the first row of a batch, counting the batch as seen."""
        first, self._count = self._count, self._count + batch.num_rows
        return first

    def _answered(self, batch: pa.RecordBatch, now: int, source: str | None) -> Rows:
        first, names = self._take(batch), set(batch.schema.names)
        if self._scorer is None:
            self._scorer = self._release.scorer()
        times = self._times(batch, now)
        features = {f.name for f in self._release.contract.data.fields}
        sources = (
            batch.column("source").to_pylist()
            if source is None and "source" in names - features
            else source
        )
        rows = batch.to_pylist()
        answers = self._scorer.answer(rows)
        made = _rows(answers, self._release.id, times, now, first, sources)
        made.look = lambda positions: [rows[i] for i in positions.tolist()]
        return made

    def _times(self, batch: pa.RecordBatch, now: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        for field in self._release.contract.data.fields:
            if field.role is Role.EVENT_TIME and field.name in batch.schema.names:
                column = batch.column(field.name)
                if pa.types.is_timestamp(column.type):
                    naive = column.type.tz is None
                    kind = pa.timestamp("us") if naive else _TIME
                    micros = column.cast(kind, safe=False).cast(pa.int64()).fill_null(now)
                    return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.int64)
        return np.full(batch.num_rows, now, np.int64)


def _rows(
    answers: Sequence[_Answer],
    release: str,
    at: np.ndarray[Any, np.dtype[np.int64]],
    now: int,
    first: int,
    source: str | Sequence[str | None] | None,
) -> Rows:
    """Answered rows as rows of the log."""
    n = len(answers)
    sources = [source] * n if source is None or isinstance(source, str) else source
    return decode(
        pa.record_batch(
            {
                "id": pa.array([str(first + i) for i in range(n)], pa.string()),
                "release": pa.array([release] * n, pa.string()),
                "at": pa.array(at, pa.int64()).cast(_TIME),
                "received": pa.array(np.maximum(at, now), pa.int64()).cast(_TIME),
                "source": pa.array([None if s is None else str(s) for s in sources], pa.string()),
                "verdict": pa.array([str(a.verdict) for a in answers], pa.string()),
                "marks": pa.array([mark_texts(a.violations) for a in answers],
                                  pa.list_(pa.string())),
            }
        )
    )  # fmt: skip


def mark_texts(violations: Sequence[Violation]) -> list[str]:
    """The marks of one row as the prediction log keeps them.

    >>> from holdfast.contracts.model import Policy
    >>> mark_texts([Violation("Income", "null", Policy.ALLOW, note=True)])
    ['~Income:null']
    """
    return [f"{'~' if v.note else ''}{v.field}:{v.code}" for v in violations]


def _as_log(
    batch: pa.RecordBatch, release: str, first: int, now: int, source: str | None
) -> pa.RecordBatch:
    """A batch with the log's columns, missing ones made up."""
    n = batch.num_rows
    clock = pa.array(np.full(n, now, np.int64)).cast(_TIME)
    made: Mapping[str, pa.Array] = {
        "id": pa.array([str(first + i) for i in range(n)], pa.string()),
        "release": pa.array([release] * n, pa.string()),
        "at": clock,
        "received": clock,
        "source": pa.array([source] * n, pa.string()),
    }
    kinds = {"at": _TIME, "received": _TIME, "marks": pa.list_(pa.string())}
    columns = {}
    for name in ("id", "release", "at", "received", "source", "verdict", "marks"):
        column = batch.column(name) if name in batch.schema.names else made[name]
        try:
            columns[name] = column.cast(kinds.get(name, pa.string()))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"column {name!r} is not as in the prediction log",
                expected=str(kinds.get(name, pa.string())),
                got=str(column.type),
                remedy="give rows without verdict and marks, or a table read from the log",
            ) from error
    return pa.record_batch(columns)
