"""A contract to YAML, laid out for review; the comments of a previous version are kept."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import msgspec

from holdfast.contracts import model as m
from holdfast.contracts.canonical import canonical_json
from holdfast.contracts.document.comments import carry
from holdfast.contracts.document.layout import (
    COMMON,
    CROSS_RULES,
    FIELD_HEAD,
    FIELD_RULES,
    FIELD_TAIL,
    HEAD,
    own_attributes,
    required_attributes,
)
from holdfast.contracts.document.reading import load_yaml
from holdfast.contracts.document.tree import MAX_BYTES, scalar
from holdfast.contracts.validate import validate
from holdfast.errors import ContractError

#: lists longer than this stand one value per line, so that a diff shows the value that changed
_LINE_OF_VALUES = 8
_KEYS = {rule: key for key, rule in [*FIELD_RULES.items(), *CROSS_RULES.items()]}
_HEADER = """\
What a row of this table must look like. Review it like code; comments are kept when it is updated.
allowed: share of the rows of a batch that may be marked. note: true: a single row is only noted.
seen: marked rows when it was learned. policy: allow, impute, clip, fallback, abstain or reject.
"""


def dump_yaml(data: m.ContractData, previous_text: str | None = None) -> str:
    """The contract as YAML.

    Args:
        data: the contract.
        previous_text: an earlier version of the document, whose comments are kept; where it
            already says the same it comes back as it is.

    Raises:
        ContractError: the contract contradicts itself, or the previous text is no contract.
    """
    validate(data)
    canonical_json(data)
    plain = document(data)
    if previous_text is not None and load_yaml(previous_text) == data:
        return previous_text
    text = _written(_laid_out(plain, header=previous_text is None))
    if previous_text is not None:
        text = carry(previous_text, text)
    if load_yaml(text) != data:
        raise ContractError(
            "the contract cannot be written as YAML without loss",
            code="HF-E-CONTRACT-YAML",
            expected="the rules of one sort next to each other in a field",
            remedy="save it as .json, or put them in order",
        )
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise ContractError(
            "the contract is too large to be reviewed as YAML",
            code="HF-E-CONTRACT-SIZE",
            expected=f"at most {MAX_BYTES} bytes",
            remedy="save it as .json",
        )
    return text


def document(data: m.ContractData) -> dict[str, Any]:
    """The contract as the plain dicts and lists of its document, defaults left out."""
    plain: dict[str, Any] = {"version": data.version}
    for key in HEAD[1:]:
        value = getattr(data, key)
        if value != _default(data, key):
            plain[key] = _text(value)
    plain["fields"] = {field.name: _field(field) for field in data.fields}
    if data.cross:
        plain["cross"] = [{_KEYS[type(rule)]: _rule(rule)} for rule in data.cross]
    return plain


def _default(struct: Any, name: str) -> Any:
    return next(f.default for f in msgspec.structs.fields(struct) if f.name == name)


def _text(value: Any) -> Any:
    """Enumerations by their value, tuples as lists."""
    if isinstance(value, (m.Kind, m.Role, m.Policy)):
        return value.value
    if isinstance(value, tuple):
        return [_text(item) for item in value]
    return value


def _field(field: m.Field) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": field.kind.value}
    plain |= {k: _text(getattr(field, k)) for k in FIELD_HEAD[1:] if _differs(field, k)}
    for rule in field.rules:
        key, body = _KEYS[type(rule)], _rule(rule)
        if key not in plain:
            plain[key] = body
        elif isinstance(plain[key], list):
            plain[key].append(body)
        else:
            plain[key] = [plain[key], body]
    plain |= {k: _text(getattr(field, k)) for k in FIELD_TAIL if _differs(field, k)}
    return plain


def _differs(struct: Any, name: str) -> bool:
    value, default = getattr(struct, name), _default(struct, name)
    return bool(value != default or value.__class__ is not default.__class__)


def _rule(rule: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    required = required_attributes(type(rule))
    for name in own_attributes(type(rule)):
        if name in required or name == "values" or _differs(rule, name):
            plain[name] = _text(getattr(rule, name))
    if rule.max_share:
        plain[COMMON["max_share"]] = rule.max_share
    if not rule.rows:
        plain[COMMON["rows"]] = True
    if rule.policy is not None:
        plain[COMMON["policy"]] = rule.policy.value
    if rule.evidence != m.Evidence():
        plain[COMMON["evidence"]] = f"{rule.evidence.marked} of {rule.evidence.rows}"
    return plain


def _written(laid_out: Any) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 2**20  # never folds a text
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(laid_out, stream)
    return stream.getvalue()


def _laid_out(value: Any, *, header: bool = False, depth: int = 0) -> Any:
    """The same value in ruamel's classes, short things on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        quoted = scalar_class(value) is not str or not value.isprintable()
        return DoubleQuotedScalarString(value) if quoted else value
    if isinstance(value, list):
        items = CommentedSeq(_laid_out(item, depth=depth + 1) for item in value)
        nested = any(isinstance(item, dict) for item in value)
        if not nested and len(value) <= _LINE_OF_VALUES:
            items.fa.set_flow_style()
        return items
    if not isinstance(value, dict):
        return value
    entries = CommentedMap()
    for key, item in value.items():
        entries[_laid_out(key)] = _laid_out(item, depth=depth + 1)
    if header:
        entries.yaml_set_start_comment(_HEADER)
    elif not value or (depth >= 3 and not _long(value.values())):
        entries.fa.set_flow_style()
    return entries


def _long(values: Iterable[Any]) -> bool:
    return any(isinstance(value, list) and len(value) > _LINE_OF_VALUES for value in values)


def scalar_class(text: str) -> type:
    """The class that a text would be read as, were it written without quotes."""
    try:
        return type(scalar(text, 1))
    except ContractError:
        return float
