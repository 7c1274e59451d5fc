"""A category that the reference never saw, beside the known ones: a real new value."""

from __future__ import annotations

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect, hit
from holdfast.diagnosis.rules.category_renamed import renaming, replaced, unseen
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.words import percent
from holdfast.profiles.portrait_cells import UNSEEN
from holdfast.records import Action
from holdfast.reports.naming import clean

#: less likely than a renaming before looking: pipelines break more often than the world grows
PRIOR = -4.0


def weigh(scene: Scene) -> list[Suspect]:
    """Unseen spellings unlike any known one, while the known ones keep their proportions."""
    out = []
    for name, mixture in unseen(scene).items():
        how = renaming(scene.looks[name], mixture.start)
        if mixture.nats <= 0.0 or replaced(how, scene.looks[name]) or how.nothing > 0.5:
            continue
        share = float((scene.looks[name].cells[mixture.start :] == UNSEEN).mean())
        words = f"with {how.new} new categor{'y' if how.new == 1 else 'ies'}"
        if scene.shows(name):
            codes = scene.looks[name].values
            new = [n for n in codes.names if n not in set(scene.looks[name].face.names)]
            words += f" ({', '.join(clean(n, 30) for n in new[:3])})"
        because = (
            f"spellings unlike any known one in {percent(share)} of the rows, while the known "
            "categories keep their proportions"
        )
        cause = Cause(
            class_="covariate",
            kind="new_category",
            action=Action.RETRAIN,
            features=(name,),
            words=words,
            confidence=0.0,
            because=because,
        )
        out.append(hit(cause, mixture, PRIOR, share=share, new=how.new))
    return out


RULE = Rule("new_category", (), weigh=weigh)
