"""Bets on outcomes: does the model still mean what it said, overall and in every segment?

With `p` the calibrated score of a row and `y` its outcome, a payoff ``q(y) / p(y)`` bets that the
chance is really `q`: the same shift of the log-odds for everyone (0.4, 1 and 2, up and down), or a
share `f` of outcomes flipped, ``q = p (1 - f) + f (1 - p)``. Each is bet in every segment: all
rows, both sides of five cuts of every number, every category with 5 % of the rows. Mean and spread
of each payoff are measured on the reference, segment by segment, which absorbs what the model is
wrong about already (`research/detection_drift.md` 3.4). Evidence adds up as in
`holdfast.detection.columns.blocks`, in blocks of 20 outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.blocks import CALM, CAP, Crossing, GroupFault, in_blocks
from holdfast.detection.columns.cells import Cells
from holdfast.detection.columns.quiet import (
    BLOCK,
    GRID,
    TABLE_GRID,
    Payments,
    limits,
    patience,
    rounded,
)
from holdfast.frames.values import FloatArray, IntArray, ValueKind

CUTS = (0.15, 0.3, 0.5, 0.7, 0.85)
LEAST_CATEGORY = 0.05
SHIFTS = (0.4, -0.4, 1.0, -1.0, 2.0, -2.0)
FLIPS = (0.1, 0.3, 0.8)
ODDS = (1.3, 1.7, 3.0, 1 / 1.3, 1 / 1.7, 1 / 3.0)
DELTA_ALL, DELTA_SEGMENT = 0.07, 0.08
#: labelled reference rows, and rows of the rarer outcome, from which labels are bet on
LEAST_ROWS, LEAST_CLASS = 200, 20
LEAST_SEGMENT = 60
KNOTS = 7
CLIP = 0.004
CALM_ROWS = 400


class Calibration(msgspec.Struct, frozen=True):
    """Score to chance of the positive outcome: linear in the log-odds between knots.

    Attributes:
        knots: ascending scores.
        log_odds: log-odds at each of them.
    """

    knots: tuple[float, ...]
    log_odds: tuple[float, ...]

    def chance(self, score: FloatArray) -> FloatArray:
        """Shape (n,): chances between 0.004 and 0.996; the base rate where there is no score."""
        known = np.isfinite(score)
        if not len(self.knots):
            return np.full(len(score), 0.5)
        z = np.interp(np.where(known, score, self.knots[0]), self.knots, self.log_odds)
        p = np.clip(1.0 / (1.0 + np.exp(-z)), CLIP, 1.0 - CLIP)
        return np.where(known, p, np.nan)


def calibrate(score: FloatArray, label: FloatArray) -> Calibration:
    """Piecewise-linear logistic regression of the label on the score, lightly penalised.

    Args:
        score: shape (n,), finite.
        label: shape (n,), 0 or 1.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> p = rng.random(4000)
        >>> c = calibrate(p, (rng.random(4000) < p).astype(float))
        >>> [round(float(x), 1) for x in c.chance(np.array([0.2, 0.5, 0.8]))]
        [0.2, 0.5, 0.8]
    """
    knots = np.unique(np.quantile(score, np.linspace(0.0, 1.0, KNOTS)))
    if len(knots) == 1:
        rate = float(np.clip(label.mean(), CLIP, 1.0 - CLIP))
        return Calibration((float(knots[0]),), (math.log(rate / (1.0 - rate)),))
    hats = np.stack([np.interp(score, knots, row) for row in np.eye(len(knots))], axis=1)
    rate = float(np.clip(label.mean(), CLIP, 1.0 - CLIP))
    base = math.log(rate / (1.0 - rate))
    beta = np.full(len(knots), base)
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(hats @ beta, -30.0, 30.0)))
        weight = np.maximum(p * (1.0 - p), 1e-6)
        gradient = hats.T @ (label - p) - 0.5 * (beta - base)
        curvature = (hats * weight[:, None]).T @ hats + 0.5 * np.eye(len(knots))
        step = np.linalg.solve(curvature, gradient)
        beta = beta + np.clip(step, -3.0, 3.0)
        if float(np.abs(step).max()) < 1e-8:
            break
    return Calibration(tuple(knots.tolist()), tuple(np.round(beta, 9).tolist()))


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a label bet is about.

    Attributes:
        column: place of the column, -1 for all rows.
        field: its name, empty for all rows.
        words: which rows, for people: ``<= 35``.
        cells: the cells of the column that belong to it.
    """

    column: int
    field: str
    words: str
    cells: tuple[int, ...] = ()


