"""What the monitor of a release promises, in words and numbers, before anything has happened."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from holdfast.detection.base import Side, Stream
from holdfast.detection.budget import Budget
from holdfast.detection.delay import rows_to_alarm_with_bets

#: shares of affected rows for which a delay is told
SHARES = (0.05, 0.3, 1.0)


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One stream and when it would notice.

    Attributes:
        feature, code, side: what is watched.
        normal: share of yes in the reference.
        allowed: share up to which (``down``: to which) it stays silent.
        rows_to_alarm: by share of affected rows, rows until it is noticed; None: never.
        muted: why it cannot be watched, or empty.
    """

    feature: str
    code: str
    side: str
    normal: float
    allowed: float
    rows_to_alarm: dict[str, int | None]
    muted: str = ""


def promise(budget: Budget, rows: float) -> str:
    """The false-alarm promise as a sentence.

    >>> from holdfast.detection.budget import parse_budget
    >>> promise(parse_budget("1 false alarm in 50,000 rows"), 50_000.0)[:56]
    'at most one false incident in 50,000 requests on average'
    """
    return (
        f"at most one false incident in {rows:,.0f} requests on average, over everything that is "
        f'watched, however often you look ("{budget.text}"), as long as the reference shows your '
        "normal ups and downs"
    )


def watched(streams: Iterable[Stream]) -> list[Watched]:
    """What is watched, and after how many rows a fault would be noticed."""
    out = []
    for s in streams:
        delays: dict[str, int | None] = {}
        if not s.muted:
            for share in SHARES:
                up = s.side is Side.UP
                # a fault in this share of the rows, on top of (or taken from) what is normal
                after = s.share + (1.0 - s.share) * share if up else s.share * (1.0 - share)
                edge = s.edge if up else 1.0 - s.edge
                rows = rows_to_alarm_with_bets(after if up else 1.0 - after, edge, s.nats)
                delays[f"{share:.0%}"] = None if math.isinf(rows) else math.ceil(rows)
        out.append(
            Watched(
                feature=s.field,
                code=s.code,
                side=s.side.value,
                normal=s.share,
                allowed=s.edge,
                rows_to_alarm=delays,
                muted=s.muted,
            )
        )
    return out
