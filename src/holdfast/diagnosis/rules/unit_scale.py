"""Numbers in another unit: nearly all of them leave the range by one factor."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, pipeline
from holdfast.diagnosis.words import percent

#: share of rows (of the guilty source) beyond the range that outliers do not reach
BULK = 0.5
#: with one known factor explaining all of them, less will do
BULK_WITH_FACTOR = 0.2


def match(evidence: Evidence) -> Cause | None:
    """Most values are out of range, or many by one known factor."""
    moved = evidence.rising("range")
    if not moved:
        return None
    reach = evidence.reach(moved[0])
    values = evidence.values.get(moved[0].field)
    factor = values.factor if values is not None and values.rows >= 3 else None
    if reach < (BULK if factor is None else BULK_WITH_FACTOR):
        return None
    if factor is None:
        because = f"{percent(reach)} of the values left the range together"
        return pipeline("unit_scale", moved, "out of range", 0.6, because)
    because = f"divided by {factor:g} the values are back in range"
    return pipeline("unit_scale", moved, f"out of range by a factor of {factor:g}", 0.85, because)


RULE = Rule("unit_scale", ("range",), match)
