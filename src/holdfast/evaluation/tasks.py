"""One door to the evaluation of each task beside binary decisions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from holdfast.errors import UsageError
from holdfast.evaluation import columns
from holdfast.evaluation.multiclass import evaluate_multiclass
from holdfast.evaluation.ranking import evaluate_ranking
from holdfast.evaluation.regression import evaluate_regression
from holdfast.evaluation.requirements import (
    Requirement,
    as_requirements,
    check_requirements,
    requirement_findings,
)
from holdfast.evaluation.task_parts import with_parts
from holdfast.evaluation.task_record import TaskEvaluation
from holdfast.evaluation.text import evaluate_text

#: task -> its evaluation; one more task is one file and one line
TASKS: dict[str, Callable[..., TaskEvaluation]] = {
    "multiclass": evaluate_multiclass,
    "ranking": evaluate_ranking,
    "regression": evaluate_regression,
    "text": evaluate_text,
}

#: arguments of every task but a ranking
PARTS = ("slices", "show", "contract", "features")


def evaluate_task(task: str, y_true: Any, y_score: Any, **options: Any) -> TaskEvaluation:
    """Evaluate one task; options that are None are left out.

    Args:
        task: a name of `TASKS`.
        y_true: labels, numbers, or (ranking) the table of test interactions.
        y_score: decisions of shape (n,), scores of shape (n, classes), predictions of shape (n,),
            or (ranking) the table of lists.
        options: further arguments of the task's own function, and ``requirements``: metrics and
            what they must reach, as ``["ndcg@10>=0.1", "gain.popularity.low>0"]``; ``slices``, a
            table of n rows whose slices are searched for a larger loss, with ``show`` and
            ``contract``; and ``features``, for the best single column and a regression; all as
            in `holdfast.evaluate` (not of a ranking).

    Raises:
        UsageError: an unknown task, or an option the task does not have.

    Example:
        >>> evaluate_task("regression", [1.0, 2.0, 4.0], [1.0, 2.5, 4.0]).value("mae")
        0.16666666666666666
    """
    if task not in TASKS:
        raise UsageError(
            "unknown task", expected=f"one of {', '.join(['binary', *TASKS])}", got=f"task={task!r}"
        )
    run = TASKS[task]
    asked = as_requirements(options.pop("requirements", None))
    searched = {name: options.pop(name, None) for name in PARTS}
    if task == "ranking" and searched["features"] is not None:
        raise UsageError("a ranking has no features", expected="classes, numbers or texts")
    if task == "ranking" and searched["slices"] is not None:
        raise UsageError(
            "slices of a ranking are not searched",
            expected="slices of rows",
            remedy="give slices_of a table of users and 1 - NDCG of each",
        )
    given = {name: value for name, value in options.items() if value is not None}
    known = set(list(inspect.signature(run).parameters)[2:]) | set(PARTS)
    if task in ("multiclass", "text"):
        known |= {"y_pred", "y_score"}
    strange = sorted(set(given) - known)
    if strange:
        raise UsageError(
            f"{strange[0]} is no argument of an evaluation of {task}",
            expected=f"some of {', '.join(sorted(known))}",
            got=f"{', '.join(strange)}",
        )
    said = y_score
    if task in ("multiclass", "text") and _dimensions(y_score) == 2:
        said = given.pop("y_pred", None)
        given["y_score"] = y_score
    found = run(y_true, said, **given)
    if any(
        x is not None for x in (given.get("champion"), searched["slices"], searched["features"])
    ):
        found = with_parts(found, y_true, said, given, **searched)
    found = required(found, asked)
    ordered = tuple(sorted(found.findings, key=lambda f: -f.severity.rank))
    return msgspec.structs.replace(found, findings=ordered)


def required(found: TaskEvaluation, asked: tuple[Requirement, ...]) -> TaskEvaluation:
    """The evaluation held against requirements; ``gain.<baseline>`` names a paired gain.

    Raises:
        UsageError: a requirement names a metric that is not there.
    """
    gains = {f"gain.{name}": rival.gain for name, rival in found.baselines.items()}
    checked = check_requirements(asked, found.metrics | gains)
    return msgspec.structs.replace(
        found,
        requirements=checked,
        findings=(*found.findings, *requirement_findings(checked)),
    )


def _dimensions(values: Any) -> int:
    shape = getattr(values, "shape", None)
    if shape is not None:
        return len(shape)
    first = next(iter(values), None) if isinstance(values, list | tuple) else None
    return 2 if isinstance(first, list | tuple) or getattr(first, "ndim", 0) == 1 else 1


def score_columns(table: Any, prefix: str) -> tuple[list[str], list[str]]:
    """Columns that hold the scores of classes, and the classes: ``score_a`` is of class ``a``.

    Args:
        table: an Arrow table.
        prefix: what their names begin with, for example ``score_``.

    Raises:
        UsageError: fewer than two such columns.

    >>> import pyarrow as pa
    >>> score_columns(pa.table({"score_a": [0.1], "score_b": [0.9], "y": ["b"]}), "score_")
    (['score_a', 'score_b'], ['a', 'b'])
    """
    names = [name for name in table.column_names if name.startswith(prefix)]
    if len(names) < 2:
        raise UsageError(
            "no columns with the scores of classes",
            expected=f"two or more columns {prefix}<class>",
            got=f"{len(names)}",
            remedy="name them with --score-prefix",
        )
    return names, [name[len(prefix) :] for name in names]


def evaluate_table(
    task: str,
    table: Any,
    *,
    target: str,
    score: str = "score",
    score_prefix: str | None = None,
    entity: str | None = None,
    event_time: str | None = None,
    confidence: str | None = None,
    quantiles: dict[float, str] | None = None,
    interval: tuple[str, str] | None = None,
    champion: str | None = None,
    trained_on: Any = None,
    **options: Any,
) -> TaskEvaluation:
    """Evaluate a table of predictions, its columns named: what ``holdfast evaluate`` calls.

    Args:
        task: ``multiclass``, ``regression`` or ``text``; lists are given to `evaluate_ranking`.
        table: anything `holdfast.frames.read` takes.
        target: column with the truth.
        score: column with the decision or prediction.
        score_prefix: beginning of the names of the columns with each class's probability; the
            rest of a name is the class, as text.
        entity: column that names whose row it is.
        event_time: column that says when.
        confidence: column that says how sure a decision is (text).
        champion: column with the decision or prediction of the model in use.
        quantiles: level → column.
        interval: columns with the lower and upper bounds.
        trained_on: the target of the training rows.
        options: further arguments of the task's function; of ``costs`` labels may be texts that
            spell numbers.

    Raises:
        DataError: a column is not there.
    """
    from holdfast import frames
    from holdfast.errors import DataError

    rows = frames.read(table).arrow()

    def column(name: str | None) -> Any:
        if name is None:
            return None
        if name not in rows.column_names:
            raise DataError(
                "the table lacks a column that is needed",
                expected=f"a column {name!r}",
                got=f"columns {', '.join(rows.column_names[:12])}",
            )
        return columns.plain(rows.column(name), f"the column {name!r}")

    truth = column(target)
    options |= {
        "entity": column(entity), "champion": column(champion), "trained_on": trained_on,
        "event_time": column(event_time),
    }  # fmt: skip
    if task == "regression":
        options |= {
            "quantiles": {q: column(name) for q, name in (quantiles or {}).items()} or None,
            "interval": interval and (column(interval[0]), column(interval[1])),
        }
        return evaluate_task(task, truth, column(score), **options)
    if task == "text":
        options["confidence"] = column(confidence)
    costs = options.get("costs")
    if score_prefix is None:
        if isinstance(costs, dict):
            options["costs"] = _spelled(costs, truth, column(score))
        return evaluate_task(task, truth, column(score), **options)
    names, classes = score_columns(rows, score_prefix)
    matrix = np.stack([columns.numbers(rows.column(n), n) for n in names], axis=1)
    decided = column(score) if score in rows.column_names else None
    spelled = {"y_pred": decided, "champion": options["champion"], "trained_on": trained_on}
    for name, values in spelled.items():
        options[name] = None if values is None else _texts(values, name)
    truth = _texts(truth, "the true labels")
    return evaluate_task(task, truth, matrix, classes=classes, **options)


def _texts(values: Any, what: str) -> Any:
    return np.array([str(v) for v in columns.labels(values, what).tolist()])


def _spelled(costs: dict[tuple[str, str], float], *columns_: Any) -> dict[tuple[Any, Any], float]:
    """Costs by the labels themselves, from costs by what they spell."""
    place = {
        str(label): label
        for values in columns_
        for label in np.unique(columns.labels(values, "the labels")).tolist()
    }
    return {
        (place.get(truth, truth), place.get(decision, decision)): cost
        for (truth, decision), cost in costs.items()
    }
