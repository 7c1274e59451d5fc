"""Something is fitted with rows that are kept for the test."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.audit.code.rules.base import Hit, held_out
from holdfast.audit.code.trace import Fit, Part, Trace
from holdfast.audit.code.vocabulary import Step
from holdfast.findings import Severity


class FitOnTest:
    """The test rows teach the model or a step of it, so they can no longer test it."""

    code = "HF-L-CODE-FIT-ON-TEST"
    severity = Severity.ERROR
    remedy = (
        "Fit on the training rows only. For the test rows call `transform` or `predict` of what "
        "was fitted there."
    )

    def look(self, trace: Trace) -> Iterator[Hit]:
        """Fits with test rows, and models scored on rows they were fitted with."""
        seen: set[tuple[int, str]] = set()
        for hit in (*self._fitted(trace), *self._scored(trace), *self._statistics(trace)):
            if (hit.line, hit.what) not in seen:
                seen.add((hit.line, hit.what))
                yield hit

    @staticmethod
    def _fitted(trace: Trace) -> Iterator[Hit]:
        for fit in trace.fits.values():
            if not fit.oid or fit.step is Step.HARMLESS:
                continue
            preprocess = fit.step is not Step.MODEL
            tested = held_out(fit.parts, ("test", "valid") if preprocess else ("test",))
            if not preprocess and (len(tested) < len(fit.parts) or _last_update(trace, fit)):
                continue
            if tested:
                yield Hit(fit.line, fit.name, f"`{fit.name}` is fitted with rows kept for the test")

    @staticmethod
    def _scored(trace: Trace) -> Iterator[Hit]:
        for score in trace.scores:
            tested = held_out(score.parts)
            for number in score.fits:
                fit = trace.fits[number]
                if fit.order < score.order and _saw(fit, score.parts) and tested:
                    yield Hit(
                        fit.line, fit.name,
                        f"`{fit.name}` is fitted with rows it is later scored on", score.line,
                    )  # fmt: skip

    @staticmethod
    def _statistics(trace: Trace) -> Iterator[Hit]:
        for reach in trace.reaches:
            fit = trace.fits[reach.fit]
            if reach.way == "test" and not fit.oid:
                yield Hit(
                    fit.line, fit.name,
                    f"`{fit.name}` of the test rows is used on the test rows themselves",
                    reach.line,
                )  # fmt: skip


def _last_update(trace: Trace, fit: Fit) -> bool:
    """Whether the rows had been scored before, and are not again: the model goes into use."""
    orders = [score.order for score in trace.scores if score.parts & fit.parts]
    return bool(orders) and max(orders) < fit.order


def _saw(fit: Fit, parts: frozenset[Part]) -> bool:
    return any(one.covers(part) for one in fit.parts for part in parts)


RULE = FitOnTest()
