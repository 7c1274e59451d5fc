"""The bets of a column that goes by the clock: one table a phase, one wealth for all of them.

Shares, payoffs and the errors of their estimates are those of the phase; the reference's own ups
and downs are what is left when each phase's mean is taken off, and the widening is what keeps the
whole reference quiet. A bet that no phase can keep quiet stays as it is for all hours together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from holdfast.detection.columns.phases import by_group
from holdfast.detection.columns.quiet import (
    ERRORS,
    TABLE_GRID,
    Spread,
    rounded,
    settle,
    spread,
)
from holdfast.detection.columns.streams import (
    DEAD_HIGH,
    DEAD_LOW,
    EDGE,
    LEAST_ROWS,
    ODDS,
    Bet,
    Payoff,
    Question,
    Table,
    fit_table,
    odds_shift,
    share_floor,
)
from holdfast.frames.values import FloatArray, IntArray


def fit_phased(
    wide: FloatArray,
    counts: FloatArray,
    rows: int,
    groups: int,
    cells: int,
    asked: Sequence[Question],
    payoffs: Sequence[Payoff],
    *,
    scale: float = 1.0,
    periods: float = 8.0,
) -> Table:
    """Fits all bets of a column by phase.

    Args:
        wide: shape (blocks, groups x cells + flags), counts in blocks of 20 reference rows, each
            row in the cells of its group.
        counts: shape (groups x cells + flags,), counts of the whole reference likewise.
        rows: rows of the reference.
        groups: number of groups, group 0 standing for all rows.
        cells: cells of the column.
        asked: questions to bet on; their features are cells, then flags.
        payoffs: payoffs to bet on, likewise.
        scale: multiplies every floor.
        periods: days (weeks) that a phase was seen on: its mean is learned from so many.

    Returns:
        A table over the wide features. Questions about flags are those of all hours.
    """
    narrow = _narrow(wide, groups, cells)
    total = _narrow(counts[None, :], groups, cells)[0]
    flags = len(total) - cells
    base = fit_table(narrow, total, rows, asked, payoffs, scale=scale)
    by = by_group(counts, groups, cells)
    more = math.sqrt(periods / max(periods - 1.0, 1.0))
    plain = [q for q in asked if not q.yes[cells:].any()]
    made = [*_questions(wide, by, plain, scale, more), *_payoffs(wide, by, payoffs, scale, more)]
    found: dict[tuple[str, str, str, int], tuple[FloatArray, Bet]] = {}
    seen: dict[tuple[str, str, str], int] = {}
    for steps, bet, turn in made:
        found[bet.code, bet.key, bet.side, turn] = steps, bet
    out: list[FloatArray] = []
    bets: list[Bet] = []
    for i, bet in enumerate(base.bets):
        name = (bet.code, bet.key, bet.side)
        turn = seen[name] = seen.get(name, -1) + 1
        own = base.steps[:, i]
        phased = found.pop((*name, turn), None)
        column = np.concatenate((np.tile(own[:cells], groups), own[cells:]))
        if phased is not None:
            # rows without a phase stay with the table of all hours
            column[cells : groups * cells] = phased[0][cells:]
            if bet.muted:
                column[:cells] = 0.0
            bet = phased[1]
        out.append(column)
        bets.append(bet)
    for steps, bet in found.values():  # what only the phases can watch
        column = np.concatenate((steps, np.zeros(flags)))
        column[:cells] = 0.0
        out.append(column)
        bets.append(bet)
    if not bets:
        return Table(np.zeros((groups * cells + flags, 0)), [])
    return Table(rounded(np.array(out).T, TABLE_GRID), bets)


def _narrow(wide: FloatArray, groups: int, cells: int) -> FloatArray:
    """Counts of the wide table as those of one without phases."""
    inside = wide[:, : groups * cells].reshape(len(wide), groups, cells).sum(axis=1)
    result: FloatArray = np.concatenate((inside, wide[:, groups * cells :]), axis=1)
    return result


def _ups(
    wide: FloatArray, pays: FloatArray, applies: FloatArray, by: FloatArray, more: float
) -> tuple[FloatArray, FloatArray, FloatArray, Spread]:
    """Rows, mean and variance of payoffs by group, and ups and downs about the groups' means.

    Args:
        wide: blocks over the wide features.
        pays: shape (cells, bets).
        applies: shape (cells, bets), 1 where a bet applies.
        by: shape (groups, cells), counts.
        more: by how much the spread is too small because the means were learned from it.
    """
    groups, cells = by.shape
    n = by @ applies
    safe = np.maximum(n, 1.0)
    mean = (by @ (pays * applies)) / safe
    variance = np.maximum((by @ (pays**2 * applies)) / safe - mean**2, 0.0)
    blocks = wide[:, : groups * cells]
    sums = blocks @ np.tile(pays * applies, (groups, 1))
    rows = blocks @ np.tile(applies, (groups, 1))
    expected = blocks @ (np.repeat(mean, cells, axis=0) * np.tile(applies, (groups, 1)))
    inner = by[1:] @ applies
    within = (inner * variance[1:]).sum(axis=0) / np.maximum(inner.sum(axis=0), 1.0)
    ups = spread(sums - expected, rows, np.maximum(within, 1e-12))
    return n, mean, variance, Spread(ups.between * more, ups.deff)


def _questions(
    wide: FloatArray, by: FloatArray, asked: Sequence[Question], scale: float, more: float
) -> list[tuple[FloatArray, Bet, int]]:
    if not asked:
        return []
    groups, cells = by.shape
    yes = np.array([q.yes[:cells] for q in asked], float).T
    applies = np.array([q.applies[:cells] for q in asked], float).T
    n, p, variance, ups = _ups(wide, yes, applies, by, more)
    given = np.array([np.nan if q.floor is None else q.floor for q in asked])
    floor = np.where(np.isnan(given), share_floor(p), given) * scale
    error = ERRORS * np.sqrt(variance / np.maximum(n, 1.0)) + 8.0 / np.maximum(n, 1.0)
    least = np.maximum(floor, 4.0 * ups.between)
    lines = [
        (j, sign, turn)
        for j, q in enumerate(asked)
        for sign in ((1.0, -1.0) if q.down else (1.0,))
        for turn in range(len(ODDS))
    ]
    of = np.array([line[0] for line in lines])
    sign = np.array([line[1] for line in lines])
    odds = np.array([ODDS[line[2]] ** line[1] for line in lines])

    def steps_of(mult: FloatArray | float, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        """Edges (groups, lines), and steps (groups, cells, lines)."""
        j = of[chosen]
        margin = np.maximum(least[:, j] * mult, error[:, j])
        edge = np.clip(p[:, j] + sign[chosen] * margin, EDGE, 1.0 - EDGE)
        q = odds_shift(edge, odds[chosen])
        gain = np.log(q / edge) / ups.deff[j]
        loss = np.log((1.0 - q) / (1.0 - edge)) / ups.deff[j]
        # a phase in which nearly anything is normal says nothing
        dead = np.where(sign[chosen] > 0, edge >= DEAD_HIGH, edge <= DEAD_LOW)
        dead |= n[:, j] < LEAST_ROWS
        gain, loss = np.where(dead, 0.0, gain), np.where(dead, 0.0, loss)
        hit = yes[:, j][None, :, :]
        on = applies[:, j][None, :, :]
        return edge, on * (hit * gain[:, None, :] + (1.0 - hit) * loss[:, None, :])

    def at(mult: float, chosen: IntArray) -> FloatArray:
        steps = steps_of(mult, chosen)[1].reshape(groups * cells, -1)
        result: FloatArray = wide[:, : groups * cells] @ steps
        return result

    mult, loud = settle(len(lines), at)
    side_of = of * 2 + (sign < 0)
    for side in np.unique(side_of[(mult > 1.0) | loud]).tolist():
        mine = side_of == side
        mult[mine], loud[mine] = mult[mine].max(), loud[mine].any()
    edge, steps = steps_of(mult, np.arange(len(lines)))
    share = by[1:].sum(axis=1) / max(float(by[1:].sum()), 1.0)
    out = []
    for i, (j, direction, turn) in enumerate(lines):
        if loud[i] or not steps[1:, :, i].any():
            continue
        q = asked[j]
        bet = Bet(
            code=q.code, key=q.key, side="up" if direction > 0 else "down",
            share=float(p[0, j]), edge=float(share @ edge[1:, i]), rows=int(n[0, j]),
            mult=float(mult[i]), deff=float(ups.deff[j]),
        )  # fmt: skip
        out.append((steps[:, :, i].ravel(), bet, turn))
    return out


def _payoffs(
    wide: FloatArray, by: FloatArray, asked: Sequence[Payoff], scale: float, more: float
) -> list[tuple[FloatArray, Bet, int]]:
    if not asked:
        return []
    groups, cells = by.shape
    applies = np.array([q.applies[:cells] for q in asked], float).T
    log_pay = np.array([np.where(q.applies, q.log_pay, 0.0)[:cells] for q in asked]).T
    n, mean, variance, ups = _ups(wide, np.exp(log_pay), applies, by, more)
    ups.deff[:] = ups.deff.max()
    sd = np.sqrt(variance)
    delta = np.array([q.delta for q in asked]) * scale
    least = np.maximum(delta * sd, 4.0 * ups.between)
    error = ERRORS / np.sqrt(np.maximum(n, 1.0)) * sd

    def norm_of(mult: FloatArray | float, chosen: IntArray) -> FloatArray:
        tau = np.maximum(least[:, chosen] * mult, error[:, chosen])
        result: FloatArray = np.log(np.maximum(mean[:, chosen] + tau, 1e-300))
        return result

    def steps_of(mult: FloatArray | float, chosen: IntArray) -> FloatArray:
        norm = norm_of(mult, chosen)
        good = (n[:, chosen] >= LEAST_ROWS) & (sd[:, chosen] > 0.0)
        above = (log_pay[None, :, chosen] - norm[:, None, :]) / ups.deff[chosen]
        result: FloatArray = np.where(good[:, None, :], above, 0.0) * applies[None, :, chosen]
        return result

    def at(mult: float, chosen: IntArray) -> FloatArray:
        result: FloatArray = wide[:, : groups * cells] @ steps_of(mult, chosen).reshape(
            groups * cells, -1
        )
        return result

    mult, loud = settle(len(asked), at)
    steps = steps_of(mult, np.arange(len(asked)))
    tau = np.exp(norm_of(mult, np.arange(len(asked)))) - mean
    share = by[1:].sum(axis=1) / max(float(by[1:].sum()), 1.0)
    out = []
    for i, q in enumerate(asked):
        if loud[i] or not steps[1:, :, i].any():
            continue
        relative = np.where(sd[1:, i] > 0.0, tau[1:, i] / np.maximum(sd[1:, i], 1e-12), 0.0)
        bet = Bet(
            code=q.code, key=q.key, side="", share=math.nan, edge=float(share @ relative),
            rows=int(n[0, i]), mult=float(mult[i]), deff=float(ups.deff[i]),
        )  # fmt: skip
        out.append((steps[:, :, i].ravel(), bet, 0))
    return out
