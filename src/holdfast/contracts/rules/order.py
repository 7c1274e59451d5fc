"""Order: marks rows where left <= right (or left < right) does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, Kind, OrderRule
from holdfast.contracts.rules.scalar import micros, usable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "order"
_NUMBERS = frozenset({Kind.NUMERIC, Kind.INTEGER})


def _comparable(left: Field, right: Field) -> bool:
    both_times = left.kind is Kind.TIME and right.kind is Kind.TIME
    return both_times or (left.kind in _NUMBERS and right.kind in _NUMBERS)


def check(
    rule: OrderRule, fields: Mapping[str, Field], columns: Mapping[str, ColumnView]
) -> npt.NDArray[np.bool_]:
    """Mask of rows with both values usable and in the wrong order."""
    import numpy as np

    from holdfast.contracts.rules.columns import instants, nothing
    from holdfast.contracts.rules.kinds import usable_mask

    left, right = columns[rule.left], columns[rule.right]
    if not _comparable(fields[rule.left], fields[rule.right]):
        return nothing(left)
    usable_rows = usable_mask(fields[rule.left], left) & usable_mask(fields[rule.right], right)
    if not usable_rows.any():  # also where the storage of a column cannot be compared at all
        return usable_rows
    if fields[rule.left].kind is Kind.TIME:
        a, b = instants(left)[0], instants(right)[0]
    else:
        a, b = left.values, right.values
    return np.asarray(~_ordered(a, b, rule.strict) & usable_rows)


def _ordered(a: Any, b: Any, strict: bool) -> Any:
    """``a <= b`` exactly, also where an integer above 2^53 meets a float."""
    import numpy as np

    mixed = {a.dtype.kind, b.dtype.kind}
    if len(mixed) > 1 and a.itemsize == b.itemsize == 8:
        big = np.zeros(len(a), dtype=bool)
        for side in (a, b):
            if side.dtype.kind in "iu":
                big |= (side > 2**53) | (side < -(2**53) if side.dtype.kind == "i" else False)
        result = (a < b) if strict else (a <= b)
        for row in np.flatnonzero(big):
            x, y = a[row].item(), b[row].item()
            result[row] = x < y if strict else x <= y
        return result
    return (a < b) if strict else (a <= b)


def check_one(rule: OrderRule, fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
    """Whether both values are usable and in the wrong order."""
    left, right = fields[rule.left], fields[rule.right]
    a, b = row.get(rule.left), row.get(rule.right)
    if not _comparable(left, right) or not usable(left, a) or not usable(right, b):
        return False
    if left.kind is Kind.TIME:
        a, b = micros(a), micros(b)
    return not (a < b if rule.strict else a <= b)  # type: ignore[operator]
