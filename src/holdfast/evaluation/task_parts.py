"""Slices and the paired test against the champion, for tasks beside binary decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.evaluation import columns
from holdfast.evaluation.classes import Classes, cost_matrix, encode, score_matrix
from holdfast.evaluation.estimating import Sampling, rival_findings
from holdfast.evaluation.parts import Part, champion_part, hits_part, slices_part
from holdfast.evaluation.task_record import Rival, TaskEvaluation
from holdfast.evaluation.task_rivals import class_rivals, number_rivals
from holdfast.reports.document import Block

Floats = npt.NDArray[np.float64]


def with_parts(
    found: TaskEvaluation,
    y_true: Any,
    said: Any,
    options: Mapping[str, Any],
    *,
    slices: Any = None,
    show: bool | Collection[str] | None = None,
    contract: Any = None,
    features: Any = None,
) -> TaskEvaluation:
    """The evaluation with its paired test (where there is a champion), slices, further rivals.

    Args:
        found: the evaluation.
        y_true: shape (n,), the truth.
        said: shape (n,), decisions or predictions; None takes the largest of ``y_score``.
        options: further arguments of the evaluation, ``y_score`` among them.
        slices: table of n rows, or None.
        show: whether, or of which columns, values may be shown.
        contract: its fields with ``pii: no`` may be shown.
        features: table of n rows for the best single column and a regression, or None.

    A ranking has neither: its paired gain over the champion is among the baselines already.
    Classes are sliced by cost (without costs by error), numbers by absolute error; champions are
    compared by McNemar's exact test or the paired t test of absolute errors.
    """
    if found.task == "ranking":
        return found
    level, seed = options.get("level", 0.95), options.get("seed", 0)
    of_row, count, word = columns.units(
        options.get("entity"), found.rows, options.get("event_time")
    )
    sampling = Sampling(of_row, count, word, level=level, seed=seed)
    champion, rivals = options.get("champion"), dict[str, Rival]()
    parts: list[Part] = []
    if found.task == "regression":
        truth = columns.numbers(y_true, "the true values")
        predicted = columns.numbers(said, "the predictions")
        loss, lost = np.abs(truth - predicted), "absolute error"
        if features is not None:
            unit = options.get("unit") or "of the target"
            rivals = number_rivals(truth, predicted, features, sampling, unit)
        if champion is not None:
            theirs = columns.numbers(champion, "the champion's predictions")
            parts.append(
                champion_part(
                    truth, theirs, predicted, metric="absolute_error", entity=of_row, level=level
                )
            )
    else:
        named = _named(y_true, said, options)
        prices = cost_matrix(options.get("costs"), named)
        loss = prices.of(named.truth, named.decided)
        if features is not None:
            rivals = class_rivals(named, prices, features, sampling)
        lost = "error" if options.get("costs") is None else "cost"
        if named.champion is not None:
            parts.append(
                hits_part(
                    named.champion == named.truth, named.decided == named.truth, entity=of_row,
                    level=level,
                )
            )  # fmt: skip
    if slices is not None:
        parts.append(
            slices_part(
                slices, loss, loss_name=lost, entity=of_row, show=show or False,
                contract=contract, level=level, seed=seed,
            )
        )  # fmt: skip
    blocks: list[Block] = [block for part in parts for block in part.blocks]
    more = [finding for part in parts for finding in part.findings]
    return msgspec.structs.replace(
        found,
        baselines=found.baselines | rivals,
        findings=(*found.findings, *rival_findings(rivals), *more),
        pictures=(*found.pictures, *blocks),
    )


def _named(y_true: Any, said: Any, options: Mapping[str, Any]) -> Classes:
    truth, score = columns.labels(y_true, "the true labels"), options.get("y_score")
    return encode(
        truth, said, None if score is None else score_matrix(score, len(truth)),
        options.get("classes"), options.get("trained_on"), options.get("champion"),
        options.get("show_labels", True),
    )  # fmt: skip
