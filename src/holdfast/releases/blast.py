"""Blast radius: what each fault in each feature would do to the decisions, before it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import ModelError
from holdfast.evaluation.costs import Costs
from holdfast.evaluation.metrics import row_costs
from holdfast.models.base import Model, Scores
from holdfast.models.mixture import constant
from holdfast.records import Estimate
from holdfast.releases.records import Blast
from holdfast.stats.intervals import wilson

#: rows beyond which a seeded sample is used
MOST_ROWS = 2_000
#: most frequent categories tried as the value a feature service may fill in
MOST_DEFAULTS = 8
#: a category that no training row has
RENAMED = "holdfast renamed"

FAULTS = ("null", "default", "x100", "frozen", "shuffled", "renamed")


class Healthy:
    """The main model on clean rows, to compare faults with."""

    def __init__(
        self,
        model: Model,
        table: pa.Table,
        positive: npt.NDArray[np.bool_],
        threshold: float,
        costs: Costs,
    ) -> None:
        self.model, self.table, self.positive = model, table, positive
        self.threshold, self.costs = threshold, costs
        self.decided = model.predict_table(table) >= threshold
        self.cost = float(row_costs(positive, self.decided, costs).mean())
        self.accuracy = float((self.decided == positive).mean())

    def scores(self, feature: str, column: pa.Array | pa.ChunkedArray) -> Scores:
        """Scores with one column replaced."""
        index = self.table.column_names.index(feature)
        return self.model.predict_table(self.table.set_column(index, feature, column))

    def cost_of(self, scores: Scores) -> float:
        """Expected cost per row of deciding by these scores."""
        return float(row_costs(self.positive, scores >= self.threshold, self.costs).mean())

    def blast(self, feature: str, fault: str, scores: Scores, value: str = "") -> Blast:
        """The comparison as a record."""
        decided = scores >= self.threshold
        return Blast(
            feature=feature,
            fault=fault,
            rows=len(scores),
            flipped=wilson(int((decided != self.decided).sum()), len(scores)),
            accuracy_change=float((decided == self.positive).mean()) - self.accuracy,
            approval_change=float((~decided).mean() - (~self.decided).mean()),
            cost_change=self.cost_of(scores) - self.cost,
            value=value,
        )

    def lost(self, feature: str, fault: str, error: ModelError) -> Blast:
        """The record when the model cannot answer."""
        rows = self.table.num_rows
        worst = max(self.costs.false_positive, self.costs.false_negative)
        return Blast(
            feature=feature,
            fault=fault,
            rows=rows,
            flipped=Estimate(value=1.0, n=rows, unit="share", method="no answer"),
            accuracy_change=-self.accuracy,
            approval_change=0.0,
            cost_change=worst - self.cost,
            error=error.message,
        )


def blast_radius(
    model: Model,
    table: pa.Table,
    positive: npt.NDArray[np.bool_],
    *,
    threshold: float,
    costs: Costs,
    features: Sequence[str] | None = None,
    shown: Sequence[str] = (),
    seed: int = 0,
) -> list[Blast]:
    """Try every fault in every feature on held-out rows, without guard or fallback.

    Faults: ``null``; ``default`` (the most harmful of the values a service may fill in: the most
    frequent categories, or for numbers 0, -1, the median and the two 1% tails);
    ``x100``; ``frozen`` (one row's value for all, the median harm of five such rows);
    ``shuffled``; ``renamed`` (the most frequent category arrives under a new name).

    Args:
        model: the main model.
        table: held-out rows.
        positive: shape (n,), the truth.
        threshold: rows scoring at or above it are decided positive.
        costs: cost of each kind of decision.
        features: features to try; None tries all the model's.
        shown: features whose values may be named (not personal).
        seed: seed of sampling and shuffling.

    Returns:
        One record per feature and fault that applies, the most expensive first.
    """
    rng = np.random.default_rng(seed)
    if table.num_rows > MOST_ROWS:
        chosen = np.sort(rng.choice(table.num_rows, MOST_ROWS, replace=False))
        table, positive = table.take(pa.array(chosen)), positive[chosen]
    healthy = Healthy(model, table, positive, threshold, costs)
    found: list[Blast] = []
    for feature in features if features is not None else model.features:
        column = table.column(feature)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        for fault, candidates in _faults(column, rng):
            found.append(_worst(healthy, feature, fault, candidates, feature in shown))
    return sorted(found, key=lambda b: (-b.cost_change, -(b.flipped.value or 0), b.feature))


def _worst(
    healthy: Healthy,
    feature: str,
    fault: str,
    candidates: list[tuple[str, pa.Array]],
    shown: bool,
) -> Blast:
    """The most expensive variant of a fault; for ``frozen`` the median one."""
    tried: list[tuple[float, str, Scores]] = []
    failure: ModelError | None = None
    for value, column in candidates:
        try:
            scores = healthy.scores(feature, column)
        except ModelError as error:
            failure = error
            continue
        if np.isfinite(scores).all():
            tried.append((healthy.cost_of(scores), value, scores))
        else:
            failure = ModelError("the model gives no finite score")
    if not tried:
        return healthy.lost(feature, fault, failure or ModelError("the model gives no score"))
    tried.sort(key=lambda t: (-t[0], t[1]))
    _, value, scores = tried[len(tried) // 2 if fault == "frozen" else 0]
    return healthy.blast(feature, fault, scores, value if shown else "")


def _faults(
    column: pa.ChunkedArray, rng: np.random.Generator
) -> list[tuple[str, list[tuple[str, pa.Array]]]]:
    """Every fault that applies to a column, each with the variants to try."""
    rows = len(column)
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    found: list[tuple[str, list[tuple[str, pa.Array]]]] = [("null", [("", pa.nulls(rows, kind))])]
    defaults = _defaults(column, numeric)
    if defaults:
        found.append(("default", [(str(v), constant(v, rows)) for v in defaults]))
    if numeric:
        factor = pa.scalar(100.0)
        found.append(("x100", [("", pc.multiply(pc.cast(column, pa.float64()), factor))]))
    frozen = [column[int(i)].as_py() for i in rng.integers(0, rows, 5)]
    found.append(("frozen", [(str(v), constant(v, rows)) for v in frozen if v is not None]))
    found.append(("shuffled", [("", column.take(pa.array(rng.permutation(rows))))]))
    if text and defaults:
        top = pc.equal(column, pa.scalar(defaults[0], kind))
        found.append(("renamed", [("", pc.if_else(top, pa.scalar(RENAMED, kind), column))]))
    return [(fault, variants) for fault, variants in found if variants]


def _defaults(column: pa.ChunkedArray, numeric: bool) -> list[Any]:
    """Values that a broken feature service may fill in, the most frequent first."""
    present = pc.drop_null(column)
    if not len(present):
        return []
    if numeric:
        numbers = np.asarray(present.to_numpy(), dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return []
        picks = [0.0, -1.0, *np.quantile(numbers, [0.5, 0.01, 0.99], method="nearest").tolist()]
        whole = pa.types.is_integer(column.type)
        return list(dict.fromkeys(int(p) if whole else float(p) for p in picks))
    if pa.types.is_nested(column.type):
        return []
    counts = pc.value_counts(present).to_pylist()
    ranked = sorted(counts, key=lambda c: (-c["counts"], str(c["values"])))
    return [c["values"] for c in ranked[:MOST_DEFAULTS]]
