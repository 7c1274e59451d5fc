"""Constant sum: marks rows where fields do not add up to the total. Code ``sum``.

Both sides add from left to right in 64-bit floats, so that they agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import ConstantSumRule, Field, Kind
from holdfast.contracts.rules.scalar import usable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "sum"
_NUMBERS = frozenset({Kind.NUMERIC, Kind.INTEGER})


def check(
    rule: ConstantSumRule, fields: Mapping[str, Field], columns: Mapping[str, ColumnView]
) -> npt.NDArray[np.bool_]:
    """Mask of rows with all values usable and another sum."""
    import numpy as np

    from holdfast.contracts.rules.columns import nothing
    from holdfast.contracts.rules.kinds import usable_mask

    first = columns[rule.fields[0]]
    if any(fields[name].kind not in _NUMBERS for name in rule.fields):
        return nothing(first)
    rows = np.ones(len(first), dtype=bool)
    total = np.zeros(len(first))
    with np.errstate(invalid="ignore", over="ignore"):
        for name in rule.fields:
            rows &= usable_mask(fields[name], columns[name])
            if columns[name].storage.value in {"int", "float"}:
                total = total + columns[name].values.astype(np.float64, copy=False)
        return rows & ~(np.abs(total - rule.total) <= rule.tolerance)


def check_one(rule: ConstantSumRule, fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
    """Whether all values are usable and add up to something else."""
    total = 0.0
    for name in rule.fields:
        value = row.get(name)
        if fields[name].kind not in _NUMBERS or not usable(fields[name], value):
            return False
        try:
            total += float(value)  # type: ignore[arg-type]
        except OverflowError:
            return True
    return not abs(total - rule.total) <= rule.tolerance
