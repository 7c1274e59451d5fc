"""Many bets at once: a row is a cell a column, twenty rows a block, a block a matrix product.

A bet starts afresh with one unit at the first row of every block, and what all its starts have
earned is added up (Shiryaev and Roberts; Shin, Ramdas, Rinaldo 2023, *E-detectors*)::

    R <- (R + 1) exp(steps of the block)

Inside a block every row is looked at where the sum could reach its limit, so an alarm comes at its
row. Steps are multiples of 2^-14 nat, and their sums over a block are exact in single precision:
the same rows give the same evidence and the same alarms whatever the batches they come in. Beside
it goes the best start alone, ``W <- max(W, 0) + steps``, whose last zero dates the onset.

By row N there were at most ``(N + 19) / 20`` starts, and the mean of R is at most their number. So
a limit of ``(c + 19) / 20`` keeps what a limit of c would promise of bets that start at every row:
on average at least c rows to a false alarm (`docs/decisions/0008-value-detection.md`).
"""

from __future__ import annotations

import math
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
#: logarithms up to which numbers are held
LARGEST = 500.0
#: steps that agree to within 1 / 1000 nat are the same bet
ALIKE = 1000.0


def in_blocks(nats: float) -> float:
    """Evidence that bets starting every 20 rows need where `nats` is asked of those at every row.

    >>> round(in_blocks(math.log(2000)), 4) == round(math.log(2019 / 20), 4)
    True
    """
    return nats + math.log1p((BLOCK - 1) * math.exp(-nats)) - math.log(BLOCK)


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
        nats: evidence of the leading bet.
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
    sums: bytes
    wealth: bytes
    began: bytes
    open_cells: bytes
    open_flags: bytes
    faults: dict[int, GroupFault]


