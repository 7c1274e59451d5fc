"""One row that becomes several: a join with more than one partner."""

from __future__ import annotations

from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit
from holdfast.diagnosis.rules.duplicates import PRIOR, repeated
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.words import percent


def weigh(scene: Scene) -> list[Suspect]:
    """More exact repetitions than the reference has, most of them of the very row before."""
    found, adjacent, share = scene.keep("repeated", repeated)
    if found.nats <= 0.0 or adjacent <= 0.5:
        return []
    because = (
        f"{percent(share)} of the rows repeat a recent one exactly, "
        f"{percent(scene.portrait.repeated)} in the reference; {percent(adjacent)} of them the row "
        "just before"
    )
    cause = broken("fanout", (), "rows multiplied", because)
    return [hit(cause, found, PRIOR, share=share, adjacent=adjacent)]


RULE = Rule("fanout", (), weigh=weigh)
