"""Many bets at once: a row is a cell a column, twenty rows a block, a block one matrix product.

``W <- max(W, 0) + steps of the block`` at block ends, and inside a block every row is looked at
where the evidence could reach its threshold, so an alarm comes at its row. Steps are multiples of
2^-14 nat, and their sums over a block are exact in single precision: the same rows give the same
wealth and the same alarms whatever the batches they come in.

Restarting only at block ends is still an e-detector, with fewer starts
(`research/detection_drift.md` 3.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.quiet import BLOCK, patience
from holdfast.detection.columns.streams import Bet, Table
from holdfast.frames.values import FloatArray, IntArray

#: wealth above its threshold that a bet may keep, so that it can come down after recovery
CAP = 3.0
#: rows that a group of bets must have been calm, at least and at most, to count as recovered
CALM_ROWS, MOST_CALM_ROWS = 200, 1000
#: cells and flags from which on a column is summed up by row
WIDE = 160
#: part of its threshold below which a bet is calm
CALM = 0.3


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Bets of one column and family: they cross as one.

    Attributes:
        column: place of the column.
        field: its name; empty for the score.
        code: family.
        weight: share of the bank's budget.
    """

    column: int
    field: str
    code: str
    weight: float


class Crossing(NamedTuple):
    """A group reached its threshold, or is calm again.

    Attributes:
        group: its place.
        row: row of the crossing, counted from the first row ever seen.
        onset: estimated first row of the trouble.
        nats: wealth of the leading bet.
        bet: place of the leading bet in its column.
        over: True when the group is calm again.
        last: then, the last row that spoke for the trouble.
    """

    group: int
    row: int
    onset: int
    nats: float
    bet: int
    over: bool = False
    last: int = -1


class GroupFault(msgspec.Struct):
    """A group in fault: where it began and how long it has been calm."""

    row: int
    onset: int
    bet: int
    nats: float
    last_row: int
    calm: int = 0


class _State(msgspec.Struct, array_like=True):
    rows: int
    wealth: bytes
    began: bytes
    open_cells: bytes
    open_flags: bytes
    faults: dict[int, GroupFault]


