"""Right values in the wrong rows: a join that serves older or other rows."""

from __future__ import annotations

import numpy as np

from holdfast.diagnosis.evidence import Cause, Evidence
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.rules.base import Rule, Suspect, broken, hit, pipeline
from holdfast.diagnosis.rules.duplicates import repeated
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures.alone import bond_ratio
from holdfast.diagnosis.signatures.lag import lag_of
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.diagnosis.signatures.together import gather
from holdfast.diagnosis.words import percent

PRIOR = -3.0
#: columns whose values are compared with earlier rows one by one
LAGGED = 2
#: different values that must come twice before rows count as served the row before's
VARIED = 4
#: of those along which labels disagree
BY_LABELS = 4
#: nats from which an earlier row counts as the source
LAG = 8.0


def match(evidence: Evidence) -> Cause | None:
    """The share of values that do not suit the other columns is up."""
    moved = evidence.rising("dependence")
    if not moved:
        return None
    because = "values no longer suit the other columns of their rows"
    return pipeline("stale_misaligned", moved, "out of step with their rows", 0.5, because)


def weigh(scene: Scene) -> list[Suspect]:
    """Columns whose values are as frequent as ever but do not suit their rows."""
    found = {}
    for name, look in scene.looks.items() if not scene.apart else [(scene.apart, scene.close[0])]:
        if look.ratios.size and not scene.hangs_on(name):
            mixture = fit(bond_ratio(look))
            noise = look.table_noise(0.5 * look.ratios.size)
            mixture = mixture._replace(nats=mixture.nats - noise)
            if mixture.nats > 0.0:
                found[name] = mixture
    ranked = sorted(found, key=lambda n: -found[n].nats)
    chosen = ranked[:LAGGED]
    chosen += [k.name for k in scene.close[:LAGGED] if k.name not in chosen]
    chosen += [name for name in _of_labels(scene) if name not in chosen]
    chosen = [name for name in chosen if not scene.hangs_on(name)]
    chosen += [name for name in ranked[LAGGED:6] if name not in chosen]
    whole_rows = bool(chosen) and scene.keep("repeated", repeated)[0].nats > LAG
    out = []
    for name in chosen:
        look = scene.looks[name]
        mixture = found.get(name) or fit(np.zeros(scene.rows))
        lag, nats = (0, 0.0) if whole_rows else _lag(look, mixture.start)
        lag = lag if nats > LAG else 0
        if not lag and name not in found:
            continue
        words = "served from other rows"
        because = f"{percent(mixture.share)} of the values do not suit their rows; "
        because += "their shares are as before"
        if lag:
            words = f"served from {lag} rows earlier"
            because += f"; they equal those {lag} rows before"
            if name not in found:  # no other column tells, the values do
                mixture = Mixture(nats, 1.0, 0, np.ones(scene.rows))
                because = f"the values equal those {lag} rows before"
        cause = broken("stale_misaligned", (name,), words, because)
        suspect = hit(cause, mixture, PRIOR, bond_ratio, share=mixture.share, lag=lag)
        out.append(suspect._replace(nats=max(mixture.nats, nats, mixture.nats + 0.7 * nats)))
    return [*out, *_of_the_row_before(scene)]


def _of_the_row_before(scene: Scene) -> list[Suspect]:
    """Columns that hold, of many different values, the one of the row before, in some rows."""
    if not any(m.code == "repeat" for m in scene.evidence.moved):
        return []
    if scene.keep("repeated", repeated)[0].nats > 0.0:  # whole rows come again
        return []
    found = {}
    for name in scene.crossed:
        look = scene.looks[name]
        again, value = _again(look)
        heads = np.bincount(value[again]) if again.any() else np.zeros(1)
        if (heads > 0).sum() < VARIED or heads.max() > 0.5 * heads.sum():
            continue
        usual = np.maximum(np.exp(look.log_p), look.face.sticky)
        found[name] = fit(np.where(again, -np.log(usual), -np.inf))
    got = gather(found)
    if got is None:
        return []
    names, mixture = got
    share = float(mixture.weight[mixture.start :].mean())
    because = f"{percent(share)} of the rows hold the value of the row before, many different ones"
    cause = broken("stale_misaligned", names, "served from the row before", because)
    return [hit(cause, mixture, PRIOR, share=share, lag=1)]


def _again(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Shape (n,): equal to the row before; and values as codes."""
    if look.is_number:
        value = np.unique(look.numbers, return_inverse=True)[1]
    else:
        value = np.maximum(look.values.codes, 0)
    again = np.zeros(len(value), bool)
    again[1:] = (value[1:] == value[:-1]) & look.present[1:] & look.present[:-1]
    return again, value


def _of_labels(scene: Scene) -> list[str]:
    """Columns along which labels disagree: a wrong value does that even where no column tells."""
    moved = [m.field for m in scene.evidence.moved if m.code == "label" and m.field in scene.looks]
    return list(dict.fromkeys(moved))[:BY_LABELS]


def _lag(look: Look, start: int) -> tuple[int, float]:
    before = look.scene.before
    earlier = before.columns.get(look.name) if before is not None else None
    if earlier is None or earlier.kind is not look.face.kind:
        return 0, 0.0
    if look.is_number:
        every = np.concatenate((earlier.numbers, look.values.numbers))
        values, codes = np.unique(np.nan_to_num(every, nan=np.inf), return_inverse=True)
        codes = np.where(np.isnan(every), -1, codes)
        if len(values) < 6:
            return 0, 0.0
    else:
        places = {name: i for i, name in enumerate(earlier.names)}
        met = [places.setdefault(name, len(places)) for name in look.values.names]
        table = np.array([*met, -1], np.int64)
        codes = np.concatenate((earlier.codes, table[look.values.codes]))
        if len(places) < 6:
            return 0, 0.0
    m = len(earlier)
    shares = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=0)) + 1) / len(codes)
    surprise = np.where(codes[m:] >= 0, -np.log(np.maximum(shares[codes[m:]], 1e-6)), 0.0)
    return lag_of(codes[:m], codes[m:], surprise, start)


RULE = Rule("stale_misaligned", ("dependence",), match, weigh, close=True)
