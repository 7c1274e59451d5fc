"""Bets on how many rows arrive: counts with more spread than Poisson, and silences.

**The model of a slot.** Given the past, the rows of a slot are negative binomial with mean ``m``
and variance ``m + spread m²`` (a Poisson rate that itself varies from slot to slot), and ``m`` lies
in an allowed interval. The likelihood ratio of a smaller mean against the lower end of the interval
falls with the count, so its expectation is at most 1 for *every* mean in the interval, and likewise
upwards: a bet against the end is a bet against the whole.

**Silence** is the bet on "nothing comes any more". Inside a slot in which `n` rows came up to the
fraction `e0`, the chance that nothing comes up to ``e1`` is
``((r + m e0) / (r + m e1)) ** (r + n)`` with ``r = 1 / spread``; the bet gains minus its logarithm.

Source: mixed Poisson processes, Grandell 1997, ch. 4; e-detectors, Shin, Ramdas, Rinaldo 2023.
"""

from __future__ import annotations

import math

from holdfast.detection.cusum import SCALE

#: means that the bets stand on, as multiples of the ends of the allowed interval
BELOW = (0.7, 0.3, 0.05)
ABOVE = (1.5, 3.0, 8.0)
#: silence, three bets below, three above
BETS = 1 + len(BELOW) + len(ABOVE)
#: smallest spread, so that Poisson needs no formula of its own
LEAST = 1e-9


def gain(rows: float, null: float, other: float, spread: float) -> float:
    """Log-likelihood ratio, in nats, of a slot with `rows` rows for mean `other` against `null`.

    >>> round(gain(50, 100.0, 50.0, 0.0), 2)          # Poisson: 50 log(1/2) + 50
    15.34
    >>> round(gain(50, 100.0, 50.0, 0.1), 2)          # rates that vary by a third: far less
    1.71
    """
    r = 1.0 / max(spread, LEAST)
    return rows * math.log(other / null) - (rows + r) * math.log1p((other - null) / (r + null))


def step(rows: int, null: float, other: float, spread: float) -> int:
    """`gain` in units of 2^-20 nat, rounded down."""
    return math.floor(gain(rows, null, other, spread) * SCALE)


def silence(seen: int, mean: float, spread: float, start: float, end: float) -> float:
    """Nats gained by a silence from fraction `start` to `end` of a slot with `seen` rows before.

    >>> round(silence(0, 10.0, 0.0, 0.0, 1.0), 6)     # Poisson: the rows expected
    10.0
    """
    r = 1.0 / max(spread, LEAST)
    return (r + seen) * math.log1p(mean * (end - start) / (r + mean * start))


def silence_ends(seen: int, mean: float, spread: float, start: float, nats: float) -> float:
    """Fraction of the slot at which a silence from `start` has gained `nats`; may be beyond 1.

    >>> round(silence_ends(0, 10.0, 0.0, 0.2, 4.0), 6)
    0.6
    """
    r = 1.0 / max(spread, LEAST)
    power = nats / (r + seen)
    if mean <= 0.0 or power > 700.0:
        return math.inf
    return start + (r + mean * start) * math.expm1(power) / mean
