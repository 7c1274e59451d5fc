"""What answers were worth, phase by phase, against the truth that the demo knows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation import Costs


class Measure(msgspec.Struct, frozen=True):
    """One stack in one phase.

    Attributes:
        requests: applications answered or not.
        accuracy: share decided rightly; no decision counts as wrong.
        approval_rate: share approved; no decision is no approval.
        expected_cost: mean cost an application, in the story's unit; no decision costs what
            refusing costs.
    """

    requests: int
    accuracy: float
    approval_rate: float
    expected_cost: float


def measure(approved: Sequence[bool | None], bad: npt.NDArray[np.bool_], costs: Costs) -> Measure:
    """Measures decisions against the truth.

    Args:
        approved: True, False, or None where no decision was made.
        bad: True where the loan went bad, same length, at least 1.
        costs: of the two mistakes.

    Example:
        >>> bad = np.array([True, False, False, True])
        >>> measure([True, True, False, None], bad, Costs(1, 3))
        Measure(requests=4, accuracy=0.25, approval_rate=0.5, expected_cost=1.0)
    """
    yes = np.array([decision is True for decision in approved])
    silent = np.array([decision is None for decision in approved])
    wrong_approval, wrong_refusal = yes & bad, ~yes & ~bad
    right = ~wrong_approval & ~wrong_refusal & ~silent
    cost = costs.false_negative * wrong_approval + costs.false_positive * wrong_refusal
    return Measure(
        requests=len(bad),
        accuracy=float(right.mean()),
        approval_rate=float(yes.mean()),
        expected_cost=float(cost.mean()),
    )


def recovered(naive: float, kept: float, healthy: float) -> float:
    """Share of the loss that was avoided: 1 is as good as healthy, 0 as bad as naive.

    >>> recovered(naive=0.5, kept=0.25, healthy=0.25), recovered(0.5, 0.5, 0.25)
    (1.0, 0.0)
    """
    lost = naive - healthy
    return (naive - kept) / lost if lost else float("nan")


def rolling(right: Sequence[bool], window: int) -> list[tuple[float, float | None]]:
    """Accuracy of the last `window` answers, after each tenth of a window, for the chart.

    >>> rolling([True, False, True, True], 2)
    [(2.0, 0.5), (3.0, 0.5), (4.0, 1.0)]
    """
    sums = np.concatenate([[0], np.cumsum(np.asarray(right, dtype=np.int64))])
    ends = range(window, len(right) + 1, max(1, window // 10))
    return [(float(end), float((sums[end] - sums[end - window]) / window)) for end in ends]
