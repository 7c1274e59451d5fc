"""Bets that must start at any row: missing, wrong type, unseen, stuck, repeated rows.

The same exact arithmetic as for marks (`holdfast.detection.cusum`), for all streams of a model at
once: between two yes rows wealth only falls, so streams without a yes in a batch cost one addition,
and the others run as sums and running minima over the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.blocks import Crossing
from holdfast.detection.columns.quiet import rounded
from holdfast.detection.cusum import SCALE, STAKES
from holdfast.detection.recovery import Fault, follow
from holdfast.frames.values import FloatArray, IntArray

BETS = len(STAKES)
#: rows taken at a time, so that sums stay exact
MOST_ROWS = 1 << 18


class RowStream(msgspec.Struct, frozen=True, kw_only=True):
    """One yes/no question whose rise counts.

    Attributes:
        field: the column; empty for whole rows.
        code: ``null``, ``type``, ``unseen``, ``repeat``, ``recent``, ``duplicate``.
        share: share of yes in the reference.
        rows: applicable rows of the reference.
        edge: upper end of the allowed interval.
        deff: by how much its evidence is divided.
        weight: share of the bank's budget.
        muted: why it is not watched, or empty.
    """

    field: str
    code: str
    share: float
    rows: int
    edge: float
    deff: float = 1.0
    weight: float = 1.0
    muted: str = ""


class _State(msgspec.Struct, array_like=True):
    wealth: bytes
    began: bytes
    counts: bytes
    faults: dict[int, Fault]


def steps_of(edges: FloatArray, deff: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Steps at a yes and at a no, shape (streams, bets) each, rounded down."""
    edge = edges[:, None]
    q = edge + (1.0 - edge) * np.array(STAKES)
    yes, no = np.log(q / edge), np.log((1.0 - q) / (1.0 - edge))
    return rounded(yes / deff[:, None]), rounded(no / deff[:, None])


