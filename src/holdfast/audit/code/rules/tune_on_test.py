"""The test rows choose: a model, a parameter, a threshold, or when to stop."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, held_out
from holdfast.audit.code.trace import Part, Trace
from holdfast.findings import Severity

#: differently fitted models that may be scored on one test part before it counts as a choice
MOST_MODELS = 4


class TuneOnTest:
    """The best of many scores on the same test rows is not a score of new rows."""

    code = "HF-L-CODE-TUNE-ON-TEST"
    severity = Severity.WARNING
    remedy = (
        "Choose with cross-validation or a validation part of the training rows, and score the one "
        "chosen model on the test rows once."
    )

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Choices by the test rows: one for each line."""
        seen: set[int] = set()
        for hit in (
            *self._loops(trace),
            *self._chosen(trace),
            *self._stopped(trace),
            *self._many(trace),
        ):
            if hit.line not in seen:
                seen.add(hit.line)
                yield hit

    @staticmethod
    def _loops(trace: Trace) -> Iterator[Hit]:
        for score in trace.scores:
            if score.picture or score.loop not in trace.fit_loops or not held_out(score.parts):
                continue
            yield Hit(
                score.line, "score", "candidates are fitted in a loop and scored on the test rows"
            )

    @staticmethod
    def _chosen(trace: Trace) -> Iterator[Hit]:
        for line, parts in trace.chosen:
            if held_out(parts) and not _of_folds(parts, trace):
                yield Hit(line, "choice", "a score on the test rows decides what is kept")

    @staticmethod
    def _stopped(trace: Trace) -> Iterator[Hit]:
        for line, parts in trace.watched:
            if held_out(parts) and not _of_folds(parts, trace):
                yield Hit(line, "early stopping", "the test rows decide when training stops")

    @staticmethod
    def _many(trace: Trace) -> Iterator[Hit]:
        models: dict[Part, set[int]] = {}
        for score in sorted(trace.scores, key=lambda s: s.order):
            if score.loop or score.picture or not score.fits:
                continue
            for part in held_out(score.parts):
                known = models.setdefault(part, set())
                fresh = not score.fits <= known
                known |= score.fits
                if fresh and len(known) == MOST_MODELS:
                    yield Hit(
                        score.line, "score",
                        f"{MOST_MODELS} or more fitted models are scored on the same test rows",
                    )  # fmt: skip


def _of_folds(parts: frozenset[Part], trace: Trace) -> bool:
    """Whether the rows are the test side of a split that a loop makes: cross-validation."""
    return all(trace.made_in.get(number) for part in parts for number, _ in part.path[-1:])


RULE = TuneOnTest()
