"""Null: marks rows without a value (null, NaN, absent)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, NullRule
from holdfast.contracts.rules.scalar import is_null

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "null"


def clean(rule: NullRule, field: Field, column: ColumnView) -> bool:
    """True when the column has no missing value."""
    return column.missing_count == 0


def check(rule: NullRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of rows without a value."""
    from holdfast.contracts.rules.columns import nothing

    return nothing(column) if column.missing is None else column.missing


def check_one(rule: NullRule, field: Field, value: Any) -> bool:
    """Whether the value is None or NaN."""
    return is_null(value)
