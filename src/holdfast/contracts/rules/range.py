"""Range: marks numbers and times outside the bounds; a named sentinel is not marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, Kind, RangeRule
from holdfast.contracts.rules.scalar import is_null, is_sentinel, micros, sentinels, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "range"


def limits(rule: RangeRule, field: Field) -> tuple[Any, Any]:
    """The bounds as numbers; for times as microseconds since 1970. None is unbounded."""
    if field.kind is Kind.TIME:
        return micros(rule.low), micros(rule.high)
    low = None if isinstance(rule.low, str) else rule.low
    high = None if isinstance(rule.high, str) else rule.high
    return low, high


def clean(rule: RangeRule, field: Field, column: ColumnView) -> bool:
    """True when the smallest and largest value of the column are inside."""
    if column.storage.value not in {"int", "float", "time"}:
        return column.storage.value != "text" or field.kind is not Kind.TIME
    smallest, largest = column.bounds
    if smallest is None:
        return True
    low, high = limits(rule, field)
    return (low is None or smallest >= low) and (high is None or largest <= high)


def check(rule: RangeRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed values outside the bounds."""
    from holdfast.contracts.rules.columns import above, below, instants, nothing, sentinel_mask
    from holdfast.contracts.rules.kinds import well_typed_mask

    low, high = limits(rule, field)
    if field.kind is Kind.TIME:
        values, known = instants(column)
    elif column.storage.value in {"int", "float"}:
        values, known = column.values, well_typed_mask(field, column)
    else:
        return nothing(column)
    mask = nothing(column)
    if low is not None:
        mask |= below(values, low)
    if high is not None:
        mask |= above(values, high)
    mask &= known
    named = sentinels(field)
    return mask & ~sentinel_mask(field, column, named) if named else mask


def check_one(rule: RangeRule, field: Field, value: Any) -> bool:
    """Whether a well-typed value is outside the bounds and not a named sentinel."""
    if is_null(value) or not well_typed(field, value) or is_sentinel(field, value):
        return False
    if field.kind is Kind.TIME:
        value = micros(value)
    elif isinstance(value, str | bool | list | tuple):
        return False
    low, high = limits(rule, field)
    return (low is not None and value < low) or (high is not None and value > high)
