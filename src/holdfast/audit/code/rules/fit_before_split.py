"""A scaler, imputer or the like is fitted on all rows, and the rows are split afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, before_split, how
from holdfast.audit.code.trace import Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class FitBeforeSplit:
    """Statistics of the test rows reach the training rows through a preprocessor."""

    code = "HF-L-CODE-FIT-BEFORE-SPLIT"
    severity = Severity.WARNING
    remedy = (
        "Split first. Fit the step on the training rows only, or put it into a Pipeline and give "
        "the pipeline to cross-validation."
    )

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Preprocessing steps whose fit saw both sides of a split."""
        for fit, reach in before_split(trace, Step.PREPROCESS):
            yield Hit(
                fit.line, fit.name, f"`{fit.name}` learns from all rows; {how(reach)}", reach.line
            )


RULE = FitBeforeSplit()
