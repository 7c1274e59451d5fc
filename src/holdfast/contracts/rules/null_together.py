"""Null together: marks rows where some but not all of the fields are null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.contracts.model import Field, NullTogetherRule
from holdfast.contracts.rules.scalar import is_null

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from holdfast.frames.column import ColumnView

CODE = "null_together"


def check(
    rule: NullTogetherRule, fields: Mapping[str, Field], columns: Mapping[str, ColumnView]
) -> npt.NDArray[np.bool_]:
    """Mask of rows where the fields disagree on being null."""
    from holdfast.contracts.rules.columns import nothing, present

    first = present(columns[rule.fields[0]])
    mask = nothing(columns[rule.fields[0]])
    for name in rule.fields[1:]:
        mask |= present(columns[name]) != first
    return mask


def check_one(rule: NullTogetherRule, fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
    """Whether some but not all of the fields are null."""
    nulls = sum(is_null(row.get(name)) for name in rule.fields)
    return 0 < nulls < len(rule.fields)
