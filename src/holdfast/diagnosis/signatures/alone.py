"""A column that moves while the others do not follow: altered, however it was done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.profiles.portrait_cells import NULL, UNSEEN, WRONG, unpack, unpack4

FloatArray = NDArray[np.float64]

#: rows' worth of belief in the reference's shares
BELIEF = 30.0
#: shifts that are compared beside the other columns too
TRIED = 4


def bond_ratio(look: Look) -> FloatArray:
    """Shape (n,): how much likelier each value is in any row than beside its own, in nats."""
    return np.where(look.levels >= 0, -look.bond, 0.0)


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
    price = look.table_noise(0.5 * look.ratios.size) + 0.5 * float((counts > 0.5).sum()) * float(
        np.log1p(counts.sum() / BELIEF)
    )
    return found._replace(nats=max(0.0, found.nats - price))


def moved_along(look: Look) -> float:
    """Gain of "each value moved by one amount, to the next that is known; ends stay ends"."""
    known = unpack(look.face.known)
    if not look.is_number or len(known) < 3 or not look.present.any():
        return 0.0
    shares = unpack4(look.face.known_shares)
    size, rows = len(known), np.flatnonzero(look.present)
    place = np.minimum(np.searchsorted(known, look.numbers[rows]), size - 1)
    if (known[place] != look.numbers[rows]).mean() > 0.02:
        return 0.0
    targets = _targets(known, look.face.spread)
    made = np.stack([np.bincount(t, weights=shares, minlength=size) for t in targets])
    heads = np.bincount(place, minlength=size)
    gain = np.log(np.maximum(made, 1e-6)) - np.log(shares)
    best = 0.0
    for i in np.argsort(-(gain @ heads))[:TRIED].tolist():
        ratio = np.zeros(look.scene.rows)
        ratio[rows] = gain[i][place]
        if look.ratios.size:
            source = np.searchsorted(targets[i], place)  # the first value that moves there
            levels = look.face.levels_of(known[np.minimum(source, size - 1)])
            ratio[rows] += look.ratios[levels, look.predicted[rows]] - look.bond[rows]
        best = max(best, fit(ratio).nats)
    return best


def _targets(known: FloatArray, spread: float) -> list[NDArray[np.int64]]:
    """Where each known value lands: shifts of up to 1.5 standard deviations, and a few places."""
    size = len(known)
    shifts = [k * 0.1 * spread for k in range(-15, 16) if k]
    out = [np.searchsorted(known, known + b - 1e-9 * spread) for b in shifts]
    out += [np.arange(size) + by for by in (-3, -2, -1, 1, 2, 3)]
    clipped = {np.clip(t, 0, size - 1).tobytes(): np.clip(t, 0, size - 1) for t in out}
    return list(clipped.values())
