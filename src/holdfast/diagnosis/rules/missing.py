"""Nulls where values used to be."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.together import gather
from holdfast.diagnosis.words import percent
from holdfast.frames.values import NULL

FloatArray = NDArray[np.float64]

#: points by which the null share must have risen
LEAST = 0.004
PRIOR = -1.0


def match(evidence: Evidence) -> Cause | None:
    """The null share of a feature is up by 0.4 points or more."""
    moved = [m for m in evidence.rising("null") if m.share - m.normal >= LEAST]
    if not moved:
        return None
    first = moved[0]
    unknown = any(m.code == "unknown_field" for m in evidence.moved)
    because = f"nulls went from {percent(first.normal)} in the reference to {percent(first.share)}"
    if unknown:
        because += "; a field that the contract does not know came at the same time: renamed?"
    return pipeline("missing", moved, "missing", 0.95, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Each column whose rows turn null with some probability, beyond the reference's nulls."""
    return rising_state(scene, NULL, "missing", "missing", "nulls", PRIOR)


def rising_state(
    scene: Scene, state: int, kind: str, words: str, what: str, prior: float
) -> list[Suspect]:
    """The suspect that rows of some columns fell into a state which the reference knows less of."""
    found: dict[str, Mixture] = {}
    for name, look in scene.looks.items():
        there = look.values.state == state
        usual = look.face.null if state == NULL else look.face.wrong
        count = int(there.sum())
        if not count or count / scene.rows < usual + LEAST:
            continue
        found[name] = fit(state_ratio(look, state))
    got = gather(found)
    if got is None:
        return []
    names, mixture = got
    first = scene.looks[names[0]]
    share = float((first.values.state[mixture.start :] == state).mean())
    usual = first.face.null if state == NULL else first.face.wrong
    because = f"{what} went from {percent(usual)} in the reference to {percent(share)}"
    cause = broken(kind, names, words, because)
    again = partial(state_ratio, state=state)
    return [hit(cause, mixture, prior, again, share=share, usual=usual)]


def state_ratio(look: Look, state: int) -> FloatArray:
    """Shape (n,): the log ratio of "the value is gone": rows in that state against the usual."""
    usual = look.face.null if state == NULL else look.face.wrong
    usual = (usual * look.face.rows + 0.5) / (look.face.rows + 1.0)
    return np.where(look.values.state == state, -math.log(usual), -np.inf)


RULE = Rule("missing", ("null",), match, weigh)
