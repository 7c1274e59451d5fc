"""Values beyond the reference's range, against a null that learns: the predictive bet.

Extremes are few, so their share cannot be learned from the reference alone. For exchangeable
continuous data the chance that the next value exceeds the reference's bound, given `r` such values
among `n` reference rows and `k` among `t` rows since, is at most ``(k + 1 + r) / (n + t + 1)`` (the
Polya urn of ranks); a row is bet on against that chance, or a floor if it is larger
(`research/detection_drift.md` 3.5)::

    hi = max((k + 1 + r) / (n + t + 1), 0.001 + 1.25 r / n),  q = hi + (1 - hi) {.004 .02 .08 .3}

`t` is taken at the last multiple of 20 rows, which only makes `hi` larger. A long rise is slowly
absorbed. The chance of so many exceedances changes only when one comes, so rows without one cost
nothing while the wealth is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.blocks import Crossing
from holdfast.detection.columns.quiet import BLOCK, patience
from holdfast.detection.cusum import SCALE
from holdfast.frames.values import IntArray

STAKES = (0.004, 0.02, 0.08, 0.3)
FLOOR = 0.001
CLUMPED_FLOOR = 0.003
#: rows without an exceedance after which a fault is over, at least and at most
CALM_ROWS, MOST_CALM_ROWS = 200, 2000


class OutlierStream(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a numeric column.

    Attributes:
        field, code: the column; ``below`` or ``above``.
        beyond: exceedances in the reference.
        rows: values in the reference.
        floor: least chance that is normal.
        deff: by how much its evidence is divided.
        weight: share of the bank's budget.
        muted: why it is not watched, or empty.
    """

    field: str
    code: str
    beyond: int
    rows: int
    floor: float = FLOOR
    deff: float = 1.0
    weight: float = 1.0
    muted: str = ""

    @property
    def share(self) -> float:
        """Share of exceedances in the reference."""
        return self.beyond / self.rows if self.rows else 0.0

    @property
    def edge(self) -> float:
        """Chance that is still normal at the start."""
        return self.limit(0, 0)

    def limit(self, seen: int, rows: int) -> float:
        """Chance that is still normal after `seen` exceedances in `rows` rows."""
        n = max(self.rows, 1)
        urn = (seen + 1 + self.beyond) / (n + rows + 1)
        return min(max(urn, self.floor + 1.25 * self.beyond / n), 0.97)


class OutlierFault(msgspec.Struct):
    """An end in fault."""

    row: int
    onset: int
    nats: float
    last_row: int
    since: int = 0


class _End(msgspec.Struct):
    """The running state of one end; wealth in units of 2^-20 nat."""

    rows: int = 0
    seen: int = 0
    wealth: list[int] = []
    began: list[int] = []
    fault: OutlierFault | None = None


