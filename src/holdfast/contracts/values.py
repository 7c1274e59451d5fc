"""A value made plain, typed and comparable: what the guard works with. Standard library only.

What is null, well typed or a time is said in `holdfast.contracts.rules.scalar`; here the same is
said once per field, ahead of any row, so that a row costs as little as possible.

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
from datetime import date, datetime
from typing import Any, Final

from holdfast.contracts.model import Field, Kind
from holdfast.contracts.rules.scalar import LARGEST, category_classes, micros


class _Ill:
    """The answer "not of this kind"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ILL"


#: what `canonical` returns for a value that is not of the kind
ILL: Final = _Ill()


#: classes that `plain` leaves alone
JSON_CLASSES = frozenset({type(None), bool, int, float, str, list, dict, datetime, date})


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
    if kind.__name__ in {"NAType", "NaTType"}:
        return None
    return value


_BASES: dict[type, Callable[[Any], Any]] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
}


def _number(value: Any) -> Any:
    kind = value.__class__
    if (kind is float or kind is int) and -LARGEST <= value <= LARGEST:
        return value
    return ILL


def _integer(value: Any) -> Any:
    kind = value.__class__
    if kind is int and -LARGEST <= value <= LARGEST:
        return value
    if kind is float and value.is_integer():
        return int(value)
    return ILL


def _boolean(value: Any) -> Any:
    return value if value.__class__ is bool else ILL


def _text(value: Any) -> Any:
    return value if value.__class__ is str else ILL


def _time(value: Any) -> Any:
    moment = micros(value)
    return ILL if moment is None else moment


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


def canonical(kind: Kind, value: Any, classes: frozenset[type] = frozenset({str})) -> Any:
    """The canonical value, or `ILL` when the value is not of the kind.

    Args:
        kind: the field's kind.
        value: a value that is not null, in plain classes (see `plain`).
        classes: for categorical fields, `category_classes` of the field. Where integers are
            categories, a float without fraction counts as that integer.

    Returns:
        Numbers as they are, integers as int, times as microseconds since 1970 UTC (int),
        everything else as it is.
    """
    if kind is Kind.CATEGORICAL:
        own = value.__class__
        if own is int or own is float:
            return _integer(value) if int in classes else ILL
        return value if own in classes else ILL
    return _CANONICAL[kind](value)


def canonical_of(field: Field) -> Callable[[Any], Any]:
    """`canonical` for one field, as a function of the value alone."""
    if field.kind is not Kind.CATEGORICAL:
        return _CANONICAL[field.kind]
    classes = category_classes(field)
    return lambda value: canonical(Kind.CATEGORICAL, value, classes)


def matcher(field_kind: Kind, values: Iterable[Any]) -> Callable[[Any], bool]:
    """A test whether a canonical value is one of `values`; booleans never equal numbers.

    >>> one_of = matcher(Kind.NUMERIC, (-999, "unknown"))
    >>> one_of(-999.0), one_of(0)
    (True, False)
    """
    if field_kind is Kind.TIME:
        moments = frozenset(m for m in map(micros, values) if m is not None)
        return moments.__contains__
    listed = list(values)
    true_false = frozenset(v for v in listed if v.__class__ is bool)
    others = frozenset(v for v in listed if v.__class__ is not bool)
    if field_kind is Kind.LIST:
        return lambda _value: False
    if not true_false and not others & {0, 1}:  # no number here that a boolean could equal
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
        return f"{text.encode('utf-8', 'replace').decode()!r}"
    if value.__class__ in {list, dict}:
        return f"{value.__class__.__name__} of {len(value)}"
    if isinstance(value, date):
        return str(value.isoformat())
    return str(value.__class__.__name__)[:40]
