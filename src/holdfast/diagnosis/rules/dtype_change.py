"""Values of another type than in training: numbers as texts, lists as strings."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline


def match(evidence: Evidence) -> Cause | None:
    """The share of values of a wrong type is up."""
    moved = evidence.rising("type")
    if not moved:
        return None
    values = evidence.values.get(moved[0].field)
    words = "of the wrong type"
    because = "values do not have the type that training had"
    if values is not None and values.texts == 1.0:
        words = "arriving as text"
        if values.number_texts > 0.9:
            because = "numbers arrive written as text"
    return pipeline("dtype_change", moved, words, 0.9, because)


RULE = Rule("dtype_change", ("type",), match)
