"""Single values out of range while the rest stays."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline
from holdfast.diagnosis.words import percent


def match(evidence: Evidence) -> Cause | None:
    """The share out of range is up, but most values are inside."""
    moved = evidence.rising("range")
    if not moved:
        return None
    inside = 1.0 - moved[0].share
    because = f"{percent(inside)} of the values are still in range"
    confidence = 0.7 if moved[0].share < 0.1 else 0.5
    return pipeline("outliers", moved, "out of range", confidence, because)


RULE = Rule("outliers", ("range",), match)
