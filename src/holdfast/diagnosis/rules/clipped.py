"""Values cut off at a limit: all beyond it now sit on it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, gathered, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
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
        limits = [clipping(look, upper) for upper in (True, False)]
        for low, high, beyond in _sides(*limits):
            found = fit(_ratio(look, low, high))
            if found.nats <= 0.0:
                continue
            sides = " and ".join(s for s, m in (("below", low), ("above", high)) if m is not None)
            words = f"clipped from {sides}"
            if scene.shows(look.name):
                words = (
                    f"clipped at {' and '.join(amount(m) for m in (low, high) if m is not None)}"
                )
            because = (
                f"no value beyond the limit {sides} any more, where the reference has "
                f"{percent(beyond)}, and as many on it"
            )
            cause = broken("clipped", (look.name,), words, because)
            prior = PRIOR - (1.0 if low is not None and high is not None else 0.0)
            if found.share < WHOLE and not gathered(scene, found, look.name):
                prior += SCATTERED
            if beyond > MOST:
                prior += UNLIKELY
            again = partial(_ratio, low=low, high=high)
            out.append(hit(cause, found, prior, again, beyond=beyond, sides=sides))
    return out


def _sides(
    upper: tuple[float | None, float], lower: tuple[float | None, float]
) -> list[tuple[float | None, float | None, float]]:
    """The limits to try, (below, above, share beyond): one, the other, both."""
    (high, over), (low, under) = upper, lower
    out: list[tuple[float | None, float | None, float]] = []
    if high is not None:
        out.append((None, high, over))
    if low is not None:
        out.append((low, None, under))
    if high is not None and low is not None and low < high:
        out.append((low, high, over + under))
    return out


def clipping(look: Look, upper: bool) -> tuple[float | None, float]:
    """The limit that the values end on, if any, and the share of the reference beyond it."""
    numbers = look.numbers[look.present]
    values, counts = np.unique(numbers, return_counts=True)
    often = values[counts >= max(2, 0.02 * len(numbers))]
    if not len(often):
        return None, 0.0
    limit = float(often[-1] if upper else often[0])
    quantiles = unpack(look.face.quantiles)
    beyond = float((quantiles > limit if upper else quantiles < limit).mean())
    return (limit, beyond) if 0.01 <= beyond <= 0.97 else (None, 0.0)


def _ratio(look: Look, low: float | None, high: float | None) -> FloatArray:
    quantiles = unpack(look.face.quantiles)
    ratio = np.zeros(look.scene.rows)
    for limit, upper in ((low, False), (high, True)):
        if limit is None:
            continue
        held = quantiles[quantiles >= limit] if upper else quantiles[quantiles <= limit]
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
