"""The child process of `CallableModel`: JSON lines in, JSON lines out.

Run as ``python -m holdfast.models.callable_worker package.module:function SHA256``.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.models.callable import source_hash


def main(arguments: list[str]) -> int:
    """Answer every line of stdin until it ends."""
    path, source = arguments
    # what the function prints must not mix with the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if source_hash(path) != source:
        return 3
    module, _, name = path.partition(":")
    function: Callable[[list[dict[str, Any]]], Any] = getattr(importlib.import_module(module), name)
    for line in sys.stdin.buffer:
        answers.write(msgspec.json.encode(_answer(function, msgspec.json.decode(line))) + b"\n")
        answers.flush()
    return 0


def _answer(function: Callable[[list[dict[str, Any]]], Any], rows: Any) -> dict[str, Any]:
    try:
        scores = [float(score) for score in function(rows)]
    except Exception as error:  # noqa: BLE001  whatever the user's code raises is the answer
        return {"error": type(error).__name__}
    if not all(math.isfinite(score) for score in scores):
        return {"error": "a score is not finite"}
    return {"scores": scores}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
