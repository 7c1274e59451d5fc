"""Numbers rounded or cut to a coarser step."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.rounding import (
    FORMATS,
    WAYS,
    on_multiple,
    packed,
    packed_log_p,
    rounded,
    rounded_log_p,
)
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import unpack

FloatArray = NDArray[np.float64]

PRIOR = -2.5
#: share of values on the coarse step at which it is looked at
LEAST_ON = 0.3
#: and by how much it must be larger than in the reference
MORE_ON = 0.08
#: a step that takes more of the reference than this to one value is rather a spike there
ONE_VALUE, LUMPED = 0.8, -8.0


def match(evidence: Evidence) -> Cause | None:
    """The share of values on a coarser step is up."""
    moved = evidence.rising("lattice")
    if not moved:
        return None
    because = "values lie on a coarser step than in the reference"
    return pipeline("precision_loss", moved, "rounded", 0.7, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Values on a coarse step, as often as rounding the reference would put them there."""
    out = []
    for look in scene.broken:
        if not look.is_number or look.face.distinct < 8:
            continue
        if (suspect := _packed(look)) is not None:
            out.append(suspect)
        got = coarsest(look)
        if got is None:
            continue
        step, way, found, share = got
        words = f"{'rounded' if way == 'round' else 'cut'} to steps of {amount(step)}"
        because = (
            f"{percent(share)} of the values are multiples of {amount(step)}, spread as the "
            "reference's would be after it"
        )
        cause = broken("precision_loss", (look.name,), words, because)
        again = partial(_ratio, step=step, way=way)
        prior = PRIOR + (LUMPED if _lumps(unpack(look.face.quantiles), step) else 0.0)
        out.append(hit(cause, found, prior, again, step=step, way=way, share=share))
    return out


def _packed(look: Look) -> Suspect | None:
    """Numbers that a shorter floating-point format can hold, where the reference's could not."""
    x = look.numbers[look.present]
    usual = unpack(look.face.quantiles)
    usual = usual[:: max(1, len(usual) // 300)]
    if len(x) < 3 or not len(usual):
        return None
    few = x[np.unique(np.linspace(0, len(x) - 1, 120).astype(np.int64))]
    for name, bits in reversed(FORMATS.items()):
        share = float((packed(few, bits) == few).mean())
        if share < LEAST_ON or share < float((packed(usual, bits) == usual).mean()) + MORE_ON:
            continue
        found = fit(_packed_ratio(look, bits))
        if found.nats <= 0.0:
            continue
        share = float((packed(x, bits) == x).mean())
        because = f"{percent(share)} of the values have no more than {bits} bits of fraction"
        cause = broken("precision_loss", (look.name,), f"kept in {name}", because)
        return hit(cause, found, PRIOR, partial(_packed_ratio, bits=bits), bits=bits, share=share)
    return None


def _packed_ratio(look: Look, bits: int) -> FloatArray:
    ratio = np.full(look.scene.rows, -np.inf)
    rows = np.flatnonzero(look.present)
    rows = rows[packed(look.numbers[rows], bits) == look.numbers[rows]]
    ratio[rows] = packed_log_p(look.face, look.numbers[rows], bits) - look.log_p[rows]
    return ratio


def coarsest(look: Look) -> tuple[float, str, Mixture, float] | None:
    """Step, way of rounding, mixture and share on the step of the best explanation."""
    x = look.numbers[look.present]
    if len(x) < 3 or look.face.spread <= 0.0:
        return None
    quantiles = unpack(look.face.quantiles)
    usual = quantiles[:: max(1, len(quantiles) // 300)]
    few = x[np.unique(np.linspace(0, len(x) - 1, 120).astype(np.int64))]
    top = math.floor(math.log10(max(look.face.spread, 1e-12))) + 2
    bottom = round(math.log10(look.face.step)) + 1 if look.face.step else top - 7
    best: tuple[float, str, Mixture, float] | None = None
    for exponent in range(top, max(bottom, top - 9) - 1, -1):
        for multiple in (1.0, 5.0):
            step = multiple * 10.0**exponent
            share = float(on_multiple(few, step).mean())
            if share < LEAST_ON or share < float(on_multiple(usual, step).mean()) + MORE_ON:
                continue
            on = on_multiple(x, step)
            share = float(on.mean())
            if len(np.unique(x[on])) < 2:
                continue
            for way in WAYS:
                found = fit(_ratio(look, step, way))
                found = found._replace(nats=found.nats - _misfit(look, step, way, found.share))
                if best is None or found.nats > best[2].nats + 1e-9:
                    best = (step, way, found, share)
    return best if best is not None and best[2].nats > 0.0 else None


def _lumps(usual: FloatArray, step: float) -> bool:
    """Whether rounding would leave next to one value."""
    _, heads = np.unique(rounded(usual, step, "cut"), return_counts=True)
    return float(heads.max()) > ONE_VALUE * len(usual)


def _ratio(look: Look, step: float, way: str) -> FloatArray:
    ratio = np.full(look.scene.rows, -np.inf)
    rows = np.flatnonzero(look.present)
    rows = rows[on_multiple(look.numbers[rows], step)]
    ratio[rows] = rounded_log_p(look.face, look.numbers[rows], step, way) - look.log_p[rows]
    return ratio


def _misfit(look: Look, step: float, way: str, share: float) -> float:
    """What the same rounding would gain on as many clean rows, in nats."""
    x = unpack(look.face.quantiles)
    x = x[:: max(1, len(x) // 500)]
    on = on_multiple(x, step)
    ratio = np.full(len(x), -np.inf)
    ratio[on] = rounded_log_p(look.face, x[on], step, way) - look.plausible.own(x[on])
    gain = np.log(1.0 - share + share * np.exp(np.minimum(ratio, 25.0)) + 1e-12)
    return max(0.0, float(gain.mean())) * float(look.present.sum())


RULE = Rule("precision_loss", ("lattice",), match, weigh, close=True)
