"""Type: marks values that are not of the field's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, TypeRule
from holdfast.contracts.rules.scalar import is_null, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "type"


def clean(rule: TypeRule, field: Field, column: ColumnView) -> bool:
    """True when the storage of the column, and its bounds, rule out a wrong type."""
    from holdfast.contracts.rules.kinds import fit_of

    fit = fit_of(field, column)
    if fit == "all":
        return True
    if fit == "finite":
        low, high = column.bounds
        return low is None or (abs(low) != float("inf") and abs(high) != float("inf"))
    return False


def check(rule: TypeRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of present values of a wrong type."""
    from holdfast.contracts.rules.columns import present
    from holdfast.contracts.rules.kinds import ill_typed

    return present(column) & ill_typed(field, column)


def check_one(rule: TypeRule, field: Field, value: Any) -> bool:
    """Whether a value that is not null is of another kind."""
    return not is_null(value) and not well_typed(field, value)
