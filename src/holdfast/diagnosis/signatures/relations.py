"""Labels against the calibrated score: where, and along which column, the relation changed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.answers import LABELS
from holdfast.profiles.portrait_cells import FIRST

FloatArray = NDArray[np.float64]

#: groups of cells of one column
GROUPS = 8
#: shares of flipped labels, and shifts of the log-odds, that are tried in each group
FLIPS = np.array([0.0, 0.08, 0.2, 0.4, 0.7, 0.95])
SHIFTS = np.array([-2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0])


class Relation(NamedTuple):
    """A changed relation: gain in nats (choices paid), the column (empty: everywhere)."""

    nats: float
    column: str
    flip: float
    shift: float


def changed_relation(scene: Scene) -> list[Relation]:
    """Explanations of the labels by a relation that changed, the best first.

    Everywhere alike, or in some groups of the values of one column: labels flipped with a
    probability, or the log-odds shifted. Each group chooses its own; a choice costs.
    """
    answers = scene.answers
    rate, label = answers.rate, scene.now.label
    if rate is None or label is None:
        return []
    rows = np.flatnonzero(answers.labelled & np.isfinite(rate))
    if len(rows) < LABELS:
        return []
    p, y = rate[rows], label[rows]
    table = _gains(p, y)  # (choices, rows), the first "as it was"
    whole = table.sum(1)
    best = int(np.argmax(whole))
    out = [Relation(float(whole[best]) - 2.0, "", *_choice(best))]
    for name, look in scene.looks.items():
        groups = _groups(look)[rows]
        size = int(groups.max(initial=0)) + 1
        if size < 2:
            continue
        member = (groups[:, None] == np.arange(size)[None, :]).astype(np.float64)
        sums = table @ member
        chosen = sums.argmax(0)
        own = sums[chosen, np.arange(size)]
        # a choice of its own is worth its price only where it beats staying as it was
        gain = float(np.maximum(own - 2.0, 0.0).sum())
        top = int(np.argmax(own))
        price = 1.0 + np.log(len(scene.looks))
        out.append(Relation(gain - float(price), name, *_choice(int(chosen[top]))))
    return sorted(out, key=lambda r: -r.nats)


def _gains(p: FloatArray, y: FloatArray) -> FloatArray:
    log_odds = np.log(p / (1.0 - p))
    flipped = p[None, :] * (1.0 - FLIPS[:, None]) + (1.0 - p[None, :]) * FLIPS[:, None]
    shifted = 1.0 / (1.0 + np.exp(-(log_odds[None, :] + SHIFTS[:, None])))
    q = np.clip(np.vstack((flipped, shifted)), 0.002, 0.998)
    own = np.where(y == 1.0, p, 1.0 - p)
    return np.asarray(np.log(np.where(y[None, :] == 1.0, q, 1.0 - q)) - np.log(own)[None, :])


def _choice(place: int) -> tuple[float, float]:
    if place < len(FLIPS):
        return float(FLIPS[place]), 0.0
    return 0.0, float(SHIFTS[place - len(FLIPS)])


def _groups(look: Look) -> NDArray[np.int64]:
    """Up to `GROUPS` groups of values of a column: bands of rank, or the frequent categories."""
    if look.is_number:
        groups = np.minimum((look.ranks * GROUPS).astype(np.int64), GROUPS - 1) + 1
        return np.where(look.present, groups, 0)
    top = min(look.face.own, 2 * GROUPS)
    place = look.cells - FIRST
    return np.where((place >= 0) & (place < top), place + 1, 0)
