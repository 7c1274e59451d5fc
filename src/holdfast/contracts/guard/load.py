"""A guard from a contract file, for processes with the standard library and msgspec only."""

from __future__ import annotations

from pathlib import Path

from holdfast.contracts.canonical import MAX_BYTES, from_json
from holdfast.contracts.guard.compiled import Guard, compile_guard
from holdfast.errors import ContractError


def load_guard(
    source: str | Path | bytes, *, mode: str = "enforce", on_error: str = "closed"
) -> Guard:
    """Compiles the guard of a contract's JSON.

    Args:
        source: path of a ``contract.json``, or its content as bytes.
        mode: see `compile_guard`.
        on_error: see `compile_guard`.

    Raises:
        ContractError: when it cannot be read, or is not a contract.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        try:
            with path.open("rb") as file:
                source = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ContractError(
                "the contract file cannot be read",
                code="HF-E-CONTRACT-FILE",
                expected="the path of a contract written as JSON",
                got=f"path={str(path)!r} ({error.__class__.__name__})",
                remedy="write one with Contract.save('contract.json')",
            ) from None
    return compile_guard(from_json(source), mode=mode, on_error=on_error)
