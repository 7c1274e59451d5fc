"""A feed that stands still: every new row carries the last value that came."""

from __future__ import annotations

import math

import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.rules.base import Rule, Suspect, amount, broken, hit, pipeline
from holdfast.diagnosis.scene import Look, Scene
from holdfast.diagnosis.signatures.spikes import Spike, spikes
from holdfast.diagnosis.words import clean, percent

PRIOR = -0.7
#: rows before the first repeated one among which the last good value is looked for
BACK = 40


def match(evidence: Evidence) -> Cause | None:
    """The share of values equal to the previous one, or to one of the last, is up."""
    moved = evidence.rising("repeat")
    if not moved:
        return None
    because = "values repeat the ones just before them"
    return pipeline("stuck", moved, "standing still", 0.6, because)


def weigh(scene: Scene) -> list[Suspect]:
    """A spike at a value as likely as any that was served just before it began."""
    out = []
    for look in scene.close:
        for spike in spikes(look):
            share = float(spike.rows[spike.found.start :].mean())
            last, prior = last_value(look, spike)
            because = (
                f"{_what(look, spike)} in {percent(share)} of the rows, {percent(spike.usual)} in "
                "the reference; the other rows as before"
            )
            if last:
                because += "; it was the value served just before"
            cause = broken("stuck", (look.name,), _words(look, spike), because)
            value = PRIOR + math.log(max(spike.usual, 0.5 / (look.face.rows + 1.0)))
            prior += max(value, -9.0)
            out.append(hit(cause, spike.found, prior, share=share, usual=spike.usual))
    return out


def last_value(look: Look, spike: Spike) -> tuple[bool, float]:
    """Whether the spike's value was served just before the spike began, and what that is worth.

    A feed that stands still repeats the last value that came: the row before the first repeated
    one holds it. A default has been there only by chance. The start is known up to `BACK` rows, and
    the last good row may itself look like the first repeated one, which says nothing either way:
    then only the value's rarity counts.
    """
    before = look.scene.before
    earlier = before.columns.get(look.name) if before is not None else None
    if earlier is None or not len(earlier):
        return False, 0.0
    first = int(np.argmax(spike.rows[spike.found.start :])) + spike.found.start
    tail = earlier.take(np.arange(max(0, len(earlier) - BACK), len(earlier)))
    if look.is_number:
        there = bool((tail.numbers == spike.number).any())
    else:
        there = spike.name in {tail.names[c] for c in tail.codes if c >= 0}
    chance = 1.0 - (1.0 - min(spike.usual, 0.999)) ** (len(tail) + 1)
    if there:
        return True, min(-math.log(max(chance, 1e-6)), 8.0)
    return False, 0.0 if first < BACK else -0.3


def _words(look: Look, spike: Spike) -> str:
    if look.scene.shows(look.name):
        return f"stuck at {clean(spike.name, 30) or amount(spike.number)}"
    return "stuck at one value"


def _what(look: Look, spike: Spike) -> str:
    if look.scene.shows(look.name):
        return f"the value {clean(spike.name, 30) or amount(spike.number)}"
    return "one value"


RULE = Rule("stuck", ("repeat",), match, weigh)
