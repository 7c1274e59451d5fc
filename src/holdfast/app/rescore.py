"""Rows that an incident has spoiled: which they are, and their scores once the cause is mended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.diagnosis.quarantine import range_of
from holdfast.errors import DataError, UsageError
from holdfast.records import Incident
from holdfast.storage.schema import parse_features

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.app.home import Home
    from holdfast.storage import Store

#: what the log says of a spoiled row
LISTED = ("id", "at", "source", "release", "verdict", "score", "decision", "marks")


class Rescored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of an incident that were scored again.

    Attributes:
        incident, model: which.
        release: the release that scored them now.
        rows: how many.
        mended: rows whose inputs came from the table of mended ones; None when none was given.
        decisions_changed: rows whose decision is another now, those without one before included.
        verdicts: verdict → rows, as scored now.
        out: path of the table.
    """

    incident: str
    model: str
    release: str
    rows: int
    mended: int | None
    decisions_changed: int
    verdicts: dict[str, int]
    out: str


def spoiled_rows(store: Store, incident: Incident, *, features: bool = False) -> pa.Table:
    """The rows of the prediction log that an incident has spoiled, oldest first.

    Args:
        store: the store.
        incident: the incident.
        features: whether their inputs are wanted as well.
    """
    import pyarrow as pa

    found = range_of(incident)
    names = [*LISTED, *(["features"] if features else [])]
    rows = store.predictions.read(
        model=incident.model, since=found.since, until=found.until, columns=names
    )
    return rows.filter(pa.array(found.holds(rows))).sort_by("at")


def rescore(
    home: Home,
    incident: Incident,
    out: Path,
    *,
    release: str = "champion",
    mended: Path | None = None,
    id_column: str = "id",
) -> Rescored:
    """Scores the rows of an incident again and writes old and new answers side by side.

    The log is not changed, and no file is overwritten.

    Args:
        home: the open store.
        incident: the incident.
        out: a new file (.parquet, .csv or .ndjson).
        release: which release scores them: an id, ``champion`` or ``latest``.
        mended: a table with the right inputs, one row for each prediction id; the columns it has
            replace those that were logged. Without it the logged inputs are scored.
        id_column: the column of `mended` that holds the prediction ids.

    Raises:
        UsageError: `out` is there already, or no row is affected.
        DataError: `mended` lacks its ids.
    """
    import pyarrow as pa

    from holdfast.app.batch import ANSWER, writing

    if out.exists():
        raise UsageError(
            "there is a file of this name, and nothing is overwritten",
            expected="a new name",
            got=f"out={str(out)!r}",
        )
    rows = spoiled_rows(home.store, incident, features=True)
    if not rows.num_rows:
        raise UsageError(
            "the log has no row of this incident (any more)",
            expected="rows that are still in the log",
            got=f"incident={incident.id!r}, since={incident.since}",
            remedy="keep the log for longer: retain_days in holdfast.toml",
        )
    _, found = home.release(incident.model, release)
    right = {} if mended is None else _mended(mended, id_column)
    ids = rows.column("id").to_pylist()
    inputs = [
        dict(parse_features(text) or {}) | right.get(name, {})
        for name, text in zip(ids, rows.column("features").to_pylist(), strict=True)
    ]
    scorer = found.scorer()
    new = pa.Table.from_batches(
        [
            batch
            for start in range(0, len(inputs), 16_384)
            for batch in scorer.answers(inputs[start : start + 16_384]).to_batches()
        ]
    )
    table = rows.select(["id", "at", "release", "score", "decision", "verdict"])
    table = table.rename_columns(
        ["id", "at", "release", "old_score", "old_decision", "old_verdict"]
    )
    table = table.append_column("new_release", pa.array([found.id] * table.num_rows, pa.string()))
    for name in ANSWER:
        table = table.append_column(f"new_{name}", new.column(name))
    with writing(out) as write:
        write(table)
    old, now = table.column("old_decision").to_pylist(), new.column("decision").to_pylist()
    return Rescored(
        incident=incident.id,
        model=incident.model,
        release=found.id,
        rows=table.num_rows,
        mended=None if mended is None else sum(name in right for name in ids),
        decisions_changed=sum(a != b for a, b in zip(old, now, strict=True)),
        verdicts=_count(new.column("verdict").to_pylist()),
        out=str(out),
    )


def _mended(path: Path, id_column: str) -> dict[str, dict[str, Any]]:
    from holdfast import frames

    found: dict[str, dict[str, Any]] = {}
    for batch in frames.scan(path, 16_384):
        if id_column not in batch.schema.names:
            raise DataError(
                "the mended rows do not say which predictions they belong to",
                expected=f"a column {id_column!r} with prediction ids",
                got=f"columns {', '.join(batch.schema.names[:12])}",
                remedy="name it with --id",
            )
        for row in batch.to_pylist():
            name = row.pop(id_column)
            if name is not None:
                found[str(name)] = row
    return found


def _count(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in dict.fromkeys(values)}
