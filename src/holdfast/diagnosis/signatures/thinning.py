"""A label shift inside one segment: of one value of a column, rows of one label come less often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.scene import Scene
from holdfast.profiles.portrait_cells import FIRST, unpack

FloatArray = NDArray[np.float64]

#: how much rarer the rows of one label become, tried for either label
RATES = np.array([0.1, 0.2, 0.35, 0.5, 0.7])
RATES_OF_1 = np.concatenate((RATES, np.ones(len(RATES))))
RATES_OF_0 = np.concatenate((np.ones(len(RATES)), RATES))
#: share of the reference that a segment must hold at least and at most
LEAST, MOST = 0.05, 0.95


class Thinning(NamedTuple):
    """Gain in nats (choices paid), column, cell, and the share of 1 there, before and now."""

    nats: float
    column: str
    cell: int
    usual: float
    share: float


def label_shift_in_segment(scene: Scene) -> Thinning | None:
    """The best such segment among the frequent values of all columns; None without a score.

    A row of the segment counts ``r(y)``, its label's rate (averaged over what the score says where
    the label is not known); all rows are divided by the mean of that over the reference.
    """
    rate, label = scene.answers.rate, scene.now.label
    if rate is None or scene.whole is not scene:
        return None
    one = np.where(np.isfinite(rate), rate, 0.5)
    if label is not None:
        one = np.where(np.isfinite(label), label, one)
    gains = np.log(RATES_OF_1[:, None] * one + RATES_OF_0[:, None] * (1.0 - one))
    best = Thinning(0.0, "", 0, 0.0, 0.0)
    asked = 0
    for name, look in scene.looks.items():
        cells, usual = _segments(look)
        asked += len(cells)
        if not len(cells):
            continue
        member = (look.cells[:, None] == cells[None, :]).astype(np.float64)
        shares = look.shares[cells]
        left = RATES_OF_1[:, None] * usual + RATES_OF_0[:, None] * (1.0 - usual)
        value = gains @ member - scene.rows * np.log(1.0 - shares + shares * left)
        i, j = np.unravel_index(int(np.argmax(value)), value.shape)
        if value[i, j] > best.nats:
            now = RATES_OF_1[i] * usual[j] / left[i, j]
            best = Thinning(float(value[i, j]), name, int(cells[j]), float(usual[j]), float(now))
    if not best.column:
        return None
    return best._replace(nats=best.nats - 3.0 - float(np.log(asked)))


def _segments(look: Look) -> tuple[NDArray[np.int64], FloatArray]:
    """Cells of single values that hold enough of the reference, and the share of 1 in each."""
    if not look.face.cells_if_1 or (look.is_number and not look.face.few):
        return np.empty(0, np.int64), np.empty(0)
    singles = len(unpack(look.face.frequent)) if look.is_number else look.face.own
    cells = np.arange(FIRST, FIRST + singles)
    cells = cells[(look.shares[cells] >= LEAST) & (look.shares[cells] <= MOST)]
    base = look.scene.portrait.base_rate or 0.5
    with_1 = base * unpack(look.face.cells_if_1)[cells]
    with_0 = (1.0 - base) * unpack(look.face.cells_if_0)[cells]
    return cells, with_1 / np.maximum(with_1 + with_0, 1e-9)
