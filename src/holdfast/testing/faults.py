"""Proof that a fault of a drill keeps its promises, and generated rows to try it on.

A fault may change rows from the onset on and no others, decides by the generator it is given and
nothing else, and is stronger at a higher severity. `fault_problems` tries all of that; an empty
list is the proof for those rows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from holdfast.drill.faults.base import SEVERITIES, Injected, Skipped, differs
from holdfast.drill.run import inject
from holdfast.drill.scene import Scene

if TYPE_CHECKING:
    from holdfast.drill.faults import Fault

#: category values that would show up in a note that quotes values
_WORDS = ("alpha", "bravo", "charlie", "delta")


def random_scene(seed: int = 0, rows: int = 1000) -> Scene:
    """Generated rows of every kind of column, with nulls, a time, an hour and an outcome.

    Example:
        >>> scene = random_scene(seed=1, rows=400)
        >>> len(scene), scene.onset, len(scene.numbers), len(scene.categories)
        (400, 100, 7, 4)
    """
    rng = np.random.default_rng(seed)
    word = rng.choice(_WORDS, rows, p=[0.5, 0.28, 0.14, 0.08])
    amount = np.round(rng.lognormal(6.0, 0.6, rows), 2)
    score = 1.0 / (1.0 + np.exp(-(amount - 450.0) / 300.0))

    def holes(values: np.ndarray, share: float, kind: pa.DataType | None = None) -> pa.Array:
        return pa.array(values, kind, mask=rng.random(rows) < share)

    table = pa.table(
        {
            "amount": holes(amount, 0.05),
            "small": pa.array(rng.normal(0.0, 1e-3, rows)),
            "narrow": pa.array(rng.normal(50.0, 5.0, rows), pa.float32()),
            "years": holes(rng.integers(18, 80, rows), 0.1, pa.int64()),
            "count": pa.array(rng.poisson(3.0, rows), pa.uint8()),
            "huge": pa.array(rng.integers(2**60, 2**60 + 1000, rows)),
            "hour": pa.array(rng.integers(0, 24, rows)),
            "word": holes(word, 0.03, pa.large_string()),
            "level": pa.array([f"grade {i}" for i in rng.integers(0, 9, rows)], pa.large_string()),
            "code": holes(rng.integers(1, 5, rows), 0.02, pa.int16()),
            "flag": pa.array(rng.random(rows) < 0.2),
            "seen": pa.array(
                1_750_000_000_000_000 + np.arange(rows) * 600_000_000, pa.timestamp("us", "UTC")
            ),
            "outcome": pa.array(
                np.where(rng.random(rows) < score, "bad", "good").tolist(), pa.large_string()
            ),
        }
    )

    def scores(rows_: pa.Table) -> np.ndarray:
        x = rows_.column("amount").to_numpy(zero_copy_only=False).astype(np.float64)
        x = np.where(np.isnan(x), 450.0, x)
        return np.asarray(1.0 / (1.0 + np.exp(-(x - 450.0) / 300.0)), np.float64)

    return Scene(
        table,
        onset=rows // 4,
        numbers=("amount", "small", "narrow", "years", "count", "huge", "hour"),
        categories=("word", "level", "code", "flag"),
        times=("seen",),
        importance={"amount": 0.5, "word": 0.4, "years": 0.3, "small": 0.0},
        target="outcome",
        positive="bad",
        scores=scores,
    )


def fault_problems(fault: Fault, scene: Scene, *, seed: int = 0) -> list[str]:
    """What a fault does wrong on a scene, in words; empty where nothing was found.

    Args:
        fault: the fault under test.
        scene: rows to try it on, for example `random_scene`.
        seed: of the columns and rows drawn.
    """
    before = scene.table.slice(0)
    found: list[str] = []
    strengths: list[tuple[int, float, int]] = []
    for severity in SEVERITIES:
        once = inject(fault, scene, severity, seed)
        again = inject(fault, scene, severity, seed)
        if not scene.table.equals(before):
            return [f"severity {severity}: the scene itself was changed"]
        if isinstance(once, Skipped) or isinstance(again, Skipped):
            alike = isinstance(once, Skipped) and isinstance(again, Skipped) and once == again
            if not alike or not getattr(once, "why", ""):
                found.append(f"severity {severity}: not skipped alike, or without a reason")
            continue
        found += [f"severity {severity}: {text}" for text in _problems(once, again, scene)]
        touched = int(once.affected.sum()) if once.aligned else 0
        strengths.append((severity, once.strength, touched))
    for (_, weak, few), (severity, strong, many) in pairwise(strengths):
        if strong < weak or many < few:
            found.append(f"severity {severity} is milder than the one before it")
    return found


def _problems(once: Injected, again: Injected, scene: Scene) -> list[str]:
    found = []
    if not (once.table.equals(again.table) and (once.affected == again.affected).all()):
        found.append("another outcome with the same seed")
    if {n: v.to_pylist() for n, v in once.mixed.items()} != {
        n: v.to_pylist() for n, v in again.mixed.items()
    }:
        found.append("other values with the same seed")
    if once.table.column_names != scene.table.column_names:
        return [*found, "columns came or went"]
    if once.affected.shape != (once.table.num_rows,) or not once.affected.any():
        return [*found, "`affected` does not fit the rows"]
    if once.affected[: scene.onset].any():
        found.append("rows before the onset are affected")
    if not once.note or any(word in once.note for word in _WORDS):
        found.append("the note is empty or quotes a value")
    if not set(once.columns) <= set(scene.table.column_names):
        found.append("a guilty column is not there")
    changed = {
        n: differs(
            scene.table.column(n).slice(0, scene.onset), once.table.column(n).slice(0, scene.onset)
        )
        for n in scene.table.column_names
    }
    found += [f"`{n}` changes before the onset" for n, rows in changed.items() if rows.any()]
    if once.aligned:
        found += _aligned_problems(once, scene)
    return found


def _aligned_problems(once: Injected, scene: Scene) -> list[str]:
    if once.table.num_rows != len(scene):
        return ["rows came or went although aligned"]
    found = []
    allowed = {*once.columns, *((scene.target,) if scene.target else ())}
    for name in scene.table.column_names:
        rows = differs(scene.table.column(name), once.table.column(name))
        if rows.any() and name not in allowed:
            found.append(f"`{name}` changes and is not named")
        if (rows & ~once.affected).any():
            found.append(f"`{name}` changes in rows that are not `affected`")
    for name, values in once.mixed.items():
        if len(values) != len(scene) or values.type == scene.table.column(name).type:
            found.append(f"the values of another type of `{name}` do not fit")
    return found
