"""Holdfast: the reliability layer for machine-learning models in production.

Public names are resolved on first use, so that ``import holdfast`` costs next to nothing and a
scoring process that only guards loads the standard library and msgspec alone.

Example:
    >>> import holdfast as hf
    >>> hf.__version__
    '0.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

__version__ = "0.1.0"

#: public name -> module that defines it
_PUBLIC = {
    "Comparison": "holdfast.comparison",
    "Contract": "holdfast.contracts",
    "Costs": "holdfast.evaluation",
    "HoldfastError": "holdfast.errors",
    "Monitor": "holdfast.monitoring",
    "Registry": "holdfast.releases",
    "Release": "holdfast.releases",
    "audit": "holdfast.audit",
    "backtest": "holdfast.evaluation",
    "compare": "holdfast.comparison",
    "compare_models": "holdfast.evaluation",
    "cv_gap": "holdfast.evaluation",
    "drill": "holdfast.drill",
    "evaluate": "holdfast.evaluation",
}

__all__ = [
    "Comparison",
    "Contract",
    "Costs",
    "HoldfastError",
    "Monitor",
    "Registry",
    "Release",
    "__version__",
    "audit",
    "backtest",
    "compare",
    "compare_models",
    "cv_gap",
    "drill",
    "evaluate",
]

if TYPE_CHECKING:
    from holdfast.audit import audit
    from holdfast.comparison import Comparison, compare
    from holdfast.contracts import Contract
    from holdfast.drill import drill
    from holdfast.errors import HoldfastError
    from holdfast.evaluation import Costs, backtest, compare_models, cv_gap, evaluate
    from holdfast.monitoring import Monitor
    from holdfast.releases import Registry, Release

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
