"""Many suspects, one cause: who explains most, and how sure that is."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.rules.base import Suspect
from holdfast.diagnosis.scene import Scene

#: a suspect must explain this much, in nats, to be named at all
NAMED = 6.0
#: how far likelihoods are to be believed: margins are divided by it before they become confidence
TEMPERATURE = 4.0
#: rows that are looked at one by one; more are only counted
HEAD, MANY = 800, 1100


class Verdict(NamedTuple):
    """The winner with its confidence, the best suspect of every other kind, and its scene."""

    winner: Suspect
    others: tuple[Suspect, ...]
    scene: Scene


def judge(scene: Scene) -> Verdict | None:
    """The suspect with the largest value; None when nobody explains enough."""
    head = scene
    if scene.rows > MANY:
        head = Scene(scene.evidence, scene.now.first(HEAD), scene.portrait, scene)
    best: dict[str, tuple[Suspect, Scene]] = {}
    for rule in RULES:
        where = head if rule.close else scene
        for suspect in rule.weigh(where):
            grown = suspect._replace(nats=_grown(suspect, scene, where))
            kind = suspect.cause.kind
            if kind not in best or grown.value > best[kind][0].value:
                best[kind] = grown, where
    ranked = sorted(best.values(), key=lambda found: -found[0].value)
    if not ranked or ranked[0][0].value < NAMED:
        return None
    winner, where = ranked[0]
    confidence = _confidence([suspect.value for suspect, _ in ranked])
    cause = msgspec.structs.replace(winner.cause, confidence=confidence)
    return Verdict(winner._replace(cause=cause), tuple(s for s, _ in ranked[1:]), where)


def _grown(suspect: Suspect, scene: Scene, where: Scene) -> float:
    """What all rows would gain, from what the first ones do.

    In proportion; but as far as a movement of shares explains it, all rows have been counted.
    """
    if where is scene:
        return suspect.nats
    more = scene.rows / where.rows
    name = suspect.cause.features[0] if suspect.cause.features else ""
    if name not in scene.looks:
        return suspect.nats * more
    moved = [max(0.0, s.looks[name].drifted) for s in (scene, where)]
    return max(0.0, moved[0] + more * (suspect.nats - moved[1]))


def _confidence(values: list[float]) -> float:
    rest = [*values[1:], NAMED - 2.0]
    odds = sum(math.exp(max((v - values[0]) / TEMPERATURE, -40.0)) for v in rest)
    return round(min(0.99, 1.0 / (1.0 + odds)), 3)
