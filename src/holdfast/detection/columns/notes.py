"""What a person should know of a reference: what is not watched, or hardly, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.detection.columns.entities import WINDOW as ENTITY_WINDOW
from holdfast.detection.columns.rows import RowStream
from holdfast.detection.columns.streams import TOO_VARIABLE

if TYPE_CHECKING:
    from holdfast.detection.columns.fit import ColumnFit

#: evidence divided by this much is told
TOLD_DEFF = 4.0


def of_warm_up(rows: int) -> list[str]:
    """What a warm-up means, in a sentence."""
    if not rows:
        return []
    return [
        f"warm-up: the reference shows nothing of how rows follow one another (a shuffled table?), "
        f"so the first {rows:,} rows of production teach it; until then values, score and "
        "dependence may move three times as far, need eight times the rows to be noticed, and "
        "repeated values are not watched; nulls, wrong "
        "types, unseen categories, outliers and the contract's rules are watched from row one"
    ]


def of_entity(name: str, counted: int, rows: int) -> list[str]:
    """What counting once an entity means, in a sentence."""
    if not name:
        return []
    return [
        f"rows of the same {name!r} count once in {ENTITY_WINDOW} rows: {counted:,} of {rows:,} "
        "rows of the reference did"
    ]


def of_columns(
    fitted: Sequence[ColumnFit],
    streams: Sequence[RowStream],
    calendar: Sequence[bool],
    names: Sequence[str],
) -> list[str]:
    """What was muted or widened, in words."""
    notes = [
        f"{name!r} moves along with time like a date or a counter: watched for nulls and type only"
        for name, yes in zip(names, calendar, strict=True)
        if yes
    ]
    notes += [
        f"{s.field or 'rows'}: {s.code} is not watched: {s.muted}" for s in streams if s.muted
    ]
    for column in fitted:
        muted = sorted({b.key for b in column.bets if b.muted})
        if muted:
            notes.append(f"{column.name!r}: not watched ({TOO_VARIABLE}): {', '.join(muted[:4])}")
        wide = max((b.mult for b in column.bets if not b.muted), default=1.0)
        if wide > 1.0:
            notes.append(
                f"{column.name!r}: tolerances widened up to {wide:g} times, because the reference "
                "moves that much itself"
            )
        values = sum(count > 0 for count in column.cells.counts[: column.cells.inner])
        if values > 1 and not column.calendar and all(b.muted for b in column.bets):
            notes.append(
                f"{column.name!r}: the mix of its values is not watched: nearly any mix is normal "
                "in the reference, or it has too few rows to tell"
            )
        divided = max((b.deff for b in column.bets if not b.muted), default=1.0)
        if divided >= TOLD_DEFF:
            notes.append(
                f"{column.name!r}: evidence divided by up to {divided:.0f}, because neighbouring "
                "rows of the reference resemble each other; changes are noticed that much later"
            )
    return notes
