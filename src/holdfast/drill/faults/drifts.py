"""The world moves, the pipeline is fine: inputs, base rate, and shifts that do not matter."""

from __future__ import annotations

import numpy as np

from holdfast.drill.faults.base import (
    Fault,
    Injected,
    Skipped,
    edited,
    put_numbers,
    taken,
)
from holdfast.drill.scene import FloatArray, IntArray, Scene
from holdfast.records import Action

TILTS = (0.35, 0.7, 1.2)
TINY = (0.02, 0.03, 0.05)
ODDS = (1.6, 2.6, 5.0)
SHIFTS = (0.3, 0.6, 1.0)
#: rows kept by a choice of rows, at least this share on average
KEPT = 0.4
#: the ramp is up after this part of the rows
RAMP = 0.6
#: an input that the model needs less than this is harmless
HARMLESS = 0.02


def standing(scene: Scene, name: str) -> FloatArray:
    """Shape (n,): standardised rank of each row's value; categories in a fixed random order."""
    if name in scene.categories:
        ranked = [s for s, _ in scene.spellings(name)]
        order = np.random.default_rng(len(ranked)).permutation(len(ranked))
        places = {s: float(order[i]) for i, s in enumerate(ranked)}
        values = scene.values(name)
        table = np.array([*(places[s] for s in values.names), np.nan])
        z = table[values.codes]
    else:
        x = scene.number(name)
        z = np.searchsorted(np.sort(x[~np.isnan(x)]), x).astype(np.float64)
        z[np.isnan(x)] = np.nan
    middle = np.nanmean(z) if not np.isnan(z).all() else 0.0
    z = np.where(np.isnan(z), middle, z)
    return np.asarray(np.clip((z - z.mean()) / (z.std() + 1e-9), -2.0, 2.0), np.float64)


def choose(scene: Scene, rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Rows before the onset, and later ones with a chance in proportion to their weight.

    The proportion gives way at the top where otherwise fewer than 40 % would be left.
    """
    later = scene.after
    w = weights / weights[later].max()
    low, high = 1.0, 1.0 / max(float(w[later].min()), 1e-9)
    if w[later].mean() < KEPT:
        for _ in range(60):
            middle = (low + high) / 2.0
            full = np.minimum(w[later] * middle, 1.0).mean()
            low, high = (middle, high) if full < KEPT else (low, middle)
    chance = np.where(later, np.minimum(w * low, 1.0), 1.0)
    return np.flatnonzero(rng.random(len(scene)) < chance)


def _movable(scene: Scene) -> list[str]:
    names = (*scene.numbers, *scene.categories)
    return [n for n in names if len(scene.table.column(n).unique().drop_null()) > 1]


def _tilted(
    scene: Scene, rng: np.random.Generator, tilt: float, gradual: bool
) -> Injected | Skipped:
    picked = scene.pick(_movable(scene), rng, top=0.5)
    if not picked:
        return Skipped("it takes an input of two or more values")
    [name] = picked
    side = 1.0 if rng.random() < 0.5 else -1.0
    slope = np.full(len(scene), tilt * side)
    if gradual:
        since = np.arange(len(scene)) - scene.onset
        slope *= np.clip(since / max(1.0, RAMP * (len(scene) - scene.onset)), 0.0, 1.0)
    z = standing(scene, name)
    rows = choose(scene, rng, np.exp(slope * z - np.abs(slope) * 2.0))
    last = rows[-max(1, len(rows) // 4) :] if gradual else rows[rows >= scene.onset]
    moved = float(z[last].mean() - z.mean()) if len(last) else 0.0
    how = "slowly, in the end " if gradual else ""
    return taken(scene, rows, (name,), f"ranks move {how}by {moved:+.2f} sd", tilt)


def covariate_drift(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Other rows arrive: one input moves, and what goes with it."""
    return _tilted(scene, rng, TILTS[severity - 1], gradual=False)


def covariate_gradual(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """The same, coming slowly."""
    return _tilted(scene, rng, TILTS[severity - 1], gradual=True)


def tiny_drift(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """One input moves by a few hundredths of a standard deviation."""
    return _tilted(scene, rng, TINY[severity - 1], gradual=False)


def prior_shift(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """The base rate changes: rows of one outcome become commoner or rarer."""
    labels = scene.labels()
    if labels is None:
        return Skipped("it takes outcomes of two labels: name their column as target")
    odds = ODDS[severity - 1]
    up = bool(rng.random() < 0.5) and labels.mean() < 0.6
    weights = np.where(labels, odds if up else 1.0 / odds, 1.0)
    rows = choose(scene, rng, weights)
    later = labels[rows[rows >= scene.onset]]
    rate = float(later.mean()) if len(later) else 0.0
    note = f"the share of positive outcomes goes from {labels.mean():.0%} to {rate:.0%}"
    return taken(scene, rows, (), note, odds)


def harmless_drift(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """The number that the model needs least moves, everything else stays."""
    names = [n for n in scene.continuous(5) if n in scene.importance]
    if not names:
        return Skipped("it takes a number whose importance is known")
    name = min(names, key=lambda n: scene.importance[n])
    if scene.importance[name] > HARMLESS:
        return Skipped("the model needs every number")
    shift = SHIFTS[severity - 1]
    known = np.unique(scene.known(name))
    x = scene.number(name) + shift * scene.spread(name)
    near = known[np.clip(np.searchsorted(known, x), 0, len(known) - 1)]
    column = put_numbers(scene, name, scene.rows(rng, 1.0), np.where(np.isnan(x), np.nan, near))
    return edited(scene, {name: column}, f"up by {shift:g} sd", shift)


_QUIET = "nothing: this should stay silent"

FAULTS = (
    Fault(
        name="covariate_drift", kind="covariate_drift", class_="covariate",
        actions=(Action.RETRAIN, Action.IGNORE), inject=covariate_drift,
        says="other rows arrive: one input moves, and what goes with it",
        visible="watching the values of the inputs and the scores, not only the marks",
    ),
    Fault(
        name="covariate_gradual", kind="covariate_drift", class_="covariate",
        actions=(Action.RETRAIN, Action.IGNORE), inject=covariate_gradual,
        says="the inputs move slowly",
        visible="watching the values over long windows",
    ),
    Fault(
        name="prior_shift", kind="prior_shift", class_="prior", actions=(Action.RECALIBRATE,),
        inject=prior_shift, says="the base rate changes",
        visible="watching the scores, and outcomes as they come in",
    ),
    Fault(
        name="harmless_drift", kind="harmless_drift", class_="harmless",
        actions=(Action.IGNORE,), inject=harmless_drift, expect=False,
        says="an input that the model hardly needs moves", visible=_QUIET,
    ),
    Fault(
        name="tiny_drift", kind="none", class_="harmless", actions=(Action.IGNORE,),
        inject=tiny_drift, expect=False,
        says="an input moves by a few hundredths of a standard deviation", visible=_QUIET,
    ),
)  # fmt: skip
