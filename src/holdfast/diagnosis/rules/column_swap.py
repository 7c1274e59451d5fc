"""Two columns that changed places."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.signatures.plausible import LEAST
from holdfast.diagnosis.words import names, percent

PRIOR = -4.0


def weigh(scene: Scene) -> list[Suspect]:
    """Each of two columns holds what the reference expects of the other, in the same rows."""
    out = []
    for a, b in combinations(scene.broken, 2):
        if a.is_number is not b.is_number:
            continue
        ratio = _crosswise(a, b) + _crosswise(b, a) - a.log_p - b.log_p
        found = fit(ratio)
        if found.nats <= 0.0:
            continue
        first, second = (a, b) if a.moved >= b.moved else (b, a)
        because = (
            f"{names([first.name])} holds what the reference expects of {names([second.name])} and "
            f"the reverse, in {percent(found.share)} of the rows"
        )
        words = "swapped with one another"
        cause = broken("column_swap", (first.name, second.name), words, because)
        out.append(hit(cause, found, PRIOR, share=found.share))
    return out


def _crosswise(here: Look, other: Look) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
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
