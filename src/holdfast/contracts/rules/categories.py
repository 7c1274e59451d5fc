"""Categories: marks values that are not in the list. Code ``unseen``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import CategoriesRule, Field
from holdfast.contracts.rules.scalar import is_null, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "unseen"


def clean(rule: CategoriesRule, field: Field, column: ColumnView) -> bool:
    """True when the column has no value at all; otherwise its values must be looked at."""
    return column.present_count == 0


def check(rule: CategoriesRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed values outside the list."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from holdfast.contracts.rules.columns import equal, nothing
    from holdfast.contracts.rules.kinds import well_typed_mask

    storage = column.storage.value
    if storage == "text":
        words = [value for value in rule.values if isinstance(value, str)]
        known = pc.is_in(column.array, value_set=pa.array(words, pa.large_string()))
        return ~np.asarray(known.to_numpy(zero_copy_only=False)) & well_typed_mask(field, column)
    if storage == "bool":
        flags = [value for value in rule.values if isinstance(value, bool)]
        return ~np.isin(column.values, flags) & well_typed_mask(field, column)
    if storage in {"int", "float"}:
        seen = nothing(column)
        for value in rule.values:
            if isinstance(value, int) and not isinstance(value, bool):
                seen |= equal(column.values, value)
        return ~seen & well_typed_mask(field, column)
    return nothing(column)


def check_one(rule: CategoriesRule, field: Field, value: Any) -> bool:
    """Whether a well-typed value is not in the list; 1 and True are different, 1 and 1.0 not."""
    if is_null(value) or not well_typed(field, value) or isinstance(value, list | tuple):
        return False
    flag = isinstance(value, bool)
    return not any(known == value and isinstance(known, bool) is flag for known in rule.values)
