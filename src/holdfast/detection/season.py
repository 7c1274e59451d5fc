"""Does a reference know the hour and the weekday? Cycles of columns, and whether rows are in time.

A column has a cycle when its days look alike *at the same hours*. The test compares the profile
summed over days with the profiles one gets after turning every day round by a random number of
hours. Turning keeps whatever else is in the column (a slow wander, bursts, sticky rows), so none of
that is taken for a cycle; only agreement between days is. Weekdays are tested in the same way with
weeks for days.

Source: restricted permutation by cyclic shifts, Besag and Diggle, Applied Statistics 26 (1977)
327-333; summed harmonics after Bloomfield, *Fourier Analysis of Time Series* (2000), ch. 4.
"""

from __future__ import annotations

import enum
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.errors import DataError
from holdfast.frames.values import IntArray

FloatArray = NDArray[np.float64]

HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK = 7 * DAY
HOURS, WEEKDAYS = 24, 7
#: days (or weeks) below which nothing can be said at the level of the test
MIN_PERIODS = 4
#: days and weeks looked at, the latest ones
MOST_DAYS, MOST_WEEKS = 84, 53
#: values of a column that are told apart; the rest count as one
MOST_VALUES = 20
#: harmonics of the profile that are summed: a cycle of a day is smooth or has sharp edges, and both
#: show in the first four
HARMONICS = {HOURS: 4, WEEKDAYS: 3}


class Period(enum.StrEnum):
    """What repeats."""

    NONE = "none"
    HOUR_OF_DAY = "hour_of_day"
    WEEKDAY = "weekday"
    HOUR_OF_WEEK = "hour_of_week"


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """What a column does over the day and over the week.

    Attributes:
        period: what was found; ``hour_of_week`` when day and week both show.
        strength: typical distance of a share from its mean over the cycle (root mean square over
            hours, summed over values, sampling noise subtracted), 0 to about 1; the larger of the
            two when both were found, of neither when nothing was.
        day, week: p-values; None where the reference is too short to tell.
        level: level of the test for each p-value.
        why_not: what could not be tested, or empty.
    """

    period: Period
    strength: float
    day: float | None
    week: float | None
    level: float
    why_not: str = ""


def find_cycles(
    at: IntArray, cells: IntArray, *, level: float = 0.005, draws: int = 999, seed: int = 0
) -> tuple[Cycle, ...]:
    """Tests every column for a cycle over the day (UTC) and over the week.

    Args:
        at: shape (n,), event times in microseconds since 1970 (UTC), in any order.
        cells: shape (n, columns), integers: categories as codes, numbers as bins; negative is
            missing and left out. The 20 most frequent values of a column are told apart.
        level: chance that a column without a cycle is said to have one, for each of the two tests.
        draws: random turns; the smallest p-value is ``1 / (draws + 1)``.
        seed: of the turns.

    Days need rows in at least two hours to say anything. With fewer than 4 such days (weeks) the
    p-value is None and `why_not` says so.

    Raises:
        DataError: `at` and `cells` have different lengths.

    Example:
        >>> at = np.arange(24 * 10) * HOUR
        >>> night = (np.arange(240) % 24 < 6).astype(int)
        >>> coin = np.random.default_rng(0).integers(0, 2, 240)
        >>> [c.period.value for c in find_cycles(at, np.stack([night, coin], axis=1))]
        ['hour_of_day', 'none']
    """
    at, cells = np.asarray(at, np.int64), np.asarray(cells, np.int64)
    if cells.ndim != 2 or len(cells) != len(at):
        raise DataError(
            "times and values do not belong together",
            expected="cells of shape (rows, columns), one time a row",
            got=f"times={len(at)}, cells={cells.shape}",
        )
    columns = cells.shape[1]
    rng = np.random.default_rng(seed)
    codes, owner = _codes(cells)
    by_day = _tested(at, codes, owner, columns, DAY, HOUR, MOST_DAYS, draws, rng)
    by_week = _tested(at, codes, owner, columns, WEEK, DAY, MOST_WEEKS, draws, rng)
    return tuple(
        _cycle(level, by_day[0][c], by_day[1][c], by_week[0][c], by_week[1][c])
        for c in range(columns)
    )


