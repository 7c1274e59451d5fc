"""Many suspects, one cause: who explains most, and how sure that is."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.rules.base import Suspect
from holdfast.diagnosis.scene import Scene

#: a suspect must explain this much, in nats, to be named at all
NAMED = 6.0
#: how far likelihoods are to be believed: margins are divided by it before they become confidence
TEMPERATURE = 4.0


class Verdict(NamedTuple):
    """The winner with its confidence, and the best suspect of every other kind."""

    winner: Suspect
    others: tuple[Suspect, ...]


def judge(scene: Scene) -> Verdict | None:
    """The suspect with the largest value; None when nobody explains enough."""
    suspects = [s for rule in RULES for s in rule.weigh(scene)]
    best: dict[str, Suspect] = {}
    for suspect in suspects:
        kind = suspect.cause.kind
        if kind not in best or suspect.value > best[kind].value:
            best[kind] = suspect
    ranked = sorted(best.values(), key=lambda s: -s.value)
    if not ranked or ranked[0].value < NAMED:
        return None
    winner = ranked[0]
    cause = msgspec.structs.replace(winner.cause, confidence=_confidence(ranked))
    return Verdict(winner._replace(cause=cause), tuple(ranked[1:]))


def _confidence(ranked: list[Suspect]) -> float:
    top = ranked[0].value
    rest = [s.value for s in ranked[1:]] + [NAMED - 2.0]
    odds = sum(math.exp(max((v - top) / TEMPERATURE, -40.0)) for v in rest)
    return round(min(0.99, 1.0 / (1.0 + odds)), 3)


def explain(cause: Cause) -> str:
    """The kind as it is ruled out in words."""
    return cause.kind.replace("_", " ")
