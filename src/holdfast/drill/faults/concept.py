"""The relation between inputs and outcome changes; the inputs look as ever."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from holdfast.drill.faults.base import (
    Fault,
    Injected,
    Skipped,
    edited,
    put,
    put_numbers,
    with_columns,
)
from holdfast.drill.faults.drifts import standing
from holdfast.drill.scene import BoolArray, FloatArray, Scene
from holdfast.records import Action

SEGMENTS = (0.15, 0.3, 0.5)
NOISE = (0.08, 0.2, 0.4)
REVERSED = (0.35, 0.7, 1.0)
_NO_LABELS = Skipped(
    "only outcomes show it, and this table has none of two labels: name their column as target"
)


def _relabelled(
    scene: Scene, labels: BoolArray, rows: BoolArray, note: str, strength: float
) -> Injected | Skipped:
    """The rows with other outcomes in some of them."""
    target = str(scene.target)
    column = scene.table.column(target)
    negative = next(v for v in column.unique().to_pylist() if v != scene.positive)
    words = pa.array([negative, scene.positive], column.type)
    return edited(
        scene, {target: put(column, rows, words.take(pa.array(labels.astype(np.int64))))},
        note, strength,
    )  # fmt: skip


def _of(
    outcome: Injected | Skipped, columns: tuple[str, ...], chances: FloatArray
) -> Injected | Skipped:
    if isinstance(outcome, Skipped):
        return outcome
    return outcome._replace(columns=columns, chances=chances)


def concept_segment(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """In one segment the outcome turns into its opposite."""
    labels = scene.labels()
    if labels is None:
        return _NO_LABELS
    picked = scene.pick((*scene.numbers, *scene.categories), rng, top=0.5)
    if not picked:
        return Skipped("it takes an input")
    [name] = picked
    share = SEGMENTS[severity - 1]
    z = standing(scene, name)
    edge = np.quantile(z, 1.0 - share)
    upper = min((z > edge, z >= edge), key=lambda rows: abs(float(rows.mean()) - share))
    rows = upper & scene.after
    share = float(rows.sum() / scene.after.sum())
    if not 0.02 <= share <= 0.8:
        return Skipped("the segment falls on one value")
    note = f"outcomes turned in the upper {share:.0%} of the rows"
    p = scene.chances()
    turned = np.where(rows, 1.0 - p, p)
    return _of(_relabelled(scene, ~labels, rows, note, SEGMENTS[severity - 1]), (name,), turned)


def concept_rotate(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """One input works the other way round: outcomes are drawn from the model with it reversed."""
    labels = scene.labels()
    if labels is None:
        return _NO_LABELS
    picked = scene.pick(scene.continuous(2), rng, top=0.35)
    if not picked or scene.scores is None:
        return Skipped("it takes a number and a model that can be asked")
    [name] = picked
    x = scene.number(name)
    known = ~np.isnan(x)
    mirrored = x.copy()
    ranks = np.argsort(np.argsort(x[known], kind="stable"), kind="stable")
    mirrored[known] = np.sort(x[known])[::-1][ranks]
    everywhere = np.ones(len(scene), np.bool_)
    column = put_numbers(scene, name, everywhere, mirrored)
    before = scene.scores(scene.table)
    after = scene.scores(with_columns(scene.table, {name: column}))
    if np.isnan(before).any() or np.isnan(after).any():
        return Skipped("the model cannot score every row")
    share = REVERSED[severity - 1]
    chances = (1.0 - share) * before + share * after
    drawn = rng.random(len(scene)) < chances
    note = f"the effect of the input is reversed by {share:.0%}"
    return _of(_relabelled(scene, drawn, scene.after, note, share), (name,), chances)


def concept_noise(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Outcomes turn into their opposite anywhere."""
    labels = scene.labels()
    if labels is None:
        return _NO_LABELS
    share = NOISE[severity - 1]
    rows = scene.rows(rng, share)
    p = scene.chances()
    note = f"{share:.0%} of the outcomes turned"
    return _of(_relabelled(scene, ~labels, rows, note, share), (), p + share * (1.0 - 2.0 * p))


_LABELS = "outcomes as they come in: give the column with --target"

FAULTS = (
    Fault(
        name="concept_segment", kind="concept_drift", class_="concept",
        actions=(Action.RETRAIN,), inject=concept_segment, labels=True,
        says="in one segment the outcome turns into its opposite", visible=_LABELS,
    ),
    Fault(
        name="concept_rotate", kind="concept_drift", class_="concept",
        actions=(Action.RETRAIN,), inject=concept_rotate, labels=True,
        says="one input works the other way round", visible=_LABELS,
    ),
    Fault(
        name="concept_noise", kind="concept_drift", class_="concept",
        actions=(Action.RETRAIN,), inject=concept_noise, labels=True,
        says="outcomes turn into their opposite anywhere", visible=_LABELS,
    ),
)  # fmt: skip
