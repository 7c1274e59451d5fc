"""One fault on several columns: the columns whose own gain is worth naming, strongest first."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.signatures.mixture import Mixture

#: a column is named beside the strongest when it gains at least this, and this share of it
LEAST, LEAST_SHARE = 8.0, 0.15


def gather(found: dict[str, Mixture]) -> tuple[list[str], Mixture] | None:
    """Names of the columns hit, and one mixture for all: gains summed, rows hit by any of them.

    None when no column gains anything.
    """
    ranked = sorted(found, key=lambda name: -found[name].nats)
    if not ranked or found[ranked[0]].nats <= 0.0:
        return None
    top = found[ranked[0]]
    chosen = [
        name
        for name in ranked
        if found[name] is top
        or (found[name].nats >= LEAST and found[name].nats >= LEAST_SHARE * top.nats)
    ]
    weight = np.max([found[name].weight for name in chosen], axis=0)
    start = min(found[name].start for name in chosen)
    share = float(weight[start:].mean()) if len(weight) else 0.0
    return chosen, Mixture(sum(found[name].nats for name in chosen), share, start, weight)
