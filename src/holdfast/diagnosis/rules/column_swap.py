"""Two columns that changed places."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.signatures.plausible import LEAST
from holdfast.diagnosis.words import percent
from holdfast.reports.naming import names

FloatArray = NDArray[np.float64]

PRIOR = -4.0


def weigh(scene: Scene) -> list[Suspect]:
    """Each of two columns holds what the reference expects of the other, in the same rows."""
    out = []
    for a, b in combinations(scene.broken, 2):
        if a.is_number is not b.is_number:
            continue
        found = fit(_ratio(scene, a.name, b.name))
        if found.nats <= 0.0:
            continue
        first, second = (a, b) if a.moved >= b.moved else (b, a)
        because = (
            f"{names([first.name])} holds what the reference expects of {names([second.name])} and "
            f"the reverse, in {percent(found.share)} of the rows"
        )
        words = "swapped with one another"
        cause = broken("column_swap", (first.name, second.name), words, because)
        again = partial(_ratio, one=a.name, other=b.name)
        out.append(hit(cause, found, PRIOR, share=found.share)._replace(again=again))
    return out


def _ratio(scene: Scene, one: str, other: str) -> FloatArray:
    if one not in scene.looks or other not in scene.looks:
        return np.full(scene.rows, -np.inf)
    a, b = scene.looks[one], scene.looks[other]
    ratio: FloatArray = _crosswise(a, b) + _crosswise(b, a) - a.log_p - b.log_p
    return ratio


def _crosswise(here: Look, other: Look) -> FloatArray:
    """Log-probability of what stands in `here` under the reference of `other`."""
    out = np.full(here.scene.rows, LEAST)
    if here.is_number:
        out[here.present] = other.plausible(here.numbers[here.present])
        empty = ~here.present
        out[empty] = np.log(other.shares)[here.cells[empty]]
        return out
    cells = other.face.cells_of(here.values)
    return np.asarray(np.log(other.shares)[cells])


RULE = Rule("column_swap", (), weigh=weigh, close=True)
