"""What the monitor of a release promises: what is watched, and how soon what is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.detection.base import Stream
from holdfast.detection.budget import Budget, parse_budget
from holdfast.detection.columns.delays import NULLS, SHIFTS, TRIPLED, Noticed, expected_delays
from holdfast.detection.columns.fit import ReferenceFit
from holdfast.detection.columns.streams import TOO_VARIABLE
from holdfast.detection.season import Cycle, Period, time_structure
from holdfast.detection.values import ValuesDetector
from holdfast.monitoring.engine import ModelMonitor
from holdfast.monitoring.promise import Watched, promise, watched
from holdfast.monitoring.reference import MonitoredRelease, facts_of
from holdfast.reports.naming import clean, names
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.detection.base import IntArray
    from holdfast.reports.document import Document

#: columns of the table, in order
CHANGES = (*(f"nulls in {share:.0%} of rows" for share in NULLS), *SHIFTS, TRIPLED)
#: and how the table calls them
_HEADS = (*(f"{share:.0%} nulls" for share in NULLS), "¼ sd", "1 sd", "rare ×3")
SCORE = "(score)"
#: rows of the table that a summary shows
SHORT = 8


class PromiseReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `promised`.

    Attributes:
        model, release: of what.
        sentence: the false-alarm promise in words.
        rows: rows between two false incidents, at least, on average.
        reference_rows: rows that the promise was learned from.
        noticed: by column and change, the rows until it is noticed.
        marks: what the guard marks, and after how many rows that is noticed.
        notes: columns that are muted or widened, and why.
        traffic: how traffic itself is watched, in words.
        time: what the reference can say of time, in words; empty where that is not known.
    """

    model: str
    release: str
    sentence: str
    rows: float
    reference_rows: int
    noticed: tuple[Noticed, ...] = ()
    marks: tuple[Watched, ...] = ()
    notes: tuple[str, ...] = ()
    traffic: tuple[str, ...] = ()
    time: str = ""

    @property
    def passed(self) -> bool | None:
        """True where values are watched; None: this release knows too little to watch them."""
        return True if self.noticed else None

    def table(self) -> list[tuple[str, tuple[int | None, ...]]]:
        """By column (the score last), rows until each of `CHANGES` is noticed."""
        found: dict[str, dict[str, int | None]] = {}
        for n in self.noticed:
            found.setdefault(n.field, {})[n.change] = n.rows
        names = [f for f in found if f] + [f for f in found if not f]
        return [(f or SCORE, tuple(found[f].get(c) for c in CHANGES)) for f in names]

    def to_frame(self) -> pa.Table:
        """One row a column and change: field, change, rows (null: it would not be noticed)."""
        import pyarrow as pa

        return pa.table(
            {
                "field": pa.array([n.field or SCORE for n in self.noticed], pa.string()),
                "change": pa.array([n.change for n in self.noticed], pa.string()),
                "rows": pa.array([n.rows for n in self.noticed], pa.int64()),
            }
        )

    def __repr__(self) -> str:
        return f"PromiseReport: {self.sentence}; {len(self.table())} columns"

    def document(self, name: str = "") -> Document:
        """The report; `name` stands for the model's name where it is given."""
        from holdfast.reports.document import Document, Heading, Text

        blocks: list[Any] = [Heading(text="Rows until it is noticed")]
        if self.noticed:
            blocks.append(self.delays(len(self.noticed)))
        else:
            blocks.append(
                Text(text="No values are watched: the release holds no reference of them. Build it "
                     "again with this version, with at least 30 held-out rows.")
            )  # fmt: skip
        if self.marks:
            blocks += [Heading(text="Marks of the contract's guard"), self._marks()]
        if self.traffic:
            blocks += [Heading(text="Traffic"), *(Text(text=t) for t in self.traffic)]
        if self.time:
            blocks += [Heading(text="Time"), Text(text=self.time)]
        said = self.unwatched()
        if said:
            blocks += [Heading(text="Muted or widened"), *(Text(text=t) for t in said)]
        title = f"What is watched of {name or self.model}"
        return Document(
            title=f"{title} {self.release[:12]}".rstrip(),
            summary=f"{self.sentence[:1].upper()}{self.sentence[1:]}.",
            blocks=tuple(blocks),
            passed=self.passed,
            data=self.to_dict(),
        )

    def unwatched(self) -> list[str]:
        """What is muted or widened, a sentence each."""
        muted = [f"{m.feature or 'rows'}: {m.code}: {m.muted}" for m in self.marks if m.muted]
        return list(dict.fromkeys((*self.notes, *muted)))

    def delays(self, most: int) -> Any:
        """The table of delays as a block; with many columns only the `most` slowest ones."""
        from holdfast.reports.document import Column, Format, Table

        rows = self.table()
        shown = rows
        if len(rows) > most:
            slow = sorted(range(len(rows)), key=lambda i: -_slowness(rows[i][1]))[:most]
            shown = [rows[i] for i in sorted(slow)]
        left = len(rows) - len(shown)
        caption = (
            "Rows, on average, from nulls in 5%, 30% and all of them; a shift of a quarter and of "
            "one standard deviation of the rank; three times a rare value's share. A dash: the "
            "column cannot change so, or the change stays within what its reference calls normal."
        )
        if left:
            caption += f" The {len(shown)} slowest; {left} more: `holdfast monitor promise`."
        return Table(
            columns=(
                Column(name="column"),
                *(Column(name=c, format=Format.COUNT) for c in _HEADS),
            ),
            rows=tuple((field, *("–" if n is None else n for n in delays))
                       for field, delays in shown),
            caption=caption,
        )  # fmt: skip

    def _marks(self) -> Any:
        from holdfast.reports.document import Column, Format, Table

        names = next((list(m.rows_to_alarm) for m in self.marks if m.rows_to_alarm), [])
        return Table(
            columns=(
                Column(name="field"),
                Column(name="mark"),
                Column(name="normal", format=Format.SHARE),
                Column(name="allowed", format=Format.SHARE),
                *(Column(name=f"rows at {n}", format=Format.COUNT) for n in names),
            ),
            rows=tuple(
                (
                    m.feature or "(row)",
                    m.code if m.side == "up" else f"fewer {m.code}",
                    m.normal,
                    m.allowed,
                    *("–" if m.rows_to_alarm.get(n) is None else m.rows_to_alarm[n]
                      for n in names),
                )
                for m in self.marks
                if not m.muted
            ),
        )  # fmt: skip


