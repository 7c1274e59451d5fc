"""The inputs moved: other kinds of rows than the reference's, each of them sound."""

from __future__ import annotations

import math

import numpy as np

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import FIRST
from holdfast.records import Action

PRIOR = -0.5
#: columns named beside the first, when they moved by at least this share of its evidence
FOLLOW, LEAST, MOST = 0.2, 8.0, 4
#: where a movement may have begun, as a share of the rows; looked at for so many columns
STARTS, STARTS_OF, LEAST_ROWS = (0.2, 0.4, 0.6), 3, 40
#: evidence in nats from which the score counts as moved
SCORE = 4.0


def weigh(scene: Scene) -> list[Suspect]:
    """Each column whose own shares changed, all other columns following as the reference says."""
    ranked = sorted(scene.looks.values(), key=lambda k: -k.drifted)
    out: list[Suspect] = []
    for look in ranked[:6]:
        if look.drifted <= 0.0:
            break
        others = [
            k.name
            for k in ranked
            if k is not look and k.drifted > max(LEAST, FOLLOW * look.drifted)
        ]
        moved = scene.answers.moved
        because = f"{how_it_moved(look)}; the other columns followed as in the reference"
        because += "; the score moved with it" if moved > SCORE else "; the score did not move"
        cause = Cause(
            class_="covariate",
            kind="covariate_drift",
            action=Action.RETRAIN if moved > SCORE else Action.IGNORE,
            features=(look.name, *others[: MOST - 1]),
            words=_words(look),
            confidence=0.0,
            because=because,
        )
        nats = max(look.drifted, _later(look)) if len(out) < STARTS_OF else look.drifted
        out.append(Suspect(cause, nats, PRIOR, None, {"score_nats": round(moved, 2)}))
    return out


def _later(look: Look) -> float:
    """Evidence when the movement began later than the rows, or grew: the best of a few starts."""
    n, usual = look.scene.rows, look.ordinary
    if n < LEAST_ROWS:
        return 0.0
    shares = look.shares[usual] / look.shares[usual].sum()
    size = len(look.shares)
    late = [np.bincount(look.cells[int(s * n) :], minlength=size)[usual] for s in STARTS]
    counts = np.stack(late).astype(np.float64)
    every = np.broadcast_to(shares, counts.shape)
    free = np.maximum(movement.learned(counts, every), movement.grown(counts, every))
    return float(free.max()) - math.log(1.0 + len(STARTS)) - look.table_noise(0.5 * len(usual))


def how_it_moved(look: Look) -> str:
    """The largest change of a cell, in words that show no value."""
    now = look.counts / max(1.0, look.counts.sum())
    gain, size, along = look.tilt
    if gain > 0.0 and along == "value":
        return f"values moved {'up' if size > 0 else 'down'} smoothly"
    place = int(abs(now - look.shares).argmax())
    what = "one share" if place >= FIRST else "a share outside the usual values"
    return f"{what} went from {percent(float(look.shares[place]))} to {percent(float(now[place]))}"


def _words(look: Look) -> str:
    gain, size, along = look.tilt
    if gain > 0.0 and along == "value":
        return "shifted towards higher values" if size > 0 else "shifted towards lower values"
    return "with other shares than in the reference"


RULE = Rule("covariate_drift", (), weigh=weigh)
