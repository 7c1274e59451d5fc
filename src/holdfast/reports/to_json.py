"""JSON: the plain record behind the report, or the document itself."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from holdfast.reports.document import Document


def render(document: Document) -> str:
    """One JSON value with two-space indent; NaN and infinities become null."""
    if document.data is not None:
        value = plain(document.data)
    else:
        value = {"version": Document.version, **plain(document)}
        del value["data"]
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Records, tuples and NaN as what JSON has.

    >>> plain({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | bool):
        return value
    return plain(msgspec.to_builtins(value, str_keys=True))
