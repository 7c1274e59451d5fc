"""Makes the scene: the user's rows, and what release and contract know of their columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from holdfast import frames
from holdfast.contracts.model import Field, Kind, Role
from holdfast.drill.scene import FloatArray, Scene, Scores
from holdfast.errors import DataError

LEAST_ROWS = 200
#: rows that stay clean: a fifth, at most so many
CLEAN_PART, MOST_CLEAN = 5, 800
#: a column that is null more often than this is left alone: hardly a row of it could be broken
MOST_NULLS = 0.9
#: time that event times must span before they say what the traffic is (microseconds)
LEAST_SPAN = 3_600_000_000
DAY = 86_400_000_000


class Cast(Scene):
    """A scene with the traffic that its event times show.

    Attributes:
        rows_per_day: rows a day; None without event times over an hour or more.
    """

    rows_per_day: float | None = None


def make_scene(release: Any, frame: Any, *, target: str | None = None, rows: int = 4000) -> Cast:
    """The scene of a drill.

    Args:
        release: gives contract, inputs, importance (its blast radius) and scores.
        frame: anything that `holdfast.frames.read` takes; its first `rows` rows are used.
        target: column with the outcome; None takes the contract's where the table has it.
        rows: rows used, at most.

    Raises:
        DataError: fewer than 200 rows, no input of the model, or no such target.
    """
    whole = frames.read(frame).arrow()
    table = pa.table(
        {n: c.combine_chunks() for n, c in zip(whole.column_names, whole.columns, strict=True)}
    ).slice(0, rows)
    fields = {f.name: f for f in release.contract.data.fields}
    inputs = [n for n in _inputs(release, fields) if n in table.column_names]
    if table.num_rows < LEAST_ROWS or not inputs:
        raise DataError(
            "a drill cannot be run on this table",
            expected=f"{LEAST_ROWS} rows or more, with the inputs of the model",
            got=f"{table.num_rows:,} rows, {len(inputs)} inputs",
            remedy="give rows as they arrive in production, with the outcome where it is known",
        )
    if target is not None and target not in table.column_names:
        raise DataError(
            "the table has no such target",
            expected=f"one of {', '.join(table.column_names[:20])}",
            got=f"target={target!r}",
        )
    known = next((n for n, f in fields.items() if f.role is Role.TARGET), None)
    if target is None:
        target = known if known in table.column_names else None
    elif known is not None and target != known:  # the monitor knows outcomes by the contract's name
        table = _renamed(table, target, known)
        target = known
    times = [n for n, f in fields.items() if f.role is Role.EVENT_TIME and n in table.column_names]
    full = [n for n in inputs if table.column(n).null_count <= MOST_NULLS * table.num_rows]
    kinds = {n: _kind(fields.get(n), table.column(n).type) for n in full}
    scene = Cast(
        table,
        onset=min(MOST_CLEAN, table.num_rows // CLEAN_PART),
        numbers=[n for n, kind in kinds.items() if kind == "number"],
        categories=[n for n, kind in kinds.items() if kind == "category"],
        times=[n for n, kind in kinds.items() if kind == "time"],
        importance=_importance(release),
        target=target,
        positive=_positive(release, table, target),
        scores=_scores(release),
    )
    scene.rows_per_day = _traffic(table, times[0] if times else None)
    return scene


def _renamed(table: pa.Table, old: str, new: str) -> pa.Table:
    """The table with a column under another name, in place of one that has it already."""
    if new in table.column_names:
        table = table.drop_columns(new)
    return table.rename_columns([new if n == old else n for n in table.column_names])


def _inputs(release: Any, fields: dict[str, Field]) -> tuple[str, ...]:
    """The model's inputs, where the release knows them; else the features of the contract."""
    features = getattr(release, "features", None)
    if features:
        return tuple(features)
    return tuple(n for n, f in fields.items() if f.role is Role.FEATURE)


def _kind(field: Field | None, kind: pa.DataType) -> str:
    """How faults treat a column: as the contract says, as far as its type can carry that."""
    types = pa.types
    plain = bool(types.is_integer(kind) or types.is_floating(kind))
    said = field.kind if field is not None else None
    if said in (Kind.TEXT, Kind.ID, Kind.LIST):
        return ""
    if types.is_timestamp(kind) or types.is_date(kind):
        return "time"
    if said in (Kind.CATEGORICAL, Kind.BOOLEAN):
        return "category"
    if plain:
        return "number"
    return "category" if types.is_large_string(kind) or types.is_boolean(kind) else ""


def _importance(release: Any) -> dict[str, float]:
    """By input, the largest share of decisions that a fault in it changes."""
    found: dict[str, float] = {}
    for blast in getattr(release, "blast_radius", ()):
        value = blast.flipped.value
        if value is not None:
            found[blast.feature] = max(found.get(blast.feature, 0.0), float(value))
    return found


def _positive(release: Any, table: pa.Table, target: str | None) -> Any:
    """The release's positive label in the type of the target column; else the rarer of two."""
    if target is None:
        return None
    column = table.column(target)
    labels = [v for v in column.unique().to_pylist() if v is not None]
    asked = getattr(release, "positive", None)
    for label in labels:
        if asked is not None and (label == asked or str(label) == str(asked)):
            return label
    values = column.to_pylist()
    return min(labels, key=lambda v: (values.count(v), str(v))) if len(labels) == 2 else None


def _scores(release: Any) -> Scores | None:
    model = getattr(release, "model", None)
    if model is None:
        return None

    def scores(table: pa.Table) -> FloatArray:
        return np.asarray(model.predict_table(table), np.float64)

    return scores


def _traffic(table: pa.Table, event_time: str | None) -> float | None:
    if event_time is None or not pa.types.is_timestamp(table.column(event_time).type):
        return None
    at = table.column(event_time).cast(pa.int64()).drop_null().to_numpy()
    if len(at) < 2 or at.max() - at.min() < LEAST_SPAN:
        return None
    return float((len(at) - 1) * DAY / (at.max() - at.min()))