def _slowness(delays: tuple[int | None, ...]) -> int:
    return max((d for d in delays if d is not None), default=0)


def promised(
    release: MonitoredRelease,
    budget: str | Budget = "1 false incident per month",
    *,
    model: str = "model",
    rows_per_day: float | None = None,
    times: IntArray | None = None,
    cycles: Mapping[str, Cycle] | None = None,
    traffic: tuple[str, ...] = (),
) -> PromiseReport:
    """What the monitor of a release watches, and after how many rows it would notice what.

    Args:
        release: a release, or a `TableReference`.
        budget: the false-alarm promise.
        model: its name.
        rows_per_day: traffic, for a promise per time.
        times: shape (n,), event times of the reference's rows in their order, microseconds since
            1970 (UTC); None where they are not known.
        cycles: by column, what it repeats in the reference (`detection.season.find_cycles`).
        traffic: how traffic is watched, from the monitor's state.
    """
    allowed = parse_budget(budget, rows_per_day=rows_per_day)
    engine = ModelMonitor(model, lambda _model, _id: release, allowed)
    engine.start(release.id)
    detectors = engine.detectors(release.id)
    values = detectors.get("values")
    core = values.core if isinstance(values, ValuesDetector) else None
    fit = getattr(release, "values", None)
    marks: list[Stream] = [s for n, d in detectors.items() if n != "values" for s in d.streams]
    return PromiseReport(
        model=model,
        release=release.id,
        sentence=promise(allowed, allowed.rows()),
        rows=allowed.rows(),
        reference_rows=0 if fit is None else fit.rows,
        noticed=() if core is None else tuple(expected_delays(core)),
        marks=tuple(watched(marks)),
        notes=() if fit is None else tuple(_notes(fit, release)),
        traffic=traffic,
        time="" if times is None else _of_time(times) + _of_cycles(cycles or {}, _clocked(fit)),
    )


def _notes(fit: ReferenceFit, release: MonitoredRelease) -> list[str]:
    """Notes of the fit; values of fields that may hold personal data are left out."""
    facts = facts_of(release)
    found = []
    for note in fit.notes:
        for name in fit.names:
            head = f"{name!r}: not watched ({TOO_VARIABLE})"
            hidden = name not in facts or not facts[name].shown
            if hidden and note.startswith(head):
                note = head
        found.append(clean(note, 300))
    return list(dict.fromkeys(found))


def _of_time(times: IntArray) -> str:
    """What the times of a reference mean for the promise."""
    found = time_structure(times)
    if found.order.value == "none":
        return f"your reference has no times of its own: {found.advice}"
    if found.order.value == "sortable":
        return (
            f"your reference is shuffled; {found.advice}. Its order is no evidence of how values "
            "wander: prefer a warm-up on live rows"
        )
    return found.advice


def _clocked(fit: ReferenceFit | None) -> frozenset[str]:
    """Columns that have a reference for every hour or weekday."""
    return frozenset(() if fit is None else (c.name for c in fit.columns if c.clock is not None))


def _of_cycles(cycles: Mapping[str, Cycle], clocked: frozenset[str]) -> str:
    """Which columns swing with the clock, and what that means for what is noticed."""
    told = []
    for period, words in (
        (Period.HOUR_OF_DAY, "the hour of the day"),
        (Period.WEEKDAY, "the weekday"),
        (Period.HOUR_OF_WEEK, "the hour of the week"),
    ):
        found = [name for name, cycle in cycles.items() if cycle.period is period]
        if found:
            told.append(f"{words}: {names(found)}")
    if not told:
        return ""
    text = f". What follows {'; '.join(told)}"
    mine = [name for name in cycles if name in clocked]
    rest = [n for n, c in cycles.items() if c.period is not Period.NONE and n not in clocked]
    if mine:
        text += f". Judged by the same hour or weekday of the reference: {names(mine)}"
    if rest:
        text += (
            f". Judged against all hours together: {names(rest)}: their usual swing is allowed at "
            "any hour, and a change that stays within it is not noticed"
        )
    return text
