"""Learn a column of numbers: range with honest tails, sentinels, running numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.contracts.learning.tails import bounds, tail_bounds, tail_size
from holdfast.contracts.model import Evidence, Kind, RangeRule, Role, SentinelRule
from holdfast.frames import Storage
from holdfast.stats.intervals import allowance

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames import ColumnView

#: float columns of so many rows are learned from their tails
QUICK_ROWS = 100_000
#: numbers that often stand for "nothing"; only believed when isolated from all other values
SENTINELS = frozenset(
    {-1, -9, -99, -999, -9999, -99999, -999999, -1000, 0}
    | {99, 999, 9999, 99999, 999999, 9999999, 99999999, 999999999, 9999999999}
    | {-(2**31), 2**31 - 1, -(2**63), 2**63 - 1, -32768, 32767, 65535}
)
_ID_NAME = re.compile(r"(^|_|\b)id$|[a-z]I[dD]$|^I[dD]$|(^|_)(uuid|guid)$", re.ASCII)
_CALENDAR = re.compile(r"(^|_)(yr|year|month|week|day|date|time)(_|$)", re.IGNORECASE)
_ANY_CASE_ID = re.compile(r"(^|_)ID$")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is known of a column of finite numbers, sorted."""

    ordered: npt.NDArray[Any]
    distinct: int

    @property
    def rows(self) -> int:
        """Number of values."""
        return len(self.ordered)


class Scratch:
    """Room for one sorted column, kept from column to column: fresh memory costs more than a sort.

    What `sorted` returns is overwritten by the next call.
    """

    def __init__(self) -> None:
        self._room = np.empty(0, dtype=np.uint8)

    def sorted(self, column: ColumnView) -> npt.NDArray[Any]:
        """The values of a numeric column that are there, sorted; NaN and nulls are left out."""
        values = column.values
        missing = column.missing
        if missing is not None and values.dtype.kind != "f":
            values = values[~missing]
        size = values.nbytes
        if len(self._room) < size:
            self._room = np.empty(size, dtype=np.uint8)
        room = self._room[:size].view(values.dtype)
        room[:] = values
        if values.dtype.kind == "f" and column.null_count:
            room[missing] = np.nan
        room.sort()
        return room[: column.present_count]  # NaN sort to the end


def numbers_of(column: ColumnView, scratch: Scratch | None = None) -> Numbers:
    """The finite values of a column, sorted (in the scratch), and how many are distinct."""
    ordered = (scratch or Scratch()).sorted(column)
    if len(ordered):
        column.keep_bounds(ordered[0].item(), ordered[-1].item())
    if len(ordered) and ordered.dtype.kind == "f":
        first = int(np.searchsorted(ordered, -np.inf, "right"))
        ordered = ordered[first : int(np.searchsorted(ordered, np.inf, "left"))]
    distinct = 0 if not len(ordered) else int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1
    return Numbers(ordered, distinct)


