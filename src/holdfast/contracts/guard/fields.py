"""The careful look at one value: called only when the fast test of the generated code fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from holdfast.contracts.guard.marks import (
    IMPUTE,
    KEEP,
    LEAVE_OUT,
    NOTHING,
    OMIT,
    SET,
    Effect,
    Mark,
    Marks,
    field_effect,
)
from holdfast.contracts.model import (
    CategoriesRule,
    Field,
    FormatRule,
    Kind,
    LengthRule,
    NullRule,
    RangeRule,
    SentinelRule,
    TypeRule,
)
from holdfast.contracts.patterns import compile_pattern, compile_time_format
from holdfast.contracts.rules.scalar import is_null, micros, sentinels
from holdfast.contracts.values import ILL, JSON_CLASSES, canonical_of, matcher, plain

#: looks at a raw value; adds to the row's marks (a list made on demand) and returns them
Handler = Callable[[Any, Marks | None], Marks | None]
#: whether a canonical value is marked by a rule
Test = Callable[[Any], bool]


def bounds(kind: Kind, rule: RangeRule) -> tuple[Any, Any]:
    """The ends of a range as canonical values; None is unbounded."""
    if kind is Kind.TIME:
        return micros(rule.low), micros(rule.high)
    return rule.low, rule.high


def _range_test(field: Field, rule: RangeRule) -> Test:
    low, high = bounds(field.kind, rule)
    known = sentinels(field)
    spared = matcher(field.kind, known) if known else None

    def marked(value: Any) -> bool:
        if (low is None or value >= low) and (high is None or value <= high):
            return False
        return spared is None or not spared(value)

    return marked


def _categories_test(field: Field, rule: CategoriesRule) -> Test:
    known = matcher(field.kind, rule.values)
    return lambda value: not known(value)


def _sentinel_test(field: Field, rule: SentinelRule) -> Test:
    return matcher(field.kind, rule.values)


def _format_test(field: Field, rule: FormatRule) -> Test:
    tests = []
    if rule.pattern is not None:
        tests.append(compile_pattern(rule.pattern))
    if rule.time_format is not None:
        tests.append(compile_time_format(rule.time_format))
    return lambda value: value.__class__ is str and not all(test(value) for test in tests)


def _length_test(field: Field, rule: LengthRule) -> Test:
    low, high = rule.low, math.inf if rule.high is None else rule.high
    return lambda value: value.__class__ in {str, list} and not low <= len(value) <= high


#: rule class -> its code and the maker of its test
_TESTS: dict[type, tuple[str, Callable[[Field, Any], Test]]] = {
    RangeRule: ("range", _range_test),
    CategoriesRule: ("unseen", _categories_test),
    SentinelRule: ("sentinel", _sentinel_test),
    FormatRule: ("format", _format_test),
    LengthRule: ("length", _length_test),
}


def _effect_of(field: Field, kind: type, code: str) -> Effect | None:
    for rule in field.rules:
        if isinstance(rule, kind):
            return field_effect(field, code, rows=rule.rows, policy=rule.policy)
    return None


def _clipper(field: Field) -> Callable[[Any], Any]:
    """The nearest value inside all ranges of a number field."""
    low: Any = -math.inf
    high: Any = math.inf
    for rule in field.rules:
        if isinstance(rule, RangeRule) and field.kind in {Kind.NUMERIC, Kind.INTEGER}:
            low = low if rule.low is None else max(low, rule.low)
            high = high if rule.high is None else min(high, rule.high)
    if field.kind is Kind.INTEGER:
        low = low if low == -math.inf else math.ceil(low)
        high = high if high == math.inf else math.floor(high)
    return lambda value: low if value < low else min(value, high)


def _tests_of(field: Field) -> list[tuple[Test, Effect]]:
    tests: list[tuple[Test, Effect]] = []
    for rule in field.rules:
        if type(rule) in _TESTS:
            code, make = _TESTS[type(rule)]
            found = field_effect(
                field, code, rows=rule.rows, policy=rule.policy, clippable=code == "range"
            )
            tests.append((make(field, rule), found))
    return tests


def _single(field: Field, found: Effect | None) -> Callable[[Any], Mark] | None:
    """The mark of a value that only one rule tries: a null, or one of another kind."""
    if found is None:
        return None
    repair: tuple[int, Any, Any] = (NOTHING, None, None)
    if found.repair == LEAVE_OUT:
        repair = (OMIT, (field.name,), None)
    elif found.repair == IMPUTE:
        repair = (SET, field.name, field.impute)
    if not found.show:
        constant: Mark = (found.violation, found.rank, *repair)
        return lambda _value: constant
    return lambda value: (found.seen(value), found.rank, *repair)


def _rules(field: Field) -> Callable[[Any, Any, Marks], None]:
    """Tries a well-typed value by every rule after null and type."""
    name, impute, clip, tests = field.name, field.impute, _clipper(field), _tests_of(field)

    def try_all(value: Any, typed: Any, marks: Marks) -> None:
        strongest = KEEP
        for marked, found in tests:
            if marked(typed):
                marks.append(found.mark(value))
                if found.repair > strongest:
                    strongest = found.repair
        if strongest == LEAVE_OUT:
            marks.append((None, 0, OMIT, (name,), None))
        elif strongest:
            repaired = impute if strongest == IMPUTE else clip(typed)
            marks.append((None, 0, SET, name, repaired))

    return try_all


def handler(field: Field) -> Handler:
    """The careful look at one value of `field`."""
    name = field.name
    mark_null = _single(field, _effect_of(field, NullRule, "null"))
    mark_type = _single(field, _effect_of(field, TypeRule, "type"))
    null = None if mark_null is None else mark_null(None)
    canonical, try_all = canonical_of(field), _rules(field)
    keeps_class = field.kind is Kind.TIME

    def handle(raw: Any, marks: Marks | None) -> Marks | None:
        value = raw
        if value.__class__ not in JSON_CLASSES:
            value = plain(raw)
        if value is None or is_null(value):
            mark = null
        else:
            typed = canonical(value)
            if typed is not ILL:
                found: Marks = [] if marks is None else marks
                if typed.__class__ is not raw.__class__ and not keeps_class:
                    found.append((None, 0, SET, name, typed))
                try_all(value, typed, found)
                return found or None
            mark = None if mark_type is None else mark_type(value)
        if mark is None:
            return marks
        if marks is None:
            return [mark]
        marks.append(mark)
        return marks

    return handle
