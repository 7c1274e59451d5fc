"""The contract as canonical JSON: one text per contract, and its sha256 as identity.

Example:
    >>> len(contract_id(ContractData(name="loan")))
    64
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from holdfast.contracts.model import FORMAT_VERSION, ContractData
from holdfast.errors import ContractError

#: a contract document may be this large
MAX_BYTES = 16 * 1024 * 1024

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(ContractData)


def _settled(value: Any) -> Any:
    """The value with every default in place of what equals it, so that equal gives equal text."""
    if isinstance(value, tuple):
        return tuple(map(_settled, value))
    if not isinstance(value, msgspec.Struct):
        return value
    settled = {}
    for name, default in _defaults(type(value)):
        own = getattr(value, name)
        same = own.__class__ is default.__class__ and own == default
        settled[name] = default if same else _settled(own)
    return type(value)(**settled)


@lru_cache(maxsize=64)
def _defaults(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in msgspec.structs.fields(struct))


def canonical_json(data: ContractData) -> bytes:
    """The contract's one JSON text: always in the same order, defaults left out, UTF-8.

    Raises:
        ContractError: when a value has no JSON form (integers beyond 64 bits, broken unicode).
    """
    try:
        return _ENCODER.encode(_settled(data))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ContractError(
            "the contract holds a value that has no JSON form",
            code="HF-E-CONTRACT-JSON",
            expected="texts in valid unicode, integers within 64 bits",
            got=f"error={str(error)[:200]!r}",
        ) from None


def contract_id(data: ContractData) -> str:
    """sha256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(data)).hexdigest()


def from_json(text: bytes | str) -> ContractData:
    """A contract from its JSON.

    Raises:
        ContractError: for anything that is not a contract of a known version.
    """
    if len(text) > MAX_BYTES:
        raise ContractError(
            "the contract document is too large",
            code="HF-E-CONTRACT-SIZE",
            expected=f"at most {MAX_BYTES} bytes",
            got=f"size={len(text)}",
        )
    try:
        data = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise ContractError(
            "the contract JSON cannot be read",
            code="HF-E-CONTRACT-JSON",
            expected="a document written by Contract.to_json",
            got=f"error={str(error)[:200]!r}",
            remedy="write the contract again with Contract.save, or repair the named key",
        ) from None
    if data.version != FORMAT_VERSION:
        raise ContractError(
            "the contract has an unknown format version",
            code="HF-E-CONTRACT-VERSION",
            expected=f"version={FORMAT_VERSION}",
            got=f"version={data.version}",
            remedy="install the Holdfast release that wrote it, or learn the contract again",
        )
    return data
