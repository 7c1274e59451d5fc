"""One source or segment sends more (or less) than it did: the mix changed, not what it holds."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.evidence import Cause
from holdfast.diagnosis.rules.base import Rule, Suspect
from holdfast.diagnosis.rules.covariate_drift import SCORE
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.words import percent
from holdfast.records import Action
from holdfast.reports.naming import clean

PRIOR = -1.0
#: rows before the change point needed to know the usual mix
LEAST = 60


def weigh(scene: Scene) -> list[Suspect]:
    """Each dimension of origin whose mix differs from that of the rows before."""
    before = scene.before
    if before is None:
        return []
    out = []
    for dimension, (codes, names) in scene.now.origins.items():
        earlier, earlier_names = before.origins.get(dimension, (np.empty(0, np.int64), []))
        every = list(dict.fromkeys([*earlier_names, *names]))
        place = {name: i for i, name in enumerate(every)}
        now = _counts(codes, names, place)
        then = _counts(earlier, earlier_names, place)
        if then.sum() < LEAST or now.sum() <= 0 or len(every) < 2:
            continue
        shares = (then + 0.5) / (then + 0.5).sum()
        n = now.sum()
        # the usual mix is itself an estimate from few rows
        nats = float(movement.learned(now * min(1.0, then.sum() / n), shares))
        if nats <= 0.0:
            continue
        most = int(np.argmax(now / n - shares))
        words = (
            f"{dimension}={clean(every[most], 40)} went from {percent(float(shares[most]))} to "
            f"{percent(float(now[most] / n))} of the rows"
        )
        moved = scene.answers.moved
        cause = Cause(
            class_="covariate",
            kind="population_shift",
            action=Action.RETRAIN if moved > SCORE else Action.IGNORE,
            features=tuple(k.name for k in scene.close[:3] if k.moved > 5.0),
            words=f"moved because {words}",
            confidence=0.0,
            because=f"{words}; the mix of sources explains what moved",
        )
        out.append(Suspect(cause, nats, PRIOR, None, {"dimension": dimension}))
    return out


def _counts(
    codes: np.ndarray[tuple[int], np.dtype[np.int64]], names: list[str], place: dict[str, int]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    out = np.zeros(len(place))
    if len(codes):
        heads = np.bincount(codes[codes >= 0], minlength=len(names))
        for name, count in zip(names, heads.tolist(), strict=False):
            out[place[name]] += count
    return out


RULE = Rule("population_shift", (), weigh=weigh)
