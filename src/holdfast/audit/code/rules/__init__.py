"""The rules of the code scan; one more is one file, one line."""

from __future__ import annotations

from holdfast.audit.code.rules import (
    encode_before_split,
    fit_before_split,
    fit_on_test,
    resample_before_split,
    scored_on_train,
    select_before_split,
    tune_on_test,
)
from holdfast.audit.code.rules.base import Rule

RULES: tuple[Rule, ...] = (
    fit_on_test.RULE,
    resample_before_split.RULE,
    encode_before_split.RULE,
    select_before_split.RULE,
    fit_before_split.RULE,
    tune_on_test.RULE,
    scored_on_train.RULE,
)
