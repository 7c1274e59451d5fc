"""What a fault is, what injecting it gives, and the edits faults are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.drill.scene import BoolArray, FloatArray, IntArray, Scene
from holdfast.records import Action

SEVERITIES = (1, 2, 3)
#: what may be done about a broken pipeline
MEND = (Action.FIX_PIPELINE, Action.FALLBACK)


class Skipped(NamedTuple):
    """The fault does not apply to this table, and why."""

    why: str


class Injected(NamedTuple):
    """The rows with a fault in them.

    Attributes:
        table: all rows; those before the onset are the clean ones.
        columns: the guilty columns; empty where the fault is not in a column.
        note: what was done, in words that quote no value.
        strength: how strong the fault is, in its own unit; rises with the severity.
        affected: shape (rows,), rows that differ from the clean ones, or, where rows are lost,
            repeated or chosen, every row from the onset on.
        aligned: whether row i is still the clean row i.
        chances: shape (rows,), for faults of outcomes alone: the chance of the positive outcome
            with the fault, where without it it is `Scene.chances`.
        mixed: values of another type, by column: the column of `table` holds them nowhere, they
            stand in the rows of `affected` when the rows arrive.
    """

    table: pa.Table
    columns: tuple[str, ...]
    note: str
    strength: float
    affected: BoolArray
    aligned: bool = True
    mixed: Mapping[str, pa.Array] = {}
    chances: FloatArray | None = None


class Inject(Protocol):
    """The function of a fault: pure, and random only through `rng`."""

    def __call__(self, scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
        """The rows with the fault; severity is 1 (mild), 2 or 3 (gross)."""
        ...


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """One known fault.

    Attributes:
        name: its key.
        kind: the cause that diagnosis should name.
        class_: ``pipeline``, ``covariate``, ``prior``, ``concept`` or ``harmless``.
        actions: the actions that are right.
        says: what it is, in one sentence.
        visible: what would make it visible where nothing that is watched shows it.
        inject: puts it into rows.
        expect: whether a monitor should raise an alarm.
        labels: whether only the outcomes show it.
        joint: whether every single column keeps its values, and only what goes with what changes.
    """

    name: str
    kind: str
    class_: str = "pipeline"
    actions: tuple[Action, ...] = MEND
    says: str
    visible: str
    inject: Inject
    expect: bool = True
    labels: bool = False
    joint: bool = False


def put(column: Any, rows: BoolArray, values: Any) -> Any:
    """A column with other values in some rows; every other row stays as it is, to the bit."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
    return pc.if_else(pa.array(rows), values, column)


def with_columns(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """The table with some columns replaced."""
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def differs(before: Any, after: Any) -> BoolArray:
    """Shape (n,): rows whose value is another one; null and NaN are the same nothing."""
    if before.type != after.type:
        before = before.cast(after.type)
    same = pc.fill_null(pc.equal(before, after), False)
    nothing = pc.and_(pc.is_null(before, nan_is_null=True), pc.is_null(after, nan_is_null=True))
    return ~np.asarray(pc.or_(same, nothing).to_numpy(zero_copy_only=False), np.bool_)


def edited(
    scene: Scene, columns: Mapping[str, Any], note: str, strength: float
) -> Injected | Skipped:
    """The outcome of an edit of columns; skipped where it changes nothing."""
    affected = np.zeros(len(scene), np.bool_)
    for name, column in columns.items():
        affected |= differs(scene.table.column(name), pa.chunked_array([column]))
    if not affected.any():
        return Skipped("it would change no value here")
    table = with_columns(scene.table, columns)
    return Injected(table, tuple(columns), note, strength, affected)


def taken(
    scene: Scene, indices: IntArray, columns: tuple[str, ...], note: str, strength: float
) -> Injected | Skipped:
    """The outcome of another choice or order of rows; skipped where hardly any row is left."""
    if len(indices) - scene.onset < 50:
        return Skipped("too few rows would be left")
    if len(indices) == len(scene) and (indices == np.arange(len(scene))).all():
        return Skipped("it would change no row here")
    affected = np.arange(len(indices)) >= scene.onset
    table = scene.table.take(pa.array(indices))
    return Injected(table, columns, note, strength, affected, aligned=False)


def put_numbers(scene: Scene, name: str, rows: BoolArray, values: FloatArray) -> Any:
    """A number column with other numbers in some rows; NaN becomes null.

    A whole-number column stays one: values are rounded, and widened to 64 bits where they do not
    fit.
    """
    column = scene.table.column(name)
    kind = column.type
    values = np.where(rows, values, 0.0)
    missing = np.isnan(values)
    if pa.types.is_floating(kind):
        return put(column, rows, pa.array(values, mask=missing).cast(kind))
    whole = np.rint(np.where(missing, 0.0, np.clip(values, -(2.0**62), 2.0**62))).astype(np.int64)
    if pa.types.is_integer(kind):
        room = np.iinfo(kind.to_pandas_dtype())
        if len(whole) and (whole.min() < room.min or whole.max() > room.max):
            kind = pa.int64()
            column = column.cast(kind)
    return put(column, rows, pa.array(whole, pa.int64(), mask=missing).cast(kind))


def is_whole(scene: Scene, name: str) -> bool:
    """Whether a column holds whole numbers by its type."""
    return bool(pa.types.is_integer(scene.table.column(name).type))
