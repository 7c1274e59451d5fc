"""What a call was given, and which rows are among it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from holdfast.audit.code.naming import dotted
from holdfast.audit.code.trace import NOTHING, Value

if TYPE_CHECKING:
    from holdfast.audit.code.walk import Walk


class Arguments(NamedTuple):
    """What a call was given.

    Attributes:
        node: the call.
        given: values of the positional arguments.
        named: values of the keyword arguments.
    """

    node: ast.Call
    given: list[Value]
    named: dict[str, Value]

    @property
    def line(self) -> int:
        """Line of the call."""
        return self.node.lineno

    def rows(self) -> list[Value]:
        """The arguments that are rows."""
        return [v for v in (*self.given, *self.named.values()) if v.kind == "data"]

    def all(self) -> list[Value]:
        """Every argument, members of tuples too."""
        found: list[Value] = []
        for value in (*self.given, *self.named.values()):
            found.append(value)
            found += [item for item in value.items if value.kind == "tuple"]
        return found

    def touch(self) -> frozenset[int]:
        """Everything the arguments depend on."""
        return frozenset[int]().union(*(v.touch for v in self.all()))

    def says(self, keyword: str) -> ast.expr | None:
        """The expression given for a keyword."""
        return next((k.value for k in self.node.keywords if k.arg == keyword), None)


def rows_of(walk: Walk, arguments: Arguments, place: int, *keywords: str) -> Value | None:
    """The rows given at a place or under a keyword; a name nobody defined is rows of its own."""
    node: ast.expr | None = None
    value: Value | None = None
    if len(arguments.given) > place:
        value, node = arguments.given[place], arguments.node.args[place]
    for keyword in keywords:
        if value is None and keyword in arguments.named:
            value, node = arguments.named[keyword], arguments.says(keyword)
    if value is None or value.kind == "data":
        return value
    name = dotted(node) if node is not None else ""
    if name and value is NOTHING:
        return walk.fresh(name)
    if value.kind == "tuple":
        return next((item for item in value.items if item.kind == "data"), None)
    return Value("data", value.parts, value.touch) if value.kind in {"mask", "stat"} else None
