"""The false-alarm promise: from words to rows, and how detectors share it.

"1 false incident per month" becomes a number of rows, ``c``: over everything that is watched, on
average at most one false alarm in ``c`` rows, however often anybody looks. A detector of share
``s`` gets the threshold ``log c - log s``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from holdfast.errors import UsageError

#: rows of one window, where a promise is given in windows
WINDOW_ROWS = 200
#: without any traffic figure, a promise per time is one in 10,000 windows
DEFAULT_ROWS = 10_000 * WINDOW_ROWS

_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
_NUMBER = r"(\d[\d_,]*(?:\.\d+)?|a|an|one|two|three|four|five)"
_PROMISE = re.compile(
    rf"^\s*(?:at most\s+)?{_NUMBER}\s+(?:false\s+)?(?:incident|alarm|alert)s?\s+"
    rf"(?:per|a|an|in|every)\s+(?:{_NUMBER}\s+)?(day|week|month|quarter|year|row|request|window)s?\s*$",
    re.IGNORECASE,
)
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}


class Budget(msgspec.Struct, frozen=True):
    """A false-alarm promise.

    Attributes:
        text: the promise in words, as given.
        alarms: how many false incidents ...
        per: ... in how much of `unit`.
        unit: ``days`` or ``rows``.
        rows_per_day: declared traffic, or None when it is to be measured.
    """

    text: str
    alarms: float
    per: float
    unit: str
    rows_per_day: float | None = None

    def rows(self, measured_per_day: float | None = None) -> float:
        """Rows between two false incidents, at least, on average.

        Args:
            measured_per_day: traffic seen, used when none was declared. With neither, a promise
                per time counts as one in 10,000 windows of 200 rows.

        Example:
            >>> parse_budget("1 false incident per month", rows_per_day=10_000).rows()
            304375.0
            >>> parse_budget("2 false incidents per 100,000 rows").rows()
            50000.0
        """
        if self.unit == "rows":
            return max(self.per / self.alarms, 1.0)
        per_day = self.rows_per_day or measured_per_day
        if not per_day:
            return float(DEFAULT_ROWS)
        return max(self.per * per_day / self.alarms, 1.0)


def parse_budget(text: str | Budget, *, rows_per_day: float | None = None) -> Budget:
    """Reads a promise such as "1 false incident per month" or "1 false alarm in 50,000 rows".

    Args:
        text: the promise; days, weeks, months, quarters, years, rows (requests) or windows.
        rows_per_day: expected traffic; without it a promise per time is turned into rows by the
            traffic seen.

    Raises:
        UsageError: the text is not a promise, or a number in it is not positive.
    """
    if isinstance(text, Budget):
        return (
            text
            if rows_per_day is None
            else msgspec.structs.replace(text, rows_per_day=_positive(rows_per_day))
        )
    match = _PROMISE.match(text)
    if match is None:
        raise UsageError(
            "cannot read the false-alarm budget",
            expected='words like "1 false incident per month" or "1 false alarm in 50,000 rows"',
            got=f"budget={text!r}",
            remedy="units are day, week, month, quarter, year, rows and windows",
        )
    alarms = _positive(_number(match[1]))
    count = _positive(_number(match[2])) if match[2] else 1.0
    unit = match[3].lower()
    if unit in _DAYS:
        per, kind = count * _DAYS[unit], "days"
    else:
        per, kind = count * (WINDOW_ROWS if unit == "window" else 1), "rows"
    declared = None if rows_per_day is None else _positive(rows_per_day)
    return Budget(text.strip(), alarms, per, kind, declared)


def shares_to_nats(rows: float, shares: Mapping[str, float]) -> dict[str, float]:
    """Threshold of each detector for weight 1: ``log(rows) - log(share)``, shares summing to 1.

    >>> {k: round(v, 2) for k, v in shares_to_nats(1e6, {"marks": 1.0, "columns": 3.0}).items()}
    {'marks': 15.2, 'columns': 14.1}
    """
    total = sum(shares.values())
    return {name: math.log(rows) - math.log(share / total) for name, share in shares.items()}


def _number(text: str) -> float:
    word = text.lower()
    return float(_WORDS[word]) if word in _WORDS else float(re.sub("[_,]", "", word))


def _positive(value: float) -> float:
    if not (value > 0.0 and math.isfinite(value)):
        raise UsageError(
            "a false-alarm budget needs positive numbers",
            expected="a number above 0",
            got=f"value={value}",
            remedy='write for example "1 false incident per year"; never is not on offer',
        )
    return value
