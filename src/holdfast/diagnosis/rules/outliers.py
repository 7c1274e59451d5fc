"""Single values out of range while the rest stays."""

from __future__ import annotations

import math

import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import ABOVE, BELOW

PRIOR = -2.0


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
    """Values scattered beyond the range, on every order of magnitude alike."""
    out = []
    for name, look in scene.looks.items():
        if not look.is_number:
            continue
        above, below = look.counts[ABOVE], look.counts[BELOW]
        if not above + below or (above + below) / scene.rows > 0.9:
            continue
        beyond = (look.cells == ABOVE) | (look.cells == BELOW)
        x = look.numbers[beyond]
        gap = np.where(x > look.face.high, x - look.face.high, look.face.low - x)
        width = look.plausible.width
        scattered = -np.log(width) - 2.0 * np.log1p(np.minimum(gap / width, 1e12))
        scattered += math.log(look.plausible.resolution) - math.log(2.0)
        ratio = np.full(scene.rows, -np.inf)
        ratio[beyond] = scattered - look.log_p[beyond]
        found = fit(ratio)
        if found.nats <= 0.0:
            continue
        share = float(beyond[found.start :].mean())
        because = (
            f"{percent(share)} of the values lie beyond the reference's range, scattered; the "
            "others are as before"
        )
        cause = broken("outliers", (name,), "out of range in single rows", because)
        out.append(hit(cause, found, PRIOR, share=share))
    return out


RULE = Rule("outliers", ("range",), match, weigh)
