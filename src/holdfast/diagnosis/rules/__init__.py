"""The rules of diagnosis in the order in which they are tried; one more is one file, one line."""

from __future__ import annotations

from holdfast.diagnosis.rules import (
    category_renamed,
    default_filled,
    dtype_change,
    missing,
    outliers,
    unexplained,
    unit_scale,
)
from holdfast.diagnosis.rules.base import Rule

RULES: tuple[Rule, ...] = (
    missing.RULE,
    dtype_change.RULE,
    default_filled.RULE,
    category_renamed.RULE,
    unit_scale.RULE,
    outliers.RULE,
    unexplained.RULE,
)