class BlockBank:
    """CUSUM e-detectors over the cells of all columns of a model.

    Args:
        tables: per column, the steps (features x bets) and the bets.
        groups: the groups; every bet that is not muted belongs to the group of its column and
            code.
        cells: number of cells of each column; flags come after them.
        nats: wealth at which a bet of weight 1 crosses.
    """

    def __init__(
        self, tables: Sequence[Table], groups: Sequence[Group], cells: Sequence[int], nats: float
    ) -> None:
        columns = len(tables)
        self.tables = list(tables)
        self.groups = list(groups)
        self.features = max((len(t.steps) for t in tables), default=1)
        self.width = max((t.steps.shape[1] for t in tables), default=0)
        self._cells = np.array(cells, np.int64)
        self._steps = np.zeros((columns, self.features, self.width))
        self.thresholds = np.full((columns, self.width), np.inf)
        self._group = np.full((columns, self.width), -1, np.int64)
        places = {(g.column, g.code): i for i, g in enumerate(self.groups)}
        for c, table in enumerate(tables):
            self._steps[c, : len(table.steps), : table.steps.shape[1]] = table.steps
            alive: dict[int, int] = {}
            for j, bet in enumerate(table.bets):
                place = places.get((c, bet.code))
                if place is None or bet.muted:
                    self._steps[c, :, j] = 0.0
                    continue
                self._group[c, j] = place
                alive[place] = alive.get(place, 0) + 1
            for place, count in alive.items():
                weight = self.groups[place].weight / count
                self.thresholds[c, self._group[c] == place] = nats - np.log(weight)
        both = np.concatenate((self._steps, self._rises(cells)), axis=2)
        # columns with a table for every phase of the day are summed up by row, not by cell
        sizes = np.array([len(t.steps) for t in tables], np.int64)
        self._wide = np.flatnonzero(sizes > WIDE)
        self._narrow = int(sizes[sizes <= WIDE].max(initial=1))
        self._both = np.ascontiguousarray(both[:, : self._narrow], np.float32)
        self._wide_both = [np.ascontiguousarray(both[c], np.float32) for c in self._wide]
        self.rows = 0
        self.wealth = np.zeros((columns, self.width))
        self.began = np.zeros((columns, self.width), np.int64)
        self._open_cells = np.zeros((0, columns), np.int64)
        self._open_flags = np.zeros((0, columns, 0), np.bool_)
        self.faults: dict[int, GroupFault] = {}

    def _rises(self, cells: Sequence[int]) -> FloatArray:
        """Steps of which the sum over a block bounds the wealth inside it from above.

        A row adds its cell's step, and with a flag the flag's on top; only what is positive counts.
        """
        rises = np.maximum(self._steps, 0.0)
        for c, size in enumerate(cells):
            loss = self._steps[c, :size].max(axis=0)
            base = np.maximum(loss, 0.0)
            lit = self._steps[c, size:]
            asked = np.abs(lit) > 0.0
            rises[c, size:] = np.where(asked, np.maximum(loss + lit, 0.0) - base, 0.0)
        return rises

    def observe(self, cells: IntArray, flags: NDArray[np.bool_]) -> list[Crossing]:
        """Takes rows in order.

        Args:
            cells: shape (n, columns), cell of every row and column.
            flags: shape (n, columns, flags), what earlier rows say; those of a column stand behind
                its cells in its table.

        Returns:
            Groups that crossed or are calm again, in row order.
        """
        n, columns = cells.shape
        if n == 0 or columns == 0 or self.width == 0:
            self.rows += n
            return []
        held = len(self._open_cells)
        first = self.rows - held
        cells = np.concatenate((self._open_cells, cells)) if held else cells
        if held:
            flags = np.concatenate((self._open_flags, flags))
        total = len(cells)
        blocks = -(-total // BLOCK)
        counts = self._count(cells, flags, blocks)
        by_column = counts.transpose(1, 0, 2)
        moved = np.matmul(by_column, self._both)
        for c, both in zip(self._wide.tolist(), self._wide_both, strict=True):
            moved[c] = self._by_row(both, cells[:, c], flags[:, c], int(self._cells[c]))
        step, gain = moved[:, :, : self.width], moved[:, :, self.width :]
        found: list[Crossing] = []
        for b in range(blocks):
            begin, end = b * BLOCK, min((b + 1) * BLOCK, total)
            start = np.maximum(self.wealth, 0.0)
            hot = start + gain[:, b] >= self.thresholds
            if hot.any():
                skip = held if b == 0 else 0
                found += self._look(
                    hot, start, cells[begin:end], flags[begin:end], first + begin, skip
                )
            if end - begin < BLOCK:
                break
            fresh = self.wealth <= 0.0
            if fresh.any():
                self.began[fresh] = first + begin
            self.wealth = start + step[:, b]
            if self.faults:
                found += self._follow(first + end - 1)
        done = (total // BLOCK) * BLOCK
        self._open_cells, self._open_flags = cells[done:].copy(), flags[done:].copy()
        self.rows += n
        return found

    def _count(self, cells: IntArray, flags: NDArray[np.bool_], blocks: int) -> NDArray[np.float32]:
        """Shape (blocks, columns, features): counts of cells and flags in each block."""
        total, columns = cells.shape
        block = np.arange(total) // BLOCK
        if len(self._wide):
            cells, flags = cells.copy(), flags.copy()
            cells[:, self._wide], flags[:, self._wide] = 0, False
        index = (block[:, None] * columns + np.arange(columns)) * self._narrow + cells
        size = blocks * columns * self._narrow
        counts = np.bincount(index.ravel(), minlength=size).astype(np.float32)
        counts = counts.reshape(blocks, columns, self._narrow)
        if flags.shape[2]:
            at, column, flag = np.nonzero(flags)
            np.add.at(counts, (at // BLOCK, column, self._cells[column] + flag), 1.0)
        return counts

    @staticmethod
    def _by_row(
        both: NDArray[np.float32], cells: IntArray, flags: NDArray[np.bool_], size: int
    ) -> NDArray[np.float32]:
        """Shape (blocks, 2 x bets): what the rows of each block add, in one wide column.

        Sums are exact in single precision, so that their order does not matter.
        """
        rows = both[cells]
        for f in range(flags.shape[1]):
            if flags[:, f].any():
                rows[flags[:, f]] += both[size + f]
        result: NDArray[np.float32] = np.add.reduceat(rows, np.arange(0, len(cells), BLOCK), axis=0)
        return result

    def _look(
        self,
        hot: NDArray[np.bool_],
        start: FloatArray,
        cells: IntArray,
        flags: NDArray[np.bool_],
        first: int,
        skip: int,
    ) -> list[Crossing]:
        """Row by row where a threshold is in reach; `skip` rows were looked at before."""
        found: dict[int, Crossing] = {}
        for c in np.flatnonzero(hot.any(axis=1)).tolist():
            bets = np.flatnonzero(hot[c])
            steps = self._steps[c][cells[:, c]][:, bets]
            for f in range(flags.shape[2]):
                lit = flags[:, c, f]
                if lit.any():
                    steps[lit] += self._steps[c, self._cells[c] + f, bets]
            path = start[c, bets] + np.cumsum(steps, axis=0)
            over = path[skip:] >= self.thresholds[c, bets]
            for row in np.flatnonzero(over.any(axis=1)).tolist():
                for k in np.flatnonzero(over[row]).tolist():
                    j = int(bets[k])
                    group = int(self._group[c, j])
                    at = first + skip + row
                    known = found.get(group)
                    if group in self.faults or (known is not None and known.row < at):
                        continue
                    nats = float(path[skip + row, k])
                    if known is not None and known.nats >= nats:
                        continue
                    onset = int(self.began[c, j]) if self.wealth[c, j] > 0.0 else first
                    found[group] = Crossing(group, at, onset, nats, j)
        out = sorted(found.values(), key=lambda x: (x.row, x.group))
        for x in out:
            self.faults[x.group] = GroupFault(
                row=x.row, onset=x.onset, bet=x.bet, nats=x.nats, last_row=x.row
            )
        return out

    def _follow(self, row: int) -> list[Crossing]:
        """Groups in fault at the end of a block: capped, refreshed, or calm again.

        The bet that crossed is the one that this fault feeds best, so it decides: the group is calm
        again when that bet has stayed below 0.3 of its threshold for a while. Then all its bets
        start afresh; what still goes on crosses again.
        """
        out = []
        for place, fault in list(self.faults.items()):
            c = self.groups[place].column
            mine = self._group[c] == place
            wealth = self.wealth[c]
            lead = float(wealth[fault.bet])
            fault.nats = max(fault.nats, lead)
            limit = self.thresholds[c, fault.bet]
            if lead >= limit:
                fault.last_row = row
            self.wealth[c] = np.where(mine, np.minimum(wealth, self.thresholds[c] + CAP), wealth)
            if lead > CALM * limit:
                fault.calm = 0
                continue
            fault.calm += BLOCK
            needed = min(max(CALM_ROWS, 2 * (fault.row - fault.onset)), MOST_CALM_ROWS)
            needed = round(needed * patience(self.tables[c].bets[fault.bet].deff))
            if fault.calm >= needed:
                del self.faults[place]
                self.wealth[c] = np.where(mine, 0.0, self.wealth[c])
                out.append(
                    Crossing(place, row, fault.onset, fault.nats, fault.bet, True, fault.last_row)
                )
        return out

    def bet(self, group: int, bet: int) -> Bet:
        """The bet of a crossing."""
        return self.tables[self.groups[group].column].bets[bet]

    def threshold(self, group: int) -> float:
        """Wealth at which a group crosses, the lowest of its bets."""
        c = self.groups[group].column
        return float(self.thresholds[c, self._group[c] == group].min(initial=1e9))

    def forget(self, group: int) -> None:
        """Starts the bets of a group afresh."""
        self.faults.pop(group, None)
        c = self.groups[group].column
        mine = self._group[c] == group
        self.wealth[c, mine] = 0.0

    def dump(self) -> bytes:
        """The wealth of all bets and the unfinished block; tables are of the fit."""
        state = _State(
            rows=self.rows,
            wealth=self.wealth.tobytes(),
            began=self.began.tobytes(),
            open_cells=self._open_cells.tobytes(),
            open_flags=self._open_flags.tobytes(),
            faults=self.faults,
        )
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        state = msgspec.msgpack.decode(data, type=_State)
        columns = len(self.tables)
        self.rows = state.rows
        self.wealth = np.frombuffer(state.wealth).reshape(columns, self.width).copy()
        self.began = np.frombuffer(state.began, np.int64).reshape(columns, self.width).copy()
        cells = np.frombuffer(state.open_cells, np.int64)
        held = len(cells) // columns if columns else 0
        self._open_cells = cells.reshape(held, columns).copy()
        flags = np.frombuffer(state.open_flags, np.bool_)
        wide = len(flags) // (held * columns) if held * columns else 0
        self._open_flags = flags.reshape(held, columns, wide).copy()
        self.faults = state.faults
