"""Values that do not arrive: nulls, and fillers in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.drill.faults.base import (
    Fault,
    Injected,
    Skipped,
    edited,
    put,
    put_numbers,
)
from holdfast.drill.scene import BoolArray, Scene

MISSING = (0.05, 0.3, 1.0)
FILLED = (0.15, 0.4, 1.0)
SENTINEL = -999.0
WORD = "unknown"
#: columns that one source brings
SOURCE = 3


def _without(scene: Scene, name: str, rows: BoolArray) -> Any:
    column = scene.table.column(name)
    return put(column, rows, pa.scalar(None, column.type))


def missing(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """One column is null in a share of the rows."""
    names = scene.pick(scene.present(scene.inputs), rng)
    if not names:
        return Skipped("no input of the model has a value")
    share = MISSING[severity - 1]
    rows = scene.rows(rng, share)
    note = f"null in {share:.0%} of the rows"
    return edited(scene, {n: _without(scene, n, rows) for n in names}, note, share)


def missing_source(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Several columns of one source are null in the same rows."""
    inputs = scene.present(scene.inputs)
    names = scene.pick(inputs, rng, min(SOURCE, len(inputs) - 1))
    if len(names) < 2:
        return Skipped("it takes three inputs")
    share = MISSING[severity - 1]
    rows = scene.rows(rng, share)
    note = f"null together in {share:.0%} of the rows"
    return edited(scene, {n: _without(scene, n, rows) for n in names}, note, share)


def _filled(scene: Scene, rng: np.random.Generator, severity: int, what: str) -> Injected | Skipped:
    names = scene.pick([n for n in scene.numbers if len(scene.known(n))], rng)
    if not names:
        return Skipped("it takes a number")
    [name] = names
    share = FILLED[severity - 1]
    rows = scene.rows(rng, share)
    value = {"median": float(np.median(scene.known(name))), "zero": 0.0, "-999": SENTINEL}[what]
    column = put_numbers(scene, name, rows, np.full(len(scene), value))
    return edited(scene, {name: column}, f"{what} in {share:.0%} of the rows", share)


def default_filled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number is filled with its median."""
    return _filled(scene, rng, severity, "median")


def zero_filled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number is filled with zero."""
    return _filled(scene, rng, severity, "zero")


def sentinel_filled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number is filled with a sentinel."""
    return _filled(scene, rng, severity, "-999")


def _spelled(
    scene: Scene, rng: np.random.Generator, severity: int, word: str | None
) -> Injected | Skipped:
    texts = [
        n for n in scene.categories
        if pa.types.is_large_string(scene.table.column(n).type) and scene.spellings(n)
    ]  # fmt: skip
    names = scene.pick(texts, rng)
    if not names:
        return Skipped("it takes a category that is text")
    [name] = names
    ranked = scene.spellings(name)
    share = FILLED[severity - 1]
    rows = scene.rows(rng, share)
    column = put(scene.table.column(name), rows, pa.scalar(word or ranked[0][0], pa.large_string()))
    what = "the commonest category" if word is None else f"the word '{word}'"
    return edited(scene, {name: column}, f"{what} in {share:.0%} of the rows", share)


def prefilled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A category is filled with its commonest one upstream, so that no null is seen."""
    return _spelled(scene, rng, severity, None)


def unknown_filled(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A category is filled with a word for nothing."""
    return _spelled(scene, rng, severity, WORD)


_WATCH = "watching the share of the filler itself (its value or category), not only nulls"

FAULTS = (
    Fault(
        name="missing", kind="missing", inject=missing,
        says="a column arrives null",
        visible="a null rule for the column in the contract",
    ),
    Fault(
        name="missing_source", kind="missing", inject=missing_source,
        says="several columns of one source arrive null together",
        visible="a null rule for the columns in the contract",
    ),
    Fault(
        name="default_filled", kind="default_filled", inject=default_filled,
        says="a number is filled with its median upstream", visible=_WATCH,
    ),
    Fault(
        name="zero_filled", kind="default_filled", inject=zero_filled,
        says="a number is filled with zero upstream",
        visible="a lower bound above zero, or zero as a sentinel of the column in the contract",
    ),
    Fault(
        name="sentinel_filled", kind="default_filled", inject=sentinel_filled,
        says="a number is filled with -999 upstream",
        visible="-999 as a sentinel of the column in the contract",
    ),
    Fault(
        name="prefilled", kind="default_filled", inject=prefilled,
        says="a category is filled with its commonest one upstream", visible=_WATCH,
    ),
    Fault(
        name="unknown_filled", kind="default_filled", inject=unknown_filled,
        says="a category is filled with a word for nothing",
        visible="the list of categories in the contract",
    ),
)  # fmt: skip
