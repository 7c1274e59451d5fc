"""The banks written again, one row at a time, in plain Python: slow, and obviously what was meant.

They share no arithmetic with the banks; what the reference taught (steps, edges, norms) is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

END_OF_FAULT = math.log(100_000)  # a fault that goes on is declared ended once in so many rows
UNIT = 2.0**-20


def down(x: float, unit: float = UNIT) -> float:
    """Rounded down to a multiple of 2^-20."""
    return math.floor(x / unit) * unit


def log_sum(logs: list) -> float:
    """log of the sum of exp of some numbers."""
    top = max(logs, default=-math.inf)
    return top if math.isinf(top) else top + math.log(sum(math.exp(x - top) for x in logs))


def capped(logs: list, cap: float) -> list:
    """The same as one number, at most `cap` where they come to more."""
    return logs if log_sum(logs) <= cap else [cap]


@dataclass
class PlainFault:
    row: int
    onset: int
    bet: int
    nats: float
    last: int
    calm: int = 0


@dataclass
class PlainBlocks:
    """`steps[column][feature][bet]`; cells first, `sizes[column]` of them, then flags."""

    steps: list
    sizes: list
    thresholds: list  # [column][bet], of the logarithm of the sum over all starts
    owner: list  # [column][bet]: its group, -1 for none
    rows: int = 0
    faults: dict = field(default_factory=dict)

    def __post_init__(self):
        shape = [range(len(bets)) for bets in self.thresholds]
        self.starts = [[[] for _ in bets] for bets in shape]  # what every start has earned
        self.wealth = [[0.0 for _ in bets] for bets in shape]
        self.inside = [[0.0 for _ in bets] for bets in shape]
        self.began = [[0 for _ in bets] for bets in shape]

    def see(self, cells, flags):
        """One row: cells of all columns, flags of all columns; what happened, in order."""
        found = []
        block = self.rows // 20 * 20
        for c, bets in enumerate(self.thresholds):
            for j in range(len(bets)):
                step = self.steps[c][cells[c]][j]
                step += sum(
                    self.steps[c][self.sizes[c] + f][j] for f, on in enumerate(flags[c]) if on
                )
                self.inside[c][j] += step
                path = log_sum([*self.starts[c][j], 0.0]) + self.inside[c][j]
                group = self.owner[c][j]
                if path >= bets[j] and group not in self.faults:
                    onset = self.began[c][j] if self.wealth[c][j] > 0 else block
                    found.append((group, self.rows, onset, path, j, False, -1))
        best = {}
        for x in found:
            if x[0] not in best or x[3] > best[x[0]][3]:
                best[x[0]] = x
        out = sorted(best.values())
        for group, row, onset, nats, bet, *_ in out:
            self.faults[group] = PlainFault(row, onset, bet, nats, row)
        self.rows += 1
        if self.rows % 20 == 0:
            out += self._end_of_block(block)
        return out

    def _end_of_block(self, block):
        for c, bets in enumerate(self.thresholds):
            for j in range(len(bets)):
                if self.wealth[c][j] <= 0.0:
                    self.began[c][j] = block
                self.wealth[c][j] = max(self.wealth[c][j], 0.0) + self.inside[c][j]
                self.starts[c][j] = [
                    x + self.inside[c][j] for x in [*self.starts[c][j], 0.0] if x > -60
                ]
                self.inside[c][j] = 0.0
        out = []
        for group, fault in list(self.faults.items()):
            mine = [
                (c, j) for c, bets in enumerate(self.thresholds) for j in range(len(bets))
                if self.owner[c][j] == group
            ]  # fmt: skip
            # the bet that crossed decides
            c, j = mine[0][0], fault.bet
            lead, threshold = log_sum(self.starts[c][j]), self.thresholds[c][j]
            fault.nats = max(fault.nats, lead)
            if lead >= threshold:
                fault.last = self.rows - 1
            for k, i in mine:
                cap = self.thresholds[k][i] + 3.0
                self.wealth[k][i] = min(self.wealth[k][i], cap)
                self.starts[k][i] = capped(self.starts[k][i], cap)
            if lead > 0.3 * threshold:
                fault.calm = 0
                continue
            fault.calm += 20
            if fault.calm >= min(max(200, 2 * (fault.row - fault.onset)), 1000):
                del self.faults[group]
                for k, i in mine:
                    self.wealth[k][i], self.starts[k][i] = 0.0, []
                out.append(
                    (group, self.rows - 1, fault.onset, fault.nats, fault.bet, True, fault.last)
                )
        return out


@dataclass
class PlainRow:
    """One yes/no stream that may start at any row."""

    edge: float
    share: float
    threshold: float
    deff: float = 1.0

    def __post_init__(self):
        self.qs = [self.edge + (1 - self.edge) * s for s in (0.02, 0.08, 0.25, 0.7)]
        self.wealth = [0.0] * 4
        self.began = [(0, 0, 0)] * 4
        self.rows = self.yes = 0
        self.fault = None

    def steps(self, q):
        return (
            down(math.log(q / self.edge) / self.deff),
            down(math.log((1 - q) / (1 - self.edge)) / self.deff),
        )

    def see(self, yes, applies, number):
        """(row, onset, nats, over, last) or None."""
        for k in range(4):
            if self.fault is None and self.wealth[k] == 0.0:
                self.began[k] = (number, self.rows, self.yes)
        if not applies:
            return None
        for k, q in enumerate(self.qs):
            if self.fault is None or self.fault == k:
                self.wealth[k] = max(self.wealth[k] + self.steps(q)[0 if yes else 1], 0.0)
        self.rows += 1
        self.yes += yes
        if self.fault is not None:
            return self._is_it_over(yes, number)
        best = max(range(4), key=self.wealth.__getitem__)
        if self.wealth[best] < self.threshold:
            return None
        self.fault = best
        self.high, self.at_high, self.high_row = self.wealth[best], (self.rows, self.yes), number
        self.onset = self.began[best]
        self.relief = 0.0
        return (number, self.onset[0], self.high, False, -1)

    def _is_it_over(self, yes, number):
        if self.wealth[self.fault] > self.high:
            self.high, self.at_high = self.wealth[self.fault], (self.rows, self.yes)
            self.high_row = number
            self.relief = 0.0
            return None
        strength = (self.at_high[1] - self.onset[2]) / (self.at_high[0] - self.onset[1])
        still = min(self.edge + max(strength - self.edge, 0.0) / 4, 1 - 1e-4)
        back = (self.share + self.edge) / 2
        end = math.ceil(END_OF_FAULT / UNIT) * UNIT
        most = math.floor(end / UNIT / 50) * UNIT
        loss, gain = down(math.log(back / still)), down(math.log((1 - back) / (1 - still)))
        if gain > most:
            loss, gain = math.floor(loss * most / gain / UNIT) * UNIT, most
        step = min(loss, -UNIT) if yes else max(gain, UNIT)
        self.relief = max(self.relief + step, 0.0)
        if self.relief < end:
            return None
        self.fault, self.wealth = None, [0.0] * 4
        return (number, self.onset[0], self.high, True, self.high_row)


@dataclass
class PlainEnd:
    """One end of a column, against the predictive null."""

    beyond: int
    reference: int
    floor: float
    threshold: float
    deff: float = 1.0

    def __post_init__(self):
        self.rows = self.seen = 0
        self.wealth, self.began = [0.0] * 4, [0] * 4
        self.fault = None

    def limit(self):
        t = self.rows // 20 * 20
        urn = (self.seen + 1 + self.beyond) / (self.reference + t + 1)
        return min(max(urn, self.floor + 1.25 * self.beyond / self.reference), 0.97)

    def see(self, yes, number):
        """One row with a value; (row, onset, nats, over, last) or None."""
        hi = self.limit()
        for b, stake in enumerate((0.004, 0.02, 0.08, 0.3)):
            q = hi + (1 - hi) * stake
            if yes and self.wealth[b] == 0.0:
                self.began[b] = number
            step = math.log(q / hi) if yes else math.log((1 - q) / (1 - hi))
            self.wealth[b] = max(self.wealth[b] + down(step / self.deff), 0.0)
        self.rows += 1
        self.seen += yes
        best = max(range(4), key=self.wealth.__getitem__)
        if self.fault is not None:
            onset, row, nats, calm, last = self.fault
            if yes:
                self.fault = (onset, row, max(nats, self.wealth[best]), 0, number)
                return None
            self.fault = (onset, row, nats, calm + 1, last)
            patience = min(max(self.deff, 1.0), 10.0)
            if calm + 1 < round(min(max(200, 2 * (row - onset)), 2000) * patience):
                return None
            self.fault, self.wealth = None, [0.0] * 4
            return (number, onset, nats, True, last)
        if yes and self.wealth[best] >= self.threshold:
            self.fault = (self.began[best], number, self.wealth[best], 0, number)
            return (number, self.began[best], self.wealth[best], False, -1)
        return None


@dataclass
class PlainLabels:
    """Bets on outcomes: `chance` and `pays` as the brief says, norms and divisors given.

    `norm`, `deff`, `thresholds` have shape [segment][bet]; a threshold of infinity is no bet.
    """

    norm: list
    deff: list
    thresholds: list
    base: float
    rows: int = 0

    def __post_init__(self):
        self.wealth = [[0.0] * len(line) for line in self.norm]
        self.starts = [[[] for _ in line] for line in self.norm]
        self.began = [[0] * len(line) for line in self.norm]
        self.open = []
        self.faults = {}

    def log_pays(self, p, y):
        """Of one outcome: log q(y) / p(y) for every alternative."""
        out = []
        for shift in (0.4, -0.4, 1.0, -1.0, 2.0, -2.0):
            q = 1 / (1 + math.exp(-(math.log(p / (1 - p)) + shift)))
            out.append(math.log((q if y else 1 - q) / (p if y else 1 - p)))
        for f in (0.1, 0.3, 0.8):
            q = p * (1 - f) + (1 - p) * f
            out.append(math.log((q if y else 1 - q) / (p if y else 1 - p)))
        b = self.base
        for ratio in (1.3, 1.7, 3.0, 1 / 1.3, 1 / 1.7, 1 / 3.0):
            odds = b / (1 - b) * ratio
            q = odds / (1 + odds)
            out.append(math.log((q if y else 1 - q) / (b if y else 1 - b)))
        return out

    def see(self, p, y, member):
        """One labelled row: calibrated chance, outcome, and which segments it belongs to."""
        self.open.append((p, y, member))
        if len(self.open) < 20:
            return []
        rows, self.open = self.open, []
        out = []
        for s in range(len(self.norm)):
            mine = [self.log_pays(p, y) for p, y, member in rows if member[s]]
            for j in range(len(self.norm[s])):
                if self.wealth[s][j] <= 0.0:
                    self.began[s][j] = self.rows
                grown = sum(down(x[j], 2.0**-14) for x in mine) - len(mine) * self.norm[s][j]
                step = down(grown / self.deff[s][j])
                alive = math.isfinite(self.thresholds[s][j])
                step = step if alive else 0.0
                self.wealth[s][j] = max(self.wealth[s][j], 0.0) + step
                self.starts[s][j] = [x + step for x in [*self.starts[s][j], 0.0] if x > -60]
        self.rows += 20
        row = self.rows - 1
        for s, line in enumerate(self.thresholds):
            logs = [log_sum(starts) for starts in self.starts[s]]
            over = [j for j, t in enumerate(line) if logs[j] >= t]
            if over and s not in self.faults:
                j = max(over, key=logs.__getitem__)
                self.faults[s] = PlainFault(row, self.began[s][j], j, logs[j], row)
                out.append((s, row, self.began[s][j], logs[j], j, False, -1))
        for s, fault in list(self.faults.items()):
            line = self.thresholds[s]
            loud = log_sum(self.starts[s][fault.bet]) > 0.3 * line[fault.bet]
            self.wealth[s] = [min(w, t + 3.0) for w, t in zip(self.wealth[s], line, strict=True)]
            self.starts[s] = [capped(x, t + 3.0) for x, t in zip(self.starts[s], line, strict=True)]
            fault.calm = 0 if loud else fault.calm + 20
            if fault.calm >= 400 * min(max(self.deff[s][fault.bet], 1.0), 10.0):
                del self.faults[s]
                self.wealth[s] = [0.0] * len(line)
                self.starts[s] = [[] for _ in line]
                out.append((s, row, fault.onset, fault.nats, fault.bet, True, row))
        return out
