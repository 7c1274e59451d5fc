"""Tolerances that widen after the fit: during and after a warm-up, and where a person accepts.

Every bet is a payoff ``u = exp(step * deff)`` of a row, with mean at most 1 while nothing is wrong.
Whoever tolerates a mean of up to `M` instead divides by it: ``step' = (step - log(M) / deff) /
ratio``, with `ratio` a further division of the evidence where rows stick together. That holds for
shares, tilts and outcomes alike, at any phase of the clock, and is undone by leaving it out: what
the release has learned is never written to.
"""

from __future__ import annotations

import msgspec
import numpy as np

from holdfast.detection.columns.fit import ColumnFit
from holdfast.detection.columns.quiet import TABLE_GRID, rounded
from holdfast.detection.columns.streams import Table
from holdfast.frames.values import FloatArray


class More(msgspec.Struct, frozen=True, array_like=True):
    """What is tolerated beyond the fit, a bet each.

    Attributes:
        nats: shape (1, bets), or (groups, bets) for a column that goes by the clock, as bytes:
            logarithm of the mean payoff that is normal too, at least 0.
        ratio: shape (bets,) as bytes: by how much more evidence is divided, at least 1.
    """

    nats: bytes
    ratio: bytes

    @classmethod
    def of(cls, nats: FloatArray, ratio: FloatArray | None = None) -> More:
        """From arrays; negative tolerances and ratios below 1 change nothing."""
        divided = np.ones(nats.shape[-1]) if ratio is None else np.maximum(ratio, 1.0)
        return cls(np.maximum(nats, 0.0).tobytes(), divided.tobytes())

    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """Both; nats with a line a group, one where all are alike."""
        ratio = np.frombuffer(self.ratio)
        return np.frombuffer(self.nats).reshape(-1, max(len(ratio), 1)), ratio

    def __or__(self, other: More) -> More:
        """The wider of both, bet by bet."""
        mine, yours = self.arrays(), other.arrays()
        return More.of(np.maximum(mine[0], yours[0]), np.maximum(mine[1], yours[1]))


class Pays(msgspec.Struct, frozen=True):
    """The payoffs of a column's bets as sums over what its rows show.

    Attributes:
        per: shape (features, bets): payoff of a row of a cell; what a flag adds to it.
        applies: shape (features,), 1 for cells of rows with a value.
        deff: shape (bets,), by what evidence is divided.
    """

    per: FloatArray
    applies: FloatArray
    deff: FloatArray


def pays_of(column: ColumnFit, table: Table) -> Pays:
    """The payoffs behind a table of steps."""
    size, groups = column.cells.size, column.groups
    deff = np.array([b.deff for b in table.bets])
    if not len(deff):
        return Pays(np.zeros((groups * size, 0)), np.zeros(groups * size), deff)
    per = np.zeros(table.steps.shape)
    applies = np.zeros(len(table.steps))
    applies[: groups * size] = np.tile(np.arange(size) < column.cells.inner, groups)
    on = applies > 0
    per[on] = np.exp(table.steps[on] * deff)
    lit = table.steps[groups * size :]
    base = table.steps[0] if size else 0.0
    per[groups * size :] = np.where(
        lit != 0.0, np.exp((base + lit) * deff) - np.exp(base * deff), 0.0
    )
    return Pays(per, applies, deff)


def usual_payoff(column: ColumnFit, table: Table, pays: Pays) -> FloatArray:
    """Shape (bets,): mean payoff of the reference's own rows, at most 1."""
    size, groups = column.cells.size, column.groups
    counts = np.array(column.phases or (column.cells.counts,), float).ravel()
    counts = counts * pays.applies[: groups * size]
    total = max(float(counts.sum()), 1.0)
    mean = counts @ pays.per[: groups * size] / total
    # how often a flag is lit is the share of the question about it
    share = np.array([0.0 if np.isnan(b.share) else b.share for b in table.bets])
    flag = pays.per[groups * size :].sum(axis=0)
    result: FloatArray = np.minimum(mean + share * flag, 1.0)
    return result


def widened(column: ColumnFit, table: Table, more: More) -> Table:
    """The table that tolerates more."""
    nats, ratio = more.arrays()
    if not len(table.bets) or (not nats.any() and (ratio == 1.0).all()):
        return table
    size, groups = column.cells.size, column.groups
    deff = np.array([b.deff for b in table.bets])
    steps = table.steps.copy()
    live = steps[: groups * size] != 0.0  # a phase that says nothing goes on saying nothing
    lines = np.repeat(np.broadcast_to(nats, (groups, len(deff))), size, axis=0)
    steps[: groups * size] -= np.where(live, lines / deff, 0.0)
    bets = [
        msgspec.structs.replace(b, deff=b.deff * float(r))
        for b, r in zip(table.bets, ratio, strict=True)
    ]
    return Table(rounded(steps / ratio, TABLE_GRID), bets)
