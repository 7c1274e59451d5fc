"""Categories that training never saw, in place of some that it knows: renamed or garbled."""

from __future__ import annotations

import math

import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.renaming import Renaming, trace
from holdfast.diagnosis.signatures.together import gather
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import UNSEEN, unpack
from holdfast.reports.naming import clean

#: a rename brings few new values, each often
FEW = 3
#: a share of unseen spellings that no growth of the world explains
NEARLY_ALL = 0.7
PRIOR = -1.5
#: a column that repeats the value of the row before so much more often than by chance is sticky
STICKY = 0.3


def match(evidence: Evidence) -> Cause | None:
    """The share of unseen categories is up."""
    moved = evidence.rising("unseen")
    if not moved:
        return None
    values = evidence.values.get(moved[0].field)
    confidence, because = 0.6, "categories that the reference does not contain"
    if values is not None and values.rows >= 2 * FEW and values.distinct <= FEW:
        confidence = 0.8
        because = f"{values.distinct} new spelling(s) in all {values.rows} rows looked at"
        if values.example:
            because += f", for example {values.example}"
    return pipeline("category_renamed", moved, "with unseen categories", confidence, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Unseen spellings that are like known ones, or whose coming made known ones vanish."""
    found = {}
    for name, mixture in unseen(scene).items():
        look = scene.looks[name]
        how = renaming(look, mixture.start)
        if how.nothing <= 0.5 and replaced(how, look):
            found[name] = max(mixture, _mapped(look, how), key=lambda m: m.nats)
    got = gather(found)
    if got is None:
        return []
    names, mixture = got
    look = scene.looks[names[0]]
    how = renaming(look, mixture.start)
    share = float((look.cells[mixture.start :] == UNSEEN).mean())
    because = f"unseen spellings in {percent(share)} of the rows"
    if how.spelled > 0.5:
        because += ", like known ones but for case, blanks or signs"
    if how.lost:
        because += f"; {len(how.lost)} known categories went missing as they came"
    words = "with renamed categories"
    if scene.shows(names[0]) and how.pairs:
        some = ", ".join(f"{clean(old, 30)} -> {clean(new, 30)}" for new, old in how.pairs[:3])
        words = f"renamed ({some}{', ...' if len(how.pairs) > 3 else ''})"
    cause = broken("category_renamed", names, words, because)
    return [hit(cause, mixture, PRIOR, share=share, new=how.new, lost=len(how.lost))]


def unseen(scene: Scene) -> dict[str, Mixture]:
    """By column of categories, the mixture of rows that no category of the reference explains."""
    return scene.keep("unseen", _unseen)


def _unseen(scene: Scene) -> dict[str, Mixture]:
    out = {}
    for name, look in scene.looks.items():
        if look.is_number or not (new := look.cells == UNSEEN).any():
            continue
        usual = max(float(look.shares[UNSEEN]), 0.25 / (look.face.rows + 1.0))
        out[name] = fit(np.where(new, -math.log(usual), -np.inf))
    return out


def renaming(look: Look, start: int = 0) -> Renaming:
    """What became of the categories of a column from some row on."""
    return look.keep(f"renaming from {start}", lambda k: _renaming(k, start))


def _renaming(look: Look, start: int) -> Renaming:
    codes = look.values.codes[start:]
    cells = look.cells[start:]
    there = codes >= 0
    new = np.bincount(codes[(cells == UNSEEN) & there], minlength=len(look.values.names))
    every = np.bincount(codes[there], minlength=len(look.values.names))
    rows = dict(zip(look.values.names, every.tolist(), strict=True))
    known = list(look.face.names)
    return trace(
        {look.values.names[i]: int(new[i]) for i in np.flatnonzero(new)},
        known,
        unpack(look.face.name_shares),
        np.array([float(rows.get(name, 0)) for name in known]),
        int(there.sum()),
    )


def replaced(how: Renaming, look: Look) -> bool:
    """Whether unseen spellings took the place of known ones: alike, displacing, or nearly all.

    Where a value stays for long, one new value displaces all others for a while: then only the
    spelling tells. So it does where the reference knows one value only.
    """
    if look.face.sticky >= STICKY or len(look.face.names) < 2:
        return how.spelled > 0.5
    return how.spelled > 0.5 or how.displaced > 1.0 or bool(how.pairs) or how.share > NEARLY_ALL


def _mapped(look: Look, how: Renaming) -> Mixture:
    """The mixture "each new spelling is the old one": the known categories lose what it takes."""
    face = look.face
    old = dict(how.pairs)
    place = {name: i for i, name in enumerate(face.names)}
    shares = unpack(face.name_shares)
    gone = {place[name] for name in old.values() if place[name] in how.lost}
    usual = max(float(look.shares[UNSEEN]), 0.25 / (face.rows + 1.0))
    by_name = np.zeros(len(look.values.names) + 1)
    for i, name in enumerate(look.values.names):
        if name in place:
            by_name[i] = -np.inf if place[name] in gone else 0.0
        else:
            known = shares[place[old[name]]] if name in old else 0.1 / (face.rows + 1.0)
            by_name[i] = math.log(known / usual)
    return fit(by_name[look.values.codes])


RULE = Rule("category_renamed", ("unseen",), match, weigh)
