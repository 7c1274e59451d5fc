"""A clock-like column that runs some hours ahead or behind."""

from __future__ import annotations

from functools import partial

import numpy as np

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, hit
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import fit
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import unpack, unpack4

PRIOR = -3.5
#: a clock has this many marks
MARKS = (7, 12, 24, 31, 48, 60, 96)
#: shares of its marks, as multiples of an even share: none dominates, and the ends are no tails
MOST, LEAST = 5.0, 0.2


def weigh(scene: Scene) -> list[Suspect]:
    """Turning the clock back by some marks makes its values suit the other columns again."""
    out = []
    for look in scene.looks.values():
        marks = clock(look)
        if marks is None:
            continue
        turned = [(fit(_turned(look, marks, by)), by) for by in range(1, len(marks))]
        found, by = max(turned, key=lambda pair: pair[0].nats)
        if found.nats <= 0.0:
            continue
        signed = by if by <= len(marks) // 2 else by - len(marks)
        hours = signed * 24.0 / len(marks)
        day = len(marks) in {24, 48, 96}
        by_how_much = f"{hours:+g} hours" if day else f"{signed:+d} of {len(marks)} marks"
        because = (
            f"turned back by {by_how_much}, {percent(found.share)} of the values suit the other "
            "columns again"
        )
        cause = broken("timezone_shift", (look.name,), f"shifted by {by_how_much}", because)
        again = partial(_turned, marks=marks, by=by)
        prior = PRIOR - float(np.log(len(marks)))
        out.append(hit(cause, found, prior, again, shift=amount(hours)))
    return out


def clock(look: Look) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """The marks of a clock-like column, evenly spaced; None if it is none."""
    known = unpack(look.face.known)
    if not look.is_number or len(known) not in MARKS:
        return None
    gaps = np.diff(known)
    if np.ptp(gaps) > 0.05 * float(gaps.mean()):
        return None
    shares = unpack4(look.face.known_shares) * len(known)
    at_zero = known[0] in {0.0, float(gaps[0])}  # clocks begin at 0 or at 1
    if shares.max() > MOST or (not at_zero and min(shares[0], shares[-1]) < LEAST):
        return None
    return np.asarray(known)


def _turned(look: Look, marks: np.ndarray, by: int) -> np.ndarray:
    ratio = np.full(look.scene.rows, -np.inf)
    rows = np.flatnonzero(look.present)
    x = look.numbers[rows]
    place = np.clip(np.searchsorted(marks, x - 1e-9), 0, len(marks) - 1)
    on = np.abs(marks[place] - x) < 0.05 * (marks[1] - marks[0])
    before = marks[(place - by) % len(marks)]
    levels = look.face.levels_of(before)
    gain = look.plausible(before) - look.log_p[rows]
    if look.ratios.size:
        gain += look.ratios[levels, look.predicted[rows]] - look.bond[rows]
    ratio[rows] = np.where(on, gain, -np.inf)
    return ratio


RULE = Rule("timezone_shift", (), weigh=weigh, close=True)
