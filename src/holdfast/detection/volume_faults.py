"""A fault of traffic as data: what began, the bet that it is over, and what is told of it."""

from __future__ import annotations

import enum
import math

import msgspec

from holdfast.detection.base import EventKind
from holdfast.detection.cusum import SCALE, units
from holdfast.detection.season import DAY

#: expected rows are summed in so many parts of a row
PARTS = 1024
#: a fault that goes on is declared ended at most once in so many slots
FALSE_END_SLOTS = 10_000
#: part of the lower end that a source in silence may still send
TRICKLE = 0.1
#: part of the fault's strength that goes on under the null hypothesis of a recovery
STRENGTH = 0.25
#: breaking again so soon after a recovery makes the next one need more
RELAPSE = DAY
MAX_STRIKES = 5


class VolumeKind(enum.StrEnum):
    """What can be wrong with traffic itself."""

    NO_DATA = "no_data"
    TRAFFIC_LOW = "traffic_low"
    TRAFFIC_HIGH = "traffic_high"
    DUPLICATES = "duplicates"
    LATE_DATA = "late_data"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of one source began or ended.

    Attributes:
        kind, state: what, and whether it began or ended.
        onset: estimated beginning, microseconds since 1970 (UTC).
        at: when the evidence sufficed.
        until: for an end, when the fault is estimated to have ended.
        expected, seen: rows from the onset to `at` (to `until` for an end).
        nats: log-wealth reached.
    """

    kind: VolumeKind
    state: EventKind
    onset: int
    at: int
    until: int
    expected: float
    seen: int
    nats: float


class Fault(msgspec.Struct):
    """A fault going on. Sums are those at its onset and at the start of its relief.

    `factor` is rows seen over rows expected at the alarm, 0.02 to 1.
    """

    kind: VolumeKind
    onset: int
    at: int
    nats: float
    seen: int
    due: int
    factor: float = 1.0
    relief: int = 0
    relief_at: int = 0
    relief_seen: int = 0
    relief_due: int = 0
    strikes: int = 0


class Excursion(msgspec.Struct):
    """Where the current rise of a bet began: time, and the sums before it."""

    wealth: int = 0
    at: int = 0
    seen: int = 0
    due: int = 0


def relieve(
    fault: Fault,
    gained: int,
    end: int,
    began: int,
    before: tuple[int, int],
) -> Change | None:
    """Adds a stretch to the bet that the fault is over; the change where that suffices."""
    limit = units(math.log(FALSE_END_SLOTS))
    if fault.relief <= 0:
        fault.relief, fault.relief_at = 0, began
        fault.relief_seen, fault.relief_due = before
    fault.relief = max(fault.relief + min(gained, limit // 2), 0)
    if fault.relief < limit * (1 + fault.strikes):
        return None
    sums = fault.relief_seen, fault.relief_due
    return change_of(fault, EventKind.RECOVERED, end, fault.relief_at, sums, fault.relief / SCALE)


def change_of(
    fault: Fault, state: EventKind, at: int, until: int, sums: tuple[int, int], nats: float
) -> Change:
    """What is told of a fault whose sums are now `sums` (rows seen, parts of rows expected)."""
    return Change(
        kind=fault.kind,
        state=state,
        onset=fault.onset,
        at=at,
        until=until,
        expected=max(sums[1] - fault.due, 0) / PARTS,
        seen=max(sums[0] - fault.seen, 0),
        nats=nats,
    )
