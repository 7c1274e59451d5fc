"""A guard from whatever a user has at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from holdfast.contracts.guard import Guard, compile_guard, load_guard
from holdfast.contracts.model import ContractData
from holdfast.errors import UsageError


def guard_of(contract: Any, *, mode: str = "enforce", on_error: str = "closed") -> Guard:
    """The guard of a contract: a `Contract`, `ContractData`, ``contract.json`` or its bytes.

    Raises:
        ContractError: the document cannot be read, or contradicts itself.
        UsageError: what was given is no contract.
    """
    data = getattr(contract, "data", contract)
    if isinstance(data, ContractData):
        return compile_guard(data, mode=mode, on_error=on_error)
    if isinstance(contract, (str, Path, bytes)):
        return load_guard(contract, mode=mode, on_error=on_error)
    raise UsageError(
        "this is no contract",
        expected="a Contract, or the path of a contract.json",
        got=f"type={type(contract).__name__}",
        remedy="learn one with Contract.learn, or load one with Contract.load",
    )
