"""Format: marks texts that do not match a pattern or a time format.

Patterns are matched in full on the distinct texts, so that a column and a row cannot disagree;
`holdfast.contracts.patterns` keeps them in a subset that cannot run away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, FormatRule
from holdfast.contracts.patterns import compile_pattern, compile_time_format
from holdfast.contracts.rules.scalar import is_null, well_typed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "format"


def matches(rule: FormatRule, text: str) -> bool:
    """Whether a text has the rule's format."""
    if rule.pattern is not None and not compile_pattern(rule.pattern)(text):
        return False
    return rule.time_format is None or compile_time_format(rule.time_format)(text)


def clean(rule: FormatRule, field: Field, column: ColumnView) -> bool:
    """True when the column holds no text."""
    return column.storage.value != "text" or column.present_count == 0


def check(rule: FormatRule, field: Field, column: ColumnView) -> npt.NDArray[np.bool_]:
    """Mask of well-typed texts without the format."""
    from holdfast.contracts.rules.columns import nothing, text_mask
    from holdfast.contracts.rules.kinds import well_typed_mask

    if column.storage.value != "text":
        return nothing(column)
    return text_mask(column, lambda text: not matches(rule, text)) & well_typed_mask(field, column)


def check_one(rule: FormatRule, field: Field, value: Any) -> bool:
    """Whether a well-typed text lacks the format."""
    return (
        isinstance(value, str)
        and not is_null(value)
        and well_typed(field, value)
        and not matches(rule, value)
    )
