"""Values that are real but stand in the wrong place: swapped, stuck, stale, shifted in time."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.drill.faults.base import (
    Fault,
    Injected,
    Skipped,
    edited,
    is_whole,
    put,
    put_numbers,
)
from holdfast.drill.scene import Scene

SWAPPED = (0.15, 0.5, 1.0)
STUCK = STALE = (0.3, 0.6, 1.0)
HOURS = (1, 5, 9)
#: pairs of columns looked at, at most
PAIRS = 400


def column_swap(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Two numbers change places."""
    levels = np.linspace(0.05, 0.95, 19)
    shape = {n: np.quantile(scene.known(n), levels) for n in scene.continuous(5)}
    pairs = []
    for a, b in list(combinations(shape, 2))[:PAIRS]:
        apart = float(np.abs(shape[a] - shape[b]).mean())
        if apart > 0.3 * min(scene.spread(a), scene.spread(b)):
            pairs.append((a, b))
    if not pairs:
        return Skipped("it takes two numbers of different size")
    weights = np.array(
        [scene.importance.get(a, 0.0) + scene.importance.get(b, 0.0) + 1e-6 for a, b in pairs]
    )
    a, b = pairs[int(rng.choice(len(pairs), p=weights / weights.sum()))]
    share = SWAPPED[severity - 1]
    rows = scene.rows(rng, share)
    columns = {
        a: put_numbers(scene, a, rows, scene.number(b)),
        b: put_numbers(scene, b, rows, scene.number(a)),
    }
    return edited(scene, columns, f"exchanged in {share:.0%} of the rows", share)


def stuck(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A column keeps repeating its last value."""
    names = [n for n in scene.inputs if len(scene.table.column(n).unique().drop_null()) > 1]
    picked = scene.pick(names, rng)
    if not picked:
        return Skipped("it takes a column of two or more values")
    [name] = picked
    share = STUCK[severity - 1]
    column = scene.table.column(name)
    known = np.flatnonzero(pc.is_valid(column.slice(0, scene.onset)).to_numpy(zero_copy_only=False))
    if not len(known):
        return Skipped("the column has no value before the onset")
    last = column[int(known[-1])]
    rows = scene.rows(rng, share)
    note = f"stuck at its last value in {share:.0%} of the rows"
    return edited(scene, {name: put(column, rows, last)}, note, share)


def stale_join(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A column comes from other, older rows: right values, wrong row."""
    picked = scene.pick(scene.continuous(5) or scene.numbers, rng, top=0.4)
    if not picked:
        return Skipped("it takes a number")
    [name] = picked
    share = STALE[severity - 1]
    rows = scene.rows(rng, share)
    n = len(scene)
    source = np.arange(n) - int(rng.integers(n // 8, n // 4 + 1))
    early = rng.integers(0, scene.onset, n)
    source = np.where(source < 0, early, source)
    column = scene.table.column(name)
    values = column.take(pa.array(source)).combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    note = f"from other rows in {share:.0%} of the rows"
    return edited(scene, {name: put(column, rows, values)}, note, share)


def timezone_shift(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Times arrive in another time zone."""
    hours = HOURS[severity - 1]
    note = f"{hours} h later"
    rows = scene.rows(rng, 1.0)
    stamps = [n for n in scene.times if pa.types.is_timestamp(scene.table.column(n).type)]
    clocks = [n for n in scene.numbers if _is_hour(scene, n)]
    picked = scene.pick(clocks or stamps, rng)
    if not picked:
        return Skipped("no input is a time, or an hour of the day from 0 to 23")
    [name] = picked
    if name in clocks:
        column = put_numbers(scene, name, rows, (scene.number(name) + hours) % 24)
    else:
        stamp = scene.table.column(name)
        micros = pc.add(stamp.cast(pa.int64()), hours * 3_600_000_000)
        later = micros.cast(stamp.type).combine_chunks()
        if isinstance(later, pa.ChunkedArray):
            later = pa.concat_arrays(later.chunks)
        column = put(stamp, rows, later)
    return edited(scene, {name: column}, note, float(hours))


def _is_hour(scene: Scene, name: str) -> bool:
    """Whether a column is an hour of the day, by its name and its values."""
    x = scene.known(name)
    if not any(part in name.lower() for part in ("hour", "hr", "uur", "stunde")) or not len(x):
        return False
    whole = is_whole(scene, name) or bool((x == np.rint(x)).all())
    return whole and x.min() >= 0.0 and x.max() <= 23.0 and len(np.unique(x)) >= 8


FAULTS = (
    Fault(
        name="column_swap", kind="column_swap", inject=column_swap,
        says="two numbers change places",
        visible="tighter ranges for both columns, or an order rule between them, in the contract",
    ),
    Fault(
        name="stuck", kind="stuck", inject=stuck,
        says="a column keeps repeating its last value",
        visible="watching repeats and the values of the column, not only its marks",
    ),
    Fault(
        name="stale_join", kind="stale_misaligned", joint=True, inject=stale_join,
        says="a column comes from other, older rows",
        visible="a column that goes with it (watched together), or outcomes",
    ),
    Fault(
        name="timezone_shift", kind="timezone_shift", inject=timezone_shift,
        says="times arrive in another time zone",
        visible="an event time beside the hour, or watching the values of the hour",
    ),
)  # fmt: skip
