"""A new calibration of a model's scores from judged rows: the cheaper answer to a prior shift."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError
from holdfast.evaluation.losses import Bools, Floats, log_losses
from holdfast.stats.bootstrap import mean_interval
from holdfast.stats.calibration import logit
from holdfast.stats.logistic import expit, logistic_fit

#: rows, and rows of either outcome, that a calibration is fitted on
FEWEST, FEWEST_OF_EACH = 200, 20
FOLDS = 5


class Recalibration(msgspec.Struct, frozen=True, kw_only=True):
    """What was fitted, and what it is worth.

    Attributes:
        slope, intercept: of ``expit(intercept + slope * logit(score))``.
        rows: judged rows behind it.
        before, after: mean log loss without and with it, the latter on rows that each fit has not
            seen.
        low, high: 95 % interval of the gain, before less after.
        sentences: all that in words.
    """

    slope: float
    intercept: float
    rows: int
    before: float
    after: float
    low: float
    high: float
    sentences: tuple[str, ...]

    @property
    def helps(self) -> bool:
        """Whether the gain is told from nothing."""
        return self.low > 0


def recalibrate(score: Floats, positive: Bools, *, seed: int = 0) -> Recalibration:
    """Fits slope and intercept, or the intercept alone where the slope does not help.

    The intercept answers a moved share of outcomes exactly when nothing else moved (Saerens,
    Latinne and Decaestecker 2002); the slope, scores that became too extreme or too timid (Platt
    1999; Cox 1958). Which of the two is used, and what it is worth, is told by cross-fitting.

    Args:
        score: shape (n,), in [0, 1], finite; at least 200.
        positive: shape (n,), the outcomes; at least 20 of either.
        seed: of the folds and of the interval.

    Raises:
        DataError: too few rows or outcomes of one kind.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> score = rng.beta(2, 8, 4000)
        >>> odds = score / (1 - score) * 3  # three times as many as the model thinks
        >>> found = recalibrate(score, rng.random(4000) < odds / (1 + odds))
        >>> found.slope, 0.9 < found.intercept < 1.3, found.helps
        (1.0, True, True)
    """
    few = min(int(positive.sum()), int((~positive).sum()))
    if len(score) < FEWEST or few < FEWEST_OF_EACH:
        raise DataError(
            "too few judged rows to calibrate on",
            expected=f"{FEWEST} rows, {FEWEST_OF_EACH} of either outcome",
            got=f"{len(score)} rows, {few} of the rarer outcome",
            remedy="wait for more outcomes",
        )
    odds = logit(score)
    fold = np.random.default_rng(seed).permutation(len(score)) % FOLDS
    before = log_losses(positive, score)
    losses = {
        name: _cross_fitted(odds, positive, fold, with_slope=name == "slope")
        for name in ("intercept", "slope")
    }
    name = "slope" if _clearly_better(losses["slope"], losses["intercept"], seed) else "intercept"
    slope, intercept = _fit(odds, positive, with_slope=name == "slope")
    gain = before - losses[name]
    low, high = mean_interval(gain, seed=seed)
    what = f"intercept {intercept:+.3f}" + (f", slope {slope:.3f}" if name == "slope" else "")
    told = (
        f"a new calibration ({what}) on {len(score):,} judged rows",
        f"log loss {before.mean():.4f} before, {losses[name].mean():.4f} on rows it has not seen "
        f"(gain between {low:.4f} and {high:.4f})",
    )
    return Recalibration(
        slope=slope, intercept=intercept, rows=len(score), before=float(before.mean()),
        after=float(losses[name].mean()), low=low, high=high, sentences=told,
    )  # fmt: skip


def _fit(odds: Floats, positive: Bools, *, with_slope: bool) -> tuple[float, float]:
    target = positive.astype(np.float64)
    ones = np.ones((len(odds), 1))
    if not with_slope:
        beta, _ = logistic_fit(ones, target, offset=odds, ridge=1e-9)
        return 1.0, float(beta[0])
    beta, _ = logistic_fit(np.column_stack([ones[:, 0], odds]), target, ridge=1e-9)
    return max(float(beta[1]), 1e-3), float(beta[0])


def _cross_fitted(
    odds: Floats, positive: Bools, fold: npt.NDArray[np.int64], *, with_slope: bool
) -> Floats:
    losses = np.empty(len(odds))
    for number in range(FOLDS):
        held = fold == number
        slope, intercept = _fit(odds[~held], positive[~held], with_slope=with_slope)
        losses[held] = log_losses(positive[held], expit(intercept + slope * odds[held]))
    return losses


def _clearly_better(first: Floats, second: Floats, seed: int) -> bool:
    return mean_interval(second - first, seed=seed)[0] > 0
