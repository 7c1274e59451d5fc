"""The share of positives changed, and every column with it, as its labels say."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect, amount
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.thinning import label_shift_in_segment
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import FIRST, unpack
from holdfast.records import Action
from holdfast.reports.naming import clean, names

PRIOR = -0.5
#: the same for one segment, whose choice is paid for apart
SEGMENT = -2.0
#: points by which the share of positives must have moved
LEAST = 0.015


def weigh(scene: Scene) -> list[Suspect]:
    """One new share of positives that explains scores and labels, everywhere or in one segment."""
    return [*_everywhere(scene), *_in_segment(scene)]


def _in_segment(scene: Scene) -> list[Suspect]:
    found = label_shift_in_segment(scene)
    if found is None or found.nats <= 0.0 or abs(found.share - found.usual) < LEAST:
        return []
    look = scene.looks[found.column]
    value = "one value"
    if scene.shows(found.column):
        place = found.cell - FIRST
        frequent = unpack(look.face.frequent)
        value = amount(frequent[place]) if look.is_number else clean(look.face.names[place], 40)
    moved = f"from {percent(found.usual)} to {percent(found.share)}"
    cause = Cause(
        class_="prior",
        kind="prior_shift",
        action=Action.RECALIBRATE,
        features=(),
        words=f"share of positives where {names([found.column])} is {value} {moved}",
        confidence=0.0,
        because=f"rows of one label come less often in that segment, whose positives go {moved}",
    )
    details = {"share": found.share, "usual": found.usual, "segment": found.column}
    return [Suspect(cause, found.nats, SEGMENT, None, details)]


def _everywhere(scene: Scene) -> list[Suspect]:
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
