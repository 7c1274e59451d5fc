"""What a release knows for its monitor: the normal values, scores and outcomes of rows held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from holdfast import frames
from holdfast.contracts.contract import Contract
from holdfast.contracts.model import Kind, Role
from holdfast.detection.columns.fit import ReferenceFit, learn_reference
from holdfast.detection.columns.row_streams import LEAST_ROWS
from holdfast.frames.values import IntArray, ValueKind, Values, read_values
from holdfast.models.base import Model
from holdfast.profiles.portrait import Portrait
from holdfast.releases.material import Part

VALUES_FILE = "values.msgpack"
PORTRAIT_FILE = "portrait.msgpack"

#: kinds of fields whose values are watched; texts, times, identifiers and lists are not
WATCHED: dict[Kind, ValueKind] = {
    Kind.NUMERIC: ValueKind.NUMBER,
    Kind.INTEGER: ValueKind.NUMBER,
    Kind.BOOLEAN: ValueKind.NUMBER,
    Kind.CATEGORICAL: ValueKind.CATEGORY,
}


def watched_columns(contract: Contract, table: frames.Table) -> dict[str, Values]:
    """The features of a table whose values are watched, read as their contract's kinds."""
    return {
        field.name: read_values(WATCHED[field.kind], table.column(field.name))
        for field in contract.serving().fields
        if field.role is Role.FEATURE and field.kind in WATCHED and field.name in table
    }


def learn_watch(
    contract: Contract, tried: Model, held: Part, *, threshold: float, floor: float, seed: int
) -> tuple[ReferenceFit | None, Portrait | None]:
    """What the held-out rows teach: nothing where they are too few.

    Args:
        contract: says which columns there are, and in which order of time rows stand.
        tried: the model whose scores are normal for these rows: it has not seen them.
        held: the rows and their outcomes.
        threshold: at which the decision turns.
        floor: multiplies the smallest change that matters.
        seed: of everything random.
    """
    at = _times(contract, held)
    order = None if at is None else np.argsort(at, kind="stable").astype(np.int64)
    part = held if order is None else held.take(order)
    at = None if at is None or order is None else at[order]
    columns = watched_columns(contract, frames.read(part.table))
    if not columns or part.side.rows < LEAST_ROWS:
        return None, None
    score = tried.predict_table(part.table)
    label = part.positive.astype(np.float64)
    ordered = None if at is None else True
    whose = next((f.name for f in contract.fields if f.role is Role.ENTITY), None)
    entity = None
    if whose is not None and whose in part.table.column_names:
        view = frames.read(part.table.select([whose])).column(whose)
        entity = whose, read_values(ValueKind.CATEGORY, view)
    fit = learn_reference(
        columns, score=score, label=label, scale=floor, at=at, ordered=ordered, entity=entity
    )
    portrait = Portrait.of(columns, score=score, label=label, threshold=threshold, seed=seed)
    return fit, portrait


def _times(contract: Contract, held: Part) -> IntArray | None:
    """Event times in microseconds since 1970 (UTC), where every row has one."""
    name = next((f.name for f in contract.fields if f.role is Role.EVENT_TIME), None)
    if name is None or name not in held.table.column_names:
        return None
    view = frames.read(held.table.select([name])).column(name)
    values = read_values(ValueKind.NUMBER, view)
    return None if values.state.any() else values.numbers.astype(np.int64)


def read_values_file(folder: Path) -> ReferenceFit | None:
    """The fit of a release, if it has one."""
    path = folder / VALUES_FILE
    return ReferenceFit.from_bytes(path.read_bytes()) if path.exists() else None


def read_portrait_file(folder: Path) -> Portrait | None:
    """The portrait of a release, if it has one."""
    path = folder / PORTRAIT_FILE
    return Portrait.from_bytes(path.read_bytes()) if path.exists() else None
