"""Rows are made or repeated (SMOTE, oversampling) before the split."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, before_split, how
from holdfast.audit.code.trace import Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class ResampleBeforeSplit:
    """Copies and mixtures of a row land on both sides of the split."""

    code = "HF-L-CODE-RESAMPLE-BEFORE-SPLIT"
    severity = Severity.ERROR
    remedy = (
        "Split first and resample the training rows only; with cross-validation, use the Pipeline "
        "of imbalanced-learn, which resamples inside each fold."
    )

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Resampling whose rows are split afterwards, or that resamples the test rows."""
        for fit, reach in before_split(trace, Step.RESAMPLE):
            yield Hit(
                fit.line, fit.name, f"`{fit.name}` makes or repeats rows; {how(reach)}", reach.line
            )


RULE = ResampleBeforeSplit()
