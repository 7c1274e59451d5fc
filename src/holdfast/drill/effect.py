"""How large a fault is in what could be watched: the move of the best single share, in sd.

The effect of a fault on a column is the largest move of any one share (above a quantile of the
clean rows, of a category, of nulls) over its standard deviation, ``|p' - p| / sqrt(p (1 - p))``.
Its effect on outcomes is ``sqrt(mean((p' - p)^2 / (p (1 - p))))`` over the rows, p the model's
score. A change below 0.07 is taken as too small to matter, and one above it needs about
``40 / (effect - 0.07)^2`` rows (``research/detection_drift.md`` 2 and 4).
"""

from __future__ import annotations

import math

import numpy as np

from holdfast.drill.faults.base import Injected
from holdfast.drill.scene import FloatArray, Scene
from holdfast.frames.column import ColumnView
from holdfast.frames.values import ValueKind, read_values

FLOOR = 0.07
LEVELS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98])


def rows_needed(effect: float) -> float:
    """Rows until a change of this effect is found; infinite below the floor.

    >>> round(rows_needed(0.21)), rows_needed(0.05)
    (2041, inf)
    """
    return 40.0 / (effect - FLOOR) ** 2 if effect > FLOOR else math.inf


def on_columns(scene: Scene, injected: Injected) -> tuple[float, str]:
    """The largest effect on a column of the fault (of any input where it has none), and on which.

    Shares after are those of the faulty rows from the onset on, shares before those of the same
    rows without the fault, or of all clean rows where rows do not stay where they are.
    """
    best, where = 0.0, ""
    for name in injected.columns or scene.inputs:
        if name not in scene.inputs:
            continue
        effect = math.inf if name in injected.mixed else _moved(scene, injected, name)
        if effect > best:
            best, where = effect, name
    return best, where


def _moved(scene: Scene, injected: Injected, name: str) -> float:
    before = scene.values(name)
    if injected.aligned:
        before = before.take(np.arange(scene.onset, len(scene)))
    view = ColumnView(name, injected.table.column(name).slice(scene.onset))
    after = read_values(before.kind, view)
    if before.kind is ValueKind.CATEGORY:
        places = {s: i for i, s in enumerate(dict.fromkeys([*before.names, *after.names]))}
        size = len(places) + 1
        p = _shares(np.array([places[s] for s in before.names]), before.codes, size)
        q = _shares(np.array([places[s] for s in after.names]), after.codes, size)
    else:
        known = before.numbers[~np.isnan(before.numbers)]
        edges = np.unique(np.quantile(known, LEVELS)) if len(known) else np.zeros(1)
        p, q = _above(before.numbers, edges), _above(after.numbers, edges)
    noise = 1.0 / max(len(before), 1)  # a share that the clean rows do not know is not zero
    spread = np.sqrt(np.clip(p, noise, 1.0 - noise) * (1.0 - np.clip(p, noise, 1.0 - noise)))
    return float(np.max(np.abs(q - p) / spread, initial=0.0))


def _shares(places: np.ndarray, codes: np.ndarray, size: int) -> FloatArray:
    """Share of every category, nulls last."""
    table = np.append(places, size - 1).astype(np.int64)
    return np.bincount(table[codes], minlength=size) / max(len(codes), 1)


def _above(numbers: FloatArray, edges: FloatArray) -> FloatArray:
    """Shares above and below each edge, and of nulls."""
    known = numbers[~np.isnan(numbers)]
    rows = max(len(numbers), 1)
    above = np.array([(known > e).sum() for e in edges]) / rows
    below = np.array([(known < e).sum() for e in edges]) / rows
    return np.concatenate((above, below, [(len(numbers) - len(known)) / rows]))


def on_labels(scene: Scene, injected: Injected) -> float:
    """The effect on outcomes: of their rate, or of their chances where the fault tells them."""
    before = scene.labels()
    if before is None or scene.target is None:
        return 0.0
    if injected.chances is not None:
        later = scene.after
        p, q = scene.chances()[later], injected.chances[later]
        return float(np.sqrt(np.mean((q - p) ** 2 / (p * (1.0 - p)))))
    column = injected.table.column(scene.target).slice(scene.onset)
    after = np.array([v == scene.positive for v in column.to_pylist()])
    rate = float(before.mean())
    return abs(float(after.mean()) - rate) / math.sqrt(max(rate * (1.0 - rate), 1e-9))
