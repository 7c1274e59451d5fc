"""A column that moves while the others do not follow: altered, however it was done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.scene import Look
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.profiles.portrait_cells import NULL, UNSEEN, WRONG, unpack

FloatArray = NDArray[np.float64]

#: rows' worth of belief in the reference's shares
BELIEF = 30.0
#: numbers with at most so many different values are moved along by places
PLACES, FURTHEST = 200, 3


def altered(look: Look) -> Mixture:
    """The mixture "shares of its own, whatever the other columns say"; the shares are paid for.

    Rows without a value, of another type or of unseen categories say nothing here.
    """
    skip = [NULL, WRONG] if look.is_number else [NULL, WRONG, UNSEEN]
    counts, shares = look.counts.copy(), look.shares.copy()
    counts[skip] = 0.0
    shares[skip] = 0.0
    shares = shares / shares.sum()
    grown = (counts + BELIEF * shares) / (counts.sum() + BELIEF)
    gain = np.zeros(len(shares))
    here = shares > 0.0
    gain[here] = np.log(grown[here] / shares[here])
    own = gain[look.cells]
    found = fit(np.where(look.levels >= 0, own - look.bond, own))
    price = 0.5 * float((counts > 0.5).sum()) * float(np.log1p(counts.sum() / BELIEF))
    return found._replace(nats=max(0.0, found.nats - price))


def moved_along(look: Look) -> float:
    """Gain of "each value became the next one or so that the column knows", the last stays."""
    known = unpack(look.face.known)
    if not look.is_number or not 3 <= len(known) <= PLACES or not look.present.any():
        return 0.0
    shares = unpack(look.face.known_shares, "<f4").astype(np.float64)
    rows = np.flatnonzero(look.present)
    place = np.minimum(np.searchsorted(known, look.numbers[rows]), len(known) - 1)
    if (known[place] != look.numbers[rows]).mean() > 0.02:
        return 0.0
    best = 0.0
    size = len(known)
    centre = int(np.median(place)) - int(np.searchsorted(np.cumsum(shares), 0.5))
    steps = {*range(-FURTHEST, FURTHEST + 1), *range(centre - FURTHEST, centre + FURTHEST + 1)}
    for by in sorted(steps - {0}):
        target = np.clip(np.arange(size) + by, 0, size - 1)
        made = np.bincount(target, weights=shares, minlength=size)
        with np.errstate(divide="ignore"):
            gain = np.log(made / shares)
        ratio = np.zeros(look.scene.rows)
        ratio[rows] = gain[place]
        if look.ratios.size:
            before = known[np.clip(place - by, 0, size - 1)]
            levels = look.face.levels_of(before)
            ratio[rows] += look.ratios[levels, look.predicted[rows]] - look.bond[rows]
        best = max(best, fit(ratio).nats)
    return best
