"""How many rows until a change is noticed: what to tell people before it happens.

Wealth grows by about the divergence ``KL(share || edge)`` a row when the bet is right, so a change
to `share` is noticed after about ``nats / KL`` rows. No test with the same promise does much
better; the four fixed bets reach this up to the distance to the nearest of them.
"""

from __future__ import annotations

import math

from holdfast.detection.cusum import STAKES


def kl(share: float, edge: float) -> float:
    """Divergence of a coin with chance `share` from one with chance `edge`, in nats.

    >>> round(kl(1.0, 0.01), 3)
    4.605
    """
    total = 0.0
    if share > 0.0:
        total += share * math.log(share / edge)
    if share < 1.0:
        total += (1.0 - share) * math.log((1.0 - share) / (1.0 - edge))
    return total


def growth(share: float, edge: float) -> float:
    """Nats a row that the best of the four bets gains when the share of yes is `share`."""
    best = -math.inf
    for stake in STAKES:
        q = edge + (1.0 - edge) * stake
        drift = share * math.log(q / edge) + (1.0 - share) * math.log((1.0 - q) / (1.0 - edge))
        best = max(best, drift)
    return best


def rows_to_alarm(share: float, edge: float, nats: float) -> float:
    """Applicable rows until a share that jumps to `share` is noticed; infinite inside the edge.

    Args:
        share: share of yes after the change, in [0, 1].
        edge: upper end of the allowed interval, in (0, 1).
        nats: log-wealth at which the stream crosses.

    Example:
        >>> [round(rows_to_alarm(s, 0.003, 21.0)) for s in (1.0, 0.3, 0.05)]
        [4, 19, 222]
        >>> rows_to_alarm(0.002, 0.003, 21.0)
        inf
    """
    if share <= edge:
        return math.inf
    return nats / kl(share, edge)


def rows_to_alarm_with_bets(share: float, edge: float, nats: float) -> float:
    """The same with the four bets as they stand; infinite where none of them gains."""
    if share <= edge:
        return math.inf
    speed = growth(share, edge)
    return nats / speed if speed > 0.0 else math.inf