def segments_of(names: Sequence[str], cells: Sequence[Cells]) -> list[Segment]:
    """All rows, both sides of five cuts of every number, every category of 5 % or more."""
    found = [Segment(column=-1, field="", words="all rows")]
    for i, (name, c) in enumerate(zip(names, cells, strict=True)):
        counts = np.array(c.counts[: c.inner], float)
        total = counts.sum()
        if total <= 0:
            continue
        if c.kind is ValueKind.NUMBER:
            upto = np.cumsum(counts) / total
            seen: set[int] = set()
            for cut in CUTS:
                last = int(np.argmin(np.abs(upto - cut)))
                if last in seen or not 0.02 < upto[last] < 0.98:
                    continue
                seen.add(last)
                low, high = tuple(range(last + 1)), tuple(range(last + 1, c.inner))
                found.append(Segment(column=i, field=name, words=f"<= {c.cuts[last]:g}", cells=low))
                found.append(Segment(column=i, field=name, words=f"> {c.cuts[last]:g}", cells=high))
        else:
            for k, category in enumerate(c.names):
                if 0.98 > counts[k] / total >= LEAST_CATEGORY:
                    found.append(Segment(column=i, field=name, words=f"= {category}", cells=(k,)))
    return found


def payoffs(p: FloatArray, y: FloatArray, base: float) -> FloatArray:
    """Shape (n, payoffs): log payoffs of every bet for chances `p` and outcomes `y`."""
    yes = y > 0.5
    out = np.empty((len(NAMES), len(y)))
    shifts, flips, odds = out[: len(SHIFTS)], out[len(SHIFTS) : _ODDS_FROM], out[_ODDS_FROM:]
    # log q - log p = shift - log(1 - p + p e^shift); the same without `shift` for 1 - q
    np.multiply(_SHIFTS, yes, out=shifts)
    shifts -= np.log1p(np.expm1(_SHIFTS) * p)
    odds_of_yes = p / (1.0 - p)
    against = np.where(yes, 1.0 / odds_of_yes, odds_of_yes)
    np.log1p(_FLIPS * (against - 1.0), out=flips)
    q0 = base * _ODDS / (1.0 - base + base * _ODDS)
    odds[:] = np.where(yes, np.log(q0 / base), np.log((1.0 - q0) / (1.0 - base)))
    return out.T


NAMES = (
    *(f"log-odds {s:+g}" for s in SHIFTS),
    *(f"{f:.0%} flipped" for f in FLIPS),
    *(f"odds x{r:.2g}" for r in ODDS),
)
#: payoffs made of the outcome alone, bet on over all rows only
_ODDS_FROM = len(SHIFTS) + len(FLIPS)
_SHIFTS, _FLIPS, _ODDS = (np.array(x)[:, None] for x in (SHIFTS, FLIPS, ODDS))


class LabelFit(msgspec.Struct, frozen=True, kw_only=True):
    """What label bets know of the reference.

    Attributes:
        calibration: score to chance.
        base: share of the positive outcome.
        segments: the segments.
        norm, deff: shape (segments, payoffs) as bytes: log of the tolerated mean payoff; divisor.
        alive: same shape, whether the bet is watched.
        rows: labelled rows of the reference.
        muted: segments that could not be kept quiet.
    """

    calibration: Calibration
    base: float
    segments: tuple[Segment, ...]
    norm: bytes
    deff: bytes
    alive: bytes
    rows: int
    muted: tuple[str, ...] = ()


