"""Learn a column of times: bounds that let the future in, and dates that mean "nothing"."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.contracts.model import Evidence, RangeRule, Role, SentinelRule
from holdfast.contracts.rules.scalar import micros
from holdfast.stats.intervals import allowance

if TYPE_CHECKING:
    import numpy.typing as npt

#: days that often stand for "nothing"; believed when repeated and far from all others
SENTINELS = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01",
             "2999-12-31", "9999-12-31")  # fmt: skip
_YEAR = 366 * 86_400_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def time_rules(
    instants: npt.NDArray[np.int64], counts: npt.NDArray[Any] | None, role: Role
) -> list[Any]:
    """Range and sentinel rules from instants (microseconds since 1970), each `counts` times.

    Time moves on, so the upper bound leaves ten years or the whole span again, whichever is more;
    the lower bound leaves a tenth of the span. An event time has no upper bound.
    """
    order = np.argsort(instants, kind="stable")
    ordered = instants[order]
    times = np.ones(len(ordered), dtype=np.int64) if counts is None else counts[order]
    rows = int(times.sum())
    keep, found, marked = np.ones(len(ordered), dtype=bool), [], 0
    for text in SENTINELS:
        hit = ordered == (micros(text) or 0)
        seen = int(times[hit].sum())
        others = ordered[keep & ~hit]
        if seen < 2 or len(others) < 10:
            continue
        gap = int(np.abs(others - ordered[hit][0]).min())
        if gap >= max((int(others[-1]) - int(others[0])) // 2, _YEAR):
            keep &= ~hit
            found.append(text)
            marked += seen
    rules: list[Any] = []
    if found:
        rules.append(
            SentinelRule(
                values=tuple(found),
                rows=False,
                max_share=allowance(marked, rows),
                evidence=Evidence(rows=rows, marked=marked),
            )
        )
    rest = ordered[keep]
    span = int(rest[-1]) - int(rest[0])
    low = _text(int(rest[0]) - max(span // 10, 86_400_000_000))
    high = None if role is Role.EVENT_TIME else _text(int(rest[-1]) + max(span, 10 * _YEAR))
    rules.append(
        RangeRule(low=low, high=high, max_share=allowance(0, rows), evidence=Evidence(rows=rows))
    )
    return rules


def _text(instant: int) -> str | None:
    """The day of an instant as ISO text; None beyond the calendar."""
    try:
        return (_EPOCH + dt.timedelta(microseconds=instant)).date().isoformat()
    except OverflowError:
        return None
