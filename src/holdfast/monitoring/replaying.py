"""A table played as if its rows came in live: what would have been found, when, and what not.

Rows come in the order of their event times, outcomes after a delay. The same engine as in
production sees them in small groups; nothing is looked up ahead.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from holdfast import frames
from holdfast.contracts.model import Role
from holdfast.detection.base import IntArray
from holdfast.detection.budget import Budget
from holdfast.errors import DataError, UsageError
from holdfast.frames.values import FloatArray, ValueKind, read_values
from holdfast.monitoring.engine import Labelled
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.reference import MonitoredRelease
from holdfast.monitoring.replay_report import ReplayReport, Told
from holdfast.monitoring.ring import KEPT
from holdfast.monitoring.rows import Coded, Rows
from holdfast.monitoring.table_reference import TableReference, numbers_of, outcomes
from holdfast.records import Incident, IncidentStatus

#: rows that come together
STEP = 200
DAY = 86_400_000_000
#: traffic and beginning of a table without times: 10,000 rows a day from 2000-01-01 on
ROWS_PER_DAY, BEGIN = 10_000.0, 946_684_800_000_000
_UNITS = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": DAY,
          "week": 7 * DAY}  # fmt: skip
_DELAY = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(row|second|minute|hour|day|week)s?\s*$")


class Delay(NamedTuple):
    """How long outcomes take: a time in microseconds, or a number of rows."""

    time: int = 0
    rows: int = 0


def parse_delay(text: str) -> Delay:
    """A delay in words.

    Raises:
        UsageError: it is none.

    Example:
        >>> parse_delay("2 hours"), parse_delay("500 rows")
        (Delay(time=7200000000, rows=0), Delay(time=0, rows=500))
    """
    match = _DELAY.match(text.lower())
    if match is None:
        raise UsageError(
            "cannot read the label delay",
            expected='words like "7 days", "36 hours" or "500 rows"',
            got=f"label_delay={text!r}",
        )
    number, unit = float(match[1]), match[2]
    if unit == "row":
        return Delay(rows=int(number))
    return Delay(time=int(number * _UNITS[unit]))


class _Due(NamedTuple):
    """Rows whose outcomes are still to come."""

    first: int
    last_at: int
    rows: Rows
    label: FloatArray


class _Player(Monitor):
    """A monitor that is given rows with their times, and outcomes when they are due."""

    def play(self, rows: Rows) -> list[Incident]:
        """Takes rows; the incidents that changed."""
        return self._note(self._engine.observe(rows))

    def outcome(self, due: _Due) -> list[Incident]:
        """Takes the outcomes of earlier rows."""
        numbers = np.arange(due.first, due.first + len(due.label), dtype=np.int64)
        gone = due.first < self.rows - KEPT
        known = np.isfinite(due.label)
        if not known.any():
            return []
        if gone:  # the label bank leaves rows without an outcome out
            return self._note(self._engine.observe_labels(Labelled(numbers, due.label, due.rows)))
        return self._note(self._engine.observe_labels(Labelled(numbers[known], due.label[known])))

    def scored(self, rows: list[dict[str, Any]], at: IntArray, source: str | None) -> Rows:
        """Rows answered by the release."""
        return self._answered(rows, at, int(at[-1]), source)[0]

    def read(self, table: frames.Table, score: FloatArray | None, at: IntArray) -> Rows:
        """Rows of a table that was scored elsewhere."""
        n = len(table)
        first = self._take(n)
        columns = {
            name: read_values(kind, table.column(name))
            for name, kind in self._release.values.kinds.items()  # type: ignore[attr-defined]
            if name in table
        }
        codes = np.zeros(n, np.int64)
        return Rows(
            ids=pa.array([str(first + i) for i in range(n)]),
            at=at,
            received=at,
            release=Coded(codes, [self._release.id]),
            source=Coded(codes - 1, []),
            verdict=Coded(codes, ["ok"]),
            marks={},
            score=score,
            read=lambda _kinds: columns,
        )


def replay(
    table: Any,
    release: MonitoredRelease,
    *,
    model: str = "model",
    event_time: str | None = None,
    score: str | None = None,
    target: str | None = None,
    positive: Any = None,
    label_delay: str = "0 rows",
    rows_per_day: float | None = None,
    budget: str | Budget = "1 false incident per month",
) -> ReplayReport:
    """Plays a table as if live.

    Args:
        table: anything `holdfast.frames.read` takes.
        release: a release that scores the rows, or a `TableReference` where `score` names the
            column of scores.
        model: a name for records.
        event_time: column of times; None takes the contract's. Rows are played in its order;
            without it, in the order of the table.
        score: column of scores, with a `TableReference`.
        target: column of outcomes; None takes the contract's.
        positive: the outcome that is scored; None takes the release's.
        label_delay: how long outcomes take: "7 days", "500 rows".
        rows_per_day: traffic, for a budget per time, and to give rows without a time one.
        budget: the false-alarm promise.

    Raises:
        DataError: no rows, or a column is not there, or times that cannot be read.
        UsageError: the delay cannot be read.
    """
    delay = parse_delay(label_delay)
    frame = frames.read(table)
    if not len(frame):
        raise DataError("there is nothing to play", expected="at least one row", got="rows=0")
    roles = {f.role: f.name for f in release.contract.data.fields}
    clock = event_time or roles.get(Role.EVENT_TIME)
    outcome = target or roles.get(Role.TARGET)
    for name, asked in ((clock, event_time), (outcome, target), (score, score)):
        if asked is not None and name not in frame:
            raise DataError(
                "the table lacks a column that was named",
                expected=f"a column {asked!r}",
                got=f"columns {', '.join(frame.names[:12])}",
            )
    times = _times(frame, clock if clock in frame else None, rows_per_day)
    order = np.argsort(times, kind="stable")
    if (np.diff(order) != 1).any():
        frame, times = frame.take(order), times[order]
    label = np.full(len(frame), np.nan)
    if outcome is not None and outcome in frame:
        meant = positive if positive is not None else getattr(release, "positive", None)
        label = outcomes(frame.column(outcome).to_pylist(), meant)
    player = _Player(release, budget=budget, rows_per_day=rows_per_day, model=model)
    groups = _groups(player, frame, times, score, outcome)
    if clock is None or clock not in frame:
        groups = _untimed(groups)
    told = _play(player, groups, label, delay)
    return ReplayReport(
        model=model,
        release=release.id,
        promise=player.promise,
        rows=len(frame),
        since=int(times[0]),
        until=int(times[-1]),
        timed=clock is not None and clock in frame,
        label_delay=label_delay,
        outcomes=int(np.isfinite(label).sum()),
        told=tuple(told),
    )


def _groups(
    player: _Player, frame: frames.Table, times: IntArray, score: str | None, target: str | None
) -> Iterator[Rows]:
    """The rows in groups, as they come."""
    reference = isinstance(player._release, TableReference)
    kept = frame.select([n for n in frame.names if n != target])
    scores = None if score is None or not reference else numbers_of(frame, score)
    for low in range(0, len(frame), STEP):
        high = min(low + STEP, len(frame))
        part = kept.take(np.arange(low, high))
        if reference:
            yield player.read(part, None if scores is None else scores[low:high], times[low:high])
        else:
            yield player.scored(list(part.rows()), times[low:high], None)


def _untimed(groups: Iterator[Rows]) -> Iterator[Rows]:
    """Rows whose times were made up: they say nothing about the hour."""
    for rows in groups:
        rows.timed = np.zeros(len(rows), np.bool_)
        yield rows


def _play(
    player: _Player, groups: Iterator[Rows], label: FloatArray, delay: Delay
) -> Sequence[Told]:
    """Plays the groups; what was found, in order of opening."""
    waiting: deque[_Due] = deque()
    opened: dict[str, Incident] = {}
    ended: dict[str, int] = {}

    def note(changed: list[Incident]) -> None:
        for incident in changed:
            opened[incident.id] = incident
            if incident.status is IncidentStatus.CLOSED:
                ended.setdefault(incident.id, player.rows)

    for rows in groups:
        first, now = player.rows, int(rows.at[-1])
        note(player.play(rows))
        waiting.append(_Due(first, now, rows, label[first : first + len(rows)]))
        while waiting and _is_due(waiting[0], now, player.rows, delay):
            note(player.outcome(waiting.popleft()))
    while waiting:  # outcomes that come after the last row
        note(player.outcome(waiting.popleft()))
    return [Told(incident=i, closed_row=ended.get(name)) for name, i in opened.items()]


def _is_due(due: _Due, now: int, rows: int, delay: Delay) -> bool:
    last = due.first + len(due.label)
    return due.last_at + delay.time <= now and last + delay.rows <= rows


def _times(frame: frames.Table, name: str | None, rows_per_day: float | None) -> IntArray:
    """Shape (n,): when each row comes, microseconds since 1970 (UTC)."""
    n = len(frame)
    if name is None:
        apart = DAY / (rows_per_day or ROWS_PER_DAY)
        return BEGIN + (np.arange(n) * apart).astype(np.int64)
    view = frame.column(name)
    kind = frame.schema.field(name).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            parsed = pa.array(view.to_pylist(), pa.string()).cast(pa.timestamp("us"))
        except pa.ArrowInvalid as error:
            raise _no_times(name, str(kind)) from error
        numbers = parsed.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
    elif pa.types.is_temporal(kind):
        numbers = read_values(ValueKind.NUMBER, view).numbers
    else:
        raise _no_times(name, str(kind))
    known = np.isfinite(numbers)
    if not known.any():
        raise _no_times(name, "nulls only")
    # a row without a time comes with the row before it
    place = np.maximum.accumulate(np.where(known, np.arange(n), -1))
    place = np.where(place < 0, int(np.argmax(known)), place)
    found: IntArray = numbers[place].astype(np.int64)
    return found


def _no_times(name: str, got: str) -> DataError:
    return DataError(
        "the column of event times cannot be read as times",
        expected=f"timestamps in {name!r}",
        got=got,
        remedy="name another with --event-time, or convert it to a timestamp",
    )
