"""The fast test of a time: comparisons of datetimes, without counting microseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from holdfast.contracts.model import Field, RangeRule
from holdfast.contracts.rules.scalar import micros, sentinels

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def _moment(value: Any, otherwise: datetime) -> datetime:
    """A bound as a datetime in UTC; one that no datetime in UTC can hold, or none: `otherwise`."""
    count = micros(value)
    if count is None:
        return otherwise
    try:
        return _EPOCH + timedelta(microseconds=count)
    except OverflowError:
        return otherwise


def time_test(field: Field) -> Callable[[Any], bool]:
    """A test that is true only for times that no rule of the field marks.

    It may be false for a good one; then the field's handler decides.
    """
    low, high = _FIRST, _LAST
    for rule in field.rules:
        if isinstance(rule, RangeRule):
            low = max(low, _moment(rule.low, _FIRST))
            high = min(high, _moment(rule.high, _LAST))
    named = [_moment(value, _FIRST) for value in sentinels(field) if micros(value) is not None]
    spared = frozenset(moment for moment in named if low <= moment <= high)
    bare = frozenset(moment.replace(tzinfo=None) for moment in spared)
    bare_low, bare_high = low.replace(tzinfo=None), high.replace(tzinfo=None)
    parse = datetime.fromisoformat

    def fine(value: Any) -> bool:
        if value.__class__ is str:
            try:
                value = parse(value)
            except ValueError:
                return False
        elif value.__class__ is date:
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        elif value.__class__ is not datetime:
            return False
        if value.tzinfo is None:
            return bare_low <= value <= bare_high and value not in bare
        return low <= value <= high and value not in spared

    return fine