def quick_tails(
    column: ColumnView,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The sorted tails of a long float column without sorting it, and a sorted sample of it.

    Every 100th row or so proposes the two thresholds; all values beyond them are the tails, so
    they are exact. None where a full sort must decide:
    short columns, few values beyond the thresholds, infinities, or a sentinel at an end.
    """
    rows = len(column)
    if column.storage is not Storage.FLOAT or rows < QUICK_ROWS:
        return None
    values, missing, step = column.values, column.missing, rows // 8192
    few = values[::step] if missing is None else values[::step][~missing[::step]]
    if len(few) < 1000:
        return None
    few = np.sort(few)
    need = tail_size(column.present_count) + 1
    ends = []
    for beyond in (values <= few[len(few) // 100], values >= few[-1 - len(few) // 100]):
        if missing is not None:
            beyond &= ~missing
        end = np.sort(values[beyond])
        if len(end) < need or not np.isfinite(end[[0, -1]]).all():
            return None
        ends.append(end)
    smallest, largest = ends[0][0].item(), ends[1][-1].item()
    if smallest in SENTINELS or largest in SENTINELS:
        return None
    column.keep_bounds(smallest, largest)
    return ends[0][:need], ends[1][-need:], few


def is_identifier(column: ColumnView, numbers: Numbers) -> bool:
    """Whether integers name rows or entities rather than measure something.

    They do when every value is distinct and they count up, or fill their span without large
    holes, or when the column is named like an id and has many distinct values.
    """
    if column.storage is not Storage.INT or numbers.rows < 50:
        return False
    unique = numbers.distinct == numbers.rows
    span = int(numbers.ordered[-1]) - int(numbers.ordered[0]) + 1
    named = bool(_ID_NAME.search(column.name) or _ANY_CASE_ID.search(column.name))
    if unique and (is_monotone(column) or span <= 4 * numbers.rows or named):
        return True
    return named and numbers.distinct > 50


def is_monotone(column: ColumnView) -> bool:
    """Whether the values never fall, or never rise, from row to row (and do change)."""
    head = column.values[:1000]
    if column.missing is not None:
        head = head[~column.missing[:1000]]
    if len(head) > 1 and not _steady(head):
        return False
    values = column.present
    return len(values) >= 50 and bool(values[0] != values[-1]) and _steady(values)


def _steady(values: npt.NDArray[Any]) -> bool:
    """Whether no step goes against the direction from the first to the last value."""
    if values[0] <= values[-1]:
        return bool((values[1:] >= values[:-1]).all())
    return bool((values[1:] <= values[:-1]).all())


def sentinels_of(numbers: Numbers) -> tuple[npt.NDArray[Any], list[tuple[Any, int]]]:
    """The values without their sentinels, and each sentinel with its count.

    A sentinel is one of `SENTINELS`, the smallest or largest value, repeated, and separated from
    all others by at least half the spread of their middle 98%. A quarter is enough for a negative
    value where all others are not, and for 0 below at least 20 other values, all positive.
    """
    rest = numbers.ordered
    found: list[tuple[Any, int]] = []
    for _ in range(4):
        hit = _outer_sentinel(rest)
        if hit is None:
            break
        value, count, rest = hit
        found.append((value, count))
    return rest, found


def _outer_sentinel(
    ordered: npt.NDArray[Any],
) -> tuple[int | float, int, npt.NDArray[Any]] | None:
    for at_top in (False, True):
        if len(ordered) < 20:
            return None
        value = ordered[-1] if at_top else ordered[0]
        if value.item() not in SENTINELS:
            continue
        if at_top:
            cut = int(np.searchsorted(ordered, value, "left"))
            count, rest = len(ordered) - cut, ordered[:cut]
        else:
            count = int(np.searchsorted(ordered, value, "right"))
            rest = ordered[count:]
        zero = value.item() == 0
        if count < (3 if zero else 2) or len(rest) < 10:
            continue
        nearest = rest[-1] if at_top else rest[0]
        gap = abs(float(value) - float(nearest))
        spread = float(rest[int(0.99 * (len(rest) - 1))]) - float(rest[int(0.01 * len(rest))])
        alone = zero or (value.item() < 0 <= rest[0])  # the only value that is not positive
        if spread <= 0 or gap < spread * (0.25 if alone else 0.5):
            continue
        if not zero or (rest[0] > 0 and len(np.unique(rest)) >= 20):
            return value.item(), count, rest
    return None


def number_field(
    column: ColumnView, role: Role, scratch: Scratch | None = None
) -> tuple[Kind, Role, list[Any], Any, str]:
    """Kind, role, rules beyond null and type, impute value and note of a column of numbers."""
    tails = quick_tails(column)
    if tails is not None:
        bottom, top, few = tails
        low, high = tail_bounds(bottom, top)
        rule, note = _range_rule(column, low, high, column.present_count, len(np.unique(few)))
        return Kind.NUMERIC, role, [rule], few[(len(few) - 1) // 2].item(), note
    integer = column.storage is Storage.INT
    numbers = numbers_of(column, scratch)
    if not numbers.rows:
        return Kind.INTEGER if integer else Kind.NUMERIC, role, [], None, "never present"
    if is_identifier(column, numbers):
        return Kind.ID, Role.ID if role is Role.FEATURE else role, [], None, ""
    kind = Kind.INTEGER if integer else Kind.NUMERIC
    rest, found = sentinels_of(numbers)
    rules: list[Any] = []
    if found:
        count = sum(times for _, times in found)
        rules.append(
            SentinelRule(
                values=tuple(sorted(value for value, _ in found)),
                rows=False,
                max_share=allowance(count, numbers.rows),
                evidence=Evidence(rows=numbers.rows, marked=count),
            )
        )
    low, high = bounds(rest)
    rule, note = _range_rule(column, low, high, numbers.rows, numbers.distinct)
    return kind, role, [*rules, rule], rest[(len(rest) - 1) // 2].item(), note


def _range_rule(
    column: ColumnView, low: Any, high: Any, rows: int, distinct: int
) -> tuple[RangeRule, str]:
    """The range rule and a note; a running number or calendar goes on and gets room for it."""
    note = ""
    if (distinct > 10 or _CALENDAR.search(column.name)) and is_monotone(column):
        first, last = column.present[0].item(), column.present[-1].item()
        room = 10 * abs(last - first)
        low, high = (low, high + room) if first <= last else (low - room, high)
        note = "runs with the rows"
    share = allowance(0, rows)
    return RangeRule(low=low, high=high, max_share=share, evidence=Evidence(rows=rows)), note
