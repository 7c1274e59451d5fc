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
#: from this value on, a broken input answers for labels that disagree
SURE = 25.0
#: how far likelihoods are to be believed: margins are divided by it before they become confidence
TEMPERATURE = 4.0
#: rows that are looked at one by one; more are only counted
HEAD, MANY = 800, 1100
#: standard errors by which what the first rows gain is taken down before it is carried on
CAUTION = 1.5


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
    _labels_follow(best)
    ranked = sorted(best.values(), key=lambda found: -found[0].value)
    if not ranked or ranked[0][0].value < NAMED:
        return None
    winner, where = ranked[0]
    confidence = _confidence([suspect.value for suspect, _ in ranked])
    cause = msgspec.structs.replace(winner.cause, confidence=confidence)
    return Verdict(winner._replace(cause=cause), tuple(s for s, _ in ranked[1:]), where)


def _labels_follow(best: dict[str, tuple[Suspect, Scene]]) -> None:
    """Labels that disagree follow from a broken input: its suspect explains them too."""
    concept = best.get("concept_drift")
    if concept is None or concept[0].nats <= 0.0:
        return
    for kind, (suspect, where) in best.items():
        cause = suspect.cause
        if cause.class_ == "pipeline" and cause.features and suspect.value > SURE:
            best[kind] = suspect._replace(nats=suspect.nats + concept[0].nats), where


def _grown(suspect: Suspect, scene: Scene, where: Scene) -> float:
    """What all rows would gain, from what the first ones do.

    In proportion; but as far as a movement of shares explains it, all rows have been counted.
    """
    if where is scene:
        return suspect.nats
    more = scene.rows / where.rows
    name = suspect.cause.features[0] if suspect.cause.features else ""
    moved = [max(0.0, s.looks[name].drifted) if name in s.looks else 0.0 for s in (scene, where)]
    beyond = suspect.nats - moved[1]
    if beyond > 0.0:  # a sum of log ratios varies by about twice itself
        beyond = max(0.0, beyond - CAUTION * math.sqrt(2.0 * beyond) * (1.0 - 1.0 / more))
    return max(0.0, moved[0] + more * beyond)


def _confidence(values: list[float]) -> float:
    rest = [*values[1:], NAMED - 2.0]
    odds = sum(math.exp(max((v - values[0]) / TEMPERATURE, -40.0)) for v in rest)
    return round(min(0.99, 1.0 / (1.0 + odds)), 3)
