"""Which bets a column carries, and what each tolerates.

A *question* is yes or no for every row it applies to: "at or below the reference's median", "is
category v", "lies on a multiple of 10". Bets say that its share left ``[p - margin, p + margin]``.
A *payoff* is a number for every cell, for example ``exp(0.3 z)`` with z the standardised rank: its
mean rises when the column shifts that way. Both become one table: what a row of that cell adds to
the wealth (Shin, Ramdas, Rinaldo 2023, *E-detectors*; `research/detection_drift.md` 3.1, 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.cells import Cells, mid_ranks, standardise
from holdfast.detection.columns.quiet import (
    ERRORS,
    TABLE_GRID,
    Payments,
    Spread,
    limits,
    rounded,
    settle,
    spread,
)
from holdfast.frames.values import FloatArray, IntArray, ValueKind

BoolArray = NDArray[np.bool_]

#: smallest shift that matters, in standard deviations of the quantity
DELTA = 0.07
#: ... and for a share at least this, unless it is rare
LEAST_SHARE = 0.006
#: odds ratios at which the bets of a question stand, from the edge outwards
ODDS = (1.4, 2.5, 7.0, 40.0)
#: sizes of tilts
TILTS = (0.06, 0.12, 0.3, 0.7)
CLIP = 2.5
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
#: a value or category is asked about from this many reference rows on, and this share
LEAST_ROWS, RAREST = 20, 0.0005
MOST_ASKED = 14
DEAD_HIGH, DEAD_LOW = 0.97, 0.005
EDGE = 1e-4
#: a level whose local means vary so many times as much as those of independent rows does wander
CLEARLY = 4.0
TOO_VARIABLE = "too variable in your reference to watch"


class Question(NamedTuple):
    """One yes/no question of a column.

    Attributes:
        code: family: ``values``, ``lattice``, ``dependence`` or ``score``.
        key: what is asked, for people: ``<= 12.5``.
        yes: shape (features,), which cells or flags are yes.
        applies: shape (features,), which cells it applies to.
        floor: smallest change that matters, as a share; None: `share_floor`.
        down: whether a fall counts too.
    """

    code: str
    key: str
    yes: BoolArray
    applies: BoolArray
    floor: float | None = None
    down: bool = True


class Payoff(NamedTuple):
    """One payoff of a column: ``log_pay`` has shape (features,), where `applies` is true."""

    code: str
    key: str
    log_pay: FloatArray
    applies: BoolArray
    delta: float = DELTA


class Bet(msgspec.Struct, frozen=True, kw_only=True):
    """One bet as fitted, for telling people and diagnosis what it is.

    Attributes:
        code, key: family and question.
        side: ``up`` or ``down`` for questions, empty for payoffs.
        share, edge: for questions, the reference's share and the end of the allowed interval on
            that side; for payoffs NaN and the tolerated rise of the payoff in its standard
            deviations.
        rows: applicable rows of the reference.
        mult, deff: by how much the reference made it widen, and divided its evidence.
        muted: why it is not watched, or empty.
    """

    code: str
    key: str
    side: str
    share: float
    edge: float
    rows: int
    mult: float = 1.0
    deff: float = 1.0
    muted: str = ""


def share_floor(p: FloatArray) -> FloatArray:
    """Smallest change of a share that matters: 0.07 sd and 0.6 points, less for rare shares.

    >>> share_floor(np.array([0.5, 0.01, 0.002])).round(4).tolist()
    [0.035, 0.0028, 0.0008]
    """
    usual = np.maximum(DELTA * np.sqrt(p * (1.0 - p)), LEAST_SHARE)
    rare: FloatArray = np.minimum(usual, 0.25 * np.minimum(p, 1.0 - p) + 0.0003)
    return rare


def odds_shift(p: FloatArray, ratio: FloatArray | float) -> FloatArray:
    """Shares whose odds are `ratio` times those of `p`.

    >>> odds_shift(np.array([0.5]), 3.0).tolist()
    [0.75]
    """
    odds = p / (1.0 - p) * ratio
    result: FloatArray = odds / (1.0 + odds)
    return result


def questions_of(cells: Cells, features: int) -> list[Question]:
    """What is asked about the values of a column.

    Args:
        cells: its cells.
        features: length of its feature vector: cells, then flags.
    """
    counts = np.array(cells.counts)
    applies = np.zeros(features, np.bool_)
    applies[: cells.inner] = True
    total = int(counts[: cells.inner].sum())
    if not total:
        return []
    asked: list[Question] = []
    if cells.kind is ValueKind.NUMBER:
        upto = np.cumsum(counts[: cells.inner]) / total
        seen: set[int] = set()
        for q in QUANTILES:
            last = int(np.argmin(np.abs(upto - q)))
            if last in seen or not 0.0 < upto[last] < 1.0:
                continue
            seen.add(last)
            yes = np.zeros(features, np.bool_)
            yes[: last + 1] = True
            asked.append(Question("values", f"<= {cells.cuts[last]:g}", yes, applies))
        for value, cell in cells.atoms.items():
            asked += _one_cell(f"= {value:g}", cell, counts, total, features, applies)
    else:
        for cell, name in enumerate(cells.names[:MOST_ASKED]):
            asked += _one_cell(f"= {name}", cell, counts, total, features, applies)
    return asked


def _one_cell(
    key: str, cell: int, counts: NDArray[np.int64], total: int, features: int, applies: BoolArray
) -> list[Question]:
    count = int(counts[cell])
    if count < LEAST_ROWS or count < RAREST * total or count == total:
        return []
    yes = np.zeros(features, np.bool_)
    yes[cell] = True
    return [Question("values", key, yes, applies)]


def tilts_of(
    cells: Cells, features: int, log_odds: FloatArray | None, code: str = "values"
) -> list[Payoff]:
    """Exponential tilts of a column along its rank, the square of it, and the score's log-odds.

    Args:
        cells: its cells.
        features: length of its feature vector.
        log_odds: shape (cells,), mean log-odds of the reference's scores in each cell (shrunk), or
            None without scores.
        code: family.
    """
    counts = np.array(cells.counts, float)
    counts[cells.inner :] = 0.0
    applies = np.zeros(features, np.bool_)
    applies[: cells.inner] = True
    directions: list[tuple[str, FloatArray]] = []
    if cells.kind is ValueKind.NUMBER:
        rank = standardise(mid_ranks(cells), counts)
        square = rank**2
        if counts.sum() > 0:
            slope = float((counts * rank * square).sum() / counts.sum())
            square = standardise(square - slope * rank, counts)
        directions += [("level", rank), ("spread", square)]
    if log_odds is not None:
        directions.append(("towards the score", standardise(log_odds, counts)))
    made = []
    for name, z in directions:
        z = np.clip(z, -CLIP, CLIP)
        if not np.any(z[counts > 0]):
            continue
        for size in TILTS:
            for sign in (1.0, -1.0):
                pay = np.zeros(features)
                pay[: cells.size] = sign * size * z
                word = "up" if sign > 0 else "down"
                made.append(Payoff(code, f"{name} {word} {size:g}", pay, applies))
    return made


class Table(NamedTuple):
    """The bets of one column as a table.

    Attributes:
        steps: shape (features, bets), what one row of a cell (or one flag) adds to the wealth.
        bets: what each bet is.
    """

    steps: FloatArray
    bets: list[Bet]


def fit_table(
    blocks: FloatArray,
    shares: FloatArray,
    rows: int,
    questions: Sequence[Question],
    payoffs: Sequence[Payoff],
    *,
    scale: float = 1.0,
) -> Table:
    """Fits all bets of a column.

    Args:
        blocks: shape (blocks, features), counts in consecutive blocks of 20 reference rows.
        shares: shape (features,), counts of the whole reference.
        rows: rows of the reference.
        questions: yes/no questions to bet on.
        payoffs: payoffs to bet on.
        scale: multiplies every floor: 0.5 is twice as sensitive, 2 half.
    """
    parts = []
    if questions:
        shown = _shown_by(blocks, shares, questions, payoffs)
        parts.append(_fit_questions(blocks, shares, questions, scale, shown))
    if payoffs:
        parts.append(_fit_payoffs(blocks, shares, payoffs, scale))
    if not parts:
        return Table(np.zeros((len(shares), 0)), [])
    steps = np.concatenate([p.steps for p in parts], axis=1)
    bets = [b for p in parts for b in p.bets]
    return Table(steps, bets)


def _shown_by(
    blocks: FloatArray, counts: FloatArray, asked: Sequence[Question], payoffs: Sequence[Payoff]
) -> Spread:
    """Ups and downs of the questions' shares that those of the column's level and spread imply.

    A share moves along with what it correlates with. Of a rare share the reference shows little by
    itself, and of the level much: with a correlation of r the share goes up and down r times as far
    (in standard deviations), and r^2 of the excess variance is its own.
    """
    between, deff = np.zeros(len(asked)), np.ones(len(asked))
    on: BoolArray = np.ones(len(counts), np.bool_)
    for payoff in payoffs:
        on &= payoff.applies
    weight = counts * on
    n = float(weight.sum())
    if not n or not payoffs:
        return Spread(between, deff)
    levels = _standardised(np.array([np.where(on, q.log_pay, 0.0) for q in payoffs]), weight, n)
    moved = levels.any(axis=1)
    levels = levels[moved] * on
    rows = np.repeat((blocks @ on.astype(float))[:, None], len(levels), axis=1)
    ups = spread(blocks @ levels.T, rows, np.ones(len(levels)))
    clear = ups.deff >= CLEARLY
    levels, ups = levels[clear], Spread(ups.between[clear], ups.deff[clear])
    for i, q in enumerate(asked):
        yes = _standardised(q.yes.astype(float)[None, :], weight, n)[0]
        if (q.yes & ~on).any() or not len(levels) or not yes.any():
            continue
        related = np.minimum(np.abs(levels @ (weight * yes)) / n, 1.0)
        p = float(weight @ q.yes) / n
        between[i] = math.sqrt(p * (1.0 - p)) * float((related * ups.between).max())
        deff[i] = 1.0 + float((related**2 * (ups.deff - 1.0)).max())
    return Spread(between, deff)


def _standardised(x: FloatArray, weight: FloatArray, n: float) -> FloatArray:
    """Lines with mean 0 and variance 1 over `n` weighted features; zeros where nothing varies."""
    centred = x - (x @ weight / n)[:, None]
    sd = np.sqrt(centred**2 @ weight / n)
    result: FloatArray = np.where(sd[:, None] > 1e-9, centred / np.maximum(sd, 1e-9)[:, None], 0.0)
    return result


def _fit_questions(
    blocks: FloatArray, counts: FloatArray, asked: Sequence[Question], scale: float, shown: Spread
) -> Table:
    yes = np.array([q.yes for q in asked], float).T
    applies = np.array([q.applies for q in asked], float).T
    n = np.maximum(counts @ applies, 1.0)
    p = (counts @ yes) / n
    variance = p * (1.0 - p)
    hits, rows = blocks @ yes, blocks @ applies
    own = spread(hits, rows, variance)
    ups = Spread(np.maximum(own.between, shown.between), np.maximum(own.deff, shown.deff))
    given = np.array([np.nan if q.floor is None else q.floor for q in asked])
    floor = np.where(np.isnan(given), share_floor(p), given) * scale
    error = ERRORS * np.sqrt(variance / n) + 8.0 / n
    wide = np.maximum(floor, 4.0 * ups.between)

    # one line a bet: question, direction, odds ratio
    lines = [
        (j, sign, ratio)
        for j, q in enumerate(asked)
        for sign in ((1.0, -1.0) if q.down else (1.0,))
        for ratio in ODDS
    ]
    of = np.array([line[0] for line in lines])
    sign = np.array([line[1] for line in lines])
    odds = np.array([line[2] ** line[1] for line in lines])

    def pair(mult: FloatArray | float, chosen: IntArray) -> tuple[FloatArray, ...]:
        j = of[chosen]
        margin = np.maximum(wide[j] * mult, error[j])
        edge = np.clip(p[j] + sign[chosen] * margin, EDGE, 1.0 - EDGE)
        q = odds_shift(edge, odds[chosen])
        gain, loss = np.log(q / edge), np.log((1.0 - q) / (1.0 - edge))
        return edge, gain / ups.deff[j], loss / ups.deff[j]

    def steps_at(mult: float, chosen: IntArray) -> FloatArray:
        _, gain, loss = pair(mult, chosen)
        y = hits[:, of[chosen]]
        result: FloatArray = y * gain + (rows[:, of[chosen]] - y) * loss
        return result

    mult, loud = settle(len(lines), steps_at)
    # the bets of one question and side widen together
    side_of = of * 2 + (sign < 0)
    for side in np.unique(side_of[(mult > 1.0) | loud]).tolist():
        mine = side_of == side
        mult[mine], loud[mine] = mult[mine].max(), loud[mine].any()
    edge, gain, loss = pair(mult, np.arange(len(lines)))
    # where nothing keeps it quiet, the widest tolerance does not tell whether it is worth a word
    asked_at = np.where(loud, pair(1.0, np.arange(len(lines)))[0], edge)
    dead = np.where(sign > 0, asked_at >= DEAD_HIGH, asked_at <= DEAD_LOW)

    steps, bets = [], []
    for i, (j, direction, _) in enumerate(lines):
        if n[j] < LEAST_ROWS or dead[i]:
            continue
        q = asked[j]
        # a cell is a row of its own; a flag comes on top of its row's cell
        steps.append(np.where(q.applies, loss[i], 0.0) + np.where(q.yes, gain[i] - loss[i], 0.0))
        bets.append(
            Bet(
                code=q.code, key=q.key, side="up" if direction > 0 else "down",
                share=float(p[j]), edge=float(edge[i]), rows=int(n[j]), mult=float(mult[i]),
                deff=float(ups.deff[j]), muted=TOO_VARIABLE if loud[i] else "",
            )
        )  # fmt: skip
    if not bets:
        return Table(np.zeros((len(counts), 0)), [])
    return Table(rounded(np.array(steps).T, TABLE_GRID), bets)


def _fit_payoffs(
    blocks: FloatArray, counts: FloatArray, asked: Sequence[Payoff], scale: float
) -> Table:
    applies = np.array([q.applies for q in asked], float).T
    log_pay = np.array([np.where(q.applies, q.log_pay, 0.0) for q in asked]).T
    pay = np.exp(log_pay) * applies
    n = np.maximum(counts @ applies, 1.0)
    mean = (counts @ pay) / n
    sd = np.sqrt(np.maximum((counts @ (pay**2 * applies)) / n - mean**2, 0.0))
    paid = Payments(blocks @ pay, blocks @ (log_pay * applies), blocks @ applies)
    delta = np.array([q.delta for q in asked]) * scale
    norm, deff, mult, loud = limits(paid, mean, sd, n, delta, together=True)
    steps, bets = [], []
    for i, q in enumerate(asked):
        if sd[i] <= 0.0 or n[i] < LEAST_ROWS:
            continue
        steps.append(np.where(q.applies, (q.log_pay - norm[i]) / deff[i], 0.0))
        bets.append(
            Bet(
                code=q.code, key=q.key, side="", share=math.nan,
                edge=float((math.exp(norm[i]) - mean[i]) / sd[i]), rows=int(n[i]),
                mult=float(mult[i]), deff=float(deff[i]),
                muted=TOO_VARIABLE if loud[i] else "",
            )
        )  # fmt: skip
    if not bets:
        return Table(np.zeros((len(counts), 0)), [])
    return Table(rounded(np.array(steps).T, TABLE_GRID), bets)
