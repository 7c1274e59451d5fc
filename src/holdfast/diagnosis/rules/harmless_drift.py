"""A column moved that the model hardly uses, and the score did not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.rules.covariate_drift import SCORE, how_it_moved
from holdfast.diagnosis.scene import SURE, Scene
from holdfast.diagnosis.signatures.alone import altered, moved_along
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.signatures.transforms import (
    Transform,
    best_changes,
    misfit,
    whole_ratio,
)
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import ABOVE, BELOW, NULL, WRONG
from holdfast.records import Action

FloatArray = NDArray[np.float64]

PRIOR = -1.0
#: share of the score below which a column does not matter
IMPORTANCE = 0.05
#: what moving alone must add before it counts
LEAST = 8.0
#: the score may move by this share of the column's own evidence
IN_PROPORTION = 0.03


def weigh(scene: Scene) -> list[Suspect]:
    """Movement inside what the reference knows, of a column without weight."""
    out: list[Suspect] = []
    for look in scene.broken:
        if not weightless(look) or (look.drifted <= SURE and look.name not in scene.crossed):
            continue
        nats = moved_alone(look)
        if nats <= 0.0 or scene.answers.moved > max(SCORE, IN_PROPORTION * nats):
            continue
        because = (
            f"{how_it_moved(look)}; the column carries {percent(max(look.face.importance, 0.001))} "
            "of the score, and the score did not move"
        )
        cause = Cause(
            class_="harmless",
            kind="harmless_drift",
            action=Action.IGNORE,
            features=(look.name,),
            words="moved without any effect on the score",
            confidence=0.0,
            because=because,
        )
        details = {"importance": look.face.importance}
        out.append(Suspect(cause, nats, PRIOR, None, details))
    return out


def weightless(look: Look) -> bool:
    """Whether the column hardly counts in the score, and holds nothing that looks broken."""
    if look.scene.answers.score is None or look.face.importance > IMPORTANCE:
        return False
    return look.keep("inside", inside)


def inside(look: Look) -> bool:
    """Whether nulls, types, range and grid are as in the reference."""
    n = look.scene.rows
    hard = [NULL, WRONG, BELOW, ABOVE] if look.is_number else [NULL, WRONG]
    if float(look.counts[hard].sum()) > n * float(look.shares[hard].sum()) * 1.5 + 3.0:
        return False
    if not look.is_number or not look.present.any():
        return True
    return look.plausible.off_grid(look.numbers[look.present]) < 0.02


def moved_alone(look: Look) -> float:
    """Evidence for any smooth movement of this column, whether the others follow or not."""
    best = look.drifted
    if not look.scene.hangs_on(look.name):
        best = max(best, look.keep("altered", altered).nats - LEAST, moved_along(look) - LEAST)
    if look.is_number:
        for change, ratio in look.keep("changes", best_changes):
            if not change.known and change.a > 0.0:
                found = fit(ratio)
                if found.nats <= best:
                    continue
                earlier = look.scene.gain_before(_again(look.name, change), found.share)
                best = max(best, found.nats - max(earlier, misfit(look, change, found.share)))
    return best


def _again(name: str, change: Transform) -> Callable[[Scene], FloatArray]:
    return lambda scene: whole_ratio(scene.looks[name], change)


RULE = Rule("harmless_drift", (), weigh=weigh, close=True)
