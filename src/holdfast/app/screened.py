"""Rows since the champion's training that look broken, before a model learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from holdfast.app.training import times
from holdfast.screening import PATIENCE, REFERENCE, screen
from holdfast.storage.schema import parse_features
from holdfast.storage.training import Interval, outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from holdfast.app.project import Project
    from holdfast.releases import Release
    from holdfast.storage import Store

#: new rows that are looked at, the newest ones
MOST = 200_000


class Doubted(NamedTuple):
    """What is left out of a training.

    Attributes:
        intervals: event times of rows that look broken.
        sentences: why, and what could not be told.
    """

    intervals: tuple[Interval, ...]
    sentences: tuple[str, ...]


def doubted(
    store: Store,
    project: Project,
    champion: Release,
    table: pa.Table,
    seen_until: int,
    spoiled: Sequence[Interval],
    *,
    log: bool,
    patience: int = PATIENCE,
) -> Doubted:
    """Looks through the rows since the champion's training.

    Rows that the champion learned from are taken as sound, and so are the first reference. Rows
    under incidents are left out anyway and not looked at.

    Args:
        store: whose log of predictions is read.
        project: its settings.
        champion: opened; its features are looked at.
        table: the rows to train on.
        seen_until: event time up to which the champion has seen rows, microseconds since 1970.
        spoiled: event times that nothing may learn from.
        log: the rows since then are those of the log, with or without an outcome; False: those of
            the table.
        patience: as for `holdfast.screening.screen`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = times(table, project.data.event_time)
    if moments is None:
        return Doubted((), ("rows carry no times, so they were not screened for broken stretches",))
    names = [name for name in champion.contract.features if name in table.column_names]
    at = pc.fill_null(moments, seen_until).to_numpy()
    table = table.select(names)
    old = np.flatnonzero((at < seen_until) & outside(at, spoiled))
    old = old[np.argsort(at[old], kind="stable")][-REFERENCE:]
    known, since = table.take(pa.array(old)), at[old]
    if log:
        new, later = _logged(store, project.model, table.schema, seen_until)
    else:
        rows = np.flatnonzero(at >= seen_until)
        new, later = table.take(pa.array(rows)), at[rows]
    keep = np.flatnonzero(outside(later, spoiled))
    keep = keep[np.argsort(later[keep], kind="stable")]
    said = []
    if len(keep) > MOST:
        said.append(f"only the newest {MOST:,} of {len(keep):,} rows were screened")
        keep = keep[-MOST:]
    rows_at = np.concatenate([since, later[keep]])
    both = pa.concat_tables([known, new.take(pa.array(keep))])
    found = screen(both, known.num_rows, rows_at, patience=patience, seed=project.seed)
    if not found.told:
        said.append("too few rows of before are known to be sound: new ones were not screened")
    intervals = []
    for one in found.stretches:
        begin = max(one.begin, known.num_rows)
        last = len(rows_at) if one.end is None else one.end
        if begin < last:
            intervals.append(Interval(int(rows_at[begin]), int(rows_at[last - 1]) + 1))
            said.append(one.sentence())
    return Doubted(tuple(intervals), tuple(dict.fromkeys(said)))


def _logged(
    store: Store, model: str, schema: pa.Schema, since: int
) -> tuple[pa.Table, np.ndarray[Any, np.dtype[np.int64]]]:
    """Features of the predictions since a time, and their event times."""
    import pyarrow as pa

    rows = store.predictions.read(model=model, since=since, columns=["at", "features"])
    sent = [parse_features(text) or {} for text in rows.column("features").to_pylist()]
    columns = [
        _typed([row.get(field.name) for row in sent], field.type)
        for field in schema
    ]  # fmt: skip
    at = rows.column("at").cast(pa.int64()).to_numpy()
    return pa.table(columns, schema=schema), at


def _typed(values: list[Any], kind: pa.DataType) -> pa.Array:
    """A column of a type; what is not of it is no value, and so it is seen."""
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([_one(value, kind) for value in values], kind)


def _one(value: Any, kind: pa.DataType) -> Any:
    import pyarrow as pa

    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
