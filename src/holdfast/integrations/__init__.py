"""Holdfast inside what you already run: decorator, ASGI middleware, scikit-learn scorers."""

from typing import TYPE_CHECKING

from holdfast.integrations.asgi import GuardMiddleware
from holdfast.integrations.decorator import RowRefusedError, guarded
from holdfast.lazy import lazy_names

__all__ = ["GuardMiddleware", "RowRefusedError", "cost_scorer", "guarded"]

if TYPE_CHECKING:
    from holdfast.integrations.scorers import cost_scorer

# a process that only guards loads no numpy
__getattr__, __dir__ = lazy_names(__name__, {"cost_scorer": "holdfast.integrations.scorers"})
