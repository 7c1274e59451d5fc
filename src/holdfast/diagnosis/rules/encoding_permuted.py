"""Known categories under each other's names: an encoder fitted anew, an enumeration shifted."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.permuting import best_permutation, choices
from holdfast.profiles.portrait_cells import FIRST, RARE, unpack
from holdfast.reports.naming import clean

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PRIOR = -3.0
MOST = 16
#: share of the rows below which categories are taken together
COMMON = 0.008
#: one that holds this share of the rows now is looked at, however rare it was
COMMON_NOW = 0.05
#: price of the choice among lists and directions
MOVED_ON = 1.5
#: the categories exchanged must hold so much of the reference
LEAST = 0.03


def weigh(scene: Scene) -> list[Suspect]:
    """Exchanged names that, put back, make shares and rows fit again."""
    out = []
    for look in scene.asked:
        if look.is_number or look.face.own < 2:
            continue
        found = (_exchanged(scene, look), _moved_on(scene, look))
        out += [suspect for suspect in found if suspect is not None]
    return out


def _exchanged(scene: Scene, look: Look) -> Suspect | None:
    """The best exchange of the frequent names."""
    got = permuted(look)
    if got is None or got[1].nats <= 0.0:
        return None
    to, found, own = got
    moved = np.flatnonzero(to != np.arange(len(to)))
    if float(np.exp(coded(look).log_p[moved]).sum()) < LEAST:
        return None
    words = f"with {len(moved)} categories under each other's names"
    if scene.shows(look.name):
        spelled = [*look.face.names[:own], "(rare)"]
        pairs = [f"{spelled[to[x]]} -> {spelled[x]}" for x in moved[:3]]
        words = f"with categories exchanged ({', '.join(clean(p, 60) for p in pairs)})"
    noise = look.table_noise(2.0 * len(moved) * max(1, look.ratios.shape[1]))
    # the choice is paid by what these rows gain, before that is carried on to more of them
    found = found._replace(nats=found.nats - choices(to) - noise)
    if found.nats <= 0.0:
        return None
    return hit(_cause(look, words), found, PRIOR, partial(_ratio, to=to, own=own), moved=len(moved))


def _moved_on(scene: Scene, look: Look) -> Suspect | None:
    """All names moved on by one in the order of a list: alphabetical, or most frequent first."""
    best: tuple[Mixture, dict[str, str]] | None = None
    names = look.face.names
    if len(names) < 3:
        return None
    for order in (sorted(names), list(names)):
        for by in (1, -1):
            was = dict(zip(order, order[by:] + order[:by], strict=True))
            found = fit(_list_ratio(look, was))
            if found.nats > 0.0 and (best is None or found.nats > best[0].nats):
                best = found, was
    if best is None:
        return None
    found, was = best
    words = "with all categories under the name of the next in a list"
    if scene.shows(look.name):
        pairs = [f"{was[name]} -> {name}" for name in names[:3]]
        words = f"with categories moved on in their list ({', '.join(clean(p, 60) for p in pairs)})"
    again = partial(_list_ratio, was=was)
    return hit(_cause(look, words), found, PRIOR - MOVED_ON, again, moved=len(names))


def _cause(look: Look, words: str) -> Cause:
    because = "with the names put back, shares and the other columns fit again"
    return broken("encoding_permuted", (look.name,), words, because)


def _list_ratio(look: Look, was: dict[str, str]) -> FloatArray:
    """Shape (n,): the log ratio of "the name that came stands for the one in `was`"."""
    shares = dict(zip(look.face.names, unpack(look.face.name_shares).tolist(), strict=True))
    last = len(unpack(look.face.levels)) - 1
    place = {name: min(i, last) for i, name in enumerate(look.face.names)}
    spelled = look.values.names
    gain = np.array(
        [np.log(shares[was[n]] / shares[n]) if n in was else 0.0 for n in spelled] + [0.0]
    )
    levels = np.array([place[was[n]] if n in was else -1 for n in spelled] + [-1])
    codes = look.values.codes
    ratio: FloatArray = gain[codes]
    if look.ratios.size:
        ratio = ratio + np.where(levels[codes] >= 0, look.beside(levels[codes]) - look.bond, 0.0)
    return ratio


class Coded(NamedTuple):
    """The rows of a column as few codes: those in use, codes, log shares, and the table beside."""

    own: int
    mine: NDArray[np.bool_]
    codes: IntArray
    log_p: FloatArray
    table: FloatArray


def coded(look: Look, own: int = 0) -> Coded:
    """Frequent categories one by one, all others as one more; nulls and unseen ones left out.

    `own` says how many stand for themselves; 0 for those that are frequent, now or usually.
    """
    usual = look.shares[FIRST : FIRST + look.face.own]
    now = look.counts[FIRST : FIRST + look.face.own] / max(1.0, float(look.counts.sum()))
    often = np.flatnonzero((usual >= COMMON) | (now >= COMMON_NOW))
    common = int(often[-1]) + 1 if len(often) else 0
    own = own or min(max(2, common), look.face.own, MOST)
    rest = float(look.shares[RARE] + look.shares[FIRST + own :].sum())
    size = own + (rest >= COMMON)
    log_p = np.log(np.append(look.shares[FIRST : FIRST + own], rest))[:size]
    codes = look.cells - FIRST
    codes = np.where((look.cells == RARE) | (codes >= own), own, codes)
    table = look.ratios
    if table.size:
        last = len(unpack(look.face.levels)) - 1
        table = table[np.minimum(np.append(np.arange(own), last)[:size], last)]
    return Coded(own, (codes >= 0) & (codes < size), codes, log_p, table)


def permuted(look: Look) -> tuple[IntArray, Mixture, int] | None:
    """The best exchange of names: for each category as it came the one it was, and the mixture.

    The last number says how many categories stand for themselves; one more place is all others.
    """
    rows = coded(look)
    size, at = len(rows.log_p), rows.codes[rows.mine]
    heads = np.bincount(at, minlength=size).astype(np.float64)
    gain = heads[:, None] * (rows.log_p[None, :] - rows.log_p[:, None])
    if rows.table.size:
        bins = rows.table.shape[1]
        place = at * bins + look.predicted[rows.mine]
        seen = np.bincount(place, minlength=size * bins).reshape(size, bins).astype(np.float64)
        beside = seen @ rows.table.T
        gain = gain + beside - np.diag(beside)[:, None]
    to = best_permutation(gain)
    if (to == np.arange(size)).all():
        return None
    return to, fit(_ratio(look, to, rows.own)), rows.own


def _ratio(look: Look, to: IntArray, own: int) -> FloatArray:
    rows = coded(look, own)
    at = rows.codes[rows.mine]
    ratio = np.zeros(look.scene.rows)
    ratio[rows.mine] = rows.log_p[to[at]] - rows.log_p[at]
    if rows.table.size:
        near = look.predicted[rows.mine]
        ratio[rows.mine] += rows.table[to[at], near] - rows.table[at, near]
    return ratio


RULE = Rule("encoding_permuted", (), weigh=weigh, close=True)