class BlockBank:
    """E-detectors over the cells of all columns of a model.

    Bets that are watched stand side by side, column by column; arrays of shape (bets,) are about
    them. Muted bets are left out, and bets of a column and family that pay the same for every row
    (of a column with two values "is it 1?" and "is it 0?" are one question) stand there once.

    Args:
        tables: per column, the steps (features x bets) and the bets.
        groups: the groups; every bet that is not muted belongs to the group of its column and
            code.
        cells: number of cells of each column; flags come after them.
        nats: evidence at which a bet of weight 1 that starts at every row would cross.
        first: the tables that tell which bets pay the same, where `tables` tolerate more than
            these, so that the same bets are watched whatever is tolerated; None: `tables`.

    Attributes:
        column, place, group: shape (bets,): column, place among its bets, group.
        spans: per column, where its bets stand.
        steps: per column, shape (features, bets): what a row adds.
        thresholds: shape (bets,): log of the sum at which a bet crosses.
        sums: shape (bets,): R at the end of the last block.
        wealth, began: shape (bets,): W there, and the first row since its last zero.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        groups: Sequence[Group],
        cells: Sequence[int],
        nats: float,
        *,
        first: Sequence[Table] | None = None,
    ) -> None:
        self.tables = list(tables)
        self.groups = list(groups)
        places = {(g.column, g.code): i for i, g in enumerate(self.groups)}
        lines: list[tuple[int, int, int]] = []
        self.spans: list[slice] = []
        self.steps: list[FloatArray] = []
        for c, (table, told) in enumerate(zip(tables, first or tables, strict=True)):
            mine = _watched(told, [places.get((c, b.code), -1) for b in told.bets])
            self.spans.append(slice(len(lines), len(lines) + len(mine)))
            self.steps.append(np.ascontiguousarray(table.steps[:, [j for j, _ in mine]]))
            lines += [(c, j, place) for j, place in mine]
        self.column, self.place, self.group = np.array(lines, np.int64).reshape(-1, 3).T
        count = np.bincount(self.group, minlength=len(self.groups))
        weight = np.array([g.weight for g in self.groups]) / np.maximum(count, 1)
        self.thresholds: FloatArray = in_blocks(nats) - np.log(weight[self.group])
        self._caps = np.exp(np.minimum(self.thresholds + CAP, LARGEST))
        self._tables = [s.astype(np.float32) for s in self.steps]
        self._cells = np.array(cells, np.int64)
        # a column without bets has no table, yet rows have cells and flags in it
        flags = max((len(s) - n for s, n in zip(self.steps, cells, strict=True)), default=0)
        self._flags = max(flags, 0)
        # columns with a table for every phase of the day are summed up by row, not by cell
        wide = [len(s) > WIDE for s in self.steps]
        self._wide, self._narrow = np.flatnonzero(wide), np.flatnonzero(~np.array(wide, np.bool_))
        ends = np.cumsum(self._cells[self._narrow] + self._flags)
        self._begins = np.concatenate(([0], ends)).astype(np.int64)
        self._lit: IntArray = (ends - self._flags)[:, None] + np.arange(self._flags)
        self._slopes, self._near = self._reach()
        self.rows = 0
        bets = len(lines)
        self.sums, self.wealth = np.zeros(bets), np.zeros(bets)
        self.began = np.zeros(bets, np.int64)
        self._open_cells = np.zeros((0, len(tables)), np.int64)
        self._open_flags = np.zeros((0, len(tables), 0), np.bool_)
        self.faults: dict[int, GroupFault] = {}

    def _reach(self) -> tuple[FloatArray, FloatArray]:
        """Shape (bets,) each: from what start on a bet could cross inside a block.

        Of wide columns, what is positive in a block is summed up (`_by_row`). Of the others: with
        steps between -a and b a row, what is positive in a block that moves by x sums up to at most
        ``(x + 20 a) b / (a + b)``: a convex function lies below its chord.
        """
        slopes, near = np.zeros(len(self.thresholds)), self.thresholds.copy()
        for steps, size, span in zip(self.steps, self._cells.tolist(), self.spans, strict=True):
            if len(steps) > WIDE:
                continue
            known, lit = steps[:size], steps[size:]
            up = known.max(axis=0, initial=0.0) + np.maximum(lit, 0.0).sum(axis=0)
            down = np.minimum(lit, 0.0).sum(axis=0) + known.min(axis=0, initial=0.0)
            slopes[span] = up / np.maximum(up - down, 1e-300)
            near[span] += slopes[span] * down * BLOCK
        return slopes, np.minimum(near, LARGEST) - 1e-6

    def observe(self, cells: IntArray, flags: NDArray[np.bool_]) -> list[Crossing]:
        """Takes rows in order.

        Args:
            cells: shape (n, columns), cell of every row and column.
            flags: shape (n, columns, flags), what earlier rows say; those of a column stand behind
                its cells in its table.

        Returns:
            Groups that crossed or are calm again, in row order.
        """
        n = len(cells)
        if n == 0 or not len(self.thresholds):
            self.rows += n
            return []
        held = len(self._open_cells)
        first = self.rows - held
        if held:
            cells = np.concatenate((self._open_cells, cells))
            flags = np.concatenate((self._open_flags, flags))
        total = len(cells)
        blocks = -(-total // BLOCK)
        step, rise = self._moves(cells, flags, blocks)
        pay = np.exp(step)
        # from this sum on, the new start included, a bet could cross inside the block
        reach = step * self._slopes
        np.subtract(self._near, reach, out=reach)
        reach -= rise
        np.exp(reach, out=reach)
        found: list[Crossing] = []
        for b in range(blocks):
            begin, end = b * BLOCK, min((b + 1) * BLOCK, total)
            begun = self.sums + 1.0
            hot = begun >= reach[b]
            if hot.any():
                skip = held if b == 0 else 0
                found += self._look(hot, cells[begin:end], flags[begin:end], first + begin, skip)
            if end - begin < BLOCK:
                break
            np.putmask(self.began, self.wealth <= 0.0, first + begin)
            np.maximum(self.wealth, 0.0, out=self.wealth)
            self.wealth += step[b]
            np.multiply(begun, pay[b], out=self.sums)
            if self.faults:
                found += self._follow(first + end - 1)
        done = (total // BLOCK) * BLOCK
        self._open_cells, self._open_flags = cells[done:].copy(), flags[done:].copy()
        self.rows += n
        return found

    def _moves(
        self, cells: IntArray, flags: NDArray[np.bool_], blocks: int
    ) -> tuple[FloatArray, NDArray[np.float32] | float]:
        """Shape (blocks, bets) each: sums of steps, exact; of positive ones in wide columns."""
        out = np.empty((blocks, len(self.thresholds)), np.float32)
        rise = np.zeros_like(out) if len(self._wide) else 0.0
        for c in self._wide.tolist():
            span = self.spans[c]
            if span.stop > span.start and isinstance(rise, np.ndarray):
                out[:, span], rise[:, span] = self._by_row(c, cells[:, c], flags[:, c])
        if len(self._wide):
            cells, flags = cells[:, self._narrow], flags[:, self._narrow]
        counts = self._count(cells, flags, blocks)
        for c, begin in zip(self._narrow.tolist(), self._begins.tolist(), strict=False):
            table, span = self._tables[c], self.spans[c]
            if span.stop > span.start:
                np.matmul(counts[:, begin : begin + len(table)], table, out=out[:, span])
        return out.astype(np.float64), rise

    def _by_row(
        self, column: int, cells: IntArray, flags: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Shape (blocks, bets) each: sums of steps and of positive ones in one wide column.

        Sums are exact in single precision, so that their order does not matter.
        """
        table, size = self._tables[column], int(self._cells[column])
        rows = table.take(cells, axis=0)
        for f in range(len(table) - size):
            lit = flags[:, f]
            if lit.any():
                rows[lit] += table[size + f]
        starts = np.arange(0, len(cells), BLOCK)
        moved: NDArray[np.float32] = np.add.reduceat(rows, starts, axis=0)
        np.maximum(rows, 0.0, out=rows)
        rise: NDArray[np.float32] = np.add.reduceat(rows, starts, axis=0)
        return moved, rise

    def _count(self, cells: IntArray, flags: NDArray[np.bool_], blocks: int) -> NDArray[np.float32]:
        """Shape (blocks, features of narrow columns): counts of cells and flags in each block."""
        total, width = len(cells), int(self._begins[-1])
        index = cells + self._begins[:-1]
        index += (np.arange(total) // BLOCK * width)[:, None]
        times = np.bincount(index.ravel(order="K"), minlength=blocks * width)
        counts = times.reshape(blocks, width).astype(np.float32)
        known = min(self._flags, flags.shape[2])
        if known:
            place = self._lit[:, :known].ravel()
            lit = flags[:, :, :known].reshape(total, -1).view(np.uint8)
            whole = total // BLOCK
            inside = lit[: whole * BLOCK].reshape(whole, BLOCK, len(place))
            counts[:whole, place] = inside.sum(axis=1, dtype=np.uint8)
            if whole < blocks:
                counts[whole, place] = lit[whole * BLOCK :].sum(axis=0, dtype=np.uint8)
        return counts

    def _look(
        self,
        hot: NDArray[np.bool_],
        cells: IntArray,
        flags: NDArray[np.bool_],
        first: int,
        skip: int,
    ) -> list[Crossing]:
        """Row by row where a threshold is in reach; `skip` rows were looked at before."""
        found: dict[int, Crossing] = {}
        bets = np.flatnonzero(hot)
        for c in dict.fromkeys(self.column[bets].tolist()):
            mine = bets[self.column[bets] == c]
            at_home = mine - self.spans[c].start
            steps = self.steps[c][cells[:, c]][:, at_home]
            for f in range(flags.shape[2]):
                lit = flags[:, c, f]
                if lit.any():
                    steps[lit] += self.steps[c][self._cells[c] + f, at_home]
            path = np.log1p(self.sums[mine]) + np.cumsum(steps, axis=0)
            over = path[skip:] >= self.thresholds[mine]
            for row in np.flatnonzero(over.any(axis=1)).tolist():
                for k in np.flatnonzero(over[row]).tolist():
                    bet = int(mine[k])
                    group = int(self.group[bet])
                    at = first + skip + row
                    known = found.get(group)
                    if group in self.faults or (known is not None and known.row < at):
                        continue
                    nats = float(path[skip + row, k])
                    if known is not None and known.nats >= nats:
                        continue
                    onset = int(self.began[bet]) if self.wealth[bet] > 0.0 else first
                    found[group] = Crossing(group, at, onset, nats, int(self.place[bet]))
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
            mine = np.flatnonzero(self.group == place)
            leader = int(mine[self.place[mine] == fault.bet][0])
            lead = _log(float(self.sums[leader]))
            fault.nats = max(fault.nats, lead)
            limit = float(self.thresholds[leader])
            if lead >= limit:
                fault.last_row = row
            self.sums[mine] = np.minimum(self.sums[mine], self._caps[mine])
            self.wealth[mine] = np.minimum(self.wealth[mine], self.thresholds[mine] + CAP)
            if lead > CALM * limit:
                fault.calm = 0
                continue
            fault.calm += BLOCK
            needed = min(max(CALM_ROWS, 2 * (fault.row - fault.onset)), MOST_CALM_ROWS)
            needed = round(needed * patience(self.bet(place, fault.bet).deff))
            if fault.calm >= needed:
                self.forget(place)
                out.append(
                    Crossing(place, row, fault.onset, fault.nats, fault.bet, True, fault.last_row)
                )
        return out

    def bet(self, group: int, bet: int) -> Bet:
        """The bet of a crossing."""
        return self.tables[self.groups[group].column].bets[bet]

    def threshold(self, group: int) -> float:
        """Evidence at which a group crosses, the lowest of its bets."""
        return float(self.thresholds[self.group == group].min(initial=1e9))

    def forget(self, group: int) -> None:
        """Starts the bets of a group afresh."""
        self.faults.pop(group, None)
        mine = self.group == group
        self.sums[mine] = self.wealth[mine] = 0.0

    def dump(self) -> bytes:
        """The evidence of all bets and the unfinished block; tables are of the fit."""
        state = _State(
            rows=self.rows,
            sums=self.sums.tobytes(),
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
        self.sums = np.frombuffer(state.sums).copy()
        self.wealth = np.frombuffer(state.wealth).copy()
        self.began = np.frombuffer(state.began, np.int64).copy()
        cells = np.frombuffer(state.open_cells, np.int64)
        held = len(cells) // columns if columns else 0
        self._open_cells = cells.reshape(held, columns).copy()
        flags = np.frombuffer(state.open_flags, np.bool_)
        wide = len(flags) // (held * columns) if held * columns else 0
        self._open_flags = flags.reshape(held, columns, wide).copy()
        self.faults = state.faults


def _watched(table: Table, groups: Sequence[int]) -> list[tuple[int, int]]:
    """Places and groups of the bets to watch: not muted, in a group, each once."""
    seen: set[tuple[int, bytes]] = set()
    out = []
    for j, (bet, group) in enumerate(zip(table.bets, groups, strict=True)):
        if bet.muted or group < 0:
            continue
        # the same but for rounding
        pays = np.rint(table.steps[:, j] * ALIKE).astype(np.int64).tobytes()
        if (group, pays) not in seen:
            seen.add((group, pays))
            out.append((j, group))
    return out


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf
