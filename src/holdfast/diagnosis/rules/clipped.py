"""Values cut off at a limit: all beyond it now sit on it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, gathered, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import unpack

FloatArray = NDArray[np.float64]

PRIOR = -2.0
#: different numbers a column needs before a limit can be told from a favourite value
DISTINCT = 8
#: a limit holds for whole sources, and is seldom below most of the values
WHOLE, SCATTERED, MOST, UNLIKELY = 0.85, -20.0, 0.8, -4.0


def weigh(scene: Scene) -> list[Suspect]:
    """A spike as large as the reference's share beyond it, and next to nothing beyond."""
    out = []
    for look in scene.broken:
        if not look.is_number or look.face.distinct < DISTINCT or not look.present.any():
            continue
        for upper in (True, False):
            limit, found, beyond = clipping(look, upper)
            if found.nats <= 0.0:
                continue
            side = "above" if upper else "below"
            words = "clipped from above" if upper else "clipped from below"
            if scene.shows(look.name):
                words = f"clipped at {amount(limit)}"
            because = (
                f"no value {side} one limit any more, where the reference has "
                f"{percent(beyond)}, and as many on it"
            )
            cause = broken("clipped", (look.name,), words, because)
            prior = PRIOR
            if found.share < WHOLE and not gathered(scene, found, look.name):
                prior += SCATTERED
            if beyond > MOST:
                prior += UNLIKELY
            again = partial(_ratio, limit=limit, upper=upper)
            out.append(hit(cause, found, prior, again, beyond=beyond, upper=upper))
    return out


def clipping(look: Look, upper: bool) -> tuple[float, Mixture, float]:
    """The limit, the mixture "values beyond it are set to it", and the share usually beyond."""
    numbers = look.numbers[look.present]
    values, counts = np.unique(numbers, return_counts=True)
    nothing = fit(np.empty(0))
    inner = counts >= max(2, 0.02 * len(numbers))
    if not inner.any():
        return 0.0, nothing, 0.0
    limit = float(values[inner][-1] if upper else values[inner][0])
    quantiles = unpack(look.face.quantiles)
    past = quantiles > limit if upper else quantiles < limit
    beyond = float(past.mean())
    if beyond < 0.01 or beyond > 0.97:
        return limit, nothing, beyond
    return limit, fit(_ratio(look, limit, upper)), beyond


def _ratio(look: Look, limit: float, upper: bool) -> FloatArray:
    quantiles = unpack(look.face.quantiles)
    held = quantiles[quantiles >= limit] if upper else quantiles[quantiles <= limit]
    ratio = np.zeros(look.scene.rows)
    on = look.present & (look.numbers == limit)
    usual = float(look.plausible(np.array([limit]))[0])
    ratio[on] = np.log(max(1, len(held)) / len(quantiles)) - usual
    if look.ratios.size:  # beside its row, any of the values beyond would do
        ratio[on] += _any_beyond(look, held)[on] - look.bond[on]
    past = look.numbers > limit if upper else look.numbers < limit
    ratio[look.present & past] = -np.inf
    return ratio


def _any_beyond(look: Look, beyond: FloatArray) -> FloatArray:
    levels = look.face.levels_of(beyond)
    shares = np.bincount(levels, minlength=len(look.ratios)) / max(1, len(beyond))
    out: FloatArray = np.log(shares @ np.exp(look.ratios))[look.predicted]
    return out


RULE = Rule("clipped", (), weigh=weigh, close=True)
