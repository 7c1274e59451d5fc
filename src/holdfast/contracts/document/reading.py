"""A contract from its YAML: every key known, every value of its sort, or `ContractError`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from holdfast.contracts import model as m
from holdfast.contracts.document.layout import (
    COMMON,
    CROSS_RULES,
    FIELD_HEAD,
    FIELD_KEYS,
    FIELD_RULES,
    FIELD_TAIL,
    HEAD,
    KEYS,
    own_attributes,
    rule_keys,
)
from holdfast.contracts.document.tree import Node, read_tree, refuse
from holdfast.contracts.validate import validate

_SEEN = re.compile(r"([0-9]{1,15}) of ([0-9]{1,15})")
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


def load_yaml(text: str) -> m.ContractData:
    """The contract that a YAML document describes.

    Args:
        text: the document, at most 1 MB.

    Raises:
        ContractError: it is no YAML, has aliases, tags, unknown or duplicate keys, or
            contradicts itself. Nothing else is ever raised.
    """
    root = read_tree(text)
    entries = _entries(root, KEYS, "the contract")
    if "version" in entries and entries["version"].value != m.FORMAT_VERSION:
        refuse(
            "an unknown format version",
            entries["version"].line,
            expected=f"version: {m.FORMAT_VERSION}",
            got=f"version={entries['version'].plain()!r}"[:80],
        )
    fields = tuple(
        _field(name, node) for name, node in _optional_map(entries, "fields", "the fields").items()
    )
    cross = tuple(_cross(node) for node in _optional_list(entries, "cross"))
    head = {key: entries[key].plain() for key in HEAD if key in entries}
    data = _convert({**head}, m.ContractData, root.line, "the contract")
    data = msgspec.structs.replace(data, fields=fields, cross=cross)
    validate(data)
    return data


def _entries(node: Node, known: Iterable[str], what: str) -> dict[str, Node]:
    """The entries of a mapping whose keys must be known."""
    if not isinstance(node.value, dict):
        refuse(f"{what} is no mapping", node.line, expected="key: value lines")
    for key, value in node.value.items():
        if key not in known:
            near = difflib.get_close_matches(key[:40], list(known), n=1, cutoff=0.5)
            refuse(
                f"{what} has an unknown key",
                value.line,
                expected="one of " + ", ".join(known),
                got=f"key={key[:60]!r}",
                remedy=f"did you mean {near[0]!r}?" if near else None,
            )
    return node.value


def _optional_map(entries: dict[str, Node], key: str, what: str) -> dict[str, Node]:
    node = entries.get(key)
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        refuse(f"{what} are no mapping", node.line, expected="name: {kind: ...} entries")
    return node.value


def _optional_list(entries: dict[str, Node], key: str) -> list[Node]:
    node = entries.get(key)
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        refuse(f"{key!r} is no list", node.line, expected="lines beginning with '-'")
    return node.value


def _convert(plain: dict[str, Any], struct: type[_Struct], line: int, what: str) -> _Struct:
    try:
        return msgspec.convert(plain, struct)
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        refuse(f"{what} has a value of the wrong sort", line, expected=str(error))


def _field(name: str, node: Node) -> m.Field:
    what = f"field {name[:60]!r}"
    entries = _entries(node, FIELD_KEYS, what)
    if "kind" not in entries:
        refuse(f"{what} has no kind", node.line, expected="kind: " + " | ".join(m.Kind))
    rules: list[m.FieldRule] = []
    for key, entry in entries.items():
        if key in FIELD_RULES:
            bodies = entry.value if isinstance(entry.value, list) else [entry]
            rules += [_rule(FIELD_RULES[key], body, f"{what}, {key}") for body in bodies]
    plain = {key: entries[key].plain() for key in (*FIELD_HEAD, *FIELD_TAIL) if key in entries}
    field = _convert({"name": name, **plain}, m.Field, node.line, what)
    return msgspec.structs.replace(field, rules=tuple(rules))


def _cross(node: Node) -> m.CrossRule:
    entries = _entries(node, CROSS_RULES, "a cross-field rule")
    if len(entries) != 1:
        refuse("a cross-field rule needs one name", node.line, expected="- order: {...}")
    key, body = next(iter(entries.items()))
    rule: m.CrossRule = _rule(CROSS_RULES[key], body, f"cross-field rule {key}")
    return rule


def _rule(struct: type[Any], node: Node, what: str) -> Any:
    if node.value is None:
        node = Node({}, node.line)
    entries = _entries(node, rule_keys(struct), what)
    plain = {key: entries[key].plain() for key in own_attributes(struct) if key in entries}
    for attribute, key in COMMON.items():
        if key in entries:
            plain[attribute] = _common(attribute, entries[key], what)
    plain["rule"] = struct.__struct_config__.tag
    return _convert(plain, struct, node.line, what)


def _common(attribute: str, node: Node, what: str) -> Any:
    value = node.plain()
    if attribute == "rows":
        if not isinstance(value, bool):
            refuse(f"{what} has a note that is no yes or no", node.line, expected="true or false")
        return not value
    if attribute == "evidence":
        found = _SEEN.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            refuse(f"{what} has evidence without counts", node.line, expected="seen: 34 of 4446")
        return {"marked": int(found[1]), "rows": int(found[2])}
    return value
