"""Many suspects, one cause: who explains most, and how sure that is."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np

from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.rules.base import Found, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.segments import moved_alone
from holdfast.diagnosis.wandering import VAGUE, its_like, moved_along, tempered
from holdfast.records import Action

#: a suspect must explain this much, in nats, to be named at all
NAMED = 6.0
#: from this value on, a broken input answers for labels that disagree
SURE = 30.0
#: how far likelihoods are to be believed: margins are divided by it before they become confidence
TEMPERATURE = 4.0
#: nobody retrains on rows, or forgets them, that a broken pipeline explains but for so many nats
NEAR = 12.0
#: rows that are looked at one by one; more are only counted
HEAD, MANY = 800, 1100
#: suspects that are held against it
CHECKED = 12
#: with more of the rows explained than this, no segment is looked for
WHOLE = 0.9
#: by so much, in proportion and in nats, must a segment explain more: its rows are no sample
CLEARLY, CLEAR = 0.05, 10.0
#: standard errors by which what the first rows gain is taken down before it is carried on
CAUTION = 1.5
#: what a suspect may lack because it is paid for, not because rows speak against it, in nats
ONCE = 6.0


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
    best: Found = {}
    for rule in RULES:
        where = head if rule.close else scene
        for suspect in rule.weigh(where):
            if math.isfinite(suspect.value):
                grown = suspect._replace(nats=_grown(suspect, scene, where))
                _keep(best, tempered(grown, where), where)
    moved_along(best, scene)
    ranked = _checked(best, scene)
    if _may_be_a_segment(ranked):
        front = max(NAMED, ranked[0][0].value if ranked else 0.0)
        inside = _in_segment(head, scene, best)
        least = (1.0 + CLEARLY) * front + CLEAR
        for key in [key for key, found in inside.items() if found[0].value > least]:
            for kind, name in [k for k in best if k[0] == key[0]]:
                del best[kind, name]
            best[key] = inside[key]
    ranked = _labels_follow(best, scene)
    if not ranked or ranked[0][0].value < NAMED:
        return None
    winner, where = ranked[0]
    confidence = _confidence([suspect.value for suspect, _ in ranked])
    cause = msgspec.structs.replace(winner.cause, confidence=confidence)
    learns = cause.class_ == "covariate" or cause.action is Action.RETRAIN
    if learns and _may_be_broken(ranked):
        cause = msgspec.structs.replace(cause, action=Action.INVESTIGATE)
    return Verdict(winner._replace(cause=cause), tuple(s for s, _ in ranked[1:]), where)


def _may_be_broken(ranked: list[tuple[Suspect, Scene]]) -> bool:
    """Whether a broken pipeline explains the rows nearly as well."""
    front = ranked[0][0].value
    return any(
        suspect.cause.class_ == "pipeline"
        and suspect.value > max(NAMED, front - max(NEAR, CLEARLY * front))
        for suspect, _ in ranked[1:]
    )


def _keep(best: Found, suspect: Suspect, where: Scene) -> None:
    """Of one kind and column the best suspect."""
    key = suspect.cause.kind, (suspect.cause.features or ("",))[0]
    if key not in best or suspect.value > best[key][0].value:
        best[key] = suspect, where


def _ranked(best: Found) -> list[tuple[Suspect, Scene]]:
    """The best suspect of every kind, best first."""
    out: dict[str, tuple[Suspect, Scene]] = {}
    for suspect, where in sorted(best.values(), key=lambda found: -found[0].value):
        out.setdefault(suspect.cause.kind, (suspect, where))
    return list(out.values())


def _may_be_a_segment(ranked: list[tuple[Suspect, Scene]]) -> bool:
    """Whether no explanation of all rows is in front."""
    if not ranked:
        return True
    weight = ranked[0][0].weight
    return weight is None or not len(weight) or float(weight.mean()) < WHOLE


def _in_segment(head: Scene, scene: Scene, everywhere: Found) -> Found:
    """Suspects of the rows of one value of a dimension, where those moved alone."""
    found = moved_alone(head)
    if found is None:
        return {}
    before = head.before.take(found.earlier) if head.before is not None else None
    evidence = msgspec.structs.replace(head.evidence, before=before)
    inner = Scene(evidence, head.now.take(found.rows), head.portrait, apart=found.column)
    own: Found = {}
    drift = inner.drift(found.column).nats
    for rule in RULES:
        for suspect in rule.weigh(inner) if rule.close else []:
            if suspect.weight is None or not math.isfinite(suspect.value):
                continue
            imitated = suspect.cause.kind in VAGUE and suspect.value < drift + CLEAR
            if found.dimension not in suspect.cause.features and not imitated:  # it chose the rows
                _keep(own, tempered(suspect, inner), inner)
    moved_along(own, head, everywhere)
    best: Found = {}
    for suspect, _ in own.values():
        weight = np.zeros(head.rows)
        weight[found.rows] = suspect.weight
        checked = suspect.nats - _gain_before(suspect, inner)
        kept = suspect._replace(
            nats=_grown(suspect._replace(nats=checked), scene, head),
            prior=suspect.prior - math.log(found.asked),
            weight=weight,
            checked=True,
        )
        _keep(best, kept, head)
    return best


def _gain_before(suspect: Suspect, scene: Scene) -> float:
    """What the suspect explains of as many rows from before the change: itself, or its like."""
    if scene.sound is None:
        return 0.0
    name = suspect.cause.features[0] if suspect.cause.features else ""
    if name and name not in scene.sound.looks:
        return 0.0
    itself = 0.0
    if suspect.again is not None and suspect.weight is not None:
        start = int(np.argmax(suspect.weight > 0.0))
        itself = scene.gain_before(suspect.again, float(suspect.weight[start:].mean()))
    return max(itself, its_like(suspect, scene, name))


def _checked(best: Found, scene: Scene) -> list[tuple[Suspect, Scene]]:
    """Suspects by value; those in front less what they explain of the rows before the change.

    The reference knows a column only roughly, and life may have moved since; what an explanation
    gains on rows that came before, all in order, is no evidence.
    """
    for _ in range(CHECKED):
        key = max(best, key=lambda key: best[key][0].value, default=None)
        if key is None or best[key][0].checked:
            break
        best[key] = _less(*best[key], scene)
    return _ranked(best)


def _less(suspect: Suspect, where: Scene, scene: Scene) -> tuple[Suspect, Scene]:
    if suspect.checked:
        return suspect, where
    return suspect._replace(nats=suspect.nats - _gain_before(suspect, scene), checked=True), where


def _labels_follow(best: Found, scene: Scene) -> list[tuple[Suspect, Scene]]:
    """Labels that disagree follow from a broken input: its suspect explains them too."""
    ranked = _checked(best, scene)
    concept = next((s for s, _ in ranked if s.cause.kind == "concept_drift"), None)
    if concept is None or concept.nats <= 0.0:
        return ranked
    for key, (suspect, where) in best.items():
        cause = suspect.cause
        if cause.class_ != "pipeline" or not cause.features or suspect.value < SURE:
            continue
        suspect, where = _less(suspect, where, scene)
        if suspect.value > SURE:
            suspect = suspect._replace(nats=suspect.nats + concept.nats)
        best[key] = suspect, where
    return _ranked(best)


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
    once = max(-ONCE, min(0.0, beyond))  # prices do not grow with the rows
    return max(0.0, moved[0] + once + more * (beyond - once))


def _confidence(values: list[float]) -> float:
    rest = [*values[1:], NAMED - 2.0]
    odds = sum(math.exp(max((v - values[0]) / TEMPERATURE, -40.0)) for v in rest)
    return round(min(0.99, 1.0 / (1.0 + odds)), 3)