def _cycle(
    level: float, day: float | None, of_day: float, week: float | None, of_week: float
) -> Cycle:
    has_day, has_week = day is not None and day <= level, week is not None and week <= level
    period = {
        (False, False): Period.NONE,
        (True, False): Period.HOUR_OF_DAY,
        (False, True): Period.WEEKDAY,
        (True, True): Period.HOUR_OF_WEEK,
    }[has_day, has_week]
    short = [name for name, p in (("days", day), ("weeks", week)) if p is None]
    return Cycle(
        period=period,
        strength=max(of_day if has_day else 0.0, of_week if has_week else 0.0),
        day=day,
        week=week,
        level=level,
        why_not=f"fewer than {MIN_PERIODS} {' and '.join(short)} with rows" if short else "",
    )


def _codes(cells: IntArray) -> tuple[IntArray, IntArray]:
    """Values as places 0.. over all columns together (-1 missing), and the column of each place."""
    out = np.full(cells.shape, -1, np.int64)
    owner: list[int] = []
    for c in range(cells.shape[1]):
        present = cells[:, c] >= 0
        values, inverse, counts = np.unique(
            cells[present, c], return_inverse=True, return_counts=True
        )
        rank = np.empty(len(values), np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(values))
        kept = min(len(values), MOST_VALUES + 1)
        out[present, c] = len(owner) + np.minimum(rank, MOST_VALUES)[inverse]
        owner += [c] * kept
    return out, np.array(owner, np.int64)


def _tested(
    at: IntArray,
    codes: IntArray,
    owner: IntArray,
    columns: int,
    period: int,
    step: int,
    most: int,
    draws: int,
    rng: np.random.Generator,
) -> tuple[list[float | None], list[float]]:
    """p-value and strength of every column for one period."""
    steps = period // step
    whole = at // period
    place = np.unique(whole)[-most:]
    if len(place) < MIN_PERIODS or not len(owner):
        return [None] * columns, [0.0] * columns
    inside = whole >= place[0]
    slot = np.searchsorted(place, whole[inside]) * steps + (at[inside] // step) % steps
    counts = _counts(slot, codes[inside], len(place) * steps, len(owner))
    counts = counts.reshape(len(place), steps, len(owner))
    rows = np.zeros((len(place), steps, columns))
    for c in range(columns):
        rows[:, :, c] = counts[:, :, owner == c].sum(axis=2)
    told = ((rows > 0).sum(axis=1) >= 2).sum(axis=0) >= MIN_PERIODS
    n = rows[:, :, owner]
    pooled = counts.sum(axis=(0, 1)) / np.maximum(n.sum(axis=(0, 1)), 1.0)
    own = counts.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1.0)
    beyond = counts - n * own
    scaled = beyond / np.sqrt(np.maximum(n, 1.0) * np.maximum(pooled, 1e-12))
    p = agreement(scaled, owner, columns, draws, rng)
    total = np.maximum(n.sum(axis=0), 1.0)
    moved = (beyond.sum(axis=0) / total) ** 2 - pooled * (1.0 - pooled) / total
    weight = n.sum(axis=0) / np.maximum(n.sum(axis=(0, 1)), 1.0)
    strength = np.zeros(columns)
    np.add.at(strength, owner, (weight * moved).sum(axis=0))
    return (
        [float(x) if ok else None for x, ok in zip(p, told, strict=True)],
        [math.sqrt(max(float(x), 0.0)) for x in strength],
    )


def _counts(slot: IntArray, codes: IntArray, slots: int, places: int) -> FloatArray:
    """Rows by slot and place, one column at a time so that memory stays small."""
    flat = np.zeros(slots * places, np.int64)
    for c in range(codes.shape[1]):
        known = codes[:, c] >= 0
        flat += np.bincount(slot[known] * places + codes[known, c], minlength=slots * places)
    return flat.reshape(slots, places).astype(np.float64)


