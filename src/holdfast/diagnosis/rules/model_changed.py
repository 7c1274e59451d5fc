"""The same inputs, other scores: another model or version answers, or it is fed otherwise."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.answers import Answers
from holdfast.records import Action

PRIOR = -5.0


def weigh(scene: Scene) -> list[Suspect]:
    """Scores that differ from what an additive copy of the model says of the same rows."""
    if scene.crossed:  # the inputs are not as before
        return []
    nats, error = Answers(scene).model_error
    if nats <= 0.0:
        return []
    because = (
        f"scores moved by {error:+.2f} log-odds against what the reference's model gave for such "
        "rows, while the inputs are as before"
    )
    cause = Cause(
        class_="model",
        kind="model_changed",
        action=Action.INVESTIGATE,
        features=(),
        words="scores changed, inputs did not",
        confidence=0.0,
        because=because,
    )
    return [Suspect(cause, nats, PRIOR, None, {"error": error})]


RULE = Rule("model_changed", (), weigh=weigh, close=True)
