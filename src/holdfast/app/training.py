"""A project's training function: loaded, and as a release calls it, for other rows and features."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.errors import ConfigError, HoldfastError, ModelError
from holdfast.retraining.context import TrainingContext, adapted, takes_context
from holdfast.storage.training import Interval, outside, without

if TYPE_CHECKING:
    import pyarrow as pa

TRAIN_FILE = "train.py"
#: column of a table of rows to train on that holds their weights; no model learns from it
WEIGHT = "holdfast_weight"


def fitting(
    function: Callable[..., Any], context: TrainingContext, event_time: str | None
) -> Callable[[pa.Table, tuple[str, ...]], Any]:
    """The user's function as ``fit(rows, features)``.

    Args:
        function: the user's ``train``, in either form.
        context: what it is told; features, rows, their times and weights and the folder of
            checkpoints are those of each call.
        event_time: column that says when, or None.

    Returns:
        A function that gives the model, or raises a `ModelError` when the user's function fails.

    Raises:
        ConfigError: the function fits neither form.
    """
    train, wants = adapted(function), takes_context(function)

    def fit(rows: pa.Table, features: tuple[str, ...]) -> Any:
        start, end = span(rows, event_time)
        told = msgspec.structs.replace(
            context,
            features=tuple(features),
            start=start,
            end=end,
            rows=rows.num_rows,
            checkpoints=_corner(context.checkpoints, rows, features) if wants else Path(),
            weights=rows.column(WEIGHT).to_numpy() if WEIGHT in rows.column_names else None,
        )
        try:
            return train(unweighted(rows), told)
        except HoldfastError:
            raise
        except Exception as error:
            raise ModelError(
                f"the function `train` of {TRAIN_FILE} failed",
                got=f"{type(error).__name__}: {error}",
                remedy="it must also train with fewer features; HOLDFAST_DEBUG=1 shows the trace",
            ) from error

    return fit


def unweighted(table: pa.Table) -> pa.Table:
    """The rows without their weights."""
    return table.drop_columns(WEIGHT) if WEIGHT in table.column_names else table


def span(table: pa.Table, event_time: str | None) -> tuple[int | None, int | None]:
    """Event time of a table's rows, [start, end) in microseconds since 1970 (UTC).

    None twice where there is no such column, it holds no times, or nothing but nulls.

    Example:
        >>> import pyarrow as pa
        >>> span(pa.table({"at": pa.array([3, None, 1], pa.timestamp("us", "UTC"))}), "at")
        (1, 4)
        >>> span(pa.table({"at": ["today"]}), "at")
        (None, None)
    """
    return _span(times(table, event_time))


def _span(moments: pa.ChunkedArray | None) -> tuple[int | None, int | None]:
    import pyarrow.compute as pc

    if moments is None:
        return None, None
    found = pc.min_max(moments).as_py()
    return (None, None) if found["min"] is None else (found["min"], found["max"] + 1)


def times(table: pa.Table, event_time: str | None) -> pa.ChunkedArray | None:
    """Event time of each row in microseconds since 1970 (UTC), null where it is null.

    None where there is no such column, or it holds no times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if event_time is None or event_time not in table.column_names:
        return None
    column = table.column(event_time)
    if not pa.types.is_temporal(column.type) or pa.types.is_time(column.type):
        return None
    return pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())


def sound(
    table: pa.Table, event_time: str | None, spoiled: Sequence[Interval]
) -> tuple[pa.Table, tuple[Interval, ...]]:
    """The rows that may be learned from, and the event times they come from.

    Args:
        table: rows for training.
        event_time: column that says when, or None.
        spoiled: event times that nothing may learn from.

    Returns:
        The table without rows of those times (one without a time stays), and the intervals of
        event time that the rest was taken from; none where rows carry no times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = times(table, event_time)
    start, end = _span(moments)
    if moments is None or start is None or end is None:
        return table, ()
    known = pc.is_valid(moments).to_numpy()
    keep = outside(pc.fill_null(moments, 0).to_numpy(), spoiled) | ~known
    return table.filter(pa.array(keep)), without(Interval(start, end), spoiled)


def _corner(checkpoints: Path, rows: pa.Table, features: tuple[str, ...]) -> Path:
    """The folder for these rows and features alone: one training must not resume another."""
    from holdfast import frames
    from holdfast.frames.fingerprint import fingerprint

    content = msgspec.json.encode([fingerprint(frames.read(rows).arrow()), list(features)])
    corner = checkpoints / hashlib.sha256(content).hexdigest()[:32]
    corner.mkdir(parents=True, exist_ok=True)
    return corner


def load_function(
    path: Path, name: str = "train", signature: str = "train(table, features, target, positive)"
) -> Callable[..., Any]:
    """A function of the user's own file, ``train`` by default.

    Raises:
        ConfigError: no such file, it cannot be imported, or it has no such function.
    """
    spec = importlib.util.spec_from_file_location("holdfast_project_train", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(
            "the project has no training code",
            expected=f"{TRAIN_FILE} with a function {signature}",
            got=f"path={str(path)!r}",
            remedy="`holdfast init` writes one",
        )
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(
            f"{path.name} cannot be imported",
            got=f"{type(error).__name__}: {error}",
            remedy="run it with Python to see where it fails",
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(
            f"{path.name} has no function `{name}`",
            expected=signature,
            got=f"names: {', '.join(n for n in vars(module) if not n.startswith('_'))[:200]}",
        )
    function: Callable[..., Any] = found
    return function
