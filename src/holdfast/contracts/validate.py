"""What a contract may say: contradictions are refused before anything is compiled or written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.contracts.model import (
    CategoriesRule,
    ConstantSumRule,
    ContractData,
    CrossRule,
    Field,
    FieldRule,
    FormatRule,
    Kind,
    LengthRule,
    OrderRule,
    Policy,
    RangeRule,
    SentinelRule,
)
from holdfast.contracts.patterns import compile_pattern, compile_time_format
from holdfast.contracts.rules import fields_of
from holdfast.contracts.rules.scalar import LARGEST, micros
from holdfast.contracts.values import short
from holdfast.errors import ContractError

#: largest contract, in fields
MAX_FIELDS = 20_000
_NUMBERS = {Kind.NUMERIC, Kind.INTEGER}
_TEXTS = {Kind.CATEGORICAL, Kind.TEXT, Kind.ID}
#: rule class -> kinds of field it can be said of; the others can be said of every kind
_KINDS: dict[type, set[Kind]] = {
    RangeRule: _NUMBERS | {Kind.TIME},
    CategoriesRule: _TEXTS | _NUMBERS | {Kind.BOOLEAN},
    SentinelRule: _TEXTS | _NUMBERS | {Kind.TIME},
    FormatRule: _TEXTS | {Kind.TIME},
    LengthRule: _TEXTS | {Kind.LIST},
}
_UNKNOWN = {Policy.ALLOW, Policy.ABSTAIN, Policy.REJECT}


def validate(data: ContractData) -> None:
    """Refuses a contract that contradicts itself.

    Raises:
        ContractError: names the field, what it says and what would be right.
    """
    if len(data.fields) > MAX_FIELDS:
        raise _error(
            "the contract has too many fields", f"at most {MAX_FIELDS}", "fields", len(data.fields)
        )
    if data.unknown_fields not in _UNKNOWN:
        raise _error(
            "unknown fields cannot be repaired", "allow, abstain or reject", "unknown_fields",
            data.unknown_fields.value,
        )  # fmt: skip
    fields: dict[str, Field] = {}
    for field in data.fields:
        if field.name in fields:
            raise _error(
                "two fields have the same name", "one entry per column", "name", field.name
            )
        fields[field.name] = field
        _check_field(field)
    for rule in data.cross:
        _check_cross(rule, fields)


def _error(sentence: str, expected: str, name: str, got: Any) -> ContractError:
    return ContractError(
        sentence,
        code="HF-E-CONTRACT-CONTRADICTION",
        expected=expected,
        got=f"{name}={short(got)}",
        remedy="mend that entry of the contract",
    )


def _check_field(field: Field) -> None:
    where = f"field {short(field.name)}"
    if field.pii not in {"unknown", "no", "yes"}:
        raise _error(f"{where} has an unknown pii", "unknown, no or yes", "pii", field.pii)
    if field.impute.__class__ is float and not math.isfinite(field.impute):
        raise _error(f"{where} imputes no number", "a finite number", "impute", field.impute)
    for rule in field.rules:
        kinds = _KINDS.get(type(rule))
        if kinds is not None and field.kind not in kinds:
            raise _error(
                f"{where} has a rule that its kind cannot have",
                f"kind one of {', '.join(sorted(kinds))}",
                "kind",
                field.kind.value,
            )
        _check_share(rule, where)
        _check_rule(rule, field, where)


def _check_share(rule: FieldRule | CrossRule, where: str) -> None:
    if not 0 <= rule.max_share <= 1:
        raise _error(f"{where} allows no share", "a share in [0, 1]", "max_share", rule.max_share)


def _check_rule(rule: FieldRule, field: Field, where: str) -> None:
    if isinstance(rule, RangeRule):
        _check_range(rule, field, where)
    elif isinstance(rule, LengthRule):
        if rule.low < 0 or (rule.high is not None and rule.high < rule.low):
            raise _error(f"{where} has an empty length range", "0 <= low <= high", "length",
                         f"{rule.low}..{rule.high}")  # fmt: skip
    elif isinstance(rule, FormatRule):
        if rule.pattern is not None:
            compile_pattern(rule.pattern)
        if rule.time_format is not None:
            compile_time_format(rule.time_format)
    elif isinstance(rule, (CategoriesRule, SentinelRule)):
        for value in rule.values:
            if value.__class__ is float and not math.isfinite(value):
                raise _error(f"{where} lists no value", "finite numbers", "values", value)


def _check_range(rule: RangeRule, field: Field, where: str) -> None:
    ends: list[Any] = []
    for name, end in (("low", rule.low), ("high", rule.high)):
        if end is None:
            continue
        value: Any = micros(end) if field.kind is Kind.TIME else end
        number = value.__class__ in {int, float} and -LARGEST <= value <= LARGEST
        if not number:
            expected = "an ISO-8601 time" if field.kind is Kind.TIME else "a finite number"
            raise _error(f"{where} has a range without ends", expected, name, end)
        ends.append(value)
    if len(ends) == 2 and ends[0] > ends[1]:
        raise _error(
            f"{where} has an empty range", "low <= high", "range", f"{rule.low}..{rule.high}"
        )


def _check_cross(rule: CrossRule, fields: Mapping[str, Field]) -> None:
    names = fields_of(rule)
    where = f"a cross-field rule ({type(rule).__struct_config__.tag})"
    if len(names) < 2 or len(set(names)) != len(names):
        raise _error(f"{where} needs different fields", "two or more", "fields", " ".join(names))
    for name in names:
        if name not in fields:
            raise _error(
                f"{where} names an unknown field", "a field of the contract", "field", name
            )
    _check_share(rule, where)
    kinds = {fields[name].kind for name in names}
    if isinstance(rule, ConstantSumRule):
        if not kinds <= _NUMBERS:
            raise _error(
                f"{where} adds fields that are no numbers", "numbers", "kinds", " ".join(kinds)
            )
        if not (math.isfinite(rule.total) and 0 <= rule.tolerance <= LARGEST):
            raise _error(f"{where} has no total", "finite numbers", "total", rule.total)
    if isinstance(rule, OrderRule) and not (kinds <= _NUMBERS or kinds == {Kind.TIME}):
        raise _error(
            f"{where} orders what has no order", "numbers, or times", "kinds", " ".join(kinds)
        )
