"""Evaluation: what a model's decisions are worth, in shares and money, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

_PUBLIC = {
    "Backtest": "holdfast.evaluation.backtest_record",
    "CVGap": "holdfast.evaluation.cv_gap_record",
    "ConfidenceSequence": "holdfast.evaluation.sequential",
    "Costs": "holdfast.evaluation.costs",
    "Evaluation": "holdfast.evaluation.record",
    "ModelComparison": "holdfast.evaluation.paired_record",
    "Slices": "holdfast.evaluation.slices",
    "backtest": "holdfast.evaluation.backtesting",
    "compare_models": "holdfast.evaluation.paired",
    "cost_threshold": "holdfast.evaluation.costs",
    "cv_gap": "holdfast.evaluation.cross_validation",
    "evaluate": "holdfast.evaluation.decisions",
    "evaluate_multiclass": "holdfast.evaluation.multiclass",
    "evaluate_ranking": "holdfast.evaluation.ranking",
    "evaluate_regression": "holdfast.evaluation.regression",
    "evaluate_task": "holdfast.evaluation.tasks",
    "evaluate_text": "holdfast.evaluation.text",
    "slices_of": "holdfast.evaluation.slices",
}

__all__ = [
    "Backtest",
    "CVGap",
    "ConfidenceSequence",
    "Costs",
    "Evaluation",
    "ModelComparison",
    "Slices",
    "backtest",
    "compare_models",
    "cost_threshold",
    "cv_gap",
    "evaluate",
    "evaluate_multiclass",
    "evaluate_ranking",
    "evaluate_regression",
    "evaluate_task",
    "evaluate_text",
    "slices_of",
]

if TYPE_CHECKING:
    from holdfast.evaluation.backtest_record import Backtest
    from holdfast.evaluation.backtesting import backtest
    from holdfast.evaluation.costs import Costs, cost_threshold
    from holdfast.evaluation.cross_validation import cv_gap
    from holdfast.evaluation.cv_gap_record import CVGap
    from holdfast.evaluation.decisions import evaluate
    from holdfast.evaluation.multiclass import evaluate_multiclass
    from holdfast.evaluation.paired import compare_models
    from holdfast.evaluation.paired_record import ModelComparison
    from holdfast.evaluation.ranking import evaluate_ranking
    from holdfast.evaluation.record import Evaluation
    from holdfast.evaluation.regression import evaluate_regression
    from holdfast.evaluation.sequential import ConfidenceSequence
    from holdfast.evaluation.slices import Slices, slices_of
    from holdfast.evaluation.tasks import evaluate_task
    from holdfast.evaluation.text import evaluate_text


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
