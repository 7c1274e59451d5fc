"""Rows to train on: the project's table, with what was predicted since and has its label by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from holdfast.app.training import WEIGHT
from holdfast.errors import DataError
from holdfast.monitoring.outcomes import read_values
from holdfast.retraining.selecting import (
    DELAYS,
    Answer,
    Bools,
    Floats,
    Weights,
    chance_of,
    old_enough,
    selection,
    weighted_mean,
    weights_of,
)
from holdfast.storage.training import outside

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.app.project import Tables
    from holdfast.storage import Store
    from holdfast.storage.labels import DuplicatePolicy

_COLUMNS = ("at", "received", "score", "decision", "propensity", "features")


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
    logged = store.join_labels(model, policy=policy, columns=["at", "features"])
    return _below(table, logged.filter(_ready(logged)), data)


class Weighted(NamedTuple):
    """Rows to train on.

    Attributes:
        table: the rows; with a column `WEIGHT` where their labels are selective and weights can
            correct it.
        selective: what is told of selective labels, in words; nothing where they are not.
    """

    table: pa.Table
    selective: tuple[str, ...]


def with_weighted_log(
    table: pa.Table, store: Store, model: str, data: Tables, policy: DuplicatePolicy = "last"
) -> Weighted:
    """What `with_log` gives, and whether the labels in it are selective.

    A logged row that could have got another decision stands for all that were decided alike; one
    whose label came in spite of its decision is left out (weight 0), as nobody knows why it came.
    Rows of `table`, those without a decision and those whose probability was not logged have
    weight 1.

    Args:
        table: as for `with_log`, and so are the others.
        store: whose logs are read.
        model: name of the model.
        data: which columns are the target, the positive label and the entities.
        policy: which of several labels of one prediction counts.

    Raises:
        DataError: as for `with_log`; or `table` has a column `WEIGHT` of its own.
    """
    import pyarrow as pa

    if WEIGHT in table.column_names:
        raise DataError(
            "the training table has a column that weights of rows are kept in",
            expected=f"no column {WEIGHT!r}",
            got=f"columns {', '.join(table.column_names[:12])}",
            remedy="give it another name",
        )
    logged = store.join_labels(model, policy=policy, columns=_COLUMNS)
    ready = _ready(logged)
    rows = _below(table, logged.filter(ready), data)
    decision = logged.column("decision").to_numpy()
    if all(one is None for one in decision):
        return Weighted(rows, ())
    propensity = logged.column("propensity").to_numpy().astype(np.float64)
    came = logged.column("label_received").cast(pa.int64()).to_numpy().astype(np.float64)
    old = old_enough(logged.column("received").cast(pa.int64()).to_numpy(), came)
    if not old.any():
        told = f"could not tell whether labels are selective: fewer than {DELAYS} have come"
        return Weighted(rows, (told,))
    at = logged.column("at").cast(pa.int64()).to_numpy()
    old &= outside(at, store.training.standing(model))
    found = selection(decision[old], ~np.isnan(came[old]), propensity[old])
    if found.decision is None or found.answer is not Answer.CORRECTABLE:
        said = () if found.answer is Answer.NOT_SELECTIVE else found.sentences
        return Weighted(rows, said)
    # a label in spite of the decision has no weight, whatever chance of the other one it had
    chance = chance_of(found.decision, decision, propensity) * (decision == found.decision)
    alone = np.isnan(propensity) | np.array([one is None for one in decision])
    weights = weights_of(np.where(alone, 1.0, chance)[ready.to_numpy()])
    column = np.concatenate([np.ones(table.num_rows), weights.values])
    said = (*found.sentences, _worth(weights), *_losses(logged, ready, ~alone & old, chance, data))
    return Weighted(rows.append_column(WEIGHT, pa.array(column)), said)


def _worth(weights: Weights) -> str:
    clipped = f"; {weights.clipped:,} clipped at {weights.bound:g}" if weights.clipped else ""
    return (
        f"weights go with the rows (context.weights): the {len(weights.values):,} labelled ones of "
        f"the log are worth {weights.effective:,.0f} rows of equal weight{clipped}"
    )


def _losses(
    logged: pa.Table, ready: pa.ChunkedArray, judged: Bools, chance: Floats, data: Tables
) -> tuple[str, ...]:
    """What the logged scores were worth on rows with a label, and on all that these stand for."""
    import pyarrow as pa

    score = logged.column("score").to_numpy().astype(np.float64)
    keep = ready.to_numpy() & judged & np.isfinite(score) & (chance > 0)
    part = logged.filter(pa.array(keep))
    bad, _ = read_values(part.column("label").to_pylist(), data.positive)
    losses, known = (score[keep] - bad) ** 2, np.isfinite(bad)
    groups = None
    if data.entities:
        sent = [msgspec.json.decode(text) for text in part.column("features").to_pylist()]
        owner = [row.get(data.entities[0]) for row in sent]
        groups = np.array([f"{n}" if one is None else f"e{one}" for n, one in enumerate(owner)])
        groups = groups[known]
    weights = weights_of(chance[keep][known]).values
    mean = weighted_mean(losses[known], weights, groups)
    if mean.value is None:
        return ()
    return (
        f"Brier score of the logged scores: {losses[known].mean():.4f} on the rows with a label, "
        f"{mean.value:.4f} ({mean.low:.4f} to {mean.high:.4f}) on all that they stand for",
    )


def _ready(logged: pa.Table) -> pa.ChunkedArray:
    """Which rows have a label, and the features they were sent with."""
    import pyarrow.compute as pc

    return pc.and_(pc.is_valid(logged.column("label")), pc.is_valid(logged.column("features")))


def _below(table: pa.Table, logged: pa.Table, data: Tables) -> pa.Table:
    """Logged rows in the shape of the table, below it."""
    import pyarrow as pa

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
