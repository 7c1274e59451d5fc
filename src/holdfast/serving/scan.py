"""Looking at JSON bytes: duplicate keys and depth, exactly, and cheaply when all is well.

JSON decoders keep the last of two equal keys. A client that sends one key twice means something
that we cannot know, so such a body is refused. The test is a count: a document without a colon
inside its texts has as many colons as keys, so a decoder that returned fewer keys dropped some.
"""

from __future__ import annotations

import json
import re
from typing import Any

_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def nesting(body: bytes, stop: int) -> int:
    """Depth of the JSON document in `body`, looking no further once it exceeds `stop`.

    Example:
        >>> nesting(b'{"a": [[1], "[[[["]}', stop=32)
        3
    """
    depth = deepest = 0
    for match in _STRINGS_AND_BRACKETS.finditer(body):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > stop:
                    break
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


class _DuplicateKeyError(Exception):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return found


def duplicate_key(body: bytes) -> str | None:
    """The first key that one object of `body` holds twice, or None; exact and slow.

    Example:
        >>> duplicate_key(b'{"a": 1, "b": {"c": 1, "c": 2}}')
        'c'
        >>> duplicate_key(b'{"a": {"c": 1}, "b": {"c": 1}}') is None
        True
    """
    try:
        json.loads(body, object_pairs_hook=_pairs, parse_int=float)
    except _DuplicateKeyError as found:
        return str(found)
    return None


def colons_in(values: Any) -> int:
    """Colons inside the texts of decoded JSON scalars and lists of them.

    Example:
        >>> colons_in(["12:30:00", 5, ["a:b"]])
        3
    """
    total = 0
    for value in values:
        if value.__class__ is str:
            total += value.count(":")
        elif value.__class__ is list:
            total += colons_in(value)
    return total
