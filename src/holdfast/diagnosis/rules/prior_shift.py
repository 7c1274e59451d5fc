"""The share of positives changed, and every column with it, as its labels say."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.words import percent
from holdfast.records import Action

PRIOR = -0.5
#: points by which the share of positives must have moved
LEAST = 0.015


def weigh(scene: Scene) -> list[Suspect]:
    """One new share of positives that explains scores and labels."""
    nats, share = scene.answers.label_shift
    usual = scene.portrait.base_rate
    if nats <= 0.0 or usual is None or abs(share - usual) < LEAST:
        return []
    labels = int(scene.answers.labelled.sum())
    told = "scores" if not labels else "scores and labels" if labels < scene.rows else "labels"
    because = (
        f"{told} are as in the reference within each class, with {percent(share)} positives "
        f"instead of {percent(usual)}"
    )
    cause = Cause(
        class_="prior",
        kind="prior_shift",
        action=Action.RECALIBRATE,
        features=(),
        words=f"share of positives from {percent(usual)} to {percent(share)}",
        confidence=0.0,
        because=because,
    )
    return [Suspect(cause, nats, PRIOR, None, {"share": share, "usual": usual, "labels": labels})]


RULE = Rule("prior_shift", (), weigh=weigh)
