"""The rules of a contract: one file per rule, each with `check` (columns) and `check_one` (a row).

Both functions mark; they agree row by row (`holdfast.testing` proves it). A field's rules are
tried in order: null first; a value that is not null by type; a well-typed value by the rest.

The table below is explicit: one more rule is one file, one struct in `contracts.model`, one line.
Importing this package loads the standard library and msgspec only.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.contracts import model
from holdfast.contracts.rules.base import CrossMember, FieldMember

#: rule struct -> module that holds its `check` and `check_one` (field rules)
FIELD_RULES: dict[type, str] = {
    model.NullRule: "holdfast.contracts.rules.null",
    model.TypeRule: "holdfast.contracts.rules.type",
    model.RangeRule: "holdfast.contracts.rules.range",
    model.CategoriesRule: "holdfast.contracts.rules.categories",
    model.SentinelRule: "holdfast.contracts.rules.sentinel",
    model.FormatRule: "holdfast.contracts.rules.format",
    model.LengthRule: "holdfast.contracts.rules.length",
}

#: rule struct -> module (cross-field rules)
CROSS_RULES: dict[type, str] = {
    model.OrderRule: "holdfast.contracts.rules.order",
    model.NullTogetherRule: "holdfast.contracts.rules.null_together",
    model.ConstantSumRule: "holdfast.contracts.rules.constant_sum",
    model.DependencyRule: "holdfast.contracts.rules.dependency",
}

__all__ = [
    "CROSS_RULES",
    "FIELD_RULES",
    "code",
    "cross_member",
    "cross_one",
    "field_member",
    "field_one",
    "fields_of",
]

_members: dict[type, Any] = {}


def field_member(rule: model.FieldRule) -> FieldMember:
    """The module of a field rule."""
    member: FieldMember = _member(FIELD_RULES, rule.__class__)
    return member


def cross_member(rule: model.CrossRule) -> CrossMember:
    """The module of a cross-field rule."""
    member: CrossMember = _member(CROSS_RULES, rule.__class__)
    return member


def _member(table: dict[type, str], rule: type) -> Any:
    found = _members.get(rule)
    if found is None:
        found = _members[rule] = importlib.import_module(table[rule])
    return found


def code(rule: model.FieldRule | model.CrossRule) -> str:
    """The stable code of a rule's marks: ``null``, ``type``, ``range``, ``unseen`` ...

    >>> code(model.CategoriesRule(values=("a",)))
    'unseen'
    """
    table = FIELD_RULES if rule.__class__ in FIELD_RULES else CROSS_RULES
    return str(_member(table, rule.__class__).CODE)


def fields_of(rule: model.CrossRule) -> tuple[str, ...]:
    """The fields a cross-field rule speaks of, the first one is named in marks."""
    if isinstance(rule, model.OrderRule):
        return (rule.left, rule.right)
    if isinstance(rule, model.DependencyRule):
        return (rule.dependent, rule.determinant)
    return rule.fields


def field_one(field: model.Field, value: Any) -> tuple[model.FieldRule, ...]:
    """The rules of a field that mark one value, in order; a null meets only the null rule.

    Example:
        >>> age = model.Field(name="age", kind=model.Kind.INTEGER, rules=(
        ...     model.NullRule(), model.TypeRule(), model.RangeRule(low=0, high=120)))
        >>> [[code(rule) for rule in field_one(age, value)] for value in (130, "x")]
        [['range'], ['type']]
    """
    marked = []
    for rule in field.rules:
        if field_member(rule).check_one(rule, field, value):
            if isinstance(rule, model.NullRule | model.TypeRule):
                return (rule,)
            marked.append(rule)
    return tuple(marked)


def cross_one(data: model.ContractData, row: dict[str, Any]) -> tuple[model.CrossRule, ...]:
    """The cross-field rules that mark one row, in order."""
    fields = {field.name: field for field in data.fields}
    return tuple(rule for rule in data.cross if cross_member(rule).check_one(rule, fields, row))
