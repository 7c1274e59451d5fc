"""Names as the code writes them, and the columns it calls the label."""

from __future__ import annotations

import ast

from holdfast.audit.code.vocabulary import is_label, side_of


def dotted(node: ast.AST) -> str:
    """``a.b.c`` for names and attributes of names, empty for anything else.

    >>> dotted(ast.parse("self.x.y").body[0].value)
    'self.x.y'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def target_columns(tree: ast.Module) -> frozenset[str]:
    """Columns the script itself calls the label: ``y = frame["sold"]``, ``target = "sold"``."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        name = dotted(node.targets[0])
        if not name or not is_label(name) or side_of(name) == "test":
            continue
        for part in ast.walk(node.value):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.add(part.value)
    return frozenset(found)
