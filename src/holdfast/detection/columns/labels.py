"""Bets on outcomes: does the model still mean what it said, overall and in every segment?

With `p` the calibrated score of a row and `y` its outcome, a payoff ``q(y) / p(y)`` bets that the
chance is really `q`: the same shift of the log-odds for everyone (0.4, 1 and 2, up and down), or a
share `f` of outcomes flipped, ``q = p (1 - f) + f (1 - p)``. Each is bet in every segment: all
rows, both sides of five cuts of every number, every category with 5 % of the rows. Mean and spread
of each payoff are measured on the reference, segment by segment, which absorbs what the model is
wrong about already (`research/detection_drift.md` 3.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from holdfast.detection.columns.blocks import CALM, CAP, Crossing, GroupFault
from holdfast.detection.columns.cells import Cells
from holdfast.detection.columns.quiet import BLOCK, Payments, limits, patience, rounded
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
    out = []
    for shift in SHIFTS:
        # log q - log p = shift - log(1 - p + p e^shift); the same without `shift` for 1 - q
        common = np.log1p(p * math.expm1(shift))
        out.append(np.where(yes, shift, 0.0) - common)
    against = np.where(yes, (1.0 - p) / p, p / (1.0 - p))
    out += [np.log1p(f * (against - 1.0)) for f in FLIPS]
    for ratio in ODDS:
        q0 = base * ratio / (1.0 - base + base * ratio)
        out.append(np.where(yes, math.log(q0 / base), math.log((1.0 - q0) / (1.0 - base))))
    return np.stack(out, axis=1)


NAMES = (
    *(f"log-odds {s:+g}" for s in SHIFTS),
    *(f"{f:.0%} flipped" for f in FLIPS),
    *(f"odds x{r:.2g}" for r in ODDS),
)
#: payoffs made of the outcome alone, bet on over all rows only
_ODDS_FROM = len(SHIFTS) + len(FLIPS)


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
        width = max((len(x) for x in mine), default=0)
        self._table = np.zeros((sum(sizes), width))
        # place of each segment among the columns' slots; all rows stand behind them
        self._slots = np.full(len(segments), len(cells) * width, np.int64)
        for i, places in enumerate(mine):
            for slot, k in enumerate(places):
                self._slots[k] = i * width + slot
                rows = self._offsets[i] + np.array(segments[k].cells, np.int64)
                self._table[rows, slot] = 1.0

    def of(self, coded: IntArray) -> FloatArray:
        """Shape (rows, segments): 1 where a row belongs to a segment."""
        inside = self._table[coded + self._offsets].reshape(len(coded), -1)
        whole = np.concatenate((inside, np.ones((len(coded), 1))), axis=1)
        member: FloatArray = whole[:, self._slots]
        return member


class LabelBank:
    """CUSUM e-detectors on outcomes, in blocks of 20 labelled rows in the order of arrival.

    Args:
        fit: what the reference says.
        cells: cells of all columns.
        nats: wealth at which a bet of weight 1 crosses.
        overall, segments: weight of all bets over all rows, and of all bets in segments.
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
        self._norm = np.frombuffer(fit.norm).reshape(shape)
        self._deff = np.frombuffer(fit.deff).reshape(shape)
        self._alive = np.frombuffer(fit.alive, np.bool_).reshape(shape)
        self._cells = list(cells)
        self._members = Members(fit.segments, cells)
        weight = np.zeros(shape)
        weight[:1] = overall / max(int(self._alive[:1].sum()), 1)
        weight[1:] = segments / max(int(self._alive[1:].sum()), 1)
        self.threshold = np.where(self._alive, nats - np.log(np.maximum(weight, 1e-300)), np.inf)
        self.rows = 0
        self.wealth = np.zeros(shape)
        self.began = np.zeros(shape, np.int64)
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
        self._open.append((coded[known], score[known], label[known]))
        held = sum(len(part[2]) for part in self._open)
        if held < BLOCK:
            return []
        coded, score, label = self._held()
        blocks = held // BLOCK
        used = blocks * BLOCK
        self._open = [(coded[used:], score[used:], label[used:])]
        logs = payoffs(self.fit.calibration.chance(score[:used]), label[:used], self.fit.base)
        member = self._members.of(coded[:used])
        logs, member = rounded(logs), member.reshape(blocks, BLOCK, -1)
        grown = np.matmul(member.transpose(0, 2, 1), logs.reshape(blocks, BLOCK, -1))
        rows = member.sum(axis=1)
        steps = rounded((grown - rows[:, :, None] * self._norm) / self._deff) * self._alive
        found: list[Crossing] = []
        for b in range(blocks):
            np.copyto(self.began, self.rows, where=self.wealth <= 0.0)
            self.wealth = np.maximum(self.wealth, 0.0) + steps[b]
            self.rows += BLOCK
            found += self._look(self.rows - 1)
        return found

    def _look(self, row: int) -> list[Crossing]:
        found = []
        over = self.wealth >= self.threshold
        if over.any():
            for place in np.flatnonzero(over.any(axis=1)).tolist():
                if place in self.faults:
                    continue
                bet = int(np.argmax(np.where(over[place], self.wealth[place], -np.inf)))
                nats, onset = float(self.wealth[place, bet]), int(self.began[place, bet])
                self.faults[place] = GroupFault(
                    row=row, onset=onset, bet=bet, nats=nats, last_row=row
                )
                found.append(Crossing(place, row, onset, nats, bet))
        for place, fault in list(self.faults.items()):
            limit = self.threshold[place, fault.bet]
            lead = float(self.wealth[place, fault.bet])
            self.wealth[place] = np.minimum(self.wealth[place], self.threshold[place] + CAP)
            fault.calm = fault.calm + BLOCK if lead <= CALM * limit else 0
            if fault.calm >= CALM_ROWS * patience(float(self._deff[place, fault.bet])):
                del self.faults[place]
                self.wealth[place] = 0.0
                found.append(Crossing(place, row, fault.onset, fault.nats, fault.bet, True, row))
        return found

    def _held(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Labelled rows that do not fill a block yet."""
        none = (np.empty((0, len(self._cells)), np.int64), np.empty(0), np.empty(0))
        parts = [none, *self._open]
        return (
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]),
        )

    def forget(self, place: int) -> None:
        """Starts a segment afresh."""
        self.faults.pop(place, None)
        self.wealth[place] = 0.0

    def dump(self) -> bytes:
        """The wealth of all bets and the unfinished block."""
        coded, score, label = self._held()
        return msgspec.msgpack.encode(
            (
                self.rows, self.wealth.tobytes(), self.began.tobytes(), self.faults,
                coded.astype(np.int64).tobytes(), score.tobytes(), label.tobytes(),
            )
        )  # fmt: skip

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        kinds = tuple[int, bytes, bytes, dict[int, GroupFault], bytes, bytes, bytes]
        self.rows, wealth, began, self.faults, coded, score, label = msgspec.msgpack.decode(
            data, type=kinds
        )
        shape = self.threshold.shape
        self.wealth = np.frombuffer(wealth, np.float64).reshape(*shape).copy()
        self.began = np.frombuffer(began, np.int64).reshape(*shape).copy()
        held = np.frombuffer(label)
        self._open = [
            (
                np.frombuffer(coded, np.int64).reshape(len(held), len(self._cells)),
                np.frombuffer(score),
                held,
            )
        ]
