"""Holdfast: the reliability layer for machine-learning models in production.

Public names are resolved on first use, so that ``import holdfast`` costs next to nothing and a
scoring process that only guards loads the standard library and msgspec alone.

Example:
    >>> import holdfast as hf
    >>> hf.__version__
    '0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: public name -> module that defines it
_PUBLIC = {
    "Contract": "holdfast.contracts",
    "HoldfastError": "holdfast.errors",
    "Monitor": "holdfast.monitoring",
}

__all__ = ["Contract", "HoldfastError", "Monitor", "__version__"]

if TYPE_CHECKING:
    from holdfast.contracts import Contract
    from holdfast.errors import HoldfastError
    from holdfast.monitoring import Monitor


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
