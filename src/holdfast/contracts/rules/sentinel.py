"""Sentinel: marks values that stand for "nothing", such as -999 or "unknown"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, Kind, SentinelRule
from holdfast.contracts.rules.scalar import in_sentinels, is_null, micros, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "sentinel"


def clean(rule: SentinelRule, field: Field, column: ColumnView) -> bool:
    """True when every named number lies outside the bounds of the column."""
    if column.storage.value not in {"int", "float", "time"}:
        return False
    smallest, largest = column.bounds
    if smallest is None:
        return True
    named = rule.values
    if field.kind is Kind.TIME:
        numbers = [instant for instant in map(micros, named) if instant is not None]
    else:
        numbers = [name for name in named if not isinstance(name, str)]  # type: ignore[misc]
    return all(number < smallest or number > largest for number in numbers)


def check(rule: SentinelRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed values that the rule names."""
    from holdfast.contracts.rules.columns import sentinel_mask
    from holdfast.contracts.rules.kinds import well_typed_mask

    return sentinel_mask(field, column, rule.values) & well_typed_mask(field, column)


def check_one(rule: SentinelRule, field: Field, value: Any) -> bool:
    """Whether a well-typed value is one the rule names."""
    if is_null(value) or not well_typed(field, value):
        return False
    return in_sentinels(field, rule.values, value)
