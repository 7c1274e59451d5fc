"""Labels that are broken themselves: all alike, or those of other rows."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.words import percent
from holdfast.records import Action

PRIOR = -3.0
#: labels needed before they can be called broken
LEAST = 25
#: rows by which labels may have slipped
SLIP = 12


def weigh(scene: Scene) -> list[Suspect]:
    """Labels that do not vary any more, or that suit the scores of neighbouring rows."""
    answers = scene.answers
    label, rate = scene.now.label, answers.rate
    if label is None or rate is None:
        return []
    rows = np.flatnonzero(answers.labelled & np.isfinite(rate))
    if len(rows) < LEAST:
        return []
    y, p = label[rows], rate[rows]
    log_p = np.log(np.where(y == 1.0, p, 1.0 - p))
    out = []
    start = int(np.flatnonzero(y != y[-1])[-1]) + 1 if (y != y[-1]).any() else 0
    run = len(y) - start
    if run >= LEAST:
        nats = -float(log_p[start:].sum()) - float(np.log1p(start))
        because = f"the last {run:,} labels are all {y[-1]:g}, whatever the score says"
        out.append(_suspect("labels all alike", because, nats, {"labels": run}))
    base = float(np.clip(y.mean(), 0.004, 0.996))
    for by in [b for b in range(-SLIP, SLIP + 1) if b]:
        source = rows - by
        fine = (source >= 0) & (source < scene.rows)
        fine[fine] = np.isfinite(rate[source[fine]])
        q = np.where(fine, rate[np.clip(source, 0, scene.rows - 1)], base)
        nats = float((np.log(np.where(y == 1.0, q, 1.0 - q)) - log_p).sum())
        if nats > 10.0:
            because = (
                f"the labels suit the scores {abs(by)} rows {'before' if by > 0 else 'after'} "
                f"their own ({percent(float(fine.mean()))} of them compared)"
            )
            out.append(_suspect(f"labels slipped by {by:+d} rows", because, nats, {"slip": by}))
    return sorted(out, key=lambda s: -s.nats)[:2]


def _suspect(words: str, because: str, nats: float, details: dict[str, float]) -> Suspect:
    cause = Cause(
        class_="label",
        kind="label_problem",
        action=Action.INVESTIGATE,
        features=(),
        words=words,
        confidence=0.0,
        because=because,
    )
    return Suspect(cause, nats, PRIOR, None, dict(details))


RULE = Rule("label_problem", (), weigh=weigh)
