"""A filler in place of values: a sentinel, a word for nothing, or nulls that vanish."""

from __future__ import annotations

import msgspec

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline
from holdfast.diagnosis.words import percent
from holdfast.records import Action


def match(evidence: Evidence) -> Cause | None:
    """Sentinels are up, or the only unseen category is a word for nothing, or nulls are gone."""
    moved = evidence.rising("sentinel")
    if moved:
        because = "a value that stands for nothing took the place of values"
        return pipeline("default_filled", moved, "filled with a default", 0.85, because)
    moved = [m for m in evidence.rising("unseen") if _only_nothing(evidence, m.field)]
    if moved:
        because = "the only new category is a word for nothing"
        return pipeline("default_filled", moved, "filled with a default", 0.8, because)
    moved = [m for m in evidence.moved if m.code == "null" and m.side == "down"]
    if moved and len(moved) == len(evidence.moved):
        because = (
            f"nulls fell from {percent(moved[0].normal)} to {percent(moved[0].share)}: "
            "somebody fills them in, or the source has improved"
        )
        cause = pipeline("default_filled", moved, "no longer null", 0.4, because)
        return msgspec.structs.replace(cause, action=Action.INVESTIGATE)
    return None


def _only_nothing(evidence: Evidence, field: str) -> bool:
    values = evidence.values.get(field)
    return values is not None and values.nothing


RULE = Rule("default_filled", ("sentinel",), match)
