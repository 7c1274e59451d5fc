"""Evaluation: what a model's decisions are worth, in shares and money, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

_PUBLIC = {
    "Costs": "holdfast.evaluation.costs",
    "Evaluation": "holdfast.evaluation.record",
    "cost_threshold": "holdfast.evaluation.costs",
    "evaluate": "holdfast.evaluation.decisions",
    "evaluate_multiclass": "holdfast.evaluation.multiclass",
    "evaluate_ranking": "holdfast.evaluation.ranking",
    "evaluate_regression": "holdfast.evaluation.regression",
    "evaluate_task": "holdfast.evaluation.tasks",
    "evaluate_text": "holdfast.evaluation.text",
}

__all__ = [
    "Costs",
    "Evaluation",
    "cost_threshold",
    "evaluate",
    "evaluate_multiclass",
    "evaluate_ranking",
    "evaluate_regression",
    "evaluate_task",
    "evaluate_text",
]

if TYPE_CHECKING:
    from holdfast.evaluation.costs import Costs, cost_threshold
    from holdfast.evaluation.decisions import evaluate
    from holdfast.evaluation.multiclass import evaluate_multiclass
    from holdfast.evaluation.ranking import evaluate_ranking
    from holdfast.evaluation.record import Evaluation
    from holdfast.evaluation.regression import evaluate_regression
    from holdfast.evaluation.tasks import evaluate_task
    from holdfast.evaluation.text import evaluate_text


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
