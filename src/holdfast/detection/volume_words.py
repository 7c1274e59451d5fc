"""What a volume detector says: events and promises, each with a plain sentence."""

from __future__ import annotations

import math

import msgspec

from holdfast.detection.base import Event, EventKind
from holdfast.detection.cusum import SCALE
from holdfast.detection.season import HOUR
from holdfast.detection.volume_counts import MINUTE
from holdfast.detection.volume_faults import Change, VolumeKind
from holdfast.detection.volume_rates import Traffic, level_delay, silence_delay
from holdfast.reports.cells import moment, one_line


class VolumeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic went wrong, or is right again.

    Attributes:
        kind: what is wrong.
        state: ``crossed`` when it began, ``recovered`` when it ended.
        source: where the rows come from; empty for all traffic.
        onset: estimated beginning, microseconds since 1970 (UTC).
        at: time of the alarm: when the evidence sufficed, computed from the rows.
        until: for a recovery, the estimated end of the fault; else `at`.
        expected, seen: rows between `onset` and `until`. For duplicates and late data: such rows
            expected, and seen.
        nats: log-wealth reached.
        sentence: the event in words.
    """

    kind: VolumeKind
    state: EventKind
    source: str
    onset: int
    at: int
    until: int
    expected: float
    seen: int
    nats: float
    sentence: str


class VolumePromise(msgspec.Struct, frozen=True, kw_only=True):
    """How one source is watched, and how soon what would be noticed.

    Attributes:
        source: empty for all traffic.
        cycle: what its history repeats: ``none``, ``hour_of_day``, ``hour_of_week``.
        width: minutes of a slot.
        per_hour, low, high: rows an hour that are normal (mean over the cycle), and the ends of
            the allowed interval.
        silence, half, double: minutes until no rows, half of them, twice as many are noticed;
            infinite where that is within the normal.
        learning: whether it still learns from life.
        muted: why it cannot be watched, or empty.
        sentence: all of it in words.
    """

    source: str
    cycle: str
    width: float
    per_hour: float
    low: float
    high: float
    silence: float
    half: float
    double: float
    learning: bool
    muted: str
    sentence: str


def promise(source: str, traffic: Traffic, threshold: int, learning: bool) -> VolumePromise:
    """What is promised for a source; `threshold` of each bet in units of 2^-20 nat."""
    nats, slots = threshold / SCALE, traffic.slots
    scale = HOUR / slots.width
    mean, low, high = (scale * sum(x) / len(x) for x in (slots.mean, slots.low, slots.high))
    silent = half = double = math.inf
    who = f"`{_name(source)}`" if source else "all traffic"
    if traffic.unknown == "learning":
        said = f"{who} is not watched yet: its first day is taken as the reference"
    elif traffic.unknown:
        said = f"{who} is not watched: {traffic.unknown}"
    else:
        silent = silence_delay(traffic, nats) / MINUTE
        said = f"{who}: {_rows(mean)} rows an hour are normal"
        if traffic.muted:
            said += f"; only silence is watched, {traffic.muted}; it is noticed after about "
            said += _minutes(silent)
        else:
            half = level_delay(slots, 0.5, nats) / MINUTE
            double = level_delay(slots, 2.0, nats) / MINUTE
            said += (
                f" ({_rows(low)} to {_rows(high)}){_CYCLES[traffic.cycle]}; "
                f"silence is noticed after about {_minutes(silent)}, half the rows after "
                f"{_minutes(half)}, twice the rows after {_minutes(double)}"
            )
            if max(traffic.wider) > 1.0:
                said += "; the interval was widened, or its own history would have alarmed"
        if learning:
            said += "; learned from its first days, and learned again after a week and after four"
    return VolumePromise(
        source=source,
        cycle=traffic.cycle,
        width=slots.width / MINUTE,
        per_hour=mean,
        low=low,
        high=high,
        silence=silent,
        half=half,
        double=double,
        learning=learning,
        muted=traffic.unknown or traffic.muted,
        sentence=said,
    )


_CYCLES = {
    "none": "",
    "hour_of_day": ", by hour of the day",
    "hour_of_week": ", by hour of the week",
}


def of_change(source: str, change: Change) -> VolumeEvent:
    """The event of a count that left its interval or is back."""
    of = f" from `{_name(source)}`" if source else ""
    since = f"since {moment(change.onset)}"
    by = _later(change.onset, change.until)
    seen, due = f"{change.seen:,}", _rows(change.expected)
    over = change.state is EventKind.RECOVERED
    if change.kind is VolumeKind.NO_DATA:
        if over:
            said = (
                f"rows{of} arrive again since {moment(change.until)}; from {moment(change.onset)} "
                f"on there were {seen} where about {due} were expected"
            )
        else:
            what = "no rows arrived" if not change.seen else f"only {seen} rows arrived"
            said = f"{what}{of} {since}; about {due} were expected by {by}"
    else:
        factor = change.seen / change.expected if change.expected else math.inf
        if over:
            said = (
                f"traffic{of} is back to normal since {moment(change.until)}; from "
                f"{moment(change.onset)} on it was {_times(factor)} ({seen} rows, "
                f"about {due} expected)"
            )
        else:
            said = (
                f"traffic{of} is {_times(factor)} {since}: {seen} rows by {by}, "
                f"about {due} expected"
            )
    return VolumeEvent(
        kind=change.kind,
        state=change.state,
        source=source,
        onset=change.onset,
        at=change.at,
        until=change.until,
        expected=change.expected,
        seen=change.seen,
        nats=change.nats,
        sentence=said,
    )


def of_rows(event: Event) -> VolumeEvent:
    """The event of repeated or late rows."""
    kind = VolumeKind(event.stream.code)
    over = event.kind is EventKind.RECOVERED
    what = (
        "rows came with a key that had come before"
        if kind is VolumeKind.DUPLICATES
        else "rows came long after their event time"
    )
    expected = event.stream.share * event.rows
    since = moment(event.onset_at)
    if over:
        said = (
            f"such rows have stopped since {moment(event.last_at)}: from {since} on, "
            f"{event.yes:,} of {event.rows:,} {what}"
        )
    else:
        said = (
            f"since {since}, {event.yes:,} of {event.rows:,} {what}; "
            f"about {_rows(expected)} would be normal"
        )
    return VolumeEvent(
        kind=kind,
        state=event.kind,
        source="",
        onset=event.onset_at,
        at=event.at,
        until=event.last_at if over else event.at,
        expected=expected,
        seen=event.yes,
        nats=event.nats,
        sentence=said,
    )


def _name(source: str) -> str:
    text = one_line(source).replace("`", "'")
    return text if len(text) <= 60 else text[:59] + "…"


def _times(factor: float) -> str:
    """A factor in words.

    >>> _times(0.484), _times(2.04), _times(0.0)
    ('at 48% of normal', '2.0 times the normal', 'at 0% of normal')
    """
    return f"at {factor:.0%} of normal" if factor < 1.0 else f"{factor:.1f} times the normal"


def _rows(rows: float) -> str:
    return f"{rows:,.0f}" if rows >= 9.5 else f"{rows:.2g}"


def _minutes(minutes: float) -> str:
    """A duration in words.

    >>> _minutes(0.2), _minutes(19.3), _minutes(60), _minutes(60 * 50), _minutes(math.inf)
    ('1 minute', '19 minutes', '1 hour', '2 days', 'never (it is within the normal)')
    """
    if math.isinf(minutes):
        return "never (it is within the normal)"
    for size, word in ((1440.0, "day"), (60.0, "hour"), (1.0, "minute")):
        if minutes >= (1.75 if word != "hour" else 1.0) * size or word == "minute":
            count = max(round(minutes / size), 1)
            return f"{count} {word}{'s' if count > 1 else ''}"
    return ""


def _later(onset: int, at: int) -> str:
    """The later of two times; only its hour where the day is the same.

    >>> _later(0, 5 * MINUTE), _later(0, 25 * HOUR)
    ('00:05', '1970-01-02 01:00 UTC')
    """
    first, second = moment(onset), moment(at)
    return second[11:16] if first[:10] == second[:10] else second
