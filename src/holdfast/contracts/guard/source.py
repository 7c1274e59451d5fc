"""The generated code: one straight pass over a row, a fast test per field.

Only numbers that Python itself wrote out (`repr` of an exact int or finite float) appear in the
text; names and every other value go in through the namespace. The text therefore never contains
anything from a contract that could be read as code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from holdfast.contracts.guard.crosses import CrossHandler
from holdfast.contracts.guard.fields import Handler, null_mark
from holdfast.contracts.guard.times import time_test
from holdfast.contracts.model import (
    CategoriesRule,
    ConstantSumRule,
    CrossRule,
    DependencyRule,
    Field,
    FormatRule,
    Kind,
    LengthRule,
    NullTogetherRule,
    OrderRule,
    Outcome,
    RangeRule,
    SentinelRule,
    Verdict,
)
from holdfast.contracts.patterns import compile_pattern, compile_time_format
from holdfast.contracts.rules import fields_of
from holdfast.contracts.rules.scalar import LARGEST, category_classes, sentinels

_NUMBERS = frozenset({Kind.NUMERIC, Kind.INTEGER})


def literal(number: Any) -> str:
    """A number as code.

    >>> literal(-2.5), literal(10)
    ('-2.5', '10')
    """
    if number.__class__ is int or (number.__class__ is float and math.isfinite(number)):
        return f"({number!r})" if number.__class__ is int and number < 0 else repr(number)
    raise TypeError("only exact, finite numbers are written into code")


def _number_test(field: Field, var: str) -> str:
    low: Any = -LARGEST
    high: Any = LARGEST
    for rule in field.rules:
        if isinstance(rule, RangeRule):
            low = low if rule.low is None else max(low, rule.low)
            high = high if rule.high is None else min(high, rule.high)
    kinds = f"{var}.__class__ is int"
    if field.kind is Kind.NUMERIC:
        kinds = f"({var}.__class__ is float or {kinds})"
    test = f"{kinds} and {literal(low)} <= {var} <= {literal(high)}"
    for value in sentinels(field):
        inside = value.__class__ in {int, float} and low <= value <= high
        if inside and value == value:
            test += f" and {var} != {literal(value)}"
    return test


def _text_test(field: Field, var: str, index: int, namespace: dict[str, Any]) -> str | None:
    classes = category_classes(field) if field.kind is Kind.CATEGORICAL else frozenset({str})
    if field.kind is Kind.ID:
        classes = frozenset({str, int})
    if len(classes) > 2 or (len(classes) == 2 and str not in classes):
        return None
    second = next((c for c in classes if c is not str), None)
    test = f"{var}.__class__ is str"
    plain_rules = True
    for number, rule in enumerate(field.rules):
        key = f"{index}_{number}"
        if isinstance(rule, CategoriesRule):
            namespace[f"C{key}"] = frozenset(rule.values)
            test += f" and {var} in C{key}"
        elif isinstance(rule, SentinelRule):
            namespace[f"S{key}"] = frozenset(rule.values)
            test += f" and {var} not in S{key}"
        elif isinstance(rule, LengthRule):
            high = "" if rule.high is None else f" <= {literal(rule.high)}"
            test += f" and {literal(rule.low)} <= len({var}){high}"
            plain_rules = False
        elif isinstance(rule, FormatRule):
            if rule.pattern is not None:
                namespace[f"P{key}"] = compile_pattern(rule.pattern)
                test += f" and P{key}({var})"
            if rule.time_format is not None:
                namespace[f"T{key}"] = compile_time_format(rule.time_format)
                test += f" and T{key}({var})"
            plain_rules = False
    if second is not None and plain_rules:
        other = f"{var}.__class__ is {second.__name__}"
        if second is int:
            other += f" and {literal(-LARGEST)} <= {var} <= {literal(LARGEST)}"
        own = f"{var}.__class__ is str"
        test = test.replace(own, f"({own} or {other})", 1)
    return test


def fast_test(field: Field, var: str, index: int, namespace: dict[str, Any]) -> str | None:
    """An expression that is true only for values no rule marks; None where there is none.

    A value that fails it may still be fine: the field's handler decides.
    """
    if field.kind in _NUMBERS:
        return _number_test(field, var)
    if field.kind is Kind.BOOLEAN:
        simple = not any(isinstance(r, (CategoriesRule, SentinelRule)) for r in field.rules)
        return f"({var} is True or {var} is False)" if simple else None
    if field.kind in {Kind.CATEGORICAL, Kind.TEXT, Kind.ID}:
        return _text_test(field, var, index, namespace)
    if field.kind is Kind.TIME and not any(isinstance(r, FormatRule) for r in field.rules):
        namespace[f"M{index}"] = time_test(field)
        return f"M{index}({var})"
    return None


def _cross_test(
    rule: CrossRule, kinds: Sequence[Kind], names: Sequence[str], number: int, space: dict[str, Any]
) -> str | None:
    """Like `fast_test`, for a cross-field rule; `names` are the variables of its fields."""
    if isinstance(rule, OrderRule) and set(kinds) <= _NUMBERS:
        left, right = names
        sign = "<" if rule.strict else "<="
        numbers = " and ".join(f"{name}.__class__ in NUMBERS" for name in names)
        return f"{numbers} and {left} {sign} {right}"
    if isinstance(rule, NullTogetherRule):
        return " and ".join(f"{n}.__class__ in SCALARS and {n} == {n}" for n in names)
    if isinstance(rule, ConstantSumRule):
        ends = literal(-LARGEST), literal(LARGEST)
        inside = " and ".join(
            f"{n}.__class__ in NUMBERS and {ends[0]} <= {n} <= {ends[1]}" for n in names
        )
        total, tolerance = literal(float(rule.total)), literal(float(rule.tolerance))
        return f"{inside} and abs(0.0 + {' + '.join(names)} - ({total})) <= {tolerance}"
    if isinstance(rule, DependencyRule):
        if any(value.__class__ is bool for pair in rule.mapping for value in pair):
            return None  # 1 == True, and the handler knows better
        space[f"D{number}"] = dict(rule.mapping).get
        dependent, determinant = names
        classes = " and ".join(f"{name}.__class__ in WORDS" for name in names)
        return f"{classes} and D{number}({determinant}, {dependent}) == {dependent}"
    return None


def _careful(field: Field, var: str, index: int, namespace: dict[str, Any]) -> list[str]:
    """What is done when the fast test fails; nulls, the most frequent case, at once."""
    mark = null_mark(field)
    if mark is None:
        return [
            f"        if {var} is not None:",
            f"            marks = H{index}({var}, marks)",
        ]
    namespace[f"N{index}"] = mark
    return [
        f"        if {var} is not None:",
        f"            marks = H{index}({var}, marks)",
        "        elif marks is None:",
        f"            marks = [N{index}]",
        "        else:",
        f"            marks.append(N{index})",
    ]


def write(
    fields: Sequence[Field],
    handlers: Sequence[Handler],
    crosses: Sequence[tuple[CrossRule, CrossHandler]],
    *,
    unknown: bool,
) -> tuple[str, dict[str, Any]]:
    """The source of ``check(row) -> Verdict`` and the namespace it runs in.

    The namespace still lacks ``finish`` (verdict of a marked row), ``unknown`` (looks at keys the
    contract lacks) and ``as_row`` (anything to a dict).
    """
    names = tuple(field.name for field in fields)
    namespace: dict[str, Any] = {
        "Verdict": Verdict,
        "OK": Outcome.OK,
        "NAMES": names,
        "COUNT": len(names),
        "NUMBERS": frozenset({int, float}),
        "WORDS": frozenset({str, int, float}),
        "abs": abs,
        "SCALARS": frozenset({int, float, str, bool}),
        "str": str, "int": int, "float": float, "bool": bool, "dict": dict, "len": len,
        "map": map, "KeyError": KeyError,
    }  # fmt: skip
    lines = [
        "def check(row):",
        "    if row.__class__ is not dict:",
        "        row = as_row(row)",
        "    marks = None",
    ]
    if names:
        namespace["PICK"] = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        values = "".join(f"a{i}, " for i in range(len(names))).rstrip()
        lines += [
            "    try:",
            f"        {values} = PICK(row)",
            "        count = COUNT",
            "    except KeyError:",
            f"        {values} = map(row.get, NAMES)",
            "        count = -1",
        ]
    else:
        lines += ["    count = COUNT"]
    for index, (field, handle) in enumerate(zip(fields, handlers, strict=True)):
        var = f"a{index}"
        namespace[f"H{index}"] = handle
        test = fast_test(field, var, index, namespace)
        if test is None:
            lines += [f"    marks = H{index}({var}, marks)"]
        else:
            lines += [f"    if not ({test}):", *_careful(field, var, index, namespace)]
    places = {name: index for index, name in enumerate(names)}
    kinds = {field.name: field.kind for field in fields}
    for number, (rule, handle_cross) in enumerate(crosses):
        own = fields_of(rule)
        variables = [f"a{places[name]}" for name in own]
        namespace[f"X{number}"] = handle_cross
        call = f"marks = X{number}(({', '.join(variables)},), marks)"
        test = _cross_test(rule, [kinds[name] for name in own], variables, number, namespace)
        lines += [f"    {call}"] if test is None else [f"    if not ({test}):", f"        {call}"]
    if unknown:
        lines += ["    if len(row) != count:", "        marks = unknown(row, marks)"]
    lines += [
        "    if marks is None:",
        "        return Verdict(OK, row)",
        "    return finish(row, marks)",
        "",
    ]
    return "\n".join(lines), namespace
