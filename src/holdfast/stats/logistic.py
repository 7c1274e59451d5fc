"""Logistic regression with a ridge, by iteratively reweighted least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def expit(x: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def logistic_fit(
    design: Floats,
    target: Floats,
    *,
    weight: Floats | None = None,
    offset: Floats | float = 0.0,
    ridge: float = 1.0,
    steps: int = 30,
) -> tuple[Floats, Floats]:
    """Coefficients and the inverse of the penalised information.

    Args:
        design: shape (n, d); a column of ones, if wanted, is the caller's and comes first.
        target: shape (n,), between 0 and 1.
        weight: shape (n,), how many rows each stands for; None is one.
        offset: shape (n,), added to the linear predictor as it is.
        ridge: penalty on every squared coefficient but the first, halved.
        steps: most Newton steps; halved while the loss would rise.

    Source: McCullagh and Nelder 1989, ch. 4.

    >>> x = np.c_[np.ones(4), [0.0, 0.0, 1.0, 1.0]]
    >>> beta, _ = logistic_fit(x, np.array([0.0, 1.0, 1.0, 1.0]), ridge=1.0)
    >>> bool(beta[1] > 0)
    True
    """
    d = design.shape[1]
    times = np.ones(len(design)) if weight is None else weight
    penalty = np.full(d, ridge)
    penalty[0] = 1e-9
    beta = np.zeros(d)

    def loss(b: Floats) -> float:
        eta = design @ b + offset
        surprise = times @ (np.logaddexp(0.0, eta) - target * eta)
        return float(surprise + 0.5 * penalty @ b**2)

    now = loss(beta)
    for _ in range(steps):
        p = expit(design @ beta + offset)
        curvature = times * np.maximum(p * (1.0 - p), 1e-9)
        slope = design.T @ (times * (target - p)) - penalty * beta
        curve = (design * curvature[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-4 and loss(beta + size * step) > now + 1e-12:
            size /= 2
        beta = beta + size * step
        before, now = now, loss(beta)
        if abs(before - now) < 1e-9 * (1.0 + abs(now)):
            break
    p = expit(design @ beta + offset)
    curvature = times * np.maximum(p * (1.0 - p), 1e-12)
    information = (design * curvature[:, None]).T @ design + np.diag(penalty)
    return beta, np.asarray(np.linalg.inv(information), dtype=np.float64)
