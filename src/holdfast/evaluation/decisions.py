"""Evaluate scores against the truth: one door for every task, binary decisions behind it."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from holdfast.errors import UsageError
from holdfast.evaluation.binary import evaluate_binary
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.inputs import as_positive
from holdfast.evaluation.record import Evaluation

__all__ = ["as_positive", "evaluate"]

#: tasks that are not binary; `holdfast.evaluation.tasks` knows their functions
TASKS = ("multiclass", "regression", "ranking", "text")


def evaluate(
    y_true: Any,
    y_score: Any,
    *,
    task: str | None = None,
    costs: Costs | None = None,
    cost_columns: Mapping[str, Any] | None = None,
    capacity: float | None = None,
    capacity_period: str | None = None,
    threshold: float | None = None,
    positive: Any = None,
    metrics: Sequence[str] | None = None,
    baselines: Mapping[str, Any] | None = None,
    features: Any = None,
    champion: Any = None,
    slices: Any = None,
    show: bool | Collection[str] = False,
    contract: Any = None,
    entity: Any = None,
    event_time: Any = None,
    group: Any = None,
    accepted: Any = None,
    requirements: Any = None,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Evaluation:
    """Evaluate scores: costs, thresholds, baselines, calibration, every number with its interval.

    Args:
        y_true: shape (n,); booleans, 0/1, or labels together with `positive`.
        y_score: shape (n,), finite; higher means more likely positive. Calibration, log loss and
            the formula's threshold need probabilities; ranking metrics do not.
        task: ``binary`` (also when None), ``multiclass``, ``regression``, ``ranking`` or ``text``;
            `options` are those of the task's own function.
        costs: cost of each kind of decision; None counts each error as 1.
        cost_columns: kind of `Costs` → shape (n,), for prices that differ by row.
        capacity: rows that can be looked at: among all these, or each `capacity_period`.
        capacity_period: ``hour``, ``day``, ``week`` or ``month`` of `event_time`.
        threshold: rows at or above it are decided positive; None takes the costs' formula (the
            threshold found by data where scores are not probabilities), raised to the capacity.
        positive: label of the positive class, when `y_true` holds labels.
        metrics: names out of `METRICS`, and nothing beyond them and the constant baseline; None
            takes all, with baselines, thresholds, calibration and curves.
        baselines: name → shape (n,), scores of further rivals.
        features: table of n rows, for the best single column and a logistic (of numbers a
            linear) regression; not of a ranking.
        champion: shape (n,), scores of the model in service; compared by cost and by a paired
            test of the AUC.
        slices: table of n rows whose slices are searched for weak spots; not of a ranking.
        show: whether values of the sliced columns may stand in the report, or names of the
            columns whose values may.
        contract: a contract or its path; its fields marked ``pii: no`` may be shown as well.
        entity: shape (n,), rows of one entity are resampled together.
        event_time: shape (n,), rows of a stretch of time are resampled together.
        group: shape (n,), like `entity`, for coarser groups; takes precedence.
        accepted: shape (n,), False where the outcome is not known (its label is ignored).
        requirements: such as ``["recall>=0.5", "roc_auc.low>0.7"]``.
        level: coverage of the intervals.
        seed: seed of resampled intervals; the same seed gives the same numbers.
        **options: arguments of the task that is asked for.

    Raises:
        DataError: truth and scores do not fit, labels are missing, scores are not finite.
        UsageError: unknown metric, task or requirement; labels without `positive`.

    Example:
        >>> e = evaluate([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], costs=Costs(1, 3))
        >>> e.threshold, e.value("accuracy"), e.value("roc_auc"), e.value("expected_cost")
        (0.25, 0.75, 0.75, 0.25)
    """
    if task in (None, "binary"):
        if options:
            raise UsageError("unknown arguments", got=", ".join(sorted(options)))
        return evaluate_binary(
            y_true, y_score, costs=costs, cost_columns=cost_columns, capacity=capacity,
            capacity_period=capacity_period, threshold=threshold, positive=positive,
            metrics=metrics, baselines=baselines, features=features, champion=champion,
            slices=slices, show=show, contract=contract, entity=entity, event_time=event_time,
            group=group, accepted=accepted, requirements=requirements, level=level, seed=seed,
        )  # fmt: skip
    if task not in TASKS:
        raise UsageError(
            "unknown task", expected=f"binary, {', '.join(TASKS)}", got=f"task={task!r}"
        )
    only = {
        "cost_columns": cost_columns, "capacity": capacity, "capacity_period": capacity_period,
        "threshold": threshold, "positive": positive, "metrics": metrics, "baselines": baselines,
        "accepted": accepted,
    }  # fmt: skip
    strange = [name for name, value in only.items() if value is not None]
    if strange:
        raise UsageError(
            f"{strange[0]} is of binary decisions only",
            expected="task='binary', or leave it out",
            got=f"task={task!r}, {', '.join(strange)}",
        )
    given = {
        "costs": costs, "champion": champion, "event_time": event_time,
        "entity": entity if group is None else group, "requirements": requirements,
        "slices": slices, "contract": contract, "show": show or None,
        "features": features,
    }  # fmt: skip
    options |= {name: value for name, value in given.items() if value is not None}
    tasks = importlib.import_module("holdfast.evaluation.tasks")
    found: Evaluation = tasks.evaluate_task(
        task, y_true, y_score, level=level, seed=seed, **options
    )
    return found
