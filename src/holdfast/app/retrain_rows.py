"""Rows to train on: the project's table, with what was predicted since and has its label by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.app.project import Tables
    from holdfast.storage import Store
    from holdfast.storage.labels import DuplicatePolicy


def with_log(
    table: pa.Table, store: Store, model: str, data: Tables, policy: DuplicatePolicy = "last"
) -> pa.Table:
    """The table, and below it the logged predictions whose label has come.

    Args:
        table: the training table; its columns and types are kept.
        store: whose logs are read.
        model: name of the model.
        data: which columns are the target, the event time and the ids.
        policy: which of several labels of one prediction counts.

    Returns:
        The rows of `table` and those of the log. In the latter the target is the label, the event
        time that of the prediction, an id of text that was not sent the prediction's id; any other
        column that was not sent is null.

    Raises:
        DataError: a logged value does not fit the type of its column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    logged = store.join_labels(model, policy=policy, columns=["at", "features"])
    ready = pc.and_(pc.is_valid(logged.column("label")), pc.is_valid(logged.column("features")))
    logged = logged.filter(ready)
    if logged.num_rows == 0:
        return table
    sent = [msgspec.json.decode(text) for text in logged.column("features").to_pylist()]
    columns: list[pa.Array | pa.ChunkedArray] = []
    for field in table.schema:
        values: list[Any] = [row.get(field.name) for row in sent]
        if field.name == data.target:
            values = [msgspec.json.decode(text) for text in logged.column("label").to_pylist()]
        elif field.name == data.event_time and pa.types.is_timestamp(field.type):
            columns.append(logged.column("at").cast(field.type))
            continue
        elif field.name in data.ids and _text(field.type):
            known = logged.column("id").to_pylist()
            values = [value or name for value, name in zip(values, known, strict=True)]
        columns.append(_typed(values, field))
    return pa.concat_tables([table, pa.table(columns, schema=table.schema)])


def _text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _typed(values: list[Any], field: pa.Field) -> pa.Array:
    import pyarrow as pa

    try:
        try:
            return pa.array(values, field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array(values).cast(field.type)  # such as a time that was sent as text
    except pa.ArrowException as error:
        raise DataError(
            "logged rows do not fit the training table",
            expected=f"values of type {field.type} in {field.name!r}",
            got=str(error)[:200],
            remedy="train without --since-log, or give a table with --data",
        ) from error
