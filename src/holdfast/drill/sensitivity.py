"""Power: how long until a change is noticed, before it happens, in rows and in time.

A yes/no question whose share goes from `share` to `after` is silent while `after` stays inside the
allowed interval (`holdfast.detection.tolerance`), and is noticed after about
``nats / KL(after || edge)`` rows outside it (`holdfast.detection.delay`). A shift of a number is
asked by the best of several questions "is it above this quantile of the reference", under a normal
distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import msgspec

from holdfast.detection.base import Side, Stream
from holdfast.detection.budget import Budget, parse_budget
from holdfast.detection.delay import rows_to_alarm, rows_to_alarm_with_bets
from holdfast.detection.tolerance import EDGE, default_floor
from holdfast.errors import UsageError

#: questions that share the promise where nothing else is said
QUESTIONS = 50
#: quantiles at which a number is asked, and the smallest move that counts there: in the middle, in
#: the outer tenth (``research/detection.md`` 2)
LEVELS = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
MIDDLE_FLOOR, OUTER_FLOOR = 0.035, 0.02
#: shares of nulls, and shifts in standard deviations, that the table tells of
NULLS = (0.05, 0.3, 1.0)
SHIFTS = (0.25, 1.0)


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """When one change would be noticed.

    Attributes:
        question: the change in words.
        share, after: share of yes before and after it, in [0, 1].
        reference_rows: rows of the reference.
        allowed: the share up to which (downwards: to which) nothing counts.
        rows: rows until it is noticed, on average; None: never.
        best: the same for a bet made for exactly this change; None: inside the interval.
        days: `rows` at `rows_per_day`; None without traffic or rows.
        watched: whether the monitor at hand asks this question; None where no monitor is at hand.
        why: why it is never noticed, and what would change that; or empty.
    """

    question: str
    share: float
    after: float
    reference_rows: int
    allowed: float
    rows: int | None
    best: int | None
    days: float | None = None
    watched: bool | None = None
    why: str = ""


def rare_floor(share: float) -> float:
    """The smallest rise of a rare share that matters: a quarter of it and 0.03 points.

    >>> round(rare_floor(0.002), 6)
    0.0008
    """
    return 0.25 * share + 0.0003


def value_floor(share: float) -> float:
    """The smallest move of a share of values: 3.5 points, 2 in the outer tenth."""
    return MIDDLE_FLOOR if 0.1 < share < 0.9 else OUTER_FLOOR


def power(
    share: float,
    after: float,
    reference_rows: int,
    *,
    budget: str | Budget = "1 false incident per month",
    questions: int = QUESTIONS,
    nats: float | None = None,
    floor: float | Callable[[float], float] = default_floor,
    rows_per_day: float | None = None,
    question: str = "",
) -> Power:
    """How many rows until a share that jumps from `share` to `after` is noticed.

    Args:
        share: share of yes in the reference, in [0, 1].
        after: share of yes from the change on, in [0, 1].
        reference_rows: rows of the reference that the question applies to, at least 1.
        budget: the false-alarm promise.
        questions: questions that share the promise equally, at least 1.
        nats: log-wealth at which the alarm comes; by budget and questions when None.
        floor: smallest change that matters, as a share, or a function of the share.
        rows_per_day: traffic, for the time it takes.
        question: the change in words.

    Raises:
        UsageError: a share outside [0, 1], no reference rows, or no traffic.

    Example:
        >>> power(0.002, 1.0, 6000).rows                 # a column goes null
        4
        >>> found = power(0.01, 0.03, 100_000, floor=rare_floor, rows_per_day=5000)
        >>> found.rows < 3500, found.days < 1
        (True, True)
        >>> power(0.002, 0.004, 6000).rows is None       # inside what the reference allows
        True
    """
    if not (0.0 <= share <= 1.0 and 0.0 <= after <= 1.0 and reference_rows >= 1):
        raise UsageError(
            "power needs shares and a reference",
            expected="share and after in [0, 1], reference_rows of 1 or more",
            got=f"share={share}, after={after}, reference_rows={reference_rows}",
        )
    if (rows_per_day is not None and not rows_per_day > 0.0) or questions < 1:
        raise UsageError(
            "power needs traffic and questions above 0",
            expected="rows_per_day above 0, questions of 1 or more",
            got=f"rows_per_day={rows_per_day}, questions={questions}",
        )
    if nats is None:
        promise = parse_budget(budget, rows_per_day=rows_per_day)
        nats = math.log(promise.rows()) + math.log(questions)
    least = floor(share) if callable(floor) else floor
    # as `tolerance`, of a share that need not be a whole number of rows
    error = 4.0 * math.sqrt(share * (1.0 - share) / reference_rows) + 8.0 / reference_rows
    margin = max(least, error)
    if after >= share:
        allowed = min(max(share + margin, EDGE), 1.0 - EDGE)
        edge, moved = allowed, after
    else:
        allowed = min(max(share - margin, EDGE), 1.0 - EDGE)
        edge, moved = 1.0 - allowed, 1.0 - after
    rows = rows_to_alarm_with_bets(moved, edge, nats)
    best = rows_to_alarm(moved, edge, nats)
    count = None if math.isinf(rows) else math.ceil(rows)
    return Power(
        question=question,
        share=share,
        after=after,
        reference_rows=reference_rows,
        allowed=allowed,
        rows=count,
        best=None if math.isinf(best) else math.ceil(best),
        days=count / rows_per_day if count is not None and rows_per_day else None,
        why=_why(count, moved > edge, error > least),
    )


def _why(rows: int | None, outside: bool, error: bool) -> str:
    if rows is not None:
        return ""
    if outside:
        return "outside the allowed interval, but nearer to it than any bet that is made"
    if error:
        return "within the estimation error of the reference: a larger one would help"
    return "within the floor: a smaller one would help"


def power_of_shift(
    shift: float, reference_rows: int, *, question: str = "", **options: object
) -> Power:
    """How many rows until a number that moves by `shift` standard deviations is noticed.

    Args:
        shift: in standard deviations of a normal distribution, not 0.
        reference_rows: as for `power`.
        question: the change in words.
        options: as for `power`; `floor` is 3.5 points in the middle, 2 in the outer tenth.

    Example:
        >>> quarter, whole = (power_of_shift(s, 6000).rows for s in (0.25, 1.0))
        >>> whole < quarter / 10
        True
    """
    normal = NormalDist()
    options.setdefault("floor", value_floor)
    found: list[Power] = []
    for level in LEVELS:
        after = 1.0 - normal.cdf(normal.inv_cdf(level) - shift)
        found.append(
            power(1.0 - level, after, reference_rows, question=question, **options)  # type: ignore[arg-type]
        )
    return min(found, key=lambda p: (p.rows is None, p.rows or 0, p.best is None, p.best or 0))


def nulls_of(streams: Sequence[Stream], rows_per_day: float | None) -> list[Power]:
    """The slowest column at each share of nulls, by the streams as they are fitted.

    Where several questions ask about the nulls of a column, the quickest counts.
    """
    nulls = [
        s for s in streams if s.field and s.code == "null" and s.side is Side.UP
    ]  # fmt: skip
    found = []
    for share in NULLS:
        quickest: dict[str, Power] = {}
        for stream in nulls:
            here = _null(stream, share, rows_per_day)
            known = quickest.get(stream.field)
            if known is None or _order(here) < _order(known):
                quickest[stream.field] = here
        if quickest:
            found.append(max(quickest.values(), key=_order))
    return found


def _order(power: Power) -> float:
    return math.inf if power.rows is None else power.rows


def _null(stream: Stream, share: float, rows_per_day: float | None) -> Power:
    """When a column would be noticed that is null in `share` more of its rows."""
    after = stream.share + (1.0 - stream.share) * share
    silent = stream.muted or not math.isfinite(stream.edge)
    rows = math.inf if silent else rows_to_alarm_with_bets(after, stream.edge, stream.nats)
    count = None if math.isinf(rows) else math.ceil(rows)
    return Power(
        question=f"{share:.0%} more nulls, the slowest column ({stream.field})",
        share=stream.share,
        after=after,
        reference_rows=stream.rows,
        allowed=stream.edge,
        rows=count,
        best=count,
        days=count / rows_per_day if count is not None and rows_per_day else None,
        watched=not stream.muted,
        why=stream.muted or ("" if count else "within what the reference allows"),
    )


def table_of(
    streams: Sequence[Stream],
    reference_rows: int,
    *,
    numbers: bool,
    categories: bool,
    rows_per_day: float | None = None,
) -> list[Power]:
    """The power of a monitor: nulls, shifts, a rare flag, a rare class.

    Args:
        streams: the questions of the monitor, as fitted.
        reference_rows: rows of the reference of its release.
        numbers: whether it asks about the values of numbers.
        categories: whether it asks about the shares of categories.
        rows_per_day: traffic.
    """
    live = sorted(s.nats for s in streams if not s.muted)
    nats = live[len(live) // 2] if live else None
    found = nulls_of(streams, rows_per_day)
    for shift, words in zip(SHIFTS, ("a quarter of a", "a whole"), strict=True):
        text = f"a number moves by {words} standard deviation"
        one = power_of_shift(
            shift, reference_rows, nats=nats, rows_per_day=rows_per_day, question=text
        )
        found.append(msgspec.structs.replace(one, watched=numbers))
    rare = (("a flag of 1% triples", 0.01, 0.03), ("a class of 0.2% doubles", 0.002, 0.004))
    for text, share, after in rare:
        one = power(
            share, after, reference_rows, nats=nats, floor=rare_floor, rows_per_day=rows_per_day,
            question=text,
        )  # fmt: skip
        found.append(msgspec.structs.replace(one, watched=categories))
    return found
