"""Contracts: what a table or row must look like, learned, reviewed, checked and compiled."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

#: public name -> module that defines it
_PUBLIC = {
    "CheckReport": "holdfast.contracts.report",
    "ColumnResult": "holdfast.contracts.report",
    "Contract": "holdfast.contracts.contract",
    "ContractData": "holdfast.contracts.model",
    "Field": "holdfast.contracts.model",
    "Kind": "holdfast.contracts.model",
    "Outcome": "holdfast.contracts.model",
    "Policy": "holdfast.contracts.model",
    "Role": "holdfast.contracts.model",
    "RuleResult": "holdfast.contracts.report",
    "Verdict": "holdfast.contracts.model",
    "Violation": "holdfast.contracts.model",
}

__all__ = [
    "CheckReport",
    "ColumnResult",
    "Contract",
    "ContractData",
    "Field",
    "Kind",
    "Outcome",
    "Policy",
    "Role",
    "RuleResult",
    "Verdict",
    "Violation",
]

if TYPE_CHECKING:
    from holdfast.contracts.contract import Contract
    from holdfast.contracts.model import (
        ContractData,
        Field,
        Kind,
        Outcome,
        Policy,
        Role,
        Verdict,
        Violation,
    )
    from holdfast.contracts.report import CheckReport, ColumnResult, RuleResult


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'holdfast.contracts' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
