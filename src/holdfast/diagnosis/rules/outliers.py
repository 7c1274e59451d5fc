"""Single values out of range while the rest stays."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import ABOVE, BELOW

FloatArray = NDArray[np.float64]

PRIOR = -2.0
#: share of the rows beyond which they are no single rows any more
SINGLE = 0.4
#: standard deviations from the range that are no more than a new record
NEAR = 1.0
#: distances from the range, in its widths
GAPS = np.array([0.1, 0.3, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 40.0, 100.0])


def match(evidence: Evidence) -> Cause | None:
    """The share out of range is up, but most values are inside."""
    moved = evidence.rising("range")
    if not moved:
        return None
    inside = 1.0 - moved[0].share
    because = f"{percent(inside)} of the values are still in range"
    confidence = 0.7 if moved[0].share < 0.1 else 0.5
    return pipeline("outliers", moved, "out of range", confidence, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Values scattered beyond the range."""
    out = []
    for name, look in scene.looks.items():
        if not look.is_number:
            continue
        above, below = look.counts[ABOVE], look.counts[BELOW]
        if not above + below or (above + below) / scene.rows > 0.9:
            continue
        beyond = _beyond(look)
        if not beyond.any():
            continue
        ratio = np.full(scene.rows, -np.inf)
        scattered, price = scattering(look, look.numbers[beyond])
        ratio[beyond] = scattered - look.plausible(look.numbers[beyond])
        found = fit(ratio)
        if found.nats <= 0.0:
            continue
        share = float(beyond[found.start :].mean())
        if share > SINGLE:
            price += 20.0 * (share - SINGLE) * math.sqrt(scene.rows)
        because = (
            f"{percent(share)} of the values lie beyond the reference's range, scattered; the "
            "others are as before"
        )
        cause = broken("outliers", (name,), "out of range in single rows", because)
        again = partial(_beyond_ratio, gain=float(np.median(ratio[beyond])))
        out.append(hit(cause, found, PRIOR - price, again, share=share))
    return out


def _beyond_ratio(look: Look, gain: float) -> FloatArray:
    return np.where(_beyond(look), gain, -np.inf)


def _beyond(look: Look) -> NDArray[np.bool_]:
    """Rows out of range by more than the world goes a little further than it ever did."""
    face = look.face
    gap = np.maximum(look.numbers - face.high, face.low - look.numbers)
    out: NDArray[np.bool_] = (look.cells == ABOVE) | (look.cells == BELOW)
    return out & np.asarray(gap > NEAR * face.spread)


def scattering(look: Look, x: FloatArray) -> tuple[FloatArray, float]:
    """Log-probability of numbers out of range under shares of their own, and the price of these.

    The distance from the range is cut into `GAPS` (in widths of the range), on both sides; inside
    a cut all distances are alike.
    """
    width = look.plausible.width
    gap = np.where(x > look.face.high, x - look.face.high, look.face.low - x) / width
    edges = np.array([0.0, *GAPS, max(1e12, 2.0 * float(gap.max(initial=0.0)))])
    place = np.searchsorted(GAPS, gap, side="right") + len(edges) * (x < look.face.low)
    counts = np.bincount(place, minlength=2 * len(edges)) + 0.2
    shares = np.log(counts / counts.sum())[place]
    size = np.diff(edges)[np.searchsorted(GAPS, gap, side="right")] * width
    price = 0.5 * float((counts > 1.0).sum()) * math.log1p(len(x))
    return shares - np.log(size) + math.log(look.plausible.resolution), price


RULE = Rule("outliers", ("range",), match, weigh)
