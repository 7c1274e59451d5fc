"""Rows that came before, and rows that come too late: two yes/no streams beside the counts.

Both are CUSUM e-detectors on marks, as `marks.py` has them. Where no history says what is normal,
the first 2,000 rows do.
"""

from __future__ import annotations

import math
from collections import deque

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.base import Block, Event, IntArray, Side, Stream
from holdfast.detection.cusum import BETS
from holdfast.detection.marks import MarkDetector
from holdfast.detection.season import HOUR
from holdfast.detection.tolerance import tolerance

#: a key counts as seen before when it was among so many last rows
MEMORY = 16_384
#: rows that teach what is normal where there is no history
WARM_ROWS = 2_000
#: a row is late beyond three times the 99.9 % point of normal delays, at least a quarter hour
LATE_TIMES, LATE_LEAST = 3, HOUR // 4
_MIX = np.uint64(0x9E3779B97F4A7C15)


class KeyMemory:
    """The last 16,384 keys, as 32-bit fingerprints.

    A new key is taken for a known one with a chance of 16,384 / 2^32, four in a million.

    Example:
        >>> memory = KeyMemory()
        >>> memory.repeated(np.array([5, 6, 5])).tolist(), memory.repeated(np.array([6])).tolist()
        ([False, False, True], [True])
    """

    def __init__(self, recent: IntArray | None = None) -> None:
        known = [] if recent is None else recent.tolist()
        self._recent: deque[int] = deque(known, maxlen=MEMORY)
        self._seen = {key: i for i, key in enumerate(known)}
        self._rows = len(known)

    def repeated(self, keys: IntArray) -> NDArray[np.bool_]:
        """Which rows have a key that is among the `MEMORY` rows before them."""
        mixed = (np.asarray(keys, np.int64).view(np.uint64) * _MIX) >> np.uint64(32)
        out = np.zeros(len(mixed), np.bool_)
        seen, row = self._seen, self._rows
        listed = mixed.tolist()
        for i, key in enumerate(listed):
            before = seen.get(key)
            if before is not None and row - before <= MEMORY:
                out[i] = True
            seen[key] = row
            row += 1
        self._rows = row
        self._recent.extend(listed)
        if len(seen) > 4 * MEMORY:
            first = row - len(self._recent)
            self._seen = {key: first + i for i, key in enumerate(self._recent)}
        return out

    def dump(self) -> bytes:
        """The keys in order, 4 bytes each."""
        return np.array(self._recent, np.uint32).tobytes()

    @classmethod
    def load(cls, data: bytes) -> KeyMemory:
        """The memory that `dump` wrote."""
        return cls(np.frombuffer(data, np.uint32).astype(np.int64))


class RowNormal(msgspec.Struct, frozen=True):
    """What a history knows of a yes/no stream: yes rows of all, and the delay that is late."""

    yes: int = 0
    rows: int = 0
    limit: int = 0


def late_limit(delays: IntArray) -> int:
    """The delay from which on a row is late, microseconds.

    >>> late_limit(np.full(2000, 60_000_000)) == LATE_LEAST
    True
    """
    usual = float(np.quantile(delays, 0.999)) if len(delays) else 0.0
    return max(LATE_LEAST, math.ceil(LATE_TIMES * max(usual, 0.0)))


def normal_delays(delays: IntArray) -> RowNormal:
    """What a history of delays (arrival minus event time, microseconds) says of late rows."""
    limit = late_limit(delays)
    return RowNormal(int(np.count_nonzero(delays > limit)), len(delays), limit)


class _State(msgspec.Struct, array_like=True):
    name: str
    nats: float
    normal: RowNormal
    numbers: int
    delays: bytes
    marks: bytes
    version: int = 1


