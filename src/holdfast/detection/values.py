"""The detector of values, scores and outcomes as a member of the family.

`ValueDetector` counts its own rows; here they become the model's row numbers and times, and its
signals become events like those of any other detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
import numpy as np

from holdfast.detection.base import Block, Event, EventKind, Reference, Side, Stream
from holdfast.detection.columns.detector import Signal, ValueDetector
from holdfast.frames.values import FloatArray, IntArray

#: rows between two notes of which row number and time a row had
EVERY = 20
#: notes kept; an onset older than these is dated to the oldest
NOTES = 1024


class _Notes(msgspec.Struct):
    """Row numbers and times of every 20th row, to date an onset by."""

    first: int = 0
    numbers: list[int] = []
    at: list[int] = []

    def take(self, start: int, numbers: IntArray, at: IntArray) -> None:
        """Takes rows whose own count begins at `start`."""
        for place in range(-start % EVERY, len(numbers), EVERY):
            self.numbers.append(int(numbers[place]))
            self.at.append(int(at[place]))
        spare = len(self.numbers) - NOTES
        if spare > 0:
            del self.numbers[:spare], self.at[:spare]
            self.first += spare

    def find(self, row: int) -> tuple[int, int]:
        """Row number and time of a row by its own count, to within 20 rows."""
        if not self.numbers:
            return 0, 0
        place = min(max(row // EVERY - self.first, 0), len(self.numbers) - 1)
        offset = min(max(row - (self.first + place) * EVERY, 0), EVERY - 1)
        ahead = self.numbers[place] + offset
        if place + 1 < len(self.numbers):
            ahead = min(ahead, self.numbers[place + 1])
        return ahead, self.at[place]


class _State(msgspec.Struct, array_like=True):
    core: bytes
    rows: _Notes
    labels: _Notes
    labelled: int
    standing: dict[str, Event]
    last: tuple[int, int]


class ValuesDetector:
    """Watches values, scores and outcomes; silent where the reference knows none."""

    name: ClassVar[str] = "values"

    def __init__(self, reference: Reference, nats: float) -> None:
        self._core = None if reference.values is None else ValueDetector(reference.values, nats)
        self._nats = nats
        self._rows, self._labels = _Notes(), _Notes()
        self._labelled = 0
        self._standing: dict[str, Event] = {}
        self._signals: dict[str, Signal] = {}
        self._last = (0, 0)

    @classmethod
    def fit(cls, reference: Reference, nats: float) -> ValuesDetector:
        """A fresh detector."""
        return cls(reference, nats)

    @property
    def core(self) -> ValueDetector | None:
        """The detector behind it."""
        return self._core

    @property
    def spent(self) -> float:
        """Share of its part of the budget that all bets together use, at most 1."""
        return 0.0 if self._core is None else self._core.spent()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What is watched, one stream a column and family; muted ones included."""
        return () if self._core is None else tuple(self._core.streams())

    def observe(self, block: Block) -> list[Event]:
        """Takes one block; events come in row order."""
        if self._core is None or block.columns is None or not len(block):
            return []
        start = self._core.rows
        numbers, at = block.numbers, block.at
        self._rows.take(start, numbers, at)
        self._last = int(numbers[-1]), int(at[-1])
        events = []
        for signal in self._core.observe(block.columns, len(block), block.score, block.times):
            place = signal.row - start
            onset = self._rows.find(signal.onset)
            events.append(self._event(signal, int(numbers[place]), int(at[place]), onset))
        return events

    def observe_labels(self, block: Block, label: FloatArray, row: int, at: int) -> list[Event]:
        """Takes outcomes of earlier rows."""
        core = self._core
        if core is None or block.columns is None or not len(block) or block.score is None:
            return []
        counted = core.counted_outcomes(block.columns, len(block))
        label = np.where(counted, label, np.nan)
        known = np.isfinite(block.score) & np.isfinite(label)
        self._labels.take(self._labelled, block.numbers[known], block.at[known])
        self._labelled += int(known.sum())
        self._last = row, at
        coded = core.read(block.columns, len(block))
        return [
            self._event(signal, row, at, self._labels.find(signal.onset))
            for signal in core.observe_labels(coded, block.score, label)
        ]

    def _event(self, signal: Signal, row: int, at: int, onset: tuple[int, int]) -> Event:
        stream = _stream(signal, self._nats)
        rows = max(row - onset[0] + 1, 1)
        notes = self._labels if signal.bank == "labels" else self._rows
        last = notes.find(signal.last) if signal.over else (-1, 0)
        event = Event(
            kind=EventKind.RECOVERED if signal.over else EventKind.CROSSED,
            stream=stream,
            row=row,
            at=at,
            onset_row=onset[0],
            onset_at=onset[1],
            yes=rows,
            rows=rows,
            nats=signal.nats,
            last_row=last[0] if signal.over else -1,
            last_at=last[1] if signal.over else 0,
            clean=max(row - last[0], 0) if signal.over else 0,
        )
        if signal.over:
            self._standing.pop(stream.key, None)
            self._signals.pop(stream.key, None)
        else:
            self._standing[stream.key] = event
            self._signals[stream.key] = signal
        return event

    def faults(self) -> list[Event]:
        """The faults going on now, counted up to the newest row."""
        out = []
        for event in self._standing.values():
            rows = max(self._last[0] - event.onset_row + 1, 1)
            out.append(
                msgspec.structs.replace(
                    event, row=self._last[0], at=self._last[1], yes=rows, rows=rows
                )
            )
        return out

    def dismiss(self, key: str, side: Side) -> None:
        """Forgets a fault and starts its streams afresh."""
        del side
        self._standing.pop(key, None)
        self._signals.pop(key, None)
        if self._core is not None:
            self._core.forget(key)

    def accept(
        self, incident: str, events: Sequence[Event], block: Block, label: FloatArray | None
    ) -> int:
        """Takes what some streams show as normal from now on."""
        if self._core is None or block.columns is None:
            for event in events:
                self.dismiss(event.stream.key, event.stream.side)
            return 0
        names = [e.stream.key for e in events]
        rows = self._core.accept(incident, names, block.columns, block.score, label, block.times)
        for name in names:
            self._standing.pop(name, None)
            self._signals.pop(name, None)
        return rows

    def take_back(self, incident: str) -> bool:
        """What was accepted is not normal after all."""
        return self._core is not None and self._core.take_back(incident)

    def adopt(self, event: Event) -> bool:
        """A new release is judged by its own rows: nothing is carried over."""
        del event
        return False

    def dump(self) -> bytes:
        """The running state; what the reference taught stays in the release."""
        core = b"" if self._core is None else self._core.dump()
        state = _State(core, self._rows, self._labels, self._labelled, self._standing, self._last)
        return msgspec.msgpack.encode(state)

    @classmethod
    def load(cls, data: bytes, reference: Reference, nats: float) -> ValuesDetector:
        """The detector that `dump` wrote."""
        self = cls(reference, nats)
        state = msgspec.msgpack.decode(data, type=_State)
        if self._core is not None and state.core:
            self._core.load(state.core)
            self._rows, self._labels = state.rows, state.labels
            self._labelled, self._standing, self._last = (
                state.labelled, state.standing, state.last,
            )  # fmt: skip
        return self


def _stream(signal: Signal, nats: float) -> Stream:
    shares = signal.side in ("up", "down")
    return Stream(
        key=signal.name,
        field=signal.field,
        code=signal.code,
        side=Side.DOWN if signal.side == "down" else Side.UP,
        share=signal.share if shares else 0.0,
        rows=0,
        edge=signal.edge if shares else 1.0,
        nats=nats,
    )
