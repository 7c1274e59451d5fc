"""The loss of each row, by name: what slices, backtests and paired comparisons average."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: probabilities are kept this far from 0 and 1 before a logarithm is taken
EDGE = 1e-15


def log_losses(positive: Bools, score: Floats) -> Floats:
    """Log loss of each row, scores cut to [1e-15, 1 - 1e-15].

    >>> log_losses(np.array([True]), np.array([0.5])).round(4).tolist()
    [0.6931]
    """
    _probabilities(score)
    kept = np.clip(score, EDGE, 1.0 - EDGE)
    return -np.log(np.where(positive, kept, 1.0 - kept))


def brier_losses(positive: Bools, score: Floats) -> Floats:
    """Squared distance of each probability from its outcome.

    >>> brier_losses(np.array([True, False]), np.array([0.5, 0.0])).tolist()
    [0.25, 0.0]
    """
    _probabilities(score)
    return (score - positive) ** 2


def _probabilities(score: Floats) -> None:
    outside = int(((score < 0) | (score > 1)).sum())
    if outside:
        raise DataError(
            "these scores are not probabilities",
            expected="scores between 0 and 1",
            got=f"outside={outside} of {len(score)}",
            remedy="calibrate the scores, or compare by roc_auc",
        )


def unknown_metric(metric: object, known: tuple[str, ...]) -> UsageError:
    """The error of a metric that is not one of those."""
    return UsageError(
        "unknown metric", expected=f"one of {', '.join(known)}", got=f"metric={metric!r}"
    )
