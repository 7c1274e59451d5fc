"""YAML text to a plain tree with line numbers, by the parser's events alone.

Nothing is constructed from tags, anchors and aliases are refused, as are duplicate keys, texts
larger than 1 MB, nesting deeper than 32 and directives. Scalars follow the core schema of YAML
1.2: ``no`` and dates are texts.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, NoReturn

from holdfast.errors import ContractError

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 200_000

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?")
_NO_NUMBERS = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Node(NamedTuple):
    """One value of the tree: a dict or list of nodes, or a scalar; and its line, from 1."""

    value: Any
    line: int

    def plain(self) -> Any:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def refuse(
    sentence: str, line: int, *, expected: str, got: str = "", remedy: str | None = None
) -> NoReturn:
    """Raises the error of a document, with its line."""
    raise ContractError(
        f"line {line}: {sentence}",
        code="HF-E-CONTRACT-YAML",
        expected=expected,
        got=str(got.encode("utf-8", "replace"), "utf-8")[:200] or None,
        remedy=remedy,
    )


def scalar(text: str, line: int) -> Any:
    """The value of a plain (unquoted) scalar.

    >>> scalar("no", 1), scalar("18", 1), scalar("1e3", 1), scalar("2026-11-23", 1)
    ('no', 18, 1000.0, '2026-11-23')
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NO_NUMBERS.fullmatch(text):
        refuse("an infinite or missing number", line, expected="a finite number", got=text)
    if len(text) <= 400 and _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            refuse("a number too large", line, expected="a finite number", got=text)
        return value
    return text


def read_tree(text: str) -> Node:
    """The tree of a YAML text.

    Raises:
        ContractError: the text is not YAML, or uses what contracts may not use.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        size = len(text.encode("utf-8"))
    except (UnicodeError, AttributeError):
        refuse("the document is not valid text", 1, expected="UTF-8 text")
    if size > MAX_BYTES:
        refuse("the document is too large", 1, expected=f"at most {MAX_BYTES} bytes", got=f"{size}")
    try:
        return _Builder().build(YAML(typ="safe", pure=True).parse(text))
    except ContractError:
        raise
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        refuse(
            "this is not YAML",
            mark.line + 1 if mark is not None else 1,
            expected="YAML as Contract.save writes it",
            got=str(problem),
        )
    except Exception as error:  # noqa: BLE001 - whatever the parser does on garbage, one error leaves
        refuse("this is not YAML", 1, expected="YAML", got=type(error).__name__)


class _Builder:
    """Folds the parser's events to a tree, refusing on the way."""

    def __init__(self) -> None:
        self.nodes = 0
        self.documents = 0

    def build(self, events: Any) -> Node:
        root: Node | None = None
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1:
                    refuse("a second document", _line(event), expected="one document")
                if event.version or event.tags:
                    refuse("a directive", _line(event), expected="no line beginning with %")
            elif kind in {"ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"}:
                root = self.node(event, events, 1)
        if root is None:
            refuse("the document is empty", 1, expected="a contract")
        return root

    def node(self, event: Any, events: Any, depth: int) -> Node:
        line = _line(event)
        kind = type(event).__name__
        self.nodes += 1
        if self.nodes > MAX_NODES:
            refuse("too many entries", line, expected=f"at most {MAX_NODES}")
        if kind == "AliasEvent" or event.anchor is not None:
            refuse(
                "anchors and aliases are not taken", line, expected="every value written out",
                got=f"name={event.anchor!r}",
            )  # fmt: skip
        if getattr(event, "tag", None) is not None:
            refuse("tags are not taken", line, expected="plain values", got=f"tag={event.tag!r}")
        if kind == "ScalarEvent":
            plain = event.style is None
            return Node(scalar(event.value, line) if plain else event.value, line)
        if depth > MAX_DEPTH:
            refuse("nested too deeply", line, expected=f"at most {MAX_DEPTH} levels")
        if kind == "SequenceStartEvent":
            return Node(self.sequence(events, depth), line)
        return Node(self.mapping(events, depth), line)

    def sequence(self, events: Any, depth: int) -> list[Node]:
        items = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.append(self.node(event, events, depth + 1))
        return items

    def mapping(self, events: Any, depth: int) -> dict[str, Node]:
        items: dict[str, Node] = {}
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key, line = self.node(event, events, depth + 1)
            if not isinstance(key, str):
                refuse(
                    "a key that is no text", line, expected="a text", got=f"key={str(key)[:80]}",
                    remedy="put the key in quotes",
                )  # fmt: skip
            if key in items:
                refuse("the same key twice", line, expected="each key once", got=f"key={key!r}")
            items[key] = self.node(next(events), events, depth + 1)
        return items


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
