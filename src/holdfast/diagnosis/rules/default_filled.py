"""A filler in place of values: a sentinel, zero, a usual value, a word for nothing."""

from __future__ import annotations

import math
from functools import partial

import msgspec
import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, gathered, hit, pipeline
from holdfast.diagnosis.rules.category_renamed import renaming, unseen
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.spelling import is_nothing
from holdfast.diagnosis.signatures.spikes import (
    Spike,
    like_growth,
    nulls_filled,
    spike_ratio,
    spikes,
)
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import UNSEEN, unpack
from holdfast.records import Action
from holdfast.reports.naming import clean

#: numbers that stand for nothing
SENTINELS = frozenset(
    sign * v for sign in (1.0, -1.0) for v in (9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 1e9)
) | {-1.0, -2.0, -7.0, -8.0, -88.0, -888.0, 2147483647.0, -2147483648.0, 65535.0}
#: log-probability that a filler is this value, before looking
ZERO, SENTINEL, CENTRE, MODE, OTHER = -1.6, -2.0, -1.8, -2.2, -7.0
#: the same for a value that is nothing special, beside its share
ANY = -4.0


def match(evidence: Evidence) -> Cause | None:
    """Sentinels are up, or the only unseen category is a word for nothing, or nulls are gone."""
    moved = evidence.rising("sentinel")
    if moved:
        because = "a value that stands for nothing took the place of values"
        return pipeline("default_filled", moved, "filled with a default", 0.85, because)
    moved = [m for m in evidence.rising("unseen") if _only_nothing(evidence, m.field)]
    if moved:
        because = "the only new category is a word for nothing"
        return pipeline("default_filled", moved, "filled with a default", 0.8, because)
    moved = [m for m in evidence.moved if m.code == "null" and m.side == "down"]
    if moved and len(moved) == len(evidence.moved):
        because = (
            f"nulls fell from {percent(moved[0].normal)} to {percent(moved[0].share)}: "
            "somebody fills them in, or the source has improved"
        )
        cause = pipeline("default_filled", moved, "no longer null", 0.4, because)
        return msgspec.structs.replace(cause, action=Action.INVESTIGATE)
    return None


def weigh(scene: Scene) -> list[Suspect]:
    """A spike at a value that people fill in, or unseen words for nothing."""
    out = []
    for look in scene.close:
        for spike in look.keep("spikes", spikes):
            prior = filler(look, spike)
            words = "filled with a default"
            if scene.shows(look.name):
                words = f"filled with {clean(spike.name, 30) or amount(spike.number)}"
            share = float(spike.rows[spike.found.start :].mean())
            if (price := like_growth(spike, share)) and not gathered(scene, spike.found, look.name):
                prior += price
            because = (
                f"{_what(look, spike)} in {percent(share)} of the rows, {percent(spike.usual)} in "
                "the reference; the other rows as before"
            )
            cause = broken("default_filled", (look.name,), words, because)
            again = partial(spike_ratio, number=spike.number, name=spike.name, usual=spike.usual)
            out.append(hit(cause, spike.found, prior, again, share=share, usual=spike.usual))
        if (filled := nulls_filled(look)) is not None:
            words = "nulls filled with a default"
            if scene.shows(look.name):
                words = f"nulls filled with {clean(filled.name, 30) or amount(filled.number)}"
            because = (
                f"nulls are gone, {percent(look.face.null)} in the reference, and "
                f"{_what(look, filled)} came as often in their place"
            )
            cause = broken("default_filled", (look.name,), words, because)
            out.append(hit(cause, filled.found, -2.0, usual=filled.usual))
    for name, mixture in unseen(scene).items():
        how = renaming(scene.looks[name], mixture.start)
        if mixture.nats > 0.0 and how.nothing > 0.5:
            share = float((scene.looks[name].cells[mixture.start :] == UNSEEN).mean())
            because = (
                f"a word for nothing, unseen in the reference, in {percent(share)} of the rows"
            )
            cause = broken("default_filled", (name,), "filled with a word for nothing", because)
            out.append(hit(cause, mixture, -1.0, share=share))
    return out


def filler(look: Look, spike: Spike) -> float:
    """Log-probability that somebody who fills in a default picks this value."""
    if not look.is_number:
        if is_nothing(spike.name):
            return -1.0
        return MODE if spike.name == look.face.names[0] else ANY + math.log(spike.usual)
    value = spike.number
    if value == 0.0:
        return ZERO
    if value in SENTINELS and (
        value < look.face.low or value > look.face.high or spike.usual < 0.01
    ):
        return SENTINEL
    frequent = unpack(look.face.frequent)
    quantiles = unpack(look.face.quantiles)
    near = 0.51 * look.face.step + 1e-6 * abs(look.face.mean)
    left = np.searchsorted(quantiles, value, side="left") - 1
    right = np.searchsorted(quantiles, value, side="right") + 1
    if left <= 0.5 * len(quantiles) <= right or abs(value - look.face.mean) <= near:
        return CENTRE
    if len(frequent) and value == frequent[0]:
        return MODE
    if value in (look.face.low, look.face.high):
        return MODE - 1.5
    if look.face.low <= value <= look.face.high:
        return ANY + math.log(max(spike.usual, 1e-18))
    return OTHER


def _what(look: Look, spike: Spike) -> str:
    if look.scene.shows(look.name):
        return f"the value {clean(spike.name, 30) or amount(spike.number)}"
    return "one value"


def _only_nothing(evidence: Evidence, field: str) -> bool:
    values = evidence.values.get(field)
    return values is not None and values.nothing


RULE = Rule("default_filled", ("sentinel",), match, weigh, close=True)
