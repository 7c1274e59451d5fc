"""The rules of diagnosis; one more is one file, one line.

The order matters to marks alone, where the first rule that answers wins; on rows the suspect wins
that explains most.
"""

from __future__ import annotations

from holdfast.diagnosis.rules import (
    category_renamed,
    clipped,
    column_swap,
    concept_drift,
    covariate_drift,
    default_filled,
    dtype_change,
    duplicates,
    encoding_permuted,
    fanout,
    harmless_drift,
    label_problem,
    lost_segment,
    missing,
    model_changed,
    new_category,
    outliers,
    population_shift,
    precision_loss,
    prior_shift,
    stale_misaligned,
    stuck,
    timezone_shift,
    unexplained,
    unit_scale,
)
from holdfast.diagnosis.rules.base import Rule

RULES: tuple[Rule, ...] = (
    missing.RULE,
    dtype_change.RULE,
    default_filled.RULE,
    category_renamed.RULE,
    new_category.RULE,
    unit_scale.RULE,
    outliers.RULE,
    duplicates.RULE,
    fanout.RULE,
    stuck.RULE,
    clipped.RULE,
    precision_loss.RULE,
    column_swap.RULE,
    encoding_permuted.RULE,
    lost_segment.RULE,
    timezone_shift.RULE,
    stale_misaligned.RULE,
    prior_shift.RULE,
    concept_drift.RULE,
    population_shift.RULE,
    harmless_drift.RULE,
    covariate_drift.RULE,
    model_changed.RULE,
    label_problem.RULE,
    unexplained.RULE,
)
