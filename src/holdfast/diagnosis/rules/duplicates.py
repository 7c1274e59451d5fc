"""Rows that came before: replayed or sent twice."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.words import percent
from holdfast.frames.values import ValueKind, Values
from holdfast.profiles.portrait_learning import REPEAT_WITHIN, row_keys, steps_back

PRIOR = -2.0


def match(evidence: Evidence) -> Cause | None:
    """The share of rows seen exactly so before is up."""
    moved = evidence.rising("duplicate")
    if not moved:
        return None
    because = "rows repeat earlier ones exactly"
    return pipeline("duplicates", moved, "rows repeat earlier ones", 0.6, because)


def weigh(scene: Scene) -> list[Suspect]:
    """More exact repetitions of recent rows than the reference has, most of them not adjacent."""
    found, adjacent, share = scene.keep("repeated", repeated)
    if found.nats <= 0.0 or adjacent > 0.5:
        return []
    because = (
        f"{percent(share)} of the rows repeat one of the {REPEAT_WITHIN} before exactly, "
        f"{percent(scene.portrait.repeated)} in the reference; {percent(1.0 - adjacent)} of them "
        "with others in between"
    )
    cause = broken("duplicates", (), "rows sent again", because)
    return [hit(cause, found, PRIOR, share=share, adjacent=adjacent)]


def repeated(scene: Scene) -> tuple[Mixture, float, float]:
    """The mixture "a row repeats a recent one", share of adjacent ones among them, their share."""
    joined = {name: look.values for name, look in scene.looks.items()}
    earlier = 0
    before = scene.before
    if before is not None and all(
        name in before.columns and before.columns[name].kind is v.kind for name, v in joined.items()
    ):
        earlier = before.rows
        joined = {name: _join(before.columns[name], v) for name, v in joined.items()}
    if not joined:
        return fit(np.empty(0)), 0.0, 0.0
    back = steps_back(row_keys(joined))[earlier:]
    again = back <= REPEAT_WITHIN
    usual = (scene.portrait.repeated * scene.portrait.rows + 0.5) / (scene.portrait.rows + 1.0)
    found = fit(np.where(again, -np.log(usual), -np.inf))
    since = back[found.start :]
    count = int((since <= REPEAT_WITHIN).sum())
    excess = max(1.0, count - usual * len(since))
    next_to = max(0.0, float((since == 1).sum()) - scene.portrait.adjacent * len(since))
    return found, min(1.0, next_to / excess), count / max(1, len(since))


def _join(first: Values, second: Values) -> Values:
    state = np.concatenate((first.state, second.state))
    if first.kind is ValueKind.NUMBER:
        return Values(first.kind, state, numbers=np.concatenate((first.numbers, second.numbers)))
    places = {name: i for i, name in enumerate(first.names)}
    table = np.array([places.setdefault(n, len(places)) for n in second.names] + [-1], np.int64)
    codes = np.concatenate((first.codes, table[second.codes]))
    return Values(first.kind, state, codes=codes, names=list(places))


RULE = Rule("duplicates", ("duplicate",), match, weigh)
