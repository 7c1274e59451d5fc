"""The last rows of a model, for telling where an incident comes from and when it began."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.base import IntArray
from holdfast.detection.mark_streams import stream_key
from holdfast.diagnosis.attribution import attribute
from holdfast.diagnosis.evidence import Spot
from holdfast.monitoring.rows import Coded, Rows

#: rows that evidence looks back on
WINDOW = 1024
#: rows kept at least, so that the window behind an earlier row is still whole
KEPT = 2 * WINDOW
#: rows at which the ring is cut back, and names at which unused ones are dropped
FULL, MANY_NAMES = 3 * WINDOW, 64
#: rows before an onset whose median time says what time it was
CLOCK_ROWS = 31


class _Kept(msgspec.Struct, array_like=True):
    arrays: bytes
    rows: int
    sources: list[str]
    verdicts: list[str]
    marks: dict[str, bytes]


class Recent:
    """A ring of row numbers, times, sources, verdicts and marks; never of values.

    Example:
        >>> Recent().since(0, 0, default=7)
        7
    """

    def __init__(self) -> None:
        empty = np.empty(0, np.int64)
        self.numbers: IntArray = empty
        self.at: IntArray = empty
        self._source = Coded(empty, [])
        self._verdict = Coded(empty, [])
        #: row numbers by stream
        self.marked: dict[str, IntArray] = {}

    def append(self, numbers: IntArray, rows: Rows) -> None:
        """Takes new rows; `trim` later."""
        self.numbers = np.concatenate((self.numbers, numbers))
        self.at = np.concatenate((self.at, rows.at))
        self._source = _extend(self._source, rows.source)
        self._verdict = _extend(self._verdict, rows.verdict)
        for mark, at in rows.marks.items():
            key = stream_key(mark)
            known = self.marked.get(key)
            fresh = numbers[at]
            self.marked[key] = fresh if known is None else np.concatenate((known, fresh))

    def trim(self) -> None:
        """Forgets all but the last rows."""
        if len(self.numbers) <= FULL:
            return
        self.numbers, self.at = self.numbers[-KEPT:].copy(), self.at[-KEPT:].copy()
        self._source = _last(self._source)
        self._verdict = _last(self._verdict)
        first = self.numbers[0]
        kept = {key: at[at >= first] for key, at in self.marked.items()}
        self.marked = {key: at for key, at in kept.items() if len(at)}

    def affected(self, keys: set[str], onset: int, until: int) -> NDArray[np.bool_]:
        """Shape (kept,): rows from `onset` through `until` that carry one of these streams."""
        mask = np.zeros(len(self.numbers), np.bool_)
        for key in keys:
            at = np.searchsorted(self.numbers, self.marked.get(key, self.numbers[:0]))
            mask[at[at < len(mask)]] = True
        return mask & (self.numbers >= onset) & (self.numbers <= until)

    def spot(self, affected: NDArray[np.bool_], onset: int, until: int) -> Spot | None:
        """Where the affected rows come from."""
        upto = self.numbers <= until
        upto &= self.numbers > until - WINDOW
        since = (self.numbers >= onset) & upto
        codes = np.where(upto, self._source.codes, -1)
        return attribute("source", codes, affected, since, self._source.names)

    def answers(self, affected: NDArray[np.bool_]) -> dict[str, int]:
        """Verdicts given to the affected rows."""
        codes = self._verdict.codes[affected]
        counts = np.bincount(codes[codes >= 0], minlength=len(self._verdict.names))
        return {n: int(c) for n, c in zip(self._verdict.names, counts, strict=True) if c}

    def overlap(self, key: str, keys: set[str], onset: int, until: int) -> float:
        """Share of the rows with stream `key` that carry one of `keys` too."""
        mine = self.affected({key}, onset, until)
        count = int(mine.sum())
        return int((mine & self.affected(keys, onset, until)).sum()) / count if count else 0.0

    def since(self, onset: int, latest: int, default: int) -> int:
        """When row `onset` came, in event time, made robust against rows that came late.

        A late row carries an old time; then the median time of the 31 rows before it says more.
        Never later than `latest`.
        """
        i = int(np.searchsorted(self.numbers, onset))
        if i >= len(self.numbers) or self.numbers[i] != onset:
            return default
        at = int(self.at[i])
        before = self.at[max(0, i - CLOCK_ROWS) : i]
        if len(before) == CLOCK_ROWS:
            at = max(at, int(np.median(before)))
        return min(at, latest)

    def dump(self) -> bytes:
        """The ring as bytes."""
        arrays = np.stack((self.numbers, self.at, self._source.codes, self._verdict.codes))
        kept = _Kept(
            arrays=zlib.compress(np.diff(arrays, axis=1, prepend=0).tobytes(), 1),
            rows=len(self.numbers),
            sources=self._source.names,
            verdicts=self._verdict.names,
            marks={key: at.tobytes() for key, at in self.marked.items()},
        )
        return msgspec.msgpack.encode(kept)

    @classmethod
    def load(cls, data: bytes) -> Recent:
        """The ring that `dump` wrote."""
        kept = msgspec.msgpack.decode(data, type=_Kept)
        self = cls()
        steps = np.frombuffer(zlib.decompress(kept.arrays), np.int64).reshape(4, kept.rows)
        self.numbers, self.at, source, verdict = np.cumsum(steps, axis=1)
        self._source = Coded(source, kept.sources)
        self._verdict = Coded(verdict, kept.verdicts)
        self.marked = {key: np.frombuffer(at, np.int64) for key, at in kept.marks.items()}
        return self


def _extend(known: Coded, new: Coded) -> Coded:
    if known.names == new.names:
        return Coded(np.concatenate((known.codes, new.codes)), known.names)
    names = list(known.names)
    places = {name: i for i, name in enumerate(names)}
    table = []
    for name in new.names:
        if name not in places:
            places[name] = len(names)
            names.append(name)
        table.append(places[name])
    lookup = np.array([*table, -1], np.int64)
    return Coded(np.concatenate((known.codes, lookup[new.codes])), names)


def _last(coded: Coded) -> Coded:
    """The last rows kept; of very many names only those in use."""
    codes = coded.codes[-KEPT:].copy()
    if len(coded.names) <= MANY_NAMES:
        return Coded(codes, coded.names)
    used = np.unique(codes[codes >= 0])
    lookup = np.full(len(coded.names) + 1, -1, np.int64)
    lookup[used] = np.arange(len(used))
    return Coded(lookup[codes], [coded.names[i] for i in used.tolist()])
