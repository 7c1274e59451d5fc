"""Watches what the guard marks: one yes/no stream per feature and code, and per verdict.

A mark is ``field:code`` (``Job:null``). Verdicts and guard failures are marks without a field
(``:rejected``). A stream only counts rows to which its question applies: a null row says nothing of
its type, and a row of the wrong type nothing of its range. So a null incident does not set off the
other streams of that column, and the promise stays valid, because the bet is conditional on the row
being applicable.

Null streams are also watched downwards: nulls that vanish usually mean that somebody upstream has
begun to fill them in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec
import numpy as np

from holdfast.detection.base import Block, Event, EventKind, IntArray, Reference, Side, Stream
from holdfast.detection.cusum import BETS, SCALE, Steps, bets_above, rise_on_yes, units
from holdfast.detection.mark_streams import (
    ALWAYS,
    DOWN_WEIGHT,
    NEEDS,
    NEEDS_VALUE,
    OTHER,
    draft,
    split_mark,
    stream_key,
)
from holdfast.detection.recovery import (
    MAX_STRIKES,
    RELAPSE_ROWS,
    Fault,
    follow,
)
from holdfast.frames.values import FloatArray

_NOTHING = np.empty(0, np.int64)


class _State(msgspec.Struct, array_like=True):
    """Everything a MarkDetector is, as data."""

    streams: tuple[Stream, ...]
    wealth: bytes
    began: bytes
    counts: bytes
    lapses: bytes
    faults: dict[int, Fault]
    version: int = 1
    accepted: dict[str, list[tuple[str, str, float]]] = {}
    learned: dict[str, float] = {}


class MarkDetector:
    """CUSUM e-detectors on the marks in the prediction log.

    Example:
        >>> reference = Reference(rows=4000, marks={"Job:null": 0}, watched=("Job:null",))
        >>> detector = MarkDetector.fit(reference, nats=14.5)
        >>> rows = np.arange(200)
        >>> block = Block(rows, rows * 1_000_000, {"Job:null": rows[100:]})
        >>> [event] = detector.observe(block)
        >>> event.stream.key, event.onset_row, event.row - event.onset_row + 1
        ('Job:null', 100, 4)
    """

    name: ClassVar[str] = "marks"

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._all = tuple(streams)
        self._live = [s for s in self._all if not s.muted]
        count = len(self._live)
        edges = [s.edge if s.side is Side.UP else 1.0 - s.edge for s in self._live]
        steps = [bets_above(edge) for edge in edges]
        self._edge = edges
        self._normal = [s.share if s.side is Side.UP else 1.0 - s.share for s in self._live]
        self._gain = np.array([s.yes for s in steps], np.int64).reshape(count, BETS)
        self._loss = np.array([s.no for s in steps], np.int64).reshape(count, BETS)
        self._threshold = np.array([units(s.nats) for s in self._live], np.int64)
        self._wealth = np.zeros((count, BETS), np.int64)
        # where the current excursion of each bet began: row, time, rows and yes counted before it
        self._began = np.zeros((4, count, BETS), np.int64)
        # per stream: applicable rows and yes rows so far
        self._counts = np.zeros((2, count), np.int64)
        # per stream: relapses, and rows counted at the last recovery (-1: never)
        self._lapses = np.array([[0], [-1]], np.int64).repeat(count, axis=1)
        self._faults: dict[int, Fault] = {}
        # what was accepted as normal, by incident, and the ends of those intervals as learned
        self._accepted: dict[str, list[tuple[str, str, float]]] = {}
        self._learned: dict[str, float] = {}
        self._up = np.array([s.side is Side.UP for s in self._live], np.bool_)
        self._index()

    def _index(self) -> None:
        self._by_field: dict[str, list[int]] = defaultdict(list)
        self._known: set[str] = set()
        for i, stream in enumerate(self._live):
            self._by_field[stream.field].append(i)
        for stream in self._all:
            self._known.add(stream.key)

    @classmethod
    def fit(cls, reference: Reference, nats: float) -> MarkDetector:
        """Streams for every mark that the reference saw or the contract can set."""
        keys = {stream_key(m) for m in (*reference.watched, *reference.marks, *ALWAYS)}
        drafts = [d for key in sorted(keys) for d in draft(key, reference)]
        live = {side: sum(s.side is side and not s.muted for s in drafts) for side in Side}
        down = DOWN_WEIGHT if live[Side.DOWN] else 0.0
        weight = {Side.UP: 1.0 - down, Side.DOWN: down}
        return cls(
            [
                msgspec.structs.replace(
                    s, nats=nats - float(np.log(weight[s.side] / (live[s.side] * BETS)))
                )
                if not s.muted
                else s
                for s in drafts
            ]
        )

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every stream, muted ones included."""
        return self._all

    def observe(self, block: Block) -> list[Event]:
        """Takes one block; events come in row order."""
        rows = len(block)
        if rows == 0:
            return []
        marks = self._normalise(block.marks)
        touched = {split_mark(key)[0] for key, at in marks.items() if len(at)}
        slow = {i for field in touched for i in self._by_field.get(field, ())}
        slow.update(self._faults)
        slow.update(np.flatnonzero(~self._up).tolist())
        quick = np.ones(len(self._live), np.bool_)
        quick[list(slow)] = False
        self._wealth[quick] = np.maximum(self._wealth[quick] + rows * self._loss[quick], 0)
        self._counts[0, quick] += rows
        events = [e for i in sorted(slow) for e in self._run(i, block, marks)]
        events.sort(key=lambda e: e.row)
        return events

    def observe_labels(self, block: Block, label: FloatArray, row: int, at: int) -> list[Event]:
        """Marks know no outcomes."""
        del block, label, row, at
        return []

    def faults(self) -> list[Event]:
        """The faults going on now, each as a crossing with its counts so far."""
        return [
            self._event(i, EventKind.CROSSED, f, f.peak_row, f.peak_at, 0)
            for i, f in sorted(self._faults.items())
        ]

    def dismiss(self, key: str, side: Side) -> None:
        """Forgets a fault and starts that stream afresh."""
        i = self._find(key, side)
        if i is not None:
            self._faults.pop(i, None)
            self._wealth[i] = 0

    def accept(
        self, incident: str, events: Sequence[Event], block: Block, label: FloatArray | None
    ) -> int:
        """Takes the share that some streams show as normal from now on."""
        del block, label
        found = []
        for event in events:
            i = self._find(event.stream.key, event.stream.side)
            if i is not None and event.rows:
                up = self._live[i].side is Side.UP
                share = event.share if up else 1.0 - event.share
                error = 4.0 * (share * (1.0 - share) / event.rows) ** 0.5 + 2.0 / event.rows
                edge = share + max(error, 0.003 + 0.25 * share * (1.0 - share))
                found.append((event.stream.key, event.stream.side.value, min(edge, 1.0 - 1e-4)))
            self.dismiss(event.stream.key, event.stream.side)
        self._accepted[incident] = found
        self._widen()
        return max((e.rows for e in events), default=0)

    def take_back(self, incident: str) -> bool:
        """What was accepted is not normal after all."""
        if self._accepted.pop(incident, None) is None:
            return False
        self._widen()
        return True

    def _widen(self) -> None:
        """Ends of intervals as learned, and where something was accepted as far as that."""
        wanted: dict[tuple[str, str], float] = {}
        for found in self._accepted.values():
            for key, side, edge in found:
                wanted[key, side] = max(wanted.get((key, side), 0.0), edge)
        for i, stream in enumerate(self._live):
            name = f"{stream.side.value} {stream.key}"
            if (stream.key, stream.side.value) not in wanted and name not in self._learned:
                continue
            first = self._learned.setdefault(name, self._edge[i])
            edge = max(first, wanted.get((stream.key, stream.side.value), 0.0))
            steps = bets_above(edge)
            self._edge[i], self._gain[i], self._loss[i] = edge, steps.yes, steps.no
            shown = edge if stream.side is Side.UP else 1.0 - edge
            self._live[i] = msgspec.structs.replace(stream, edge=shown)
        now = {(s.key, s.side): s for s in self._live}
        self._all = tuple(now.get((s.key, s.side), s) for s in self._all)

    def _find(self, key: str, side: Side) -> int | None:
        wanted = key, side
        return next((i for i, s in enumerate(self._live) if (s.key, s.side) == wanted), None)

    def adopt(self, event: Event) -> bool:
        """Puts the stream of `event` into fault, so that this detector tests for its end."""
        i = self._find(event.stream.key, event.stream.side)
        if i is None:
            return False
        stream = self._live[i]
        share = event.share if stream.side is Side.UP else 1.0 - event.share
        if share <= self._edge[i] or i in self._faults:
            return i in self._faults
        k = int(np.argmax(share * self._gain[i] + (1.0 - share) * self._loss[i]))
        yes = event.yes if stream.side is Side.UP else event.rows - event.yes
        rows_now, yes_now = (int(x) for x in self._counts[:, i])
        self._wealth[i] = 0
        self._faults[i] = Fault(
            gain=int(self._gain[i, k]),
            loss=int(self._loss[i, k]),
            wealth=int(self._threshold[i]),
            peak=int(self._threshold[i]),
            onset_row=event.onset_row,
            onset_at=event.onset_at,
            onset_rows=rows_now - event.rows,
            onset_yes=yes_now - yes,
            peak_row=event.row,
            peak_at=event.at,
            peak_rows=rows_now,
            peak_yes=yes_now,
        )
        return True

    def dump(self) -> bytes:
        """The detector as msgpack bytes."""
        state = _State(
            streams=self._all,
            wealth=self._wealth.tobytes(),
            began=self._began.tobytes(),
            counts=self._counts.tobytes(),
            lapses=self._lapses.tobytes(),
            faults=self._faults,
            accepted=self._accepted,
            learned=self._learned,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(
        cls, data: bytes, reference: Reference | None = None, nats: float = 0.0
    ) -> MarkDetector:
        """The detector that `dump` wrote; streams and thresholds are part of it."""
        del reference, nats
        state = msgspec.msgpack.decode(data, type=_State)
        self = cls(state.streams)
        for name in ("wealth", "began", "counts", "lapses"):
            mine: IntArray = getattr(self, f"_{name}")
            mine[...] = np.frombuffer(getattr(state, name), np.int64).reshape(mine.shape)
        self._faults = state.faults
        self._accepted, self._learned = state.accepted, state.learned
        return self

    def _normalise(self, marks: Mapping[str, IntArray]) -> dict[str, IntArray]:
        """Rows by stream: notes and violations together, unknown streams under `OTHER`."""
        found: dict[str, list[IntArray]] = defaultdict(list)
        for mark, at in marks.items():
            key = stream_key(mark)
            found[key if key in self._known else OTHER].append(at)
        return {
            key: ats[0] if len(ats) == 1 else np.unique(np.concatenate(ats))
            for key, ats in found.items()
        }

    def _run(self, i: int, block: Block, marks: Mapping[str, IntArray]) -> Iterator[Event]:
        """Carries one stream through a block, from event to event."""
        at, rows, where = _applicable(self._live[i], marks, len(block))
        done = 0
        taken = 0
        while done < rows:
            rest, left = at[taken:] - done, rows - done
            if i in self._faults:
                used, event = self._follow(i, rest, left, done, where, block)
            else:
                used, event = self._watch(i, rest, left, done, where, block)
            done += used
            fresh = int(np.searchsorted(at, done)) - taken
            taken += fresh
            self._counts[0, i] += used
            self._counts[1, i] += fresh
            if event is not None:
                yield event

    def _watch(
        self, i: int, at: IntArray, rows: int, done: int, where: IntArray | None, block: Block
    ) -> tuple[int, Event | None]:
        """Looks for a crossing; answers with the rows used up and the event."""
        path = rise_on_yes(self._wealth[i], at, rows, Steps(self._gain[i], self._loss[i]))
        if not len(at):
            self._wealth[i] = path.end
            return rows, None
        reached = path.after >= self._threshold[i]
        crossed = reached.any(axis=0)
        last = int(np.argmax(crossed)) if crossed.any() else len(at) - 1
        order = np.arange(last + 1)
        latest = np.where(path.fresh[:, : last + 1], order, -1).max(axis=1)
        seen_rows, seen_yes = self._counts[:, i]
        for k in np.flatnonzero(latest >= 0).tolist():
            first = int(at[latest[k]])
            row = _row(first + done, where)
            self._began[:, i, k] = (
                block.numbers[row],
                block.at[row],
                seen_rows + first,
                seen_yes + latest[k],
            )
        if not crossed.any():
            self._wealth[i] = path.end
            return rows, None
        k = int(np.argmax(np.where(reached[:, last], path.after[:, last], -1)))
        used = int(at[last]) + 1
        row = _row(used - 1 + done, where)
        wealth = int(path.after[k, last])
        onset_row, onset_at, onset_rows, onset_yes = (int(x) for x in self._began[:, i, k])
        fault = Fault(
            gain=int(self._gain[i, k]),
            loss=int(self._loss[i, k]),
            wealth=wealth,
            peak=wealth,
            onset_row=onset_row,
            onset_at=onset_at,
            onset_rows=onset_rows,
            onset_yes=onset_yes,
            peak_row=int(block.numbers[row]),
            peak_at=int(block.at[row]),
            peak_rows=int(seen_rows) + used,
            peak_yes=int(seen_yes) + last + 1,
            strikes=self._relapse(i, int(seen_rows)),
        )
        self._faults[i] = fault
        self._wealth[i] = 0
        return used, self._event(i, EventKind.CROSSED, fault, fault.peak_row, fault.peak_at, 0)

    def _follow(
        self, i: int, at: IntArray, rows: int, done: int, where: IntArray | None, block: Block
    ) -> tuple[int, Event | None]:
        """Looks for the end of a fault; answers with the rows used up and the event."""
        fault = self._faults[i]
        seen = int(self._counts[0, i]), int(self._counts[1, i])
        result = follow(fault, at, rows, self._normal[i], self._edge[i], seen)
        if result.high >= 0:
            row = _row(int(at[result.high]) + done, where)
            fault.peak_row, fault.peak_at = int(block.numbers[row]), int(block.at[row])
        if result.end < 0:
            return rows, None
        used = result.end + 1
        row = _row(result.end + done, where)
        clean = seen[0] + used - fault.peak_rows
        event = self._event(
            i, EventKind.RECOVERED, fault, int(block.numbers[row]), int(block.at[row]), clean
        )
        del self._faults[i]
        self._lapses[:, i] = fault.strikes, seen[0] + used
        return used, event

    def _relapse(self, i: int, seen_rows: int) -> int:
        strikes, recovered = (int(x) for x in self._lapses[:, i])
        if recovered < 0 or seen_rows - recovered > RELAPSE_ROWS:
            return 0
        return min(strikes + 1, MAX_STRIKES)

    def _event(self, i: int, kind: EventKind, fault: Fault, row: int, at: int, clean: int) -> Event:
        stream = self._live[i]
        rows = fault.peak_rows - fault.onset_rows
        yes = fault.peak_yes - fault.onset_yes
        over = kind is EventKind.RECOVERED
        return Event(
            kind=kind,
            stream=stream,
            row=row,
            at=at,
            onset_row=fault.onset_row,
            onset_at=fault.onset_at,
            yes=yes if stream.side is Side.UP else rows - yes,
            rows=rows,
            nats=(fault.relief if over else fault.peak) / SCALE,
            last_row=fault.peak_row if over else -1,
            last_at=fault.peak_at if over else 0,
            clean=clean,
        )


def _applicable(
    stream: Stream, marks: Mapping[str, IntArray], rows: int
) -> tuple[IntArray, int, IntArray | None]:
    """Positions of the yes rows among applicable rows, their number, and where they stand.

    The last is None when every row applies.
    """
    at = marks.get(stream.key, _NOTHING)
    needs = NEEDS.get(stream.code, NEEDS_VALUE) if stream.field else ()
    gone = [x for code in needs if len(x := marks.get(f"{stream.field}:{code}", _NOTHING))]
    where: IntArray | None = None
    if gone:
        mask = np.ones(rows, np.bool_)
        for out in gone:
            mask[out] = False
        at = at[mask[at]]
        where = np.flatnonzero(mask)
        at = np.searchsorted(where, at)
        rows = len(where)
    if stream.side is Side.DOWN:
        mask = np.ones(rows, np.bool_)
        mask[at] = False
        at = np.flatnonzero(mask)
    return at, rows, where


def _row(position: int, where: IntArray | None) -> int:
    return position if where is None else int(where[position])
