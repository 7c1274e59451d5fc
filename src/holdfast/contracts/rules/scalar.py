"""One value at a time, in plain Python: what is null, what is well typed, what time it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from holdfast.contracts.model import CategoriesRule, Field, Kind, SentinelRule

#: the largest float
LARGEST = 1.7976931348623157e308

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def is_null(value: Any) -> bool:
    """None and float NaN are null; nothing else is.

    >>> is_null(float("nan")), is_null(""), is_null(0)
    (True, False, False)
    """
    return value is None or (isinstance(value, float) and value != value)


def is_number(value: Any) -> bool:
    """A finite int or float; bool is not a number, nor is an int too large for any float.

    >>> is_number(True), is_number(3), is_number(float("inf"))
    (False, True, False)
    """
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) and -LARGEST <= value <= LARGEST


def is_integer(value: Any) -> bool:
    """An int, or a finite float without fraction; bool is not an integer.

    >>> is_integer(3.0), is_integer(3.5), is_integer(True)
    (True, False, False)
    """
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and is_number(value)


def micros(value: Any) -> int | None:
    """A time as microseconds since 1970 in UTC, or None when it is not one.

    A datetime, a date (midnight) or an ISO-8601 text; without a zone it is taken as UTC.

    >>> micros("1970-01-01T00:00:01Z"), micros("1970-01-02"), micros("soon"), micros(5)
    (1000000, 86400000000, None, None)
    """
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if not isinstance(value, dt.datetime):
        return None
    moment: dt.datetime = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // _MICROSECOND


def category_classes(field: Field) -> frozenset[type]:
    """The Python types a categorical field's values may have: those of its categories.

    >>> category_classes(Field(name="x", kind=Kind.CATEGORICAL)) == {str}
    True
    """
    for rule in field.rules:
        if isinstance(rule, CategoriesRule) and rule.values:
            return frozenset(type(value) for value in rule.values)
    return frozenset({str})


def well_typed(field: Field, value: Any) -> bool:
    """Whether a value that is not null is of the field's kind.

    >>> well_typed(Field(name="x", kind=Kind.NUMERIC), "3")
    False
    """
    match field.kind:
        case Kind.NUMERIC:
            return is_number(value)
        case Kind.INTEGER:
            return is_integer(value)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.ID:
            return isinstance(value, str) or is_integer(value)
        case Kind.TIME:
            return micros(value) is not None
        case Kind.LIST:
            return isinstance(value, list | tuple) and all(is_number(part) for part in value)
        case Kind.CATEGORICAL:
            classes = category_classes(field)
            if isinstance(value, str):
                return str in classes
            if isinstance(value, bool):
                return bool in classes
            return int in classes and is_integer(value)


def sentinels(field: Field) -> tuple[str | int | float, ...]:
    """The values the field's sentinel rules name."""
    return tuple(
        value for rule in field.rules if isinstance(rule, SentinelRule) for value in rule.values
    )


def is_sentinel(field: Field, value: Any) -> bool:
    """Whether a well-typed value is one the field's sentinel rules name.

    Texts are compared exactly; times as instants; 1 and 1.0 are the same number.
    """
    named = sentinels(field)
    return bool(named) and in_sentinels(field, named, value)


def in_sentinels(field: Field, named: tuple[str | int | float, ...], value: Any) -> bool:
    """Whether a well-typed value is one of `named`."""
    if field.kind is Kind.TIME:
        instant = micros(value)
        return any(micros(name) == instant for name in named)
    if isinstance(value, str):
        return any(isinstance(name, str) and name == value for name in named)
    if isinstance(value, list | tuple | bool):
        return False
    return any(not isinstance(name, str) and name == value for name in named)


def usable(field: Field, value: Any) -> bool:
    """Whether a cross-field rule may look at a value: present, well typed, not a sentinel."""
    return not is_null(value) and well_typed(field, value) and not is_sentinel(field, value)