class OutlierBank:
    """The predictive bets of all numeric columns.

    Args:
        streams: the ends.
        nats: wealth at which a stream of weight 1 crosses.
    """

    def __init__(self, streams: Sequence[OutlierStream], nats: float) -> None:
        self.streams = list(streams)
        self._threshold = [
            math.ceil((nats - math.log(max(s.weight / len(STAKES), 1e-300))) * SCALE)
            for s in streams
        ]
        self._ends = [_End(wealth=[0] * len(STAKES), began=[0] * len(STAKES)) for _ in streams]
        self._rows = np.zeros(len(self.streams), np.int64)
        self._busy: set[int] = set()

    def observe(
        self, yes: NDArray[np.bool_], applies: NDArray[np.bool_], first: int
    ) -> list[Crossing]:
        """Takes rows in order: shape (n, streams), exceedances and rows with a value."""
        asked = applies.sum(axis=0)
        active = self._busy | set(np.flatnonzero((yes & applies).any(axis=0)).tolist())
        found: list[Crossing] = []
        for i in sorted(active):
            if not self.streams[i].muted:
                found += self._run(i, yes[:, i], applies[:, i], first)
        self._rows += asked
        return sorted(found, key=lambda x: (x.row, x.group))

    def _run(
        self, i: int, yes: NDArray[np.bool_], applies: NDArray[np.bool_], first: int
    ) -> list[Crossing]:
        stream, end = self.streams[i], self._ends[i]
        where = np.flatnonzero(applies)
        hits = np.flatnonzero(yes[where]).tolist()
        base, rows, found = int(self._rows[i]), len(where), []
        position = 0
        for at in [*hits, rows]:
            # rows without an exceedance, block by block since the bet moves with the block
            while position < at:
                stop = min(at, (base + position) // BLOCK * BLOCK + BLOCK - base)
                if any(end.wealth):
                    steps = self._steps(stream, end.seen, (base + position) // BLOCK * BLOCK)
                    for b, (_, no) in enumerate(steps):
                        end.wealth[b] = max(end.wealth[b] + no * (stop - position), 0)
                found += self._calm(i, end, where[position:stop], first)
                position = stop
            if at == rows:
                break
            row = first + int(where[at])
            steps = self._steps(stream, end.seen, (base + at) // BLOCK * BLOCK)
            for b, (gain, _) in enumerate(steps):
                if end.wealth[b] == 0:
                    end.began[b] = row
                end.wealth[b] += gain
            end.seen += 1
            position = at + 1
            best = max(range(len(STAKES)), key=end.wealth.__getitem__)
            if end.fault is not None:
                end.fault.last_row, end.fault.since = row, 0
                end.fault.nats = max(end.fault.nats, end.wealth[best] / SCALE)
            elif end.wealth[best] >= self._threshold[i]:
                nats = end.wealth[best] / SCALE
                end.fault = OutlierFault(row=row, onset=end.began[best], nats=nats, last_row=row)
                found.append(Crossing(i, row, end.began[best], nats, best))
        if any(end.wealth) or end.fault is not None:
            self._busy.add(i)
        else:
            self._busy.discard(i)
        return found

    def _calm(self, i: int, end: _End, where: IntArray, first: int) -> list[Crossing]:
        fault = end.fault
        if fault is None:
            return []
        fault.since += len(where)
        needed = min(max(CALM_ROWS, 2 * (fault.row - fault.onset)), MOST_CALM_ROWS)
        needed = round(needed * patience(self.streams[i].deff))
        if fault.since < needed:
            return []
        end.fault, end.wealth = None, [0] * len(STAKES)
        at = first + int(where[len(where) - 1 - (fault.since - needed)])
        return [Crossing(i, at, fault.onset, fault.nats, 0, True, fault.last_row)]

    @staticmethod
    def _steps(stream: OutlierStream, seen: int, rows: int) -> list[tuple[int, int]]:
        hi = stream.limit(seen, rows)
        out = []
        for stake in STAKES:
            q = hi + (1.0 - hi) * stake
            out.append(
                (
                    math.floor(math.log(q / hi) / stream.deff * SCALE),
                    math.floor(math.log((1.0 - q) / (1.0 - hi)) / stream.deff * SCALE),
                )
            )
        return out

    @property
    def threshold(self) -> list[float]:
        """Wealth at which each end crosses, in nats."""
        return [t / SCALE for t in self._threshold]

    @property
    def faults(self) -> dict[int, OutlierFault]:
        """Ends in fault, by place."""
        return {i: end.fault for i, end in enumerate(self._ends) if end.fault is not None}

    def forget(self, place: int) -> None:
        """Starts an end afresh; what it has learned of the rate stays."""
        self._ends[place].fault, self._ends[place].wealth = None, [0] * len(STAKES)
        self._busy.discard(place)

    def dump(self) -> bytes:
        """The state of all ends."""
        return msgspec.msgpack.encode((self._ends, self._rows.tolist()))

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        self._ends, rows = msgspec.msgpack.decode(data, type=tuple[list[_End], list[int]])
        self._rows = np.array(rows, np.int64).reshape(len(self.streams))
        self._busy = {
            i for i, end in enumerate(self._ends) if any(end.wealth) or end.fault is not None
        }
