"""There is no test: the only scores are of the rows the model was fitted with."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, held_out
from holdfast.audit.code.trace import Trace
from holdfast.findings import Severity


class ScoredOnTrain:
    """A score of the training rows says how well the model remembers."""

    code = "HF-L-CODE-SCORED-ON-TRAIN"
    severity = Severity.WARNING
    remedy = "Keep rows apart with `train_test_split`, or use `cross_val_score`."

    def look(self, trace: Trace) -> Iterator[Hit]:
        """The first score of training rows, in code without any other test."""
        if trace.cross_validated or any(held_out(s.parts, ("test", "valid")) for s in trace.scores):
            return
        for score in trace.scores:
            for number in score.fits:
                fit = trace.fits[number]
                if (
                    fit.parts
                    and score.parts
                    and any(one.covers(part) for one in fit.parts for part in score.parts)
                ):
                    yield Hit(
                        score.line, fit.name,
                        f"`{fit.name}` is scored on the rows it was fitted with, and on no others",
                        fit.line,
                    )  # fmt: skip
                    return


RULE = ScoredOnTrain()
