"""The same inputs now mean something else: labels no longer agree with a once calibrated score."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.relations import changed_relation
from holdfast.diagnosis.words import percent
from holdfast.records import Action

PRIOR = -1.0
#: a column is named when it explains this much more than "everywhere alike"
BETTER = 3.0


def weigh(scene: Scene) -> list[Suspect]:
    """Labels that a flipped or shifted relation explains, everywhere or along one column."""
    found = changed_relation(scene)
    if not found or found[0].nats <= 0.0:
        return []
    labels = int(scene.answers.labelled.sum())
    everywhere = next(r for r in found if not r.column)
    best = found[0] if found[0].nats > everywhere.nats + BETTER else everywhere
    named = [r.column for r in found if r.column and r.nats > 0.0]
    if best.column:
        where = "where they concentrate"
        features = (best.column, *[c for c in named if c != best.column][:2])
    else:
        where, features = "everywhere alike", tuple(named[:1])
    how = (
        f"as if {percent(best.flip)} of the labels were turned"
        if best.flip
        else f"as if the log-odds had moved by {best.shift:+g}"
    )
    because = f"{labels:,} labels disagree with the calibrated score, {how}, {where}"
    action = Action.RETRAIN
    if best.column and not scene.looks[best.column].ratios.size:
        # values of other rows would look the same, and no other column tells
        action = Action.INVESTIGATE
        because += "; no other column tells whether its values stand in their own rows"
    cause = Cause(
        class_="concept",
        kind="concept_drift",
        action=action,
        features=features,
        words="relate to the label otherwise than before" if len(features) > 1 else
        "relates to the label otherwise than before" if features else
        "labels no longer follow the score",
        confidence=0.0,
        because=because,
    )  # fmt: skip
    details = {"labels": labels, "flip": best.flip, "shift": best.shift}
    return [Suspect(cause, best.nats, PRIOR, None, details)]


RULE = Rule("concept_drift", (), weigh=weigh)
