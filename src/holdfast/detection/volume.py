"""Watches traffic itself: no data, too little, too much, the same rows again, rows that come late.

The reference says how many rows an hour of the week brings and how much that varies; against it
seven bets a source are placed under the same false-alarm promise as every other detector. The
detector has no clock: time moves with the rows and with `VolumeDetector.tick`.

Without a history it learns from its own first day, and again after a week and after four; what it
cannot yet see it says (`VolumeDetector.promises`).

One process counts all rows of a model. Workers that each see a part send their rows' arrival times;
a part of the rows is not a source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from holdfast.detection.base import Event, EventKind, IntArray
from holdfast.detection.cusum import units
from holdfast.detection.season import DAY, HOUR
from holdfast.detection.volume_bets import BETS
from holdfast.detection.volume_counts import Counts
from holdfast.detection.volume_faults import Change, VolumeKind
from holdfast.detection.volume_history import ALL, VolumeReference, by_source, require_equal
from holdfast.detection.volume_rates import Traffic, bet_nats
from holdfast.detection.volume_reference import MIN_ROWS, MIN_SLOTS, learn_traffic
from holdfast.detection.volume_rows import (
    WARM_ROWS,
    KeyMemory,
    RowNormal,
    RowStream,
)
from holdfast.detection.volume_watch import (
    Watch,
    advance,
    begin,
    current,
    dismiss,
    restart,
    take,
)
from holdfast.detection.volume_words import VolumeEvent, VolumePromise, of_change, of_rows, promise
from holdfast.errors import DataError

#: shares of the detector's weight
COUNT_WEIGHT, DUPLICATE_WEIGHT, LATE_WEIGHT = 0.6, 0.2, 0.2
#: sources watched on their own, those with the most rows
MOST_SOURCES = 32
#: without a history: when normal traffic is learned, in days after the first full hour
STAGES = (1, 7, 28)


class _State(msgspec.Struct, array_like=True):
    """Everything a VolumeDetector is, as data."""

    nats: float
    clock: int
    behind: int
    stage: int
    next_stage: int
    counts: dict[str, Counts]
    watches: dict[str, Watch]
    unwatched: dict[str, int]
    streams: tuple[bytes, ...]
    keys: bytes
    version: int = 1


class VolumeDetector:
    """Sequential tests on arrivals.

    Example:
        >>> a_week = np.arange(0, 7 * DAY, 30_000_000)
        >>> detector = VolumeDetector.fit(VolumeReference.learn(a_week), nats=14.0)
        >>> life = np.arange(7 * DAY, 7 * DAY + HOUR, 30_000_000)
        >>> detector.observe(life, life), detector.tick(7 * DAY + HOUR + 60_000_000)
        ([], [])
        >>> print(detector.tick(7 * DAY + HOUR + 30 * 60_000_000)[0].sentence)
        no rows arrived since 1970-01-08 00:59 UTC; about 24 were expected by 01:11
    """

    name: ClassVar[str] = "volume"

    def __init__(self, nats: float) -> None:
        self.nats = nats
        self._clock = -1
        self._behind = 0
        self._stage = 0
        self._next = -1
        self._counts: dict[str, Counts] = {}
        self._watches: dict[str, Watch] = {}
        self._unwatched: dict[str, int] = {}
        self._keys = KeyMemory()
        self._streams: tuple[RowStream, ...] = ()

    @classmethod
    def fit(cls, reference: VolumeReference | None, nats: float) -> VolumeDetector:
        """A fresh detector; `nats` is its log-wealth threshold for weight 1.

        Args:
            reference: a normal time; None, or one with too few rows, learns from life.
            nats: the share of the budget, as `budget.shares_to_nats` gives it.
        """
        self = cls(nats)
        known = reference or VolumeReference()
        self._streams = tuple(
            RowStream(name, nats - math.log(weight), normal if normal.rows >= WARM_ROWS else none)
            for name, weight, normal, none in (
                ("duplicates", DUPLICATE_WEIGHT, known.duplicates, RowNormal()),
                ("late_data", LATE_WEIGHT, known.late, RowNormal()),
            )
        )
        whole = known.counts.get(ALL)
        if whole is None or whole.total < MIN_ROWS or len(whole.rows) < MIN_SLOTS + 2:
            self._counts = {ALL: Counts()}
            return self
        self._stage = len(STAGES)
        self._learn(known.counts, max(counts.last for counts in known.counts.values()))
        self._clock = -1
        return self

    def _learn(self, counts: dict[str, Counts], at: int) -> None:
        """Watches with what the counts say, from time `at` on."""
        named = sorted((n for n in counts if n != ALL), key=lambda n: (-counts[n].total, n))
        weights = {ALL: COUNT_WEIGHT / 2 if named else COUNT_WEIGHT}
        kept = named[:MOST_SOURCES]
        weights.update(dict.fromkeys(kept, COUNT_WEIGHT / 2 / max(len(kept), 1)))
        for name, weight in weights.items():
            old = self._watches.get(name)
            if old is not None and old.faults:
                continue  # its counts are those of a fault; the next stage looks again
            mean = counts[name].total / max(len(counts[name].rows), 1)
            nats = bet_nats(self.nats, weight, mean)
            self._watches[name] = begin(learn_traffic(counts[name], nats), units(nats), at)
        for name in named[MOST_SOURCES:]:
            self._unwatched.setdefault(name, 0)

    def observe(
        self,
        received: IntArray,
        at: IntArray,
        keys: IntArray | None = None,
        sources: Sequence[str | None] | None = None,
    ) -> list[VolumeEvent]:
        """Takes rows in the order in which they are read, and says what happened by then.

        Args:
            received: shape (n,), arrival times, microseconds since 1970 (UTC). A row stamped
                before one already read counts at the later time; one that is more than a slot
                behind belongs to a window out of order and is left out of the counts.
            at: shape (n,), event times.
            keys: shape (n,), 64-bit hashes; give them always or never.
            sources: n names, or None.

        Raises:
            DataError: the arrays have different lengths, or a time before 1970.
        """
        received, at = np.asarray(received, np.int64), np.asarray(at, np.int64)
        require_equal(received, at, keys, sources)
        if not len(received):
            return []
        times = np.maximum(np.maximum.accumulate(received), self._clock)
        events = self._row_events(received, at, keys, times)
        places = by_source(sources, len(received)) if sources is not None else {}
        start = 0
        while start < len(times):
            if self._next < 0:
                self._begin(int(times[0]))
            stop = len(times)
            if self._stage < len(STAGES):
                stop = int(np.searchsorted(times, self._next))
            if stop > start:
                events += self._count(received, times, places, start, stop)
            if stop < len(times):
                events += self._pass(self._next)
            start = stop
        self._clock = int(times[-1])
        events += self._advance(self._clock)
        return sorted(events, key=_order)

    def tick(self, now: int) -> list[VolumeEvent]:
        """Says that every row received before `now` has been observed.

        Args:
            now: microseconds since 1970 (UTC), from a trusted clock. When rows had claimed times
                more than a slot later than that, the detector's clock goes back to it.
        """
        if self._clock < 0 and not self._watches:
            return []
        if self._next < 0:
            self._begin(now)
        if self._watches and now < self._clock - max(
            w.traffic.slots.width for w in self._watches.values()
        ):
            self._clock = now
            for watch in self._watches.values():
                restart(watch, now)
            return []
        events: list[VolumeEvent] = []
        while self._stage < len(STAGES) and 0 <= self._next <= now:
            events += self._pass(self._next)
        self._clock = max(self._clock, now)
        return sorted(events + self._advance(self._clock), key=_order)

    def _begin(self, first: int) -> None:
        """The first row ever: watches with a reference start here, learning starts here."""
        self._next = -(-first // HOUR) * HOUR + STAGES[0] * DAY
        for name, watch in list(self._watches.items()):
            self._watches[name] = begin(watch.traffic, watch.threshold, first)

    def _pass(self, moment: int) -> list[VolumeEvent]:
        """A stage of learning ends at `moment`."""
        events = self._advance(moment)
        self._learn(self._counts, moment)
        self._stage += 1
        if self._stage < len(STAGES):
            self._next = moment + (STAGES[self._stage] - STAGES[self._stage - 1]) * DAY
        else:
            self._counts = {}
        return events

    def _count(
        self,
        received: IntArray,
        times: IntArray,
        places: dict[str, IntArray],
        start: int,
        stop: int,
    ) -> list[VolumeEvent]:
        """Counts the rows from `start` to `stop` for the whole and for each source."""
        events: list[VolumeEvent] = []
        whole = np.arange(start, stop, dtype=np.int64)
        for name, at in {ALL: whole, **places}.items():
            inside = at[(at >= start) & (at < stop)] if name != ALL else at
            if not len(inside):
                continue
            watch = self._watches.get(name)
            width = watch.traffic.slots.width if watch is not None else HOUR
            before = np.concatenate(([max(self._clock, 0)], times[:-1]))[inside]
            kept = inside[before - received[inside] <= width]
            if name == ALL:
                self._behind += len(inside) - len(kept)
            if self._stage < len(STAGES) and (
                name in self._counts or len(self._counts) <= 2 * MOST_SOURCES
            ):
                self._counts.setdefault(name, Counts()).add(times[kept])
            if watch is not None and len(kept):
                changes: list[Change] = []
                take(watch, times[kept], changes)
                events += [of_change(name, change) for change in changes]
            elif watch is None and name != ALL and len(self._unwatched) < 2 * MOST_SOURCES:
                self._unwatched[name] = self._unwatched.get(name, 0) + len(kept)
        return events

    def _advance(self, now: int) -> list[VolumeEvent]:
        events: list[VolumeEvent] = []
        for name, watch in self._watches.items():
            changes: list[Change] = []
            if now >= watch.clock and self._next >= 0:
                advance(watch, now, changes)
            events += [of_change(name, change) for change in changes]
        return events

    def _row_events(
        self, received: IntArray, at: IntArray, keys: IntArray | None, times: IntArray
    ) -> list[VolumeEvent]:
        repeats, late = self._streams
        found: list[Event] = late.observe(received - at, times)
        if keys is not None:
            again = self._keys.repeated(np.asarray(keys, np.int64))
            found += repeats.observe(again.astype(np.int64), times)
        return [of_rows(event) for event in found]

    def faults(self) -> list[VolumeEvent]:
        """The faults going on now, each as a crossing with its counts so far."""
        counted = [
            of_change(name, change)
            for name, watch in self._watches.items()
            for change in current(watch)
        ]
        rows = [of_rows(event) for stream in self._streams for event in stream.faults()]
        return sorted(counted + rows, key=_order)

    def dismiss(self, kind: VolumeKind | str, source: str = ALL, *, accept: bool = False) -> bool:
        """Forgets a fault (a person closed the incident); False when there is none.

        Args:
            kind: as in the event.
            source: as in the event.
            accept: for `traffic_low` and `traffic_high`: what was seen since the onset is the
                normal level from now on.
        """
        wanted = VolumeKind(kind)
        for stream in self._streams:
            if stream.name == wanted:
                there = bool(stream.faults())
                stream.dismiss()
                return there
        watch = self._watches.get(source)
        return watch is not None and dismiss(watch, wanted, accept)

    def promises(self) -> tuple[VolumePromise, ...]:
        """What is watched, and how soon what would be noticed; first all traffic, then sources."""
        said = [
            promise(name, watch.traffic, watch.threshold, self._stage < len(STAGES))
            for name, watch in self._watches.items()
        ]
        if not self._watches:
            said = [promise(ALL, Traffic(unknown="learning"), 0, True)]
        return tuple(said)

    @property
    def facts(self) -> dict[str, Any]:
        """What else people should know, as plain data.

        ``behind``: rows of windows out of order, left out of the counts. ``unwatched``: sources
        that no history knows, with their rows. ``learning``: rows still needed for duplicates and
        late data. ``bets``: bets a source.
        """
        return {
            "behind": self._behind,
            "unwatched": dict(self._unwatched),
            "learning": {s.name: s.learning for s in self._streams if s.learning},
            "bets": BETS,
        }

    def dump(self) -> bytes:
        """The detector as msgpack bytes."""
        return msgspec.msgpack.encode(
            _State(
                nats=self.nats,
                clock=self._clock,
                behind=self._behind,
                stage=self._stage,
                next_stage=self._next,
                counts=self._counts,
                watches=self._watches,
                unwatched=self._unwatched,
                streams=tuple(stream.dump() for stream in self._streams),
                keys=self._keys.dump(),
            )
        )

    @classmethod
    def load(cls, data: bytes) -> VolumeDetector:
        """The detector that `dump` wrote, to the bit.

        Raises:
            DataError: the bytes are not a detector of this version.
        """
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.MsgspecError as error:
            raise DataError(
                "this is not the state of a volume detector",
                expected="bytes that `VolumeDetector.dump` wrote",
                got=str(error),
                remedy="fit a fresh detector",
            ) from None
        self = cls(state.nats)
        self._clock, self._behind = state.clock, state.behind
        self._stage, self._next = state.stage, state.next_stage
        self._counts, self._watches = state.counts, state.watches
        self._unwatched = state.unwatched
        self._streams = tuple(RowStream.load(part) for part in state.streams)
        self._keys = KeyMemory.load(state.keys)
        return self


def _order(event: VolumeEvent) -> tuple[int, str, str, str]:
    return event.at, event.source, event.kind.value, event.state.value


__all__ = [
    "EventKind",
    "VolumeDetector",
    "VolumeEvent",
    "VolumeKind",
    "VolumePromise",
    "VolumeReference",
]
