"""Known categories under each other's names: an encoder fitted anew, an enumeration shifted."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit
from holdfast.diagnosis.scene import Look, Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.permuting import best_permutation, choices
from holdfast.diagnosis.words import clean
from holdfast.profiles.portrait_cells import FIRST, RARE, unpack

PRIOR = -3.0
MOST = 16


def weigh(scene: Scene) -> list[Suspect]:
    """Exchanged names that, put back, make shares and rows fit again."""
    out = []
    for look in scene.looks.values():
        if look.is_number or look.face.own < 2:
            continue
        got = permuted(look)
        if got is None or got[1].nats <= 0.0:
            continue
        to, found = got
        moved = np.flatnonzero(to != np.arange(len(to)))
        words = f"with {len(moved)} categories under each other's names"
        if scene.shows(look.name):
            spelled = [*look.face.names[: min(look.face.own, MOST)], "(rare)"]
            pairs = [f"{spelled[to[x]]} -> {spelled[x]}" for x in moved[:3]]
            words = f"with categories exchanged ({', '.join(clean(p, 60) for p in pairs)})"
        because = "with the names put back, shares and the other columns fit again"
        cause = broken("encoding_permuted", (look.name,), words, because)
        out.append(hit(cause, found, PRIOR - choices(to), moved=len(moved)))
    return out


def permuted(look: Look) -> tuple[np.ndarray, Mixture] | None:  # type: ignore[type-arg]
    """The best exchange of names: for each category as it came the one it was, and the mixture."""
    own = min(look.face.own, MOST)
    rest = float(look.shares[RARE] + look.shares[FIRST + own :].sum())
    size = own + (rest > 1.0 / look.face.rows)
    log_p = np.log(np.append(look.shares[FIRST : FIRST + own], rest))[:size]
    codes = look.cells - FIRST
    codes = np.where((look.cells == RARE) | (codes >= own), own, codes)
    mine = (codes >= 0) & (codes < size)
    heads = np.bincount(codes[mine], minlength=size).astype(np.float64)
    gain = heads[:, None] * (log_p[None, :] - log_p[:, None])
    table = look.ratios
    if look.ratios.size:
        last = len(unpack(look.face.levels)) - 1
        table = look.ratios[np.minimum(np.append(np.arange(own), last)[:size], last)]
        bins = look.ratios.shape[1]
        place = codes[mine] * bins + look.predicted[mine]
        seen = np.bincount(place, minlength=size * bins).reshape(size, bins).astype(np.float64)
        beside = seen @ table.T
        gain = gain + beside - np.diag(beside)[:, None]
    to = best_permutation(gain)
    if (to == np.arange(size)).all():
        return None
    ratio = np.zeros(look.scene.rows)
    at = codes[mine]
    ratio[mine] = log_p[to[at]] - log_p[at]
    if look.ratios.size:
        ratio[mine] += table[to[at], look.predicted[mine]] - table[at, look.predicted[mine]]
    return to, fit(ratio)


RULE = Rule("encoding_permuted", (), weigh=weigh, close=True)
