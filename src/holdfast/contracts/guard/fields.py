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
from holdfast.contracts.rules.scalar import micros, sentinels
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
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    known = sentinels(field)
    if not known:
        return lambda value: not low <= value <= high
    spared = matcher(field.kind, known)
    return lambda value: not low <= value <= high and not spared(value)


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


def _single(field: Field, found: Effect | None) -> tuple[Mark | None, Effect | None]:
    """The mark of a value that only one rule tries: a null, or one of another kind.

    Returns:
        The mark, made ahead of any row; and its effect, where the value is to be shown in it.
    """
    if found is None:
        return None, None
    repair: tuple[int, Any, Any] = (NOTHING, None, None)
    if found.repair == LEAVE_OUT:
        repair = (OMIT, (field.name,), None)
    elif found.repair == IMPUTE:
        repair = (SET, field.name, field.impute)
    return (found.violation, found.rank, *repair), found if found.show else None


def _rules(field: Field) -> Callable[[Any, Any, Marks], None]:
    """Tries a well-typed value by every rule after null and type."""
    name, clip = field.name, _clipper(field)
    leave_out: Mark = (None, 0, OMIT, (name,), None)
    impute: Mark = (None, 0, SET, name, field.impute)
    tests = [
        (marked, found.mark(), found if found.show else None, found.repair)
        for marked, found in _tests_of(field)
    ]

    def try_all(value: Any, typed: Any, marks: Marks) -> None:
        strongest = KEEP
        for marked, mark, shown, repair in tests:
            if marked(typed):
                marks.append(mark if shown is None else shown.mark(value))
                if repair > strongest:
                    strongest = repair
        if strongest == LEAVE_OUT:
            marks.append(leave_out)
        elif strongest == IMPUTE:
            marks.append(impute)
        elif strongest:
            marks.append((None, 0, SET, name, clip(typed)))

    return try_all


def null_mark(field: Field) -> Mark | None:
    """The mark of a null in `field`; None where no rule looks at nulls."""
    return _single(field, _effect_of(field, NullRule, "null"))[0]


def handler(field: Field) -> Handler:
    """The careful look at one value of `field`."""
    name = field.name
    null = null_mark(field)
    ill, shown = _single(field, _effect_of(field, TypeRule, "type"))
    canonical, try_all = canonical_of(field), _rules(field)
    keeps_class = field.kind is Kind.TIME

    def handle(raw: Any, marks: Marks | None) -> Marks | None:
        value = raw
        if value is not None and value.__class__ not in JSON_CLASSES:
            value = plain(raw)
        if value is None or (value.__class__ is float and value != value):
            mark = null
        else:
            typed = canonical(value)
            if typed is not ILL:
                found: Marks = [] if marks is None else marks
                if typed.__class__ is not raw.__class__ and not keeps_class:
                    found.append((None, 0, SET, name, typed))
                try_all(value, typed, found)
                return found or None
            mark = ill
            if shown is not None and ill is not None:
                mark = (shown.seen(value), *ill[1:])
        if mark is None:
            return marks
        if marks is None:
            return [mark]
        marks.append(mark)
        return marks

    return handle
