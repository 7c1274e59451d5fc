"""How large a drift is, and whether the rows at hand can show it at all.

A monitor that misses a shift of 0.03 standard deviations has not failed. The effect `e` of a drift
is measured here in standard deviations, and `reach` says how much evidence the stream carries:

* covariate: the shift of the column's rank in the reference, over the rank's standard deviation;
  for categories the root of the chi-squared distance between the shares;
* prior: the shift of the label rate over sqrt(p(1 - p));
* concept: sqrt(mean((q - p)^2 / (p(1 - p)))), p and q the probability of a positive before and
  after, from the generator of the fault.

`reach` is the sum over the usable rows of max(e - FLOOR, 0)^2 / 2, in nats. Below `ENOUGH` nats
the rows do not suffice even for a bettor who knows the change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FLOOR = 0.07
ENOUGH = 20.0
_RAMPS = {"covariate_gradual", "covariate_ramp"}


def effect(case: Any, clean: Any) -> dict[str, float] | None:
    """Effect, usable rows and reach of the drift in `case`; None for what is no drift.

    Args:
        case: a faultbench case with an onset.
        clean: what it was made from, `(dataset, model, reference, X, y)` of the builder.
    """
    if case.onset is None or case.cls not in {"covariate", "prior", "concept"}:
        return None
    usable = case.n_windows * case.rows - case.onset
    if case.cls != "covariate":
        usable -= case.meta["label_delay_rows"]
    if usable <= 0:
        return {"effect": 0.0, "usable_rows": 0.0, "reach": 0.0}
    size = _SIZES[case.cls](case, clean)
    if size is None:
        return None
    rows = np.full(usable, size)
    if case.fault in _RAMPS:  # `size` is the effect at the end of a straight ramp
        rows = size * np.arange(1, usable + 1) / usable
    reach = float(np.sum(np.maximum(rows - FLOOR, 0.0) ** 2) / 2)
    return {"effect": round(size, 4), "usable_rows": float(usable), "reach": round(reach, 2)}


def _covariate(case: Any, clean: Any) -> float | None:
    if not case.columns:
        return None
    reference, stream = clean[2].X, case.X.iloc[case.onset : case.n_windows * case.rows]
    sizes = []
    for name in case.columns:
        if name in case.meta["categorical"]:
            sizes.append(_shares(reference[name], stream[name]))
        else:
            sizes.append(_ranks(_numbers(reference[name]), _numbers(stream[name]), case.fault))
    return max(sizes)


def _numbers(column: Any) -> np.ndarray:
    if column.dtype.kind in "fiub":
        return column.to_numpy(float)
    import pandas as pd

    return pd.to_numeric(column, errors="coerce").to_numpy(float)


def _ranks(reference: np.ndarray, stream: np.ndarray, fault: str) -> float:
    ordered = np.sort(reference[~np.isnan(reference)])
    known = ~np.isnan(stream)
    if not len(ordered) or not known.any():
        return 0.0

    def rank(values: np.ndarray) -> np.ndarray:
        low = np.searchsorted(ordered, values, "left")
        return (low + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))

    spread = float(np.std(rank(ordered))) or 1.0
    shift = (rank(stream) - 0.5) / spread
    if fault in _RAMPS:  # least squares of a straight line from 0 at the onset, read at the end
        t = np.arange(1, len(stream) + 1) / len(stream)
        return abs(float(np.sum(t[known] * shift[known]) / np.sum(t[known] ** 2)))
    return abs(float(np.mean(shift[known])))


def _shares(reference: Any, stream: Any) -> float:
    old, new = reference.value_counts(normalize=True), stream.value_counts(normalize=True)
    keys = old.index.intersection(new.index)
    p, q = old.to_numpy(float), new.reindex(old.index).fillna(0.0).to_numpy(float)
    unseen = 1.0 - float(new.reindex(keys).sum())
    noise = (len(p) - 1) * (1 / len(stream) + 1 / len(reference))
    distance = float(np.sum((q - p) ** 2 / p)) + unseen**2 * len(reference)
    return float(np.sqrt(max(distance - noise, 0.0)))


def _prior(case: Any, clean: Any) -> float:
    p = float(np.mean(clean[2].y))
    q = float(np.mean(case.y[case.onset : case.n_windows * case.rows]))
    return abs(q - p) / float(np.sqrt(max(p * (1 - p), 1e-9)))


def _concept(case: Any, clean: Any) -> float | None:
    _, model, _, X, y = clean
    end = case.n_windows * case.rows
    after = slice(case.onset, end)
    p = np.clip(model.predict(X.iloc[after]), 0.01, 0.99)
    if case.fault == "concept_rotate":
        q = _reversed(case, model, X.iloc[:end])[after] * (0.35, 0.7, 1.0)[case.severity - 1]
        q = q + p * (1 - (0.35, 0.7, 1.0)[case.severity - 1])
    elif case.fault == "concept_noise":
        share = (0.08, 0.2, 0.4)[case.severity - 1]
        q = p * (1 - share) + (1 - p) * share
    else:  # labels flipped in a fixed segment
        flipped = case.y[after] != y[after]
        if not flipped.any():
            return 0.0
        q = np.where(flipped, 1 - p, p)
    return float(np.sqrt(np.mean((q - p) ** 2 / (p * (1 - p)))))


def _reversed(case: Any, model: Any, X: Any) -> np.ndarray:
    """Scores with the column's ranks turned round, as the fault `concept_rotate` makes them."""
    name = case.columns[0]
    values = _numbers(X[name])
    order = np.argsort(np.argsort(np.where(np.isnan(values), np.nanmedian(values), values)))
    turned = X.copy()
    turned[name] = np.sort(values)[::-1][order]
    return np.clip(model.predict(turned), 0.01, 0.99)


_SIZES = {"covariate": _covariate, "prior": _prior, "concept": _concept}
