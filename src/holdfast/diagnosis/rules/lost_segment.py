"""Rows of some categories that no longer come: a filter upstream, or a source that fell silent."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import FIRST
from holdfast.reports.naming import clean

PRIOR = -3.5
#: rows that a category must have been expected in before its absence says anything
EXPECTED = 4.0
#: numbers with so few different values are looked at as categories too
FEW_VALUES = 12


def weigh(scene: Scene) -> list[Suspect]:
    """Categories that vanished from some row on while the others keep their proportions."""
    out = []
    for look in scene.looks.values():
        if look.is_number and (look.face.distinct > FEW_VALUES or not look.face.distinct):
            continue
        gone, found = vanished(look)
        if not gone or found.nats <= 0.0:
            continue
        share = float(look.shares[gone].sum())
        words = f"without {len(gone)} of its categories"
        if scene.shows(look.name) and not look.is_number:
            words = f"without {', '.join(clean(look.face.names[g - FIRST], 30) for g in gone[:3])}"
        because = (
            f"{percent(share)} of the reference, not one of the last "
            f"{scene.rows - found.start:,} rows; the others as before"
        )
        cause = broken("lost_segment", (look.name,), words, because)
        prior = PRIOR - (len(gone) - 1) * np.log(max(2, len(look.shares) - FIRST))
        out.append(Suspect(cause, found.nats, float(prior), None, {"usual": share}))
    return out


def vanished(look: Look) -> tuple[list[int], Mixture]:
    """Cells that no longer occur from some row on, and the evidence that they were filtered out.

    Categories are added, the most telling first, as long as the evidence grows.
    """
    n = look.scene.rows
    size = len(look.shares)
    last = np.full(size, -1)
    last[look.cells] = np.arange(n)
    absent = (n - 1 - last) * -np.log1p(-np.minimum(look.shares, 0.999)) - np.log1p(last + 1)
    order = [int(c) for c in np.argsort(-absent) if c >= FIRST and absent[c] > 0]
    order = [c for c in order if look.shares[c] * (n - 1 - last[c]) >= EXPECTED]
    gone: list[int] = []
    best = fit(np.empty(0))
    for cell in order[:6]:
        trial = [*gone, cell]
        rest = 1.0 - float(look.shares[trial].sum())
        if rest < 0.02:
            break
        hit_rows = np.isin(look.cells, trial)
        found = fit(np.where(hit_rows, -np.inf, -np.log(rest)), whole=True)
        if found.nats <= best.nats + 3.0:
            break
        gone, best = trial, found
    return gone, best


RULE = Rule("lost_segment", (), weigh=weigh)