class RowStream:
    """One yes/no stream that may have to learn what is normal first.

    Attributes:
        name: ``duplicates`` or ``late_data``.
        nats: threshold of the stream for weight 1.
        normal: what is known so far.
    """

    def __init__(self, name: str, nats: float, normal: RowNormal) -> None:
        self.name = name
        self.nats = nats
        self.normal = normal
        self._numbers = 0
        self._delays: list[int] = []
        self._marks: MarkDetector | None = None
        self._idle = 0  # no rows not yet given to the marks: until a yes they only count
        if normal.rows >= WARM_ROWS:
            self._start()

    @property
    def learning(self) -> int:
        """Rows still needed before the stream is watched; 0 when it is."""
        return 0 if self._marks is not None else WARM_ROWS - self.normal.rows

    @property
    def stream(self) -> Stream | None:
        """What is watched, once it is."""
        return self._marks.streams[0] if self._marks is not None else None

    def _start(self) -> None:
        normal = tolerance(self.normal.yes, self.normal.rows)
        self._marks = MarkDetector(
            [
                Stream(
                    key=f":{self.name}", field="", code=self.name, side=Side.UP,
                    share=normal.share, rows=normal.rows, edge=normal.high,
                    nats=self.nats + math.log(BETS),
                    muted="repeats are the rule in the history" if normal.high > 0.97 else "",
                )
            ]
        )  # fmt: skip

    def observe(self, values: IntArray, at: IntArray) -> list[Event]:
        """Takes rows.

        Args:
            values: shape (n,): 1 for a repeated key and 0 for a new one, or the delay of each row
                in microseconds for late data.
            at: shape (n,), arrival times, ascending.
        """
        used = min(self.learning, len(values))
        if used:
            self._learn(values[:used])
        self._numbers += used
        if self._marks is None or used == len(values):
            return []
        values, at = values[used:], at[used:]
        yes = np.flatnonzero(values > self.normal.limit)
        if not len(yes) and not self._marks.faults():
            self._idle += len(values)
            return []
        self._settle()
        numbers = np.arange(self._numbers, self._numbers + len(values), dtype=np.int64)
        self._numbers += len(values)
        return self._marks.observe(Block(numbers, at, {f":{self.name}": yes}))

    def _settle(self) -> None:
        """Gives the marks the no rows that were only counted."""
        if self._idle and self._marks is not None:
            numbers = np.arange(self._numbers, self._numbers + self._idle, dtype=np.int64)
            self._numbers += self._idle
            self._idle = 0
            self._marks.observe(Block(numbers, np.zeros(len(numbers), np.int64), {}))

    def _learn(self, values: IntArray) -> None:
        normal = self.normal
        rows = normal.rows + len(values)
        if self.name == "late_data":
            self._delays.extend(values.tolist())
            self.normal = RowNormal(0, rows, 0)
        else:
            self.normal = RowNormal(normal.yes + int(np.count_nonzero(values > 0)), rows, 0)
        if rows >= WARM_ROWS:
            if self.name == "late_data":
                self.normal = normal_delays(np.array(self._delays, np.int64))
                self._delays = []
            self._start()

    def faults(self) -> list[Event]:
        """The fault going on now, if there is one."""
        return self._marks.faults() if self._marks is not None else []

    def dismiss(self) -> None:
        """Forgets the fault and starts afresh."""
        if self._marks is not None:
            self._marks.dismiss(f":{self.name}", Side.UP)

    def dump(self) -> bytes:
        """The stream as msgpack bytes."""
        self._settle()
        return msgspec.msgpack.encode(
            _State(
                name=self.name,
                nats=self.nats,
                normal=self.normal,
                numbers=self._numbers,
                delays=np.array(self._delays, np.int64).tobytes(),
                marks=self._marks.dump() if self._marks is not None else b"",
            )
        )

    @classmethod
    def load(cls, data: bytes) -> RowStream:
        """The stream that `dump` wrote."""
        state = msgspec.msgpack.decode(data, type=_State)
        self = cls(state.name, state.nats, state.normal)
        self._numbers = state.numbers
        self._delays = np.frombuffer(state.delays, np.int64).tolist()
        self._marks = MarkDetector.load(state.marks) if state.marks else None
        return self
