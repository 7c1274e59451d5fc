"""Evaluation: what a model's decisions are worth, in shares and money, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

_PUBLIC = {
    "Costs": "holdfast.evaluation.costs",
    "Evaluation": "holdfast.evaluation.record",
    "cost_threshold": "holdfast.evaluation.costs",
    "evaluate": "holdfast.evaluation.decisions",
}

__all__ = ["Costs", "Evaluation", "cost_threshold", "evaluate"]

if TYPE_CHECKING:
    from holdfast.evaluation.costs import Costs, cost_threshold
    from holdfast.evaluation.decisions import evaluate
    from holdfast.evaluation.record import Evaluation


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
