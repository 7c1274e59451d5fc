"""``hf.Monitor``: the same engine for a table at a time, in memory, without store or server."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast import frames
from holdfast.contracts.model import Role, Violation
from holdfast.detection.base import Stream
from holdfast.detection.budget import Budget, parse_budget
from holdfast.diagnosis.grouping import returns
from holdfast.diagnosis.incidents import OPENED
from holdfast.errors import DataError
from holdfast.frames.values import FloatArray, Values
from holdfast.monitoring.engine import Change, Labelled, ModelMonitor
from holdfast.monitoring.promise import Watched, promise, watched
from holdfast.monitoring.reference import MonitoredRelease
from holdfast.monitoring.rows import Coded, Rows, columns_of, decode
from holdfast.monitoring.table_reference import outcomes
from holdfast.records import Incident, IncidentStatus

#: rows answered at a time
STEP = 4096
_TIME = pa.timestamp("us", tz="UTC")


class _Answer(Protocol):
    @property
    def verdict(self) -> str: ...
    @property
    def violations(self) -> Sequence[Violation]: ...
    @property
    def score(self) -> float | None: ...


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
        self._returned: dict[str, str] = {}
        self._accepted: dict[str, str] = {}
        self._engine = ModelMonitor(model, lambda _model, _id: release, self._budget)
        self._engine.start(release.id)

    def observe(self, table: Any, *, source: str | None = None) -> list[Incident]:
        """Takes a table of rows as they arrive in production.

        Outcomes that are known already are taken along: in a column of the name of the contract's
        target. Others come later, by `observe_labels`.

        Args:
            table: anything that `holdfast.frames.read` takes, or a list of dicts, whose values need
                not be of one type a column. The contract's event time column, where there is one,
                gives each row's time. A table of the prediction log (columns ``verdict`` and
                ``marks``) is taken as it is.
            source: where the rows come from, for attribution; a column ``source`` that is no
                feature does the same row by row.

        Returns:
            The incidents that this table opened, updated or closed, as they are now.
        """
        now = self._clock()
        changed: list[Incident] = []
        for rows, label in self._read(table, now, source):
            first = self._engine.rows
            changed += self._note(self._engine.observe(rows))
            if label is not None and np.isfinite(label).any():
                numbers = np.arange(first, first + len(rows), dtype=np.int64)
                changed += self._note(self._engine.observe_labels(Labelled(numbers, label)))
        return list({i.id: i for i in changed}.values())

    def observe_columns(
        self,
        columns: Mapping[str, Values],
        *,
        score: FloatArray | None = None,
        at: NDArray[np.int64] | None = None,
        source: str | None = None,
        marks: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> list[Incident]:
        """Takes rows that were read as columns already; nothing is scored and no rule is checked.

        Args:
            columns: by name, as `holdfast.frames.values.read_values` gives them.
            score: shape (n,), the model's scores, NaN where there is none.
            at: shape (n,), event times in microseconds since 1970 (UTC).
            source: where the rows come from.
            marks: what the contract marks, as ``field:code``, with the ascending positions of the
                rows that carry it; see `holdfast.contracts.marks.marked`.
        """
        n = len(next(iter(columns.values()), ()))
        if not n:
            return []
        now = self._clock()
        times = np.full(n, now, np.int64) if at is None else at
        first, self._count = self._count, self._count + n
        codes = np.zeros(n, np.int64)
        rows = Rows(
            ids=pa.array([str(first + i) for i in range(n)]),
            at=times,
            received=np.maximum(times, now),
            release=Coded(codes, [self._release.id]),
            source=Coded(codes - (source is None), [] if source is None else [source]),
            verdict=Coded(codes, ["ok"]),
            marks={} if marks is None else marks,
            score=score,
            read=lambda _kinds: columns,
            timed=None if at is not None else np.zeros(n, np.bool_),
        )
        return self._note(self._engine.observe(rows))

    def observe_labels(self, rows: Any, values: Any) -> list[Incident]:
        """Takes outcomes of rows observed before, in the order in which they became known.

        Args:
            rows: shape (n,), numbers of the rows, counted from 0 over all calls of `observe`.
            values: the outcomes: 0 and 1, or labels of the release's target.

        Raises:
            DataError: outcomes that cannot be told apart as 0 and 1.
        """
        numbers = np.asarray(rows, np.int64)
        positive = getattr(self._release, "positive", None)
        array = values if isinstance(values, np.ndarray) and values.dtype.kind in "fiub" else None
        plain = values.tolist() if hasattr(values, "tolist") else list(values)
        label = (
            array.astype(np.float64)
            if array is not None and positive in (None, 1, True)
            else outcomes(plain, positive)
        )
        return self._note(self._engine.observe_labels(Labelled(numbers, label)))

    def accept(self, incident: str) -> Incident:
        """Takes an open incident as normal from now on: its columns tolerate what they now show.

        Args:
            incident: its id.

        Raises:
            DataError: no such incident is open.
        """
        known = self._found.get(incident)
        names = [k for k, first in self._returned.items() if first == incident]
        inside = {i.id for i in self._engine.open}
        mine = next((n for n in (*reversed(names), incident) if n in inside), None)
        if known is None or mine is None:
            raise DataError(
                "no such incident is open",
                expected=f"one of {', '.join(sorted(i.id for i in self._open())) or 'none'}",
                got=repr(incident),
            )
        self._engine.accept(mine)
        self._accepted[incident] = mine
        after = msgspec.structs.replace(
            known, status=IncidentStatus.CLOSED, ending="accepted", closed_at=self._clock()
        )
        self._found[incident] = after
        return after

    def take_back(self, incident: str) -> bool:
        """What was accepted is not normal after all: if it still stands, it is found again."""
        mine = self._accepted.pop(incident, None)
        return mine is not None and self._engine.take_back(mine)

    def _open(self) -> list[Incident]:
        return [i for i in self._found.values() if i.status is IncidentStatus.OPEN]

    def _note(self, changes: Sequence[Change]) -> list[Incident]:
        changed: dict[str, Incident] = {}
        for change in changes:
            incident = self._as_known(change)
            changed[incident.id] = self._found[incident.id] = incident
        return list(changed.values())

    def _as_known(self, change: Change) -> Incident:
        """The incident under its first name: what comes back soon is the same one, reopened."""
        incident = change.incident
        if change.kind == OPENED:
            earlier = returns(incident, self._found.values())
            if earlier is not None:
                self._returned[incident.id] = earlier
        first = self._returned.get(incident.id)
        if first is None:
            return incident
        known = self._found[first]
        again = (*known.reopened, incident.opened_at) if change.kind == OPENED else known.reopened
        return msgspec.structs.replace(
            incident, id=first, reopened=again, opened_at=known.opened_at,
            opened_row=known.opened_row, updates=(*known.updates, *incident.updates),
        )  # fmt: skip

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
        twin._returned = dict(self._returned)
        twin._accepted = dict(self._accepted)
        twin._engine = self._engine.fork()
        return twin

    def _read(
        self, table: Any, now: int, source: str | None
    ) -> Iterator[tuple[Rows, FloatArray | None]]:
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        if isinstance(table, pa.Table) and {"verdict", "marks"} <= set(table.column_names):
            for batch in table.to_batches(STEP):
                log = _as_log(batch, self._release.id, self._take(batch.num_rows), now, source)
                yield decode(log), None
            return
        if isinstance(table, list) and table and all(isinstance(row, dict) for row in table):
            for start in range(0, len(table), STEP):
                part = table[start : start + STEP]
                yield self._timed(part, self._times_of(part, now), now, source)
            return
        for batch in frames.read(table).batches(STEP):
            rows = batch.to_pylist()
            yield self._timed(rows, self._times(batch, now), now, source)

    def _timed(
        self, rows: list[dict[str, Any]], times: NDArray[np.int64], now: int, source: str | None
    ) -> tuple[Rows, FloatArray | None]:
        made, label = self._answered(rows, times, now, source)
        made.timed = times != now  # a row without a time of its own got the clock's
        return made, label

    def _take(self, rows: int) -> int:
        """Number of the first of some rows, counting them as seen."""
        first, self._count = self._count, self._count + rows
        return first

    def _answered(
        self,
        rows: list[dict[str, Any]],
        times: NDArray[np.int64],
        now: int,
        source: str | None,
    ) -> tuple[Rows, FloatArray | None]:
        first = self._take(len(rows))
        names = set(rows[0]) if rows else set()
        data = self._release.contract.data
        features = {f.name for f in data.fields}
        sources = (
            [row.get("source") for row in rows]
            if source is None and "source" in names - features
            else source
        )
        made = _rows(self._answers(rows), self._release.id, times, now, first, sources)
        made.look = lambda positions: [rows[i] for i in positions.tolist()]
        made.read = lambda kinds: columns_of(rows, kinds)
        target = next((f.name for f in data.fields if f.role is Role.TARGET), None)
        if target is None or target not in names:
            return made, None
        positive = getattr(self._release, "positive", None)
        return made, outcomes([row.get(target) for row in rows], positive)

    def _answers(self, rows: list[dict[str, Any]]) -> Sequence[_Answer]:
        if self._scorer is None:
            self._scorer = self._release.scorer()
        return self._scorer.answer(rows)

    def _times_of(self, rows: list[dict[str, Any]], now: int) -> NDArray[np.int64]:
        """Event times of rows as dicts; now where there is none."""
        for field in self._release.contract.data.fields:
            if field.role is Role.EVENT_TIME:
                kept = [{field.name: row.get(field.name)} for row in rows]
                try:
                    batches = list(frames.read(kept).batches(len(kept)))
                except DataError:
                    break
                return self._times(batches[0], now)
        return np.full(len(rows), now, np.int64)

    def _times(self, batch: pa.RecordBatch, now: int) -> NDArray[np.int64]:
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
    at: NDArray[np.int64],
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
                "score": pa.array([getattr(a, "score", None) for a in answers], pa.float64()),
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
