"""Which streams the marks of a release make, and what each of them tolerates."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from holdfast.detection.base import IntArray, Reference, Side, Stream
from holdfast.detection.tolerance import between_periods, tolerance

OTHER = ":other"
REJECTED = ":rejected"
ABSTAINED = ":abstained"
#: streams that every release has
ALWAYS = (REJECTED, ABSTAINED, ":unknown_field", ":guard_error", ":model_error", OTHER)
#: a stream is dead when its allowed interval leaves no room
DEAD_HIGH, DEAD_LOW = 0.97, 0.005
#: part of the weight that goes to streams watched downwards
DOWN_WEIGHT = 0.1
#: a fall of a null share counts once it has lost this part
DOWN_FLOOR = 0.5
#: marks that make a row inapplicable to a code; unlisted codes need a value of the right type
NEEDS: dict[str, tuple[str, ...]] = {"null": (), "type": ("null",)}
NEEDS_VALUE = ("null", "type")


def split_mark(mark: str) -> tuple[str, str]:
    """Field and code of a mark, with or without the ``~`` of a note.

    >>> split_mark("~ratio a:b:null")
    ('ratio a:b', 'null')
    """
    field, _, code = mark.removeprefix("~").rpartition(":")
    return field, code


def stream_key(mark: str) -> str:
    """The stream that counts a mark: notes and violations together, unknown fields in one.

    >>> stream_key("~Income:null"), stream_key("extra:unknown_field")
    ('Income:null', ':unknown_field')
    """
    field, code = split_mark(mark)
    return ":unknown_field" if code == "unknown_field" else f"{field}:{code}"


def draft(key: str, reference: Reference) -> list[Stream]:
    """The streams of one question, without their thresholds."""
    field, code = split_mark(key)
    yes, rows = _counts(key, reference)
    if rows <= 0:
        return [_muted(key, Side.UP, 0.0, 0, "the reference has no row it applies to")]
    spread = between_periods(*_per_period(key, reference)) if reference.periods else 0.0
    allowed = max((v for m, v in reference.allowed.items() if stream_key(m) == key), default=0.0)
    up = tolerance(yes, rows, between=spread, allowed=allowed)
    if up.high >= DEAD_HIGH:
        why = f"up to {up.high:.0%} is normal in the reference"
        drafts = [_muted(key, Side.UP, up.share, rows, why)]
    else:
        drafts = [
            Stream(
                key=key, field=field, code=code, side=Side.UP, share=up.share, rows=rows,
                edge=up.high, nats=0.0,
            )
        ]  # fmt: skip
    if code == "null":
        down = tolerance(yes, rows, floor=DOWN_FLOOR * up.share, between=spread)
        if down.low > DEAD_LOW:
            drafts.append(
                Stream(
                    key=key, field=field, code=code, side=Side.DOWN, share=up.share, rows=rows,
                    edge=down.low, nats=0.0,
                )
            )  # fmt: skip
    return drafts


def _muted(key: str, side: Side, share: float, rows: int, why: str) -> Stream:
    field, code = split_mark(key)
    return Stream(
        key=key, field=field, code=code, side=side, share=share, rows=rows, edge=1.0, nats=0.0,
        muted=why,
    )  # fmt: skip


def _counts(key: str, reference: Reference) -> tuple[int, int]:
    """Marked and applicable rows of a stream in a reference."""
    found: dict[str, int] = defaultdict(int)
    for mark, count in reference.marks.items():
        found[stream_key(mark)] += count
    field, code = split_mark(key)
    rows = reference.rows
    if field:
        rows -= sum(found[f"{field}:{c}"] for c in NEEDS.get(code, NEEDS_VALUE))
    return min(found[key], max(rows, 0)), rows


def _per_period(key: str, reference: Reference) -> tuple[IntArray, IntArray]:
    pairs = [_counts(key, period) for period in reference.periods]
    return np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64)
