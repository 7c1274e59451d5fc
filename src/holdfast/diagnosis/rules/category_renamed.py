"""Categories that training never saw."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline

#: a rename brings few new values, each often
FEW = 3


def match(evidence: Evidence) -> Cause | None:
    """The share of unseen categories is up."""
    moved = evidence.rising("unseen")
    if not moved:
        return None
    values = evidence.values.get(moved[0].field)
    confidence, because = 0.6, "categories that the reference does not contain"
    if values is not None and values.rows >= 2 * FEW and values.distinct <= FEW:
        confidence = 0.8
        because = f"{values.distinct} new spelling(s) in all {values.rows} rows looked at"
        if values.example:
            because += f", for example {values.example}"
    return pipeline("category_renamed", moved, "with unseen categories", confidence, because)


RULE = Rule("category_renamed", ("unseen",), match)
