"""Categories are replaced by label means of all rows, and the rows are split afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, before_split, how
from holdfast.audit.code.trace import Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class EncodeBeforeSplit:
    """A row's own label stands in its features."""

    code = "HF-L-CODE-ENCODE-BEFORE-SPLIT"
    severity = Severity.ERROR
    remedy = (
        "Encode inside the training rows with cross-fitting: scikit-learn's TargetEncoder as a "
        "step of a Pipeline does both."
    )

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Label means by category whose rows are split afterwards."""
        for fit, reach in before_split(trace, Step.ENCODE):
            yield Hit(
                fit.line,
                fit.name,
                f"`{fit.name}` uses the labels of all rows; {how(reach)}",
                reach.line,
            )


RULE = EncodeBeforeSplit()
