"""A feed that stands still: every new row carries the last value that came."""

from __future__ import annotations

import math
from functools import partial

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, gathered, hit, pipeline
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.spikes import Spike, like_growth, spike_ratio, spikes
from holdfast.diagnosis.words import percent
from holdfast.reports.naming import clean

PRIOR = -0.7


def match(evidence: Evidence) -> Cause | None:
    """The share of values equal to the previous one, or to one of the last, is up."""
    moved = evidence.rising("repeat")
    if not moved:
        return None
    because = "values repeat the ones just before them"
    return pipeline("stuck", moved, "standing still", 0.6, because)


def weigh(scene: Scene) -> list[Suspect]:
    """A spike at a value that the reference might well have served."""
    out = []
    for look in scene.close:
        for spike in look.keep("spikes", spikes):
            share = float(spike.rows[spike.found.start :].mean())
            because = (
                f"{_what(look, spike)} in {percent(share)} of the rows, {percent(spike.usual)} in "
                "the reference; the other rows as before"
            )
            cause = broken("stuck", (look.name,), _words(look, spike), because)
            # the value that a feed stops at is any value, as likely as it ever was
            prior = PRIOR + math.log(max(spike.usual, 1e-18))
            # and a feed that stands still hits all rows of its source, a default single ones
            prior += 0.5 * math.log(max(share, 0.05))
            if (price := like_growth(spike, share)) and not gathered(scene, spike.found, look.name):
                prior += price
            again = partial(spike_ratio, number=spike.number, name=spike.name, usual=spike.usual)
            out.append(hit(cause, spike.found, prior, again, share=share, usual=spike.usual))
    return out


def _words(look: Look, spike: Spike) -> str:
    if look.scene.shows(look.name):
        return f"stuck at {clean(spike.name, 30) or amount(spike.number)}"
    return "stuck at one value"


def _what(look: Look, spike: Spike) -> str:
    if look.scene.shows(look.name):
        return f"the value {clean(spike.name, 30) or amount(spike.number)}"
    return "one value"


RULE = Rule("stuck", ("repeat",), match, weigh, close=True)
