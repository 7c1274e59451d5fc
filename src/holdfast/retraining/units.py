"""Durations, rates and shares as a policy writes them."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

#: unit → microseconds
UNITS = {
    "us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
    "d": 86_400_000_000, "w": 604_800_000_000,
}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d|w)")
_RATE = re.compile(r"(\d+)\s*/\s*(.+)")
DURATION_FORM = 'a number with a unit, such as "90s", "2h", "7d" (us, ms, s, m, h, d, w)'
RATE_FORM = 'a number per duration, such as "1/24h"'


class Rate(msgspec.Struct, frozen=True):
    """At most so many within any stretch of time.

    Attributes:
        count: how many, 1 or more.
        per: length of the stretch, microseconds.
    """

    count: int
    per: int


def duration(text: str) -> int:
    """A duration in microseconds.

    Raises:
        ValueError: it has not the form of one.

    Example:
        >>> duration("90s"), duration("1.5h"), duration("0d")
        (90000000, 5400000000, 0)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(DURATION_FORM)
    number, unit = found.groups()
    return round(Decimal(number) * UNITS[unit])


def rate(text: str) -> Rate:
    """A rate.

    Raises:
        ValueError: it has not the form of one.

    Example:
        >>> rate("2/24h")
        Rate(count=2, per=86400000000)
    """
    found = _RATE.fullmatch(text.strip())
    if found is None or int(found[1]) < 1:
        raise ValueError(RATE_FORM)
    try:
        per = duration(found[2])
    except ValueError:
        raise ValueError(RATE_FORM) from None
    if per == 0:
        raise ValueError(RATE_FORM)
    return Rate(int(found[1]), per)


def spelled(microseconds: int) -> str:
    """A duration in its largest whole unit; the inverse of `duration`.

    Example:
        >>> spelled(5_400_000_000), spelled(0), spelled(86_400_000_000)
        ('90m', '0s', '1d')
    """
    if microseconds == 0:
        return "0s"
    unit = next(u for u in reversed(UNITS) if microseconds % UNITS[u] == 0)
    return f"{microseconds // UNITS[unit]}{unit}"
