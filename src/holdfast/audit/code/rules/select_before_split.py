"""Features are chosen by their relation to the label on all rows, and tested on some of them."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, before_split, how
from holdfast.audit.code.trace import Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class SelectBeforeSplit:
    """The labels of the test rows choose the features; on noise this alone gives high scores."""

    code = "HF-L-CODE-SELECT-BEFORE-SPLIT"
    severity = Severity.ERROR
    remedy = "Choose features on the training rows only, or make the choice a step of a Pipeline."

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Feature selection whose fit saw both sides of a split."""
        for fit, reach in before_split(trace, Step.SELECT):
            yield Hit(
                fit.line,
                fit.name,
                f"`{fit.name}` sees the labels of all rows; {how(reach)}",
                reach.line,
            )


RULE = SelectBeforeSplit()
