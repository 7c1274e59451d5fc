"""Many suspects, one cause: who explains most, and how sure that is."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np

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
#: the first part of the rows before the change is taken for sound, if it is long enough
EARLIER, LEAST_EARLIER = 0.75, 60
#: suspects that are held against it
CHECKED = 4
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
    ranked = _checked(best, scene)
    if not ranked or ranked[0][0].value < NAMED:
        return None
    winner, where = ranked[0]
    confidence = _confidence([suspect.value for suspect, _ in ranked])
    cause = msgspec.structs.replace(winner.cause, confidence=confidence)
    return Verdict(winner._replace(cause=cause), tuple(s for s, _ in ranked[1:]), where)


def _checked(best: dict[str, tuple[Suspect, Scene]], scene: Scene) -> list[tuple[Suspect, Scene]]:
    """Suspects by value; those in front less what they explain of the rows before the change.

    The reference knows a column only roughly, and life may have moved since; what an explanation
    gains on rows that came before, all in order, is no evidence.
    """
    ranked = sorted(best.values(), key=lambda found: -found[0].value)
    before = scene.before
    rows = int(EARLIER * before.rows) if before is not None else 0
    if before is None or rows < LEAST_EARLIER:
        return ranked
    sound = Scene(scene.evidence, before.first(rows), scene.portrait)
    seen: set[str] = set()
    for _ in range(CHECKED):
        suspect, where = ranked[0]
        if suspect.cause.kind in seen or suspect.again is None or suspect.weight is None:
            break
        seen.add(suspect.cause.kind)
        names = suspect.cause.features[:1]
        if any(name not in sound.looks for name in names):
            break
        ratio = suspect.again(sound)
        start = int(np.argmax(suspect.weight > 0.0))
        share = float(suspect.weight[start:].mean())
        rise = np.log(1.0 - share + share * np.exp(np.clip(ratio, -40.0, 25.0)) + 1e-12)
        gain = float(rise.mean()) * scene.rows
        if gain > 0.0:
            ranked[0] = suspect._replace(nats=suspect.nats - gain), where
            ranked.sort(key=lambda found: -found[0].value)
    return ranked


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
