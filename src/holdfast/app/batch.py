"""A file scored through the same guard, fallbacks and log as a request."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.basics import now_us
from holdfast.app.home import opened
from holdfast.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.releases import Release
    from holdfast.storage import Store

#: rows scored and logged at a time
ROWS = 16_384
ANSWER = ("score", "decision", "verdict", "fallback", "marks")
#: beginnings of a text that a spreadsheet would run as a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a scored file.

    Attributes:
        model, release: which release answered.
        rows: rows scored.
        verdicts, decisions: counts by verdict and by decision.
        marks: (field, code, rows) of every mark, the most frequent first; notes as ``~code``.
        out: path of the answers, or None.
        logged: whether the predictions are in the store's log.
    """

    model: str
    release: str
    rows: int
    verdicts: dict[str, int]
    decisions: dict[str, int]
    marks: list[tuple[str, str, int]]
    out: str | None
    logged: bool


def count_rows(source: Path) -> float | None:
    """Rows of a file where that costs nothing to know, for the progress bar."""
    if source.suffix.lower() != ".parquet" or not source.is_file():
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return float(pq.read_metadata(source).num_rows)
    except (pa.ArrowException, OSError):
        return None  # the reader itself says what is wrong with the file


def predict_file(
    release: str,
    source: Path,
    *,
    out: Path | None = None,
    store: Path | None = None,
    model: str | None = None,
    log: bool = True,
    origin: str = "batch",
    id_column: str | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Batch:
    """Scores a file.

    Args:
        release: id, beginning of one, ``champion``, ``latest``, or the folder of a release.
        source: the rows; any file `frames.scan` reads.
        out: where the answers go (.parquet, .csv or .ndjson); None keeps only counts.
        store: the store; None takes the settings'.
        model: name of the model; None takes the only one.
        log: whether predictions are logged.
        origin: logged as the source of the rows.
        id_column: column that names the row; None takes the contract's id column, else makes ids.
        progress: told how many rows were done.
    """
    folder = Path(release)
    if folder.is_dir() and not log:
        from holdfast.releases import Release

        found = Release.open(folder)
        return _score(found, found.name, None, source, out, origin, id_column, progress)
    if folder.is_dir():
        raise UsageError(
            "the log needs a release that is in a store",
            expected="the id of a release, or --no-log",
            got=f"folder={release!r}",
        )
    with opened(store, read_only=not log) as home:
        name, found = home.release(model, release)
        log_to = home.store if log else None
        return _score(found, name, log_to, source, out, origin, id_column, progress)


def _score(
    release: Release,
    model: str,
    store: Store | None,
    source: Path,
    out: Path | None,
    origin: str,
    id_column: str | None,
    progress: Callable[[float], None],
) -> Batch:
    import pyarrow as pa

    from holdfast import frames

    scorer = release.scorer()
    id_column = id_column or next(
        (f.name for f in release.contract.fields if f.role.value == "id"), None
    )
    run = uuid.uuid4().hex[:16]
    verdicts: Counter[str] = Counter()
    decisions: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    done = 0
    with writing(out) as write:
        for batch in frames.scan(source, ROWS):
            ids = _ids(batch, id_column, run, done)
            answers = scorer.answer_table(pa.Table.from_batches([batch]))
            columns = {name: answers.column(name).to_pylist() for name in ANSWER}
            if store is not None:
                _log(store, release, model, batch, ids, columns, origin)
            verdicts.update(columns["verdict"])
            decisions.update(d for d in columns["decision"] if d is not None)
            marks.update(mark for row in columns["marks"] for mark in row or ())
            write(answers.add_column(0, "id", pa.array(ids, pa.string())))
            done += batch.num_rows
            progress(batch.num_rows)
    return Batch(
        model=model,
        release=release.id,
        rows=done,
        verdicts=dict(verdicts),
        decisions=dict(decisions),
        marks=[(*_split(mark), count) for mark, count in marks.most_common()],
        out=str(out) if out is not None else None,
        logged=store is not None,
    )


def _split(mark: str) -> tuple[str, str]:
    """Field and code of a mark; a note keeps its ``~`` on the code.

    >>> _split("~Income:null")
    ('Income', '~null')
    """
    field, _, code = mark.removeprefix("~").rpartition(":")
    return field, f"~{code}" if mark.startswith("~") else code


def _ids(batch: pa.RecordBatch, column: str | None, run: str, done: int) -> list[str]:
    if column is None:
        return [f"{run}-{done + i}" for i in range(batch.num_rows)]
    if column not in batch.schema.names:
        raise DataError(
            "the table lacks the column that names its rows",
            expected=f"a column {column!r}",
            got=f"columns {', '.join(batch.schema.names[:12])}",
            remedy="name another with --id",
        )
    values = batch.column(column).to_pylist()
    if any(value is None for value in values):
        raise DataError(
            "the column that names the rows has nulls",
            expected=f"an id in every row of {column!r}",
            got=f"{sum(v is None for v in values)} nulls",
            remedy="name another with --id",
        )
    return [str(value) for value in values]


def _log(
    store: Store,
    release: Release,
    model: str,
    batch: pa.RecordBatch,
    ids: Sequence[str],
    columns: dict[str, list[Any]],
    origin: str,
) -> None:
    now = now_us()
    rows = logged_batch(
        release, model, batch, ids, columns, origin, _times(release, batch, now), now
    )
    store.predictions.append_many([rows], durable=True)


def logged_batch(
    release: Release,
    model: str,
    batch: pa.RecordBatch,
    ids: Sequence[str],
    columns: dict[str, list[Any]],
    origin: str,
    at: Sequence[int],
    now: int,
) -> pa.RecordBatch:
    """Answered rows as rows of the prediction log.

    Args:
        release: what answered.
        model: its model's name.
        batch: the rows as they came.
        ids: names of the rows.
        columns: the answers, by name as in `ANSWER`.
        origin: logged as their source.
        at: event times, microseconds since 1970 (UTC).
        now: when they were received, same unit.
    """
    import pyarrow as pa

    from holdfast.serving.logrows import arrow_rows

    count = batch.num_rows
    kept = [f.name for f in release.contract.serving().fields if f.name in batch.schema.names]
    logged = {
        "id": ids,
        "model": [model] * count,
        "release": [release.id] * count,
        "contract": [release.contract.id] * count,
        "at": at,
        "received": [now] * count,
        "source": [origin] * count,
        **columns,
        "row": pa.StructArray.from_arrays([batch.column(name) for name in kept], kept),
    }
    return arrow_rows(logged)


def _times(release: Release, batch: pa.RecordBatch, now: int) -> list[int]:
    """Event times where the contract names a column for them, else the time of scoring."""
    name = next((f.name for f in release.contract.fields if f.role.value == "event_time"), None)
    return times_in(batch, name, now)


def times_in(batch: pa.RecordBatch, name: str | None, now: int) -> list[int]:
    """Event times of a column, microseconds since 1970 (UTC); `now` where there is none."""
    import pyarrow as pa

    if name is None or name not in batch.schema.names:
        return [now] * batch.num_rows
    try:
        column = batch.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowException:
        return [now] * batch.num_rows  # the guard has marked these rows already
    return [now if at is None else at for at in column.to_pylist()]


@contextlib.contextmanager
def writing(out: Path | None) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that writes answers; the file appears when all is well, or not at all."""
    if out is None:
        yield lambda _: None
        return
    suffix = out.suffix.lower()
    if suffix not in {".parquet", ".csv", ".ndjson", ".jsonl"}:
        raise UsageError(
            "answers cannot be written in this format",
            expected="a name ending in .parquet, .csv or .ndjson",
            got=f"name={out.name!r}",
        )
    partial = out.with_name(out.name + ".tmp")
    try:
        with _writer(partial, suffix) as write:
            yield write
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _writer(path: Path, suffix: str) -> Iterator[Callable[[pa.Table], None]]:
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as open_files:
        held: list[Any] = []

        def write(table: pa.Table) -> None:
            if suffix == ".parquet":
                if not held:
                    held.append(open_files.enter_context(pq.ParquetWriter(path, table.schema)))
                held[0].write_table(table)
            elif suffix == ".csv":
                flat = _for_spreadsheets(table)
                if not held:
                    held.append(open_files.enter_context(pacsv.CSVWriter(path, flat.schema)))
                held[0].write_table(flat)
            else:
                if not held:
                    held.append(open_files.enter_context(path.open("wb")))
                for row in table.to_pylist():
                    held[0].write(msgspec.json.encode(row) + b"\n")

        yield write
        if not held:
            path.touch()


def _for_spreadsheets(table: pa.Table) -> pa.Table:
    """Marks joined to one text, and no text that a spreadsheet would take for a formula."""
    import pyarrow as pa

    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_list(column.type):
            values = [" ".join(marks or ()) for marks in column.to_pylist()]
        elif pa.types.is_string(column.type):
            values = column.to_pylist()
        else:
            columns[name] = column
            continue
        columns[name] = pa.array(
            [
                "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value
                for value in values
            ],
            pa.string(),
        )
    return pa.table(columns)
