"""Nulls where values used to be."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline
from holdfast.diagnosis.words import percent

#: points by which the null share must have risen
LEAST = 0.004


def match(evidence: Evidence) -> Cause | None:
    """The null share of a feature is up by 0.4 points or more."""
    moved = [m for m in evidence.rising("null") if m.share - m.normal >= LEAST]
    if not moved:
        return None
    first = moved[0]
    unknown = any(m.code == "unknown_field" for m in evidence.moved)
    because = f"nulls went from {percent(first.normal)} in the reference to {percent(first.share)}"
    if unknown:
        because += "; a field that the contract does not know came at the same time: renamed?"
    return pipeline("missing", moved, "missing", 0.95, because)


RULE = Rule("missing", ("null",), match)
