"""Evaluation: what a model's decisions are worth, in shares and money, each with its interval."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Costs": "holdfast.evaluation.costs",
    "Evaluation": "holdfast.evaluation.decisions",
    "cost_threshold": "holdfast.evaluation.costs",
    "evaluate": "holdfast.evaluation.decisions",
}

__all__ = ["Costs", "Evaluation", "cost_threshold", "evaluate"]

if TYPE_CHECKING:
    from holdfast.evaluation.costs import Costs, cost_threshold
    from holdfast.evaluation.decisions import Evaluation, evaluate


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'holdfast.evaluation' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value
