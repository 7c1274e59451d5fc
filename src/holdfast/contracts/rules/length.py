"""Length: marks texts (in characters) and lists (in numbers) that are too short or too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, LengthRule
from holdfast.contracts.rules.scalar import well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "length"


def clean(rule: LengthRule, field: Field, column: ColumnView) -> bool:
    """True when the shortest and longest value are inside."""
    if column.storage.value not in {"text", "list"} or not column.present_count:
        return True
    shortest, longest = column.lengths
    return shortest >= rule.low and (rule.high is None or longest <= rule.high)


def check(rule: LengthRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed texts and lists outside the bounds."""
    import numpy as np

    from holdfast.contracts.rules.columns import nothing
    from holdfast.contracts.rules.kinds import well_typed_mask

    if column.storage.value not in {"text", "list"}:
        return nothing(column)
    lengths = np.asarray(column.length_array.fill_null(0))
    mask = lengths < rule.low
    if rule.high is not None:
        mask = mask | (lengths > rule.high)
    return mask & well_typed_mask(field, column)


def check_one(rule: LengthRule, field: Field, value: Any) -> bool:
    """Whether a well-typed text or list is too short or too long."""
    if not isinstance(value, str | list | tuple) or not well_typed(field, value):
        return False
    size = len(value)
    return size < rule.low or (rule.high is not None and size > rule.high)
