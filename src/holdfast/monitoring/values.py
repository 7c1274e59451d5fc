"""What marked values look like, without keeping or showing the values themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.diagnosis.evidence import Values
from holdfast.monitoring.reference import FieldFacts
from holdfast.reports.naming import clean

#: rows looked at, at most
LOOKED_AT = 50

_NOTHING_WORDS = frozenset(
    {"", "-", "?", "n/a", "na", "nan", "nil", "none", "null", "other", "missing", "undefined",
     "unknown", "unk", "not available", "not specified", "unspecified", "default"}
)  # fmt: skip
_NOTHING_NUMBERS = frozenset({-1, -99, -999, -9999, 99, 999, 9999, 99999, 999999})
#: factors by which units are confused, commonest first
FACTORS = (
    100.0, 1000.0, 10.0, 1_000_000.0, 60.0, 3600.0, 24.0, 7.0, 12.0, 1024.0,
    1.609, 2.54, 2.205, 3.281, 1.8, 4.184,
)  # fmt: skip


def describe(
    field: str, rows: Sequence[Mapping[str, Any] | None], facts: FieldFacts
) -> Values | None:
    """What the values of `field` in some marked rows look like; None without any value.

    Example:
        >>> rows = [{"Age": 3400}, {"Age": 5100}, {"Age": 2900}]
        >>> describe("Age", rows, FieldFacts(18.0, 70.0)).factor
        100.0
    """
    values = [row[field] for row in rows if row is not None and row.get(field) is not None]
    if not values:
        return None
    texts = [v for v in values if isinstance(v, str)]
    distinct = {repr(v) for v in values}
    return Values(
        rows=len(values),
        distinct=len(distinct),
        nothing=all(_is_nothing(v) for v in values),
        texts=len(texts) / len(values),
        number_texts=sum(_reads_as_number(t) for t in texts) / len(values),
        factor=_factor(values, facts),
        example=clean(repr(values[-1]), 40) if facts.shown else "",
    )


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING_WORDS
    return not isinstance(value, (bool, list, dict)) and value in _NOTHING_NUMBERS


def _reads_as_number(text: str) -> bool:
    if len(text) > 40:
        return False
    plain = text.strip().lstrip("€$£").replace(" ", "")
    for candidate in (plain, plain.replace(".", "").replace(",", "."), plain.replace(",", "")):
        try:
            return math.isfinite(float(candidate))
        except ValueError:
            continue
    return False


def _factor(values: Sequence[Any], facts: FieldFacts) -> float | None:
    """The first known factor that brings every value into the range."""
    if facts.low is None or facts.high is None:
        return None
    numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return None
    for factor in FACTORS:
        for k in (factor, 1.0 / factor):
            if all(facts.low <= x / k <= facts.high for x in numbers):
                return k
    return None
