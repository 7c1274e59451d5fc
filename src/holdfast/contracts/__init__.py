"""Contracts: what a table or row must look like, learned, reviewed, checked and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.lazy import lazy_names

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


__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
