"""How the document names things: which key stands for which rule, and for which of its attributes.

The document differs from the contract as data only where a reader gains by it: a field's name is
its key, rules stand under their own keys, ``allowed`` is a rule's `max_share`, ``note`` the
opposite of its `rows`, ``seen`` its evidence ("34 of 4446").
"""

from __future__ import annotations

import msgspec

from holdfast.contracts import model as m

#: key of a field's rule -> rule
FIELD_RULES: dict[str, type[m.FieldRule]] = {
    "nulls": m.NullRule,
    "type": m.TypeRule,
    "range": m.RangeRule,
    "categories": m.CategoriesRule,
    "sentinels": m.SentinelRule,
    "format": m.FormatRule,
    "length": m.LengthRule,
}
#: key of a cross-field rule -> rule
CROSS_RULES: dict[str, type[m.CrossRule]] = {
    "order": m.OrderRule,
    "null_together": m.NullTogetherRule,
    "constant_sum": m.ConstantSumRule,
    "dependency": m.DependencyRule,
}
#: keys of a field that stand before its rules, and after them
FIELD_HEAD = ("kind", "role", "policy", "required")
FIELD_TAIL = ("impute", "pii", "note")
FIELD_KEYS = (*FIELD_HEAD, *FIELD_RULES, *FIELD_TAIL)
#: keys of the document before its fields, and all of them
HEAD = ("version", "name", "rows", "cross_policy", "unknown_fields")
KEYS = (*HEAD, "fields", "cross")
#: attribute of every rule -> its key in the document
COMMON = {"max_share": "allowed", "rows": "note", "policy": "policy", "evidence": "seen"}


def own_attributes(rule: type[m.FieldRule | m.CrossRule]) -> tuple[str, ...]:
    """The attributes that only this rule has, in order.

    >>> own_attributes(m.RangeRule)
    ('low', 'high')
    """
    return tuple(name for name in rule.__struct_fields__ if name not in COMMON)


def required_attributes(rule: type[m.FieldRule | m.CrossRule]) -> frozenset[str]:
    """The attributes that a rule cannot do without.

    >>> sorted(required_attributes(m.OrderRule))
    ['left', 'right']
    """
    return frozenset(field.name for field in msgspec.structs.fields(rule) if field.required)


def rule_keys(rule: type[m.FieldRule | m.CrossRule]) -> tuple[str, ...]:
    """The keys of a rule in the document, in order.

    >>> rule_keys(m.RangeRule)
    ('low', 'high', 'allowed', 'note', 'policy', 'seen')
    """
    return (*own_attributes(rule), *COMMON.values())