class RowBank:
    """CUSUM e-detectors on yes/no streams, restarting at every row.

    Args:
        streams: the streams; muted ones are carried but not run.
        nats: wealth at which a stream of weight 1 crosses.
    """

    def __init__(self, streams: Sequence[RowStream], nats: float) -> None:
        self.streams = list(streams)
        count = len(self.streams)
        self.live = np.array([not s.muted for s in self.streams], np.bool_)
        edges = np.array([s.edge if not s.muted else 0.5 for s in self.streams])
        deff = np.array([s.deff for s in self.streams])
        self._yes, self._no = steps_of(edges, deff)
        weight = np.array([s.weight / BETS for s in self.streams])
        self.threshold = nats - np.log(np.maximum(weight, 1e-300))
        self.wealth = np.zeros((count, BETS))
        # where each bet's excursion began: row, and applicable and yes rows counted before it
        self.began = np.zeros((3, count, BETS), np.int64)
        self.counts = np.zeros((2, count), np.int64)
        self.faults: dict[int, Fault] = {}

    def observe(
        self, yes: NDArray[np.bool_], applies: NDArray[np.bool_], first: int
    ) -> list[Crossing]:
        """Takes rows in order.

        Args:
            yes: shape (n, streams), whether a row is yes.
            applies: shape (n, streams), whether it is asked at all.
            first: number of the first row.
        """
        n = len(yes)
        if n == 0 or not self.live.any():
            return []
        if n > MOST_ROWS:
            halves = (slice(0, n // 2), slice(n // 2, n))
            return [x for h in halves for x in self.observe(yes[h], applies[h], first + h.start)]
        # a stream after the other in memory
        answers, asks = np.ascontiguousarray(yes.T), np.ascontiguousarray(applies.T)
        asked = np.full(len(asks), n, np.int64)
        some = np.flatnonzero(~asks.all(axis=1))
        if len(some):
            asked[some] = asks[some].sum(axis=1)
            answers[some] &= asks[some]
        flat = np.flatnonzero(answers)
        stream = flat // n
        hits = np.bincount(stream, minlength=len(answers))
        busy = self.live & ((hits > 0) | (self.wealth > 0.0).any(axis=1))
        if self.faults:
            busy[list(self.faults)] = False
        calm = np.flatnonzero(busy & (hits == 0))
        if len(calm):
            step = asked[calm, None] * self._no[calm]
            self.wealth[calm] = np.maximum(self.wealth[calm] + step, 0.0)
        found: list[Crossing] = []
        for place in list(self.faults):
            seen = (int(self.counts[0, place]), int(self.counts[1, place]))
            found += self._follow(place, answers[place], asks[place], first, seen)
        moving = busy & (hits > 0)
        if moving.any():
            mine = moving[stream]
            stream, at = stream[mine], flat[mine]
            at -= stream * n
            crossed = self._jump(np.flatnonzero(moving), stream, at, hits, asks, asked, first)
            for k in crossed:
                alone = (answers[k][:, None], asks[k][:, None])
                found += self._run(np.array([k]), *alone, first, self.counts[:, [k]])
        self.counts[0] += asked
        self.counts[1] += hits
        return sorted(found, key=lambda x: (x.row, x.group))

    def _jump(
        self,
        chosen: IntArray,
        stream: IntArray,
        at: IntArray,
        hits: IntArray,
        asks: NDArray[np.bool_],
        asked: IntArray,
        first: int,
    ) -> list[int]:
        """Carries quiet streams from yes to yes; gives those that cross, which stay as they were.

        Args:
            chosen: places of the streams, ascending.
            stream: place of the stream of each yes, ascending.
            at: its row.
            hits: shape (streams,), yes rows of each stream.
            asks: shape (streams, n), which rows are asked.
            asked: shape (streams,), how many are.
            first: number of the first row.
        """
        n = asks.shape[1]
        times = hits[chosen]
        ends = np.cumsum(times)
        start = ends - times
        line = np.repeat(np.arange(len(chosen)), times)
        nth = np.arange(len(at)) - start[line]
        before = at
        some = np.flatnonzero(asked[chosen] < n)
        if len(some):
            left_out = np.zeros((len(chosen), n), np.int64)
            left_out[some] = np.cumsum(~asks[chosen[some]], axis=1)
            before = at - left_out[line, at]
        # sums of all steps up to right before each yes, and the lowest of them in its stream: a
        # drop from stream to stream, larger than any sum, starts the minimum afresh
        gain = self._yes[stream]
        total = nth[:, None] * gain
        total += (before - nth)[:, None] * self._no[stream]
        highest = float(np.abs(total).max()) + float(self.wealth[chosen].max())
        shift = (line * math.ceil(2.0 * highest + 1.0)).astype(np.float64)[:, None]
        low = np.minimum(total, -self.wealth[stream])
        low -= shift
        np.minimum.accumulate(low, axis=0, out=low)
        low += shift
        gain -= low
        path = np.add(total, gain, out=gain)
        # the last yes before which wealth was zero begins the present excursion
        zero = np.where(total <= low, np.arange(len(at))[:, None], -1)
        last = np.maximum.reduceat(zero, start, axis=0)
        base = self.counts[:, stream]
        fresh = np.stack((first + at, base[0] + before, base[1] + nth))
        began = np.where(last >= 0, fresh[:, last], self.began[:, chosen])
        rest = asked[chosen] - before[ends - 1] - 1
        wealth = path[ends - 1] + rest[:, None] * self._no[chosen]
        np.maximum(wealth, 0.0, out=wealth)
        over = path >= self.threshold[stream][:, None]
        if not over.any():
            self.began[:, chosen], self.wealth[chosen] = began, wealth
            return []
        crossed = np.unique(stream[over.any(axis=1)])
        quiet = ~np.isin(chosen, crossed)
        self.began[:, chosen[quiet]], self.wealth[chosen[quiet]] = began[:, quiet], wealth[quiet]
        found: list[int] = crossed.tolist()
        return found

    def _run(
        self,
        chosen: IntArray,
        yes: NDArray[np.bool_],
        applies: NDArray[np.bool_],
        first: int,
        base: IntArray,
    ) -> list[Crossing]:
        """Carries quiet streams through rows one by one.

        Args:
            chosen: places of the streams.
            yes: shape (n, streams), for these streams only.
            applies: likewise.
            first: number of the first row.
            base: shape (2, streams), applicable and yes rows counted before.
        """
        hit, on = yes[:, :, None], applies[:, :, None]
        step = np.where(hit, self._yes[chosen], np.where(on, self._no[chosen], 0.0))
        total = np.cumsum(step, axis=0)
        before = total - step
        low = np.minimum(np.minimum.accumulate(before, axis=0), -self.wealth[chosen])
        path = np.maximum(total - low, 0.0)
        zero = before <= low  # wealth is zero right before the row
        n = len(yes)
        last = n - 1 - np.argmax(zero[::-1], axis=0)
        some = zero.any(axis=0)
        asked, hits = np.cumsum(applies, axis=0), np.cumsum(yes, axis=0)
        lines = np.arange(len(chosen))[:, None]
        fresh = (
            first + last,
            base[0][:, None] + asked[last, lines] - applies[last, lines],
            base[1][:, None] + hits[last, lines] - yes[last, lines],
        )
        began = [np.where(some, fresh[k], self.began[k, chosen]) for k in range(3)]
        found: list[Crossing] = []
        over = path >= self.threshold[chosen][:, None]
        crossed = over.any(axis=(0, 2))
        for k in np.flatnonzero(crossed).tolist():
            row = int(np.argmax(over[:, k].any(axis=1)))
            seen = (int(base[0, k]), int(base[1, k]))
            lines_of = (zero[:, k], path[:, k], yes[:, k], applies[:, k])
            found += self._begin(int(chosen[k]), row, *lines_of, first, seen)
        quiet = chosen[~crossed]
        for k in range(3):
            self.began[k, quiet] = began[k][~crossed]
        self.wealth[quiet] = path[-1, ~crossed]
        return found

    def _begin(
        self,
        place: int,
        row: int,
        zero: NDArray[np.bool_],
        path: FloatArray,
        yes: NDArray[np.bool_],
        applies: NDArray[np.bool_],
        first: int,
        seen: tuple[int, int],
    ) -> list[Crossing]:
        """A stream crosses at `row` of some rows; the rest of them is followed at once."""
        bet = int(np.argmax(path[row]))
        zeros = np.flatnonzero(zero[: row + 1, bet])
        if len(zeros):
            at = int(zeros[-1])
            onset, onset_rows, onset_yes = (
                first + at, seen[0] + int(applies[:at].sum()), seen[1] + int(yes[:at].sum()),
            )  # fmt: skip
        else:
            onset, onset_rows, onset_yes = self.began[:, place, bet].tolist()
        nats = float(path[row, bet])
        peak = round(nats * SCALE)
        after = (
            seen[0] + int(applies[: row + 1].sum()), seen[1] + int(yes[: row + 1].sum()),
        )  # fmt: skip
        self.faults[place] = Fault(
            gain=round(float(self._yes[place, bet]) * SCALE),
            loss=round(float(self._no[place, bet]) * SCALE),
            wealth=peak,
            peak=peak,
            onset_row=onset,
            onset_at=0,
            onset_rows=onset_rows,
            onset_yes=onset_yes,
            peak_row=first + row,
            peak_at=0,
            peak_rows=after[0],
            peak_yes=after[1],
        )
        self.wealth[place] = 0.0
        found = [Crossing(place, first + row, onset, nats, bet)]
        rest = slice(row + 1, None)
        return found + self._follow(place, yes[rest], applies[rest], first + row + 1, after)

    def _follow(
        self,
        place: int,
        yes: NDArray[np.bool_],
        applies: NDArray[np.bool_],
        first: int,
        seen: tuple[int, int],
    ) -> list[Crossing]:
        """Carries a fault on; it ends by the sequential test of `holdfast.detection.recovery`."""
        fault, stream = self.faults[place], self.streams[place]
        where = np.flatnonzero(applies)
        if not len(where):
            return []
        at = np.flatnonzero(yes[where])
        followed = follow(fault, at, len(where), stream.share, stream.edge, seen)
        if followed.high >= 0:
            fault.peak_row = first + int(where[at[followed.high]])
        if followed.end < 0:
            return []
        del self.faults[place]
        end = int(where[followed.end])
        found = [
            Crossing(
                place, first + end, fault.onset_row, fault.peak / SCALE, 0, True, fault.peak_row
            )
        ]
        rest = slice(end + 1, None)
        if not yes[rest].any():
            return found
        base = np.array([[seen[0] + followed.end + 1], [seen[1] + int(yes[: end + 1].sum())]])
        left = (yes[rest, None], applies[rest, None])
        return found + self._run(np.array([place]), *left, first + end + 1, base)

    def since_onset(self, place: int) -> tuple[int, int]:
        """Yes rows and applicable rows since a fault began; of all rows where there is none."""
        rows, yes = int(self.counts[0, place]), int(self.counts[1, place])
        fault = self.faults.get(place)
        return (yes, rows) if fault is None else (yes - fault.onset_yes, rows - fault.onset_rows)

    def forget(self, place: int) -> None:
        """Starts a stream afresh."""
        self.faults.pop(place, None)
        self.wealth[place] = 0.0

    def dump(self) -> bytes:
        """The wealth of all streams."""
        # where a bet has no wealth, where it once began means nothing
        began = np.where(self.wealth > 0.0, self.began, 0)
        return msgspec.msgpack.encode(
            _State(self.wealth.tobytes(), began.tobytes(), self.counts.tobytes(), self.faults)
        )

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        state = msgspec.msgpack.decode(data, type=_State)
        self.wealth = np.frombuffer(state.wealth).reshape(-1, BETS).copy()
        self.began = np.frombuffer(state.began, np.int64).reshape(3, -1, BETS).copy()
        self.counts = np.frombuffer(state.counts, np.int64).reshape(2, -1).copy()
        self.faults = state.faults
