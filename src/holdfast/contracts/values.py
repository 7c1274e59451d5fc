"""What a value is: null, ill-typed, or a canonical value of its field's kind.

The one place that says so for single values; the guard and every rule's ``check_one`` ask here.
Standard library only.

Example:
    >>> canonical(Kind.INTEGER, 3.0)
    3
    >>> canonical(Kind.NUMERIC, "3") is ILL
    True
    >>> canonical(Kind.TIME, "1970-01-02")
    86400000000
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from holdfast.contracts.model import CategoriesRule, Field, Kind, SentinelRule


class _Ill:
    """The answer "not of this kind"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ILL"


#: what `canonical` returns for a value that is not of the kind
ILL: Final = _Ill()

#: numbers beyond this cannot be a float; they are ill-typed like infinities
LARGEST: Final = 1.7976931348623157e308

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: classes that `plain` leaves alone
JSON_CLASSES = frozenset({type(None), bool, int, float, str, list, dict, datetime, date})


def is_null(value: Any) -> bool:
    """Whether a value counts as null: None, NaN, NaT, NA (an absent key is None).

    >>> is_null(float("nan")), is_null(0)
    (True, False)
    """
    if value is None:
        return True
    if isinstance(value, (float, datetime)):
        return bool(value != value)  # NaN and NaT differ from themselves
    return False


def plain(value: Any) -> Any:
    """The value in the classes of JSON: numpy scalars and subclasses become their plain selves.

    Anything unknown comes back as it is (and will be ill-typed).

    >>> import enum
    >>> plain(enum.IntEnum("Colour", ["RED"]).RED)
    1
    """
    kind = value.__class__
    if kind in JSON_CLASSES:
        return value
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return _BASES[base](value)
    if isinstance(value, (list, tuple)):
        return list(value)
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        if kind.__name__ == "datetime64":
            value = value.astype("datetime64[us]")
        return value.tolist()
    if kind.__name__ == "NAType":
        return None
    return value


_BASES: dict[type, Callable[[Any], Any]] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
}


def as_micros(value: Any) -> int | None:
    """Microseconds since 1970 UTC of a datetime, date or ISO-8601 text; None when it is neither.

    Without a zone a time is UTC; a date is its midnight.

    >>> as_micros("2026-11-23T14:05:00+01:00") - as_micros("2026-11-23 13:05") == 0
    True
    >>> as_micros("soon") is None
    True
    """
    if value.__class__ is str:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _number(value: Any) -> Any:
    kind = value.__class__
    if (kind is float or kind is int) and -LARGEST <= value <= LARGEST:
        return value
    return ILL


def _integer(value: Any) -> Any:
    kind = value.__class__
    if kind is int:
        return value if -LARGEST <= value <= LARGEST else ILL
    if kind is float and value.is_integer():
        return int(value)
    return ILL


def _boolean(value: Any) -> Any:
    return value if value.__class__ is bool else ILL


def _text(value: Any) -> Any:
    return value if value.__class__ is str else ILL


def _time(value: Any) -> Any:
    micros = as_micros(value)
    return ILL if micros is None else micros


def _id(value: Any) -> Any:
    return value if value.__class__ is str else _integer(value)


def _list(value: Any) -> Any:
    if value.__class__ is not list:
        return ILL
    for item in value:
        kind = item.__class__
        if not ((kind is float or kind is int) and -LARGEST <= item <= LARGEST):
            return ILL
    return value


_CANONICAL: dict[Kind, Callable[[Any], Any]] = {
    Kind.NUMERIC: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.CATEGORICAL: _text,
    Kind.TEXT: _text,
    Kind.TIME: _time,
    Kind.ID: _id,
    Kind.LIST: _list,
}


def field_classes(field: Field) -> frozenset[type]:
    """The classes a categorical field's values may have: those of its categories, else text."""
    for rule in field.rules:
        if isinstance(rule, CategoriesRule) and rule.values:
            return frozenset(value.__class__ for value in rule.values)
    return frozenset({str})


def canonical(kind: Kind, value: Any, classes: frozenset[type] = frozenset({str})) -> Any:
    """The canonical value, or `ILL` when the value is not of the kind.

    Args:
        kind: the field's kind.
        value: a value that is not null, in plain classes (see `plain`).
        classes: for categorical fields, `field_classes` of the field. Where integers are
            categories, a float without fraction counts as that integer.

    Returns:
        Numbers as they are, integers as int, times as microseconds since 1970 UTC (int),
        everything else as it is.
    """
    if kind is Kind.CATEGORICAL:
        own = value.__class__
        if own in classes:
            return value
        if own is float and int in classes and value.is_integer():
            return int(value)
        return ILL
    return _CANONICAL[kind](value)


def canonical_of(field: Field) -> Callable[[Any], Any]:
    """`canonical` for one field, as a function of the value alone."""
    if field.kind is not Kind.CATEGORICAL:
        return _CANONICAL[field.kind]
    classes = field_classes(field)
    return lambda value: canonical(Kind.CATEGORICAL, value, classes)


def sentinels(field: Field) -> tuple[Any, ...]:
    """Every value that the field's rules name as standing for nothing."""
    return tuple(v for r in field.rules if isinstance(r, SentinelRule) for v in r.values)


def matcher(field_kind: Kind, values: Iterable[Any]) -> Callable[[Any], bool]:
    """A test whether a canonical value is one of `values`; booleans never equal numbers.

    >>> one_of = matcher(Kind.NUMERIC, (-999, "unknown"))
    >>> one_of(-999.0), one_of(0)
    (True, False)
    """
    if field_kind is Kind.TIME:
        moments = frozenset(m for m in map(as_micros, values) if m is not None)
        return moments.__contains__
    listed = list(values)
    true_false = frozenset(v for v in listed if v.__class__ is bool)
    others = frozenset(v for v in listed if v.__class__ is not bool)
    if field_kind is Kind.LIST:
        return lambda _value: False
    if not true_false and field_kind not in {Kind.BOOLEAN, Kind.CATEGORICAL}:
        return others.__contains__
    return lambda value: value in (true_false if value.__class__ is bool else others)


def short(value: Any) -> str:
    """A value as short, safe text for a violation's `got`: never long, never failing.

    >>> short("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    if value is None or value.__class__ in {bool, float}:
        return f"{value!r}"
    if value.__class__ is int:
        return repr(value) if value.bit_length() < 256 else f"int of {value.bit_length()} bits"
    if value.__class__ is str:
        text: str = value if len(value) <= 40 else value[:40] + "…"
        return repr(text.encode("utf-8", "replace").decode())
    if value.__class__ in {list, dict}:
        return f"{value.__class__.__name__} of {len(value)}"
    if isinstance(value, date):
        return value.isoformat()
    return value.__class__.__name__[:40]