def learn_labels(
    names: Sequence[str],
    cells: Sequence[Cells],
    coded: IntArray,
    score: FloatArray,
    label: FloatArray,
    *,
    scale: float = 1.0,
) -> LabelFit | None:
    """Fits the label bets; None where the reference has too few labelled rows of either kind."""
    known = np.isfinite(score) & np.isfinite(label)
    coded, score, label = coded[known], score[known], (label[known] > 0.5).astype(float)
    n = len(label)
    if n < LEAST_ROWS or min(label.sum(), n - label.sum()) < LEAST_CLASS:
        return None
    calibration = calibrate(score, label)
    base = float(label.mean())
    segments = segments_of(names, cells)
    member = Members(segments, cells).of(coded)
    big = member.sum(axis=0) >= LEAST_SEGMENT
    segments = [s for s, keep in zip(segments, big.tolist(), strict=True) if keep]
    member = member[:, big]
    logs = payoffs(calibration.chance(score), label, base)
    pays = np.exp(logs)
    count = member.sum(axis=0)[:, None]
    mean = member.T @ pays / count
    sd = np.sqrt(np.maximum(member.T @ pays**2 / count - mean**2, 0.0))
    blocks = n // BLOCK
    shape = (len(segments), logs.shape[1])
    used = blocks * BLOCK
    inside = member[:used].reshape(blocks, BLOCK, -1)
    rows_b = np.repeat(inside.sum(axis=1)[:, :, None], shape[1], axis=2).reshape(blocks, -1)
    pays_b = np.matmul(inside.transpose(0, 2, 1), pays[:used].reshape(blocks, BLOCK, -1))
    logs_b = np.matmul(inside.transpose(0, 2, 1), logs[:used].reshape(blocks, BLOCK, -1))
    delta = np.where(np.arange(shape[0])[:, None] == 0, DELTA_ALL, DELTA_SEGMENT) * scale
    paid = Payments(pays_b.reshape(blocks, -1), logs_b.reshape(blocks, -1), rows_b)
    counts = np.broadcast_to(count, shape).ravel()
    norm, deff, _, loud = limits(
        paid, mean.ravel(), sd.ravel(), counts, np.broadcast_to(delta, shape).ravel()
    )
    alive = ~loud.reshape(shape) & (sd > 0.0)
    alive[1:, _ODDS_FROM:] = False
    silent = tuple(
        f"{s.field} {s.words}".strip()
        for s, any_alive in zip(segments, alive.any(axis=1).tolist(), strict=True)
        if not any_alive
    )
    return LabelFit(
        calibration=calibration,
        base=base,
        segments=tuple(segments),
        norm=norm.tobytes(),
        deff=deff.tobytes(),
        alive=alive.tobytes(),
        rows=n,
        muted=silent,
    )


class Members:
    """Which segments each row belongs to, by its cells.

    Args:
        segments: the segments.
        cells: cells of all columns.
    """

    def __init__(self, segments: Sequence[Segment], cells: Sequence[Cells]) -> None:
        sizes = [c.size for c in cells]
        self._offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
        mine = [[k for k, s in enumerate(segments) if s.column == i] for i in range(len(cells))]
        self.width = width = max((len(x) for x in mine), default=0)
        self._table = np.zeros((sum(sizes), width), np.float32)
        # place of each segment among the columns' slots; all rows stand behind them
        self.slots = np.full(len(segments), len(cells) * width, np.int64)
        for i, places in enumerate(mine):
            for slot, k in enumerate(places):
                self.slots[k] = i * width + slot
                rows = self._offsets[i] + np.array(segments[k].cells, np.int64)
                self._table[rows, slot] = 1.0

    def of(self, coded: IntArray) -> FloatArray:
        """Shape (rows, segments): 1 where a row belongs to a segment."""
        return self.by_slot(coded)[:, self.slots].astype(np.float64)

    def by_slot(self, coded: IntArray) -> NDArray[np.float32]:
        """Shape (rows, slots), a segment in its `slots`; some slots may be nobody's."""
        rows = len(coded)
        index = np.ascontiguousarray(coded) + self._offsets
        out = np.ones((rows, coded.shape[1] * self._table.shape[1] + 1), np.float32)
        out[:, :-1] = np.take(self._table, index, axis=0).reshape(rows, -1)
        return out


