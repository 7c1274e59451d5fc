"""Columns of the three logs, and how rows of them are encoded.

A prediction carries its features either as `features` (the JSON object as it was received) or as
one struct column `row` (bulk Arrow); readers give `features` for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError
from holdfast.storage import framing

TIME = pa.timestamp("us", tz="UTC")
#: times that a calendar can show, years 1 to 9999, microseconds since 1970 (UTC)
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
_MICROS = Annotated[int, msgspec.Meta(ge=EARLIEST, le=LATEST)]
_TEXTS = list[str | None]

#: rows of one frame at most, so that a reader never needs much memory at once
FRAME_ROWS = 65_536


class PredictionColumns(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A small group of predictions as plain lists, see `PREDICTIONS` for the meaning."""

    id: list[str]
    model: list[str]
    at: list[_MICROS]
    received: list[_MICROS]
    release: _TEXTS | None = None
    contract: _TEXTS | None = None
    source: _TEXTS | None = None
    score: list[float | None] | None = None
    decision: _TEXTS | None = None
    verdict: _TEXTS | None = None
    fallback: _TEXTS | None = None
    marks: list[list[str] | None] | None = None
    features: _TEXTS | None = None
    explored: list[bool | None] | None = None
    propensity: list[float | None] | None = None


class LabelColumns(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A small group of labels as plain lists, see `LABELS` for the meaning."""

    id: list[str]
    model: list[str]
    value: list[str]
    known_at: list[_MICROS]
    received: list[_MICROS]


class ShadowColumns(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A small group of a shadow's answers as plain lists."""

    id: list[str]
    model: list[str]
    release: list[str]
    at: list[_MICROS]
    received: list[_MICROS]
    score: list[float | None]
    decision: _TEXTS
    failed: list[bool]
    micros: list[int]


class LogKind(NamedTuple):
    """What a log holds.

    Attributes:
        name: of the log.
        schema: its columns as readers see them.
        time: the column of event time, by which windows are cut.
        columns: the same columns as plain lists.
        struct_column: name of a struct column that may stand for `features`, or None.
    """

    name: str
    schema: pa.Schema
    time: str
    columns: type[PredictionColumns | LabelColumns | ShadowColumns]
    struct_column: str | None


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


#: predictions: id, model, release, contract, at (event time if given, else received), received,
#: source, score, decision, verdict, fallback (null or comma-joined fields), marks
#: ("field:code", notes prefixed "~"), features (JSON object), explored (whether the decision is
#: not the model's) and propensity (probability of this decision), null where nothing is explored
PREDICTIONS = LogKind(
    "predictions",
    pa.schema(
        [
            _required("id", pa.string()),
            _required("model", pa.string()),
            pa.field("release", pa.string()),
            pa.field("contract", pa.string()),
            _required("at", TIME),
            _required("received", TIME),
            pa.field("source", pa.string()),
            pa.field("score", pa.float64()),
            pa.field("decision", pa.string()),
            pa.field("verdict", pa.string()),
            pa.field("fallback", pa.string()),
            pa.field("marks", pa.list_(pa.string())),
            pa.field("features", pa.string()),
            pa.field("explored", pa.bool_()),
            pa.field("propensity", pa.float64()),
        ]
    ),
    "at",
    PredictionColumns,
    "row",
)

#: labels: id of the prediction, model, value (JSON scalar), known_at, received
LABELS = LogKind(
    "labels",
    pa.schema(
        [
            _required("id", pa.string()),
            _required("model", pa.string()),
            _required("value", pa.string()),
            _required("known_at", TIME),
            _required("received", TIME),
        ]
    ),
    "known_at",
    LabelColumns,
    None,
)

#: answers of shadows: id of the prediction, model, release of the shadow, at, received, score,
#: decision, whether it failed, and the time it took in microseconds
SHADOWS = LogKind(
    "shadows",
    pa.schema(
        [
            _required("id", pa.string()),
            _required("model", pa.string()),
            _required("release", pa.string()),
            _required("at", TIME),
            _required("received", TIME),
            pa.field("score", pa.float64()),
            pa.field("decision", pa.string()),
            _required("failed", pa.bool_()),
            _required("micros", pa.int64()),
        ]
    ),
    "at",
    ShadowColumns,
    None,
)

_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder(decimal_format="number").encode


def encode_columns(kind: LogKind, columns: Mapping[str, Sequence[Any]]) -> framing.Payload:
    """Encode a small group of rows given as lists; the fast way for a live server.

    Args:
        kind: which log.
        columns: a list per column, all of one length; times are microseconds since 1970 (UTC).

    Raises:
        DataError: a column is unknown, missing, of another length or type.
    """
    try:
        # one pass of C code proves every type, so that what is written can always be read
        msgspec.convert(columns, kind.columns)
        raw = _encode(columns)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError) as error:
        # the message names types and places, never values; encoding errors could show some
        got = str(error) if isinstance(error, msgspec.ValidationError) else type(error).__name__
        raise DataError(
            f"rows for the log of {kind.name} were refused",
            expected=f"lists for {', '.join(kind.schema.names)}",
            got=got,
        ) from error
    times, received = columns[kind.time], columns["received"]
    rows = len(times)
    lengths = {len(values) for values in columns.values() if values is not None}
    if rows == 0 or len(lengths) > 1:
        raise DataError(
            f"columns for the log of {kind.name} have different lengths",
            expected="at least one row, every column of one length",
            got=f"lengths={sorted(lengths)}",
        )
    return framing.pack(
        raw,
        framing.COMPACT,
        rows=rows,
        t0=min(times),
        t1=max(times),
        received=max(received),
    )


