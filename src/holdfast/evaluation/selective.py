"""Selective labels: outcomes known only of accepted rows, and what the others could change."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation.costs import Costs
from holdfast.findings import Finding, Severity

Bools = npt.NDArray[np.bool_]


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A number over the accepted rows, and over all rows in the worst and the best case."""

    accepted: float | None
    worst: float | None
    best: float | None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What rows without an outcome could change.

    Attributes:
        accepted, unknown: rows with and without a known outcome.
        metrics: name → the number over accepted rows, and its bounds over all rows.
    """

    accepted: int
    unknown: int
    metrics: dict[str, Range]


def selective_bounds(
    positive: Bools, decided: Bools, decided_unknown: Bools, costs: Costs
) -> Bounds:
    """Bounds over every outcome the unknown rows could have.

    Args:
        positive: shape (n,), the truth of rows with an outcome.
        decided: shape (n,), decisions about them.
        decided_unknown: shape (u,), decisions about rows without one.
        costs: price of each kind of decision.

    Recall is worst when every unknown row decided negative is positive and no other; precision
    when no unknown row decided positive is. Source: Manski 2003, ch. 1 (bounds without
    assumptions).

    >>> found = selective_bounds(
    ...     np.array([True, False]), np.array([True, False]), np.array([True, False]), Costs(1, 1)
    ... )
    >>> found.metrics["accuracy"]
    Range(accepted=1.0, worst=0.5, best=1.0)
    """
    tp, fp = int((positive & decided).sum()), int((~positive & decided).sum())
    fn, tn = int((positive & ~decided).sum()), int((~positive & ~decided).sum())
    up = int(decided_unknown.sum())
    down = len(decided_unknown) - up
    rows = len(positive) + up + down

    def ratio(above: float, below: float) -> float | None:
        return above / below if below else None

    known = (
        tp * costs.true_positive
        + fp * costs.false_positive
        + fn * costs.false_negative
        + tn * costs.true_negative
    )
    dear = up * costs.false_positive + down * costs.false_negative
    cheap = up * costs.true_positive + down * costs.true_negative
    if costs.true_positive > costs.false_positive:
        dear, cheap = cheap, dear
    return Bounds(
        accepted=len(positive),
        unknown=up + down,
        metrics={
            "accuracy": Range(
                accepted=ratio(tp + tn, len(positive)),
                worst=ratio(tp + tn, rows),
                best=ratio(tp + tn + up + down, rows),
            ),
            "recall": Range(
                accepted=ratio(tp, tp + fn),
                worst=ratio(tp, tp + fn + down),
                best=ratio(tp + up, tp + up + fn),
            ),
            "precision": Range(
                accepted=ratio(tp, tp + fp),
                worst=ratio(tp, tp + fp + up),
                best=ratio(tp + up, tp + fp + up),
            ),
            "expected_cost": Range(
                accepted=ratio(known, len(positive)),
                worst=ratio(known + dear, rows),
                best=ratio(known + cheap, rows),
            ),
        },
    )


def selective_finding(bounds: Bounds) -> Finding:
    """The mark that every number speaks of accepted rows only."""
    share = bounds.unknown / (bounds.unknown + bounds.accepted)
    recall = bounds.metrics["recall"]
    between = (
        f"; over all rows recall lies between {recall.worst:.3g} and {recall.best:.3g}"
        if recall.worst is not None and recall.best is not None
        else ""
    )
    return Finding(
        code="HF-E008",
        severity=Severity.WARNING,
        sentence=f"accepted only: the outcome of {bounds.unknown:,} rows ({share:.1%}) is not "
        f"known, and every number speaks of the other {bounds.accepted:,}{between}",
        evidence={"accepted": bounds.accepted, "unknown": bounds.unknown},
        remedy="accept a small random share of the rows that would be refused, and log it",
    )