class LabelBank:
    """E-detectors on outcomes, in blocks of 20 labelled rows in the order of arrival.

    Bets that are watched stand side by side; arrays of shape (bets,) are about them.

    Args:
        fit: what the reference says.
        cells: cells of all columns.
        nats: evidence at which a bet of weight 1 that starts at every row would cross.
        overall, segments: weight of all bets over all rows, and of all bets in segments.

    Attributes:
        segment, place: shape (bets,): segment, and place among the payoffs.
        thresholds: shape (bets,): log of the sum at which a bet crosses.
        sums, wealth, began: as in `BlockBank`.
    """

    def __init__(
        self,
        fit: LabelFit,
        cells: Sequence[Cells],
        nats: float,
        *,
        overall: float,
        segments: float,
    ) -> None:
        self.fit = fit
        shape = (len(fit.segments), len(NAMES))
        alive = np.frombuffer(fit.alive, np.bool_).reshape(shape)
        self._cells = list(cells)
        self._members = Members(fit.segments, cells)
        self.segment, self.place = np.nonzero(alive)
        self._norm = np.frombuffer(fit.norm).reshape(shape)[alive]
        self._scale = GRID / np.frombuffer(fit.deff).reshape(shape)[alive]
        # where in `_moves` each bet finds its payoffs and its rows
        slots = len(cells) * self._members.width + 1
        home = self._members.slots[self.segment]
        self._from = np.where(
            self.place < _ODDS_FROM,
            self.place * slots + home,
            (_ODDS_FROM + 1) * slots + self.place - _ODDS_FROM,
        )
        self._rows_from = _ODDS_FROM * slots + home
        share = np.where(self.segment == 0, overall, segments)
        share = share / np.where(self.segment == 0, alive[:1].sum(), alive[1:].sum())
        self.thresholds: FloatArray = in_blocks(nats) - np.log(share)
        self._limits, self._caps = np.exp(self.thresholds), np.exp(self.thresholds + CAP)
        self.rows = 0
        bets = len(self.segment)
        self.sums, self.wealth = np.zeros(bets), np.zeros(bets)
        self.began = np.zeros(bets, np.int64)
        self._open: list[tuple[IntArray, FloatArray, FloatArray]] = []
        self.faults: dict[int, GroupFault] = {}

    def observe(self, coded: IntArray, score: FloatArray, label: FloatArray) -> list[Crossing]:
        """Takes labelled rows in the order in which their labels came.

        Args:
            coded: shape (n, columns), cells of the rows.
            score: shape (n,), their scores; rows without a score are left out.
            label: shape (n,), 0 or 1; NaN rows are left out.

        Returns:
            Crossings; `group` is the place of the segment, `row` counts labelled rows.
        """
        known = np.isfinite(score) & np.isfinite(label)
        if not known.any():
            return []
        if not known.all():
            coded, score, label = coded[known], score[known], label[known]
        held = len(label) + sum(len(part[2]) for part in self._open)
        if held < BLOCK:
            self._open.append((coded.copy(), score.copy(), label.copy()))
            return []
        self._open.append((coded, score, label))
        coded, score, label = self._held()
        blocks = held // BLOCK
        used = blocks * BLOCK
        self._open = [(coded[used:].copy(), score[used:].copy(), label[used:].copy())]
        if not len(self.segment):
            self.rows += used
            return []
        step = self._moves(coded[:used], score[:used], label[:used])
        pay = np.exp(step)
        found: list[Crossing] = []
        for b in range(blocks):
            np.putmask(self.began, self.wealth <= 0.0, self.rows)
            np.maximum(self.wealth, 0.0, out=self.wealth)
            self.wealth += step[b]
            self.sums += 1.0
            self.sums *= pay[b]
            self.rows += BLOCK
            over = self.sums >= self._limits
            if self.faults or over.any():
                found += self._look(over, self.rows - 1)
        return found

    def _moves(self, coded: IntArray, score: FloatArray, label: FloatArray) -> FloatArray:
        """Shape (blocks, bets): what each block of outcomes adds."""
        blocks = len(label) // BLOCK
        logs = payoffs(self.fit.calibration.chance(score), label, self.fit.base).T
        logs = rounded(logs, TABLE_GRID).reshape(len(NAMES), blocks, BLOCK)
        # payoffs that segments share, and a line of ones that counts rows
        shared = np.ones((blocks, _ODDS_FROM + 1, BLOCK), np.float32)
        shared[:, :-1] = logs[:_ODDS_FROM].transpose(1, 0, 2)
        member = self._members.by_slot(coded).reshape(blocks, BLOCK, -1)
        # exact: multiples of 2^-14 below 2^10
        by_slot = np.matmul(shared, member).reshape(blocks, -1)
        # the payoffs of the outcome alone are about all rows only
        alone = logs[_ODDS_FROM:].sum(axis=2).T
        paid = np.concatenate((by_slot, alone.astype(np.float32)), axis=1)
        grown = np.take(paid, self._from, axis=1).astype(np.float64)
        grown -= np.take(paid, self._rows_from, axis=1) * self._norm
        grown *= self._scale
        np.floor(grown, out=grown)
        grown *= 1.0 / GRID
        return grown

    def _look(self, over: NDArray[np.bool_], row: int) -> list[Crossing]:
        found = []
        for place in dict.fromkeys(self.segment[over].tolist()):
            if place in self.faults:
                continue
            mine = np.flatnonzero(over & (self.segment == place))
            lead = int(mine[np.argmax(self.sums[mine])])
            nats, onset = math.log(float(self.sums[lead])), int(self.began[lead])
            bet = int(self.place[lead])
            self.faults[place] = GroupFault(row=row, onset=onset, bet=bet, nats=nats, last_row=row)
            found.append(Crossing(place, row, onset, nats, bet))
        for place, fault in list(self.faults.items()):
            mine = np.flatnonzero(self.segment == place)
            lead = int(mine[self.place[mine] == fault.bet][0])
            loud = float(self.sums[lead]) > math.exp(CALM * float(self.thresholds[lead]))
            self.sums[mine] = np.minimum(self.sums[mine], self._caps[mine])
            self.wealth[mine] = np.minimum(self.wealth[mine], self.thresholds[mine] + CAP)
            fault.calm = 0 if loud else fault.calm + BLOCK
            if fault.calm >= CALM_ROWS * patience(GRID / float(self._scale[lead])):
                self.forget(place)
                found.append(Crossing(place, row, fault.onset, fault.nats, fault.bet, True, row))
        return found

    def threshold(self, segment: int) -> float:
        """Evidence at which a segment crosses, the lowest of its bets."""
        return float(self.thresholds[self.segment == segment].min(initial=1e9))

    def _held(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Labelled rows that do not fill a block yet."""
        parts = [part for part in self._open if len(part[2])]
        if not parts:
            return (np.empty((0, len(self._cells)), np.int64), np.empty(0), np.empty(0))
        if len(parts) == 1:
            return parts[0]
        return (
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]),
        )

    def forget(self, place: int) -> None:
        """Starts a segment afresh."""
        self.faults.pop(place, None)
        mine = self.segment == place
        self.sums[mine] = self.wealth[mine] = 0.0

    def dump(self) -> bytes:
        """The evidence of all bets and the unfinished block."""
        coded, score, label = self._held()
        return msgspec.msgpack.encode(
            (
                self.rows, self.sums.tobytes(), self.wealth.tobytes(), self.began.tobytes(),
                self.faults, coded.astype(np.int64).tobytes(), score.tobytes(), label.tobytes(),
            )
        )  # fmt: skip

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        kinds = tuple[int, bytes, bytes, bytes, dict[int, GroupFault], bytes, bytes, bytes]
        self.rows, sums, wealth, began, self.faults, coded, score, label = msgspec.msgpack.decode(
            data, type=kinds
        )
        self.sums = np.frombuffer(sums).copy()
        self.wealth = np.frombuffer(wealth).copy()
        self.began = np.frombuffer(began, np.int64).copy()
        held = np.frombuffer(label)
        self._open = [
            (
                np.frombuffer(coded, np.int64).reshape(len(held), len(self._cells)),
                np.frombuffer(score),
                held,
            )
        ]