def encode_batch(kind: LogKind, batch: pa.RecordBatch) -> framing.Payload:
    """Encode many rows that are in Arrow already.

    Args:
        kind: which log.
        batch: any of the log's columns; a prediction may have `row`, a struct of its features.

    Raises:
        DataError: a column is unknown, cannot be cast, or is null where it must not be.
    """
    batch = _fitted(kind, batch)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    t0, t1 = _bounds(kind, batch, kind.time)
    _, received = _bounds(kind, batch, "received")
    return framing.pack(
        sink.getvalue(),
        framing.ARROW,
        rows=batch.num_rows,
        t0=t0,
        t1=t1,
        received=received,
    )


def _bounds(kind: LogKind, batch: pa.RecordBatch, name: str) -> tuple[int, int]:
    found = pc.min_max(batch.column(name).cast(pa.int64())).as_py()
    low, high = int(found["min"]), int(found["max"])
    if low < EARLIEST or high > LATEST:
        raise DataError(
            f"a time for the log of {kind.name} is out of range",
            expected=f"{name} between the years 1 and 9999, in microseconds",
            got=f"{name} from {low} to {high}",
        )
    return low, high


def _fitted(kind: LogKind, batch: pa.RecordBatch) -> pa.RecordBatch:
    known = [field for field in kind.schema if field.name in batch.schema.names]
    allowed = {*kind.schema.names, kind.struct_column}
    names = batch.schema.names
    odd = [name for name in names if name not in allowed]
    if odd or len(set(names)) != len(names):
        raise DataError(
            f"columns for the log of {kind.name} were refused",
            expected=f"any of {', '.join(sorted(filter(None, allowed)))}, each once",
            got=f"{len(odd)} unknown or repeated columns: {', '.join(odd[:5])}",
            remedy="put features into one struct column 'row'" if kind.struct_column else None,
        )
    lacking = [f.name for f in kind.schema if not f.nullable and f.name not in names]
    if lacking or batch.num_rows == 0:
        raise DataError(
            f"rows for the log of {kind.name} were refused",
            expected="at least one row with id, model and times",
            got=f"{batch.num_rows} rows without {', '.join(lacking) or 'content'}",
        )
    arrays, fields = [], []
    for field in known:
        column = batch.column(field.name)
        if column.type != field.type:
            column = _cast(kind, field, column)
        if not field.nullable and column.null_count:
            raise DataError(
                f"nulls for the log of {kind.name} were refused",
                expected=f"{field.name} in every row",
                got=f"{column.null_count} nulls in {batch.num_rows} rows",
            )
        arrays.append(column)
        fields.append(field)
    if kind.struct_column in names:
        arrays.append(_struct_of(batch.column(kind.struct_column)))
        fields.append(pa.field(kind.struct_column, arrays[-1].type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _cast(kind: LogKind, field: pa.Field, column: pa.Array) -> pa.Array:
    try:
        if field.type == TIME and not (
            pa.types.is_timestamp(column.type) or pa.types.is_integer(column.type)
        ):
            raise pa.ArrowInvalid("not a time")
        if pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise DataError(
            f"a column for the log of {kind.name} has the wrong type",
            expected=f"{field.name}: {field.type}",
            got=f"{column.type}",
        ) from error


def _struct_of(column: pa.Array) -> pa.Array:
    if not pa.types.is_struct(column.type):
        raise DataError(
            "the features of predictions were refused",
            expected="one struct column 'row'",
            got=str(column.type),
        )
    return column


def as_table(kind: LogKind, decoded: msgspec.Struct) -> dict[str, list[Any]]:
    """The lists of a compact frame by column name, absent columns left out."""
    return {
        name: values for name in kind.schema.names if (values := getattr(decoded, name)) is not None
    }


def json_rows(structs: pa.Array) -> pa.Array:
    """Each struct as the text of one JSON object.

    >>> json_rows(pa.array([{"Age": 30, "Job": None}])).to_pylist()
    ['{"Age":30,"Job":null}']
    """
    texts = [None if row is None else _json(row).decode() for row in structs.to_pylist()]
    return pa.array(texts, pa.string())


def parse_features(text: str | None) -> Mapping[str, Any] | None:
    """The features of a logged row from their JSON text; None where it is no object.

    >>> parse_features('{"age": 33}'), parse_features("[1]"), parse_features(None)
    ({'age': 33}, None, None)
    """
    if text is None:
        return None
    try:
        row = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return row if isinstance(row, dict) else None