def agreement(
    profiles: FloatArray, owner: IntArray, columns: int, draws: int, rng: np.random.Generator
) -> FloatArray:
    """p-values that the profiles of several days agree more than when each is turned at random.

    Args:
        profiles: shape (days, steps, features), deviations from the day's own mean.
        owner: shape (features,), ascending column of each feature.
        columns: number of columns.
        draws: random turns.
        rng: makes them.

    Returns:
        Shape (columns,); 1 where a column has no feature or no deviation.
    """
    days, steps, features = profiles.shape
    count = HARMONICS.get(steps, max(1, steps // 2))
    waves = np.fft.rfft(profiles, axis=1)[:, 1 : count + 1, :]
    turns = rng.integers(0, steps, (draws, days))
    seen, turned = np.zeros(features), np.zeros((draws, features))
    for k in range(1, count + 1):
        wave = waves[:, k - 1, :]
        seen += np.abs(wave.sum(axis=0)) ** 2
        turned += np.abs(np.exp(-2j * np.pi * k * turns / steps) @ wave) ** 2
    p = np.ones(columns)
    for c in np.unique(owner):
        mine = owner == c
        own = float(seen[mine].sum())
        if own > 0.0:
            reached = turned[:, mine].sum(axis=1) >= own * (1.0 - 1e-9)
            p[c] = (1 + int(reached.sum())) / (draws + 1)
    return p


class TimeOrder(enum.StrEnum):
    """How the rows of a reference lie in time."""

    ORDERED = "ordered"
    SORTABLE = "sortable"
    NONE = "none"


class TimeStructure(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a reference can teach what is normal over time.

    Attributes:
        order: in time order, to be sorted, or without time.
        ascending: share of neighbouring rows whose times do not fall; None without times.
        rows: rows with a time.
        hours: from the first to the last time.
        warm_up: whether the first days of serving should be taken as the reference of all that
            moves with time.
        advice: one sentence for people.
    """

    order: TimeOrder
    ascending: float | None
    rows: int
    hours: float
    warm_up: bool
    advice: str


def time_structure(at: IntArray | None) -> TimeStructure:
    """Looks at the times of a reference in the order of its rows.

    Args:
        at: shape (n,), event times in microseconds since 1970 (UTC); None where there are none.

    Example:
        >>> time_structure(np.arange(1000) * HOUR).order.value
        'ordered'
        >>> shuffled = np.random.default_rng(0).permutation(1000) * HOUR
        >>> time_structure(shuffled).order.value, time_structure(None).warm_up
        ('sortable', True)
    """
    advice = (
        "the reference says nothing about time, so neither day and night nor a wander can be "
        "learned from it: take the first days of serving as the reference (warm-up)"
    )
    if at is None or len(at) < 2 or int(np.max(at)) == int(np.min(at)):
        rows = 0 if at is None else len(at)
        return TimeStructure(
            order=TimeOrder.NONE, ascending=None, rows=rows, hours=0.0, warm_up=True, advice=advice
        )
    at = np.asarray(at, np.int64)
    ascending = float(np.mean(np.diff(at) >= 0))
    hours = (int(at.max()) - int(at.min())) / HOUR
    order = TimeOrder.ORDERED if ascending >= 0.95 else TimeOrder.SORTABLE
    said = (
        "rows are in time order"
        if order is TimeOrder.ORDERED
        else "rows are not in time order (a shuffled table?) and are sorted by their time first"
    )
    short = hours < 2 * DAY / HOUR
    if short:
        said += (
            f"; {hours:.3g} hours cannot show the night or the weekend: take the first days of "
            "serving as the reference (warm-up)"
        )
    elif hours < 2 * WEEK / HOUR:
        said += "; less than two weeks cannot show the weekend"
    return TimeStructure(
        order=order, ascending=ascending, rows=len(at), hours=hours, warm_up=short, advice=said
    )
