"""The JSON Schema of the contract document, made from the same structs that read it."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.contracts import model as m
from holdfast.contracts.document.layout import (
    CROSS_RULES,
    FIELD_HEAD,
    FIELD_RULES,
    FIELD_TAIL,
    HEAD,
    own_attributes,
    required_attributes,
)

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a contract's YAML, for editors and other tools.

    >>> sorted(json_schema()["properties"])
    ['cross', 'cross_policy', 'fields', 'name', 'rows', 'unknown_fields', 'version']
    """
    head = _properties(m.ContractData)
    field = _properties(m.Field)
    rules = {key: _rule(struct) for key, struct in FIELD_RULES.items()}
    properties = {key: field[key] for key in FIELD_HEAD}
    for key in rules:
        one = {"$ref": f"#/$defs/{key}"}
        properties[key] = {"anyOf": [one, {"type": "array", "items": one}]}
    properties |= {key: field[key] for key in FIELD_TAIL}
    properties["pii"] = {"enum": ["unknown", "no", "yes"]}
    return {
        "$schema": _DIALECT,
        "title": "Holdfast contract",
        "description": "What a row of a table must look like.",
        "type": "object",
        "properties": {
            **{key: head[key] for key in HEAD},
            "version": {"const": m.FORMAT_VERSION},
            "unknown_fields": {"enum": ["allow", "abstain", "reject"]},
            "fields": {
                "type": ["object", "null"],
                "additionalProperties": {"$ref": "#/$defs/field"},
            },
            "cross": {"type": ["array", "null"], "items": {"$ref": "#/$defs/cross_rule"}},
        },
        "additionalProperties": False,
        "$defs": {
            "field": _closed(properties, required=["kind"]),
            **rules,
            "cross_rule": {
                "oneOf": [
                    _closed({key: _rule(struct)}, required=[key])
                    for key, struct in CROSS_RULES.items()
                ]
            },
        },
    }


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _properties(struct: type[Any]) -> dict[str, Any]:
    """The schemas of a struct's attributes, with shared definitions written in place."""
    schema = msgspec.json.schema(struct)
    shared = schema["$defs"]

    def inline(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                target = shared[value["$ref"].rpartition("/")[2]]
                return {
                    k: v for k, v in inline(target).items() if k not in {"title", "description"}
                }
            return {key: inline(item) for key, item in value.items() if key != "default"}
        return [inline(item) for item in value] if isinstance(value, list) else value

    properties: dict[str, Any] = inline(shared[struct.__name__]["properties"])
    return properties


def _rule(struct: type[Any]) -> dict[str, Any]:
    known = _properties(struct)
    own = own_attributes(struct)
    needed = required_attributes(struct)
    properties = {name: known[name] for name in own} | {
        "allowed": {"type": "number", "minimum": 0, "maximum": 1},
        "note": {"type": "boolean"},
        "policy": known["policy"],
        "seen": {"type": "string", "pattern": "^[0-9]{1,15} of [0-9]{1,15}$"},
    }
    schema = _closed(properties, required=[name for name in own if name in needed])
    schema["description"] = (struct.__doc__ or "").strip().splitlines()[0]
    if not needed:
        schema["type"] = ["object", "null"]
    return schema
