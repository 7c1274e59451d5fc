"""The score since the change point: did it move, is it a label shift, is it the model itself?"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.signatures import movement
from holdfast.profiles.portrait_cells import unpack, unpack4

if TYPE_CHECKING:
    from holdfast.diagnosis.scene import Scene

FloatArray = NDArray[np.float64]

#: odds ratios of the base rate that are tried, and their inverses
ODDS = np.exp(np.linspace(0.08, 3.0, 24))
#: labels that must be there before they are asked
LABELS = 15


class Answers:
    """Scores and labels of the rows, with what the reference says of them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.portrait = scene.portrait
        score = scene.now.score
        self.score = score if score is not None and self.portrait.score_cells else None
        self.known = np.isfinite(score) if score is not None else np.zeros(scene.rows, bool)

    @cached_property
    def moved(self) -> float:
        """Evidence in nats that the score's distribution moved."""
        if self.score is None or not self.known.any():
            return 0.0
        edges = unpack(self.portrait.score_edges)
        shares = movement.smoothed(unpack(self.portrait.score_cells), self.portrait.rows)
        places = np.searchsorted(edges, self.score[self.known], side="right")
        counts = np.bincount(places, minlength=len(shares)).astype(np.float64)
        level = np.arange(len(shares), dtype=np.float64)
        spread = (level - level.mean()) ** 2
        tilts = [float(movement.tilted(counts, shares, z)[0]) for z in (level, spread)]
        return max(float(movement.learned(counts, shares)), *tilts)

    @cached_property
    def rate(self) -> FloatArray | None:
        """Calibrated probability of 1 of every row; NaN without a score. None if not to be had.

        The model's own bias in the reference, along the columns, is corrected for.
        """
        if self.score is None or not self.portrait.score_knots:
            return None
        rate = self.portrait.calibrated(self.score)
        if not self.portrait.label_weights:
            return rate
        bias = self.scene.features @ unpack4(self.portrait.label_weights)
        odds = np.log(rate / (1.0 - rate)) + np.clip(bias, -2.0, 2.0)
        return np.asarray(np.clip(1.0 / (1.0 + np.exp(-odds)), 0.004, 0.996))

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Rows whose label is known."""
        label = self.scene.now.label
        return np.isfinite(label) if label is not None else np.zeros(self.scene.rows, bool)

    @cached_property
    def label_shift(self) -> tuple[float, float]:
        """Gain in nats of "only the share of 1 changed", and the new share.

        Rows with a label count ``pi'(y) / pi(y)``, others with a score the same averaged over what
        the score says of y. The price of choosing the share is subtracted.
        """
        pi = self.portrait.base_rate
        if pi is None or not 0.002 < pi < 0.998:
            return 0.0, 0.0
        odds = np.concatenate((1.0 / ODDS[::-1], ODDS)) * pi / (1.0 - pi)
        new = odds / (1.0 + odds)
        up, down = new / pi, (1.0 - new) / (1.0 - pi)
        gain = np.zeros(len(new))
        rate = self.rate
        n = 0
        if rate is not None:
            rows = self.known & ~self.labelled
            p = rate[rows]
            n += len(p)
            gain += np.log(up[:, None] * p[None, :] + down[:, None] * (1.0 - p[None, :])).sum(1)
        label = self.scene.now.label
        if label is not None and self.labelled.any():
            ones = float(label[self.labelled].sum())
            zeros = float(self.labelled.sum()) - ones
            n += int(ones + zeros)
            gain += ones * np.log(up) + zeros * np.log(down)
        best = int(np.argmax(gain))
        return float(gain[best]) - 1.5 - 0.5 * float(np.log1p(n / 30.0)), float(new[best])

    @cached_property
    def model_error(self) -> tuple[float, float]:
        """Gain of "the score is not what it was for these inputs", and the median residual."""
        portrait = self.portrait
        if self.score is None or portrait.score_r2 < 0.3 or not self.known.any():
            return 0.0, 0.0
        weights = unpack4(portrait.score_weights)
        guess = self.scene.features @ weights + portrait.score_intercept
        error = (portrait.scale(self.score) - guess)[self.known]
        cuts = unpack(portrait.score_errors)[2:-2:2]
        places = np.searchsorted(cuts, error, side="right")
        size = len(cuts) + 1
        shares = np.full(size, 2.0 / 32.0)
        shares /= shares.sum()
        counts = np.bincount(places, minlength=size).astype(np.float64)
        middle = float(np.median(unpack(portrait.score_errors)))
        return float(movement.learned(counts, shares)), float(np.median(error)) - middle
