"""The report of a drill: what would be caught, what would be missed, and the verdict on that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.drill.outcome import Control, NotApplied, Outcome
from holdfast.drill.sensitivity import Power
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.findings import Finding
    from holdfast.reports.document import Document

#: an alarm within so many rows is prompt
PROMPT = 100
#: a change in so many of the decisions is worth a word
NOTICEABLE = 0.01


class DrillReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `hf.drill`.

    Attributes:
        model, release: what was drilled.
        rows, onset: rows used, and how many of them stay clean before the fault.
        target: column with the outcome, or None.
        seed: of the columns and rows drawn.
        promise: the false-alarm promise of the monitor in words.
        rows_per_day: traffic, given or measured; None when unknown.
        reference_rows: rows of the release's reference.
        watched: questions that the monitor asks.
        muted: questions that it cannot ask, each with the reason.
        control: the same rows without any fault.
        outcomes: one for each fault and severity, in the order of `holdfast.drill.FAULTS`.
        skipped: faults that do not apply to these rows.
        power: when changes of a given size would be noticed.
    """

    model: str
    release: str
    rows: int
    onset: int
    target: str | None
    seed: int
    promise: str
    rows_per_day: float | None
    reference_rows: int
    watched: int
    muted: tuple[str, ...]
    control: Control
    outcomes: tuple[Outcome, ...]
    skipped: tuple[NotApplied, ...]
    power: tuple[Power, ...]

    @property
    def expected(self) -> tuple[Outcome, ...]:
        """The faults that should raise an alarm."""
        return tuple(o for o in self.outcomes if o.expect)

    @property
    def caught(self) -> tuple[Outcome, ...]:
        """Those of them that did."""
        return tuple(o for o in self.expected if o.caught)

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """Those of them that did not."""
        return tuple(o for o in self.expected if not o.caught)

    @property
    def gross_missed(self) -> tuple[Outcome, ...]:
        """Broken pipelines at the highest severity that were missed."""
        return tuple(o for o in self.missed if o.gross)

    @property
    def unnoticed(self) -> tuple[Outcome, ...]:
        """Missed faults that change decisions while serving answers ``ok``, the worst first."""
        found = [o for o in self.missed if o.served and (o.served.unseen or 0.0) >= NOTICEABLE]
        return tuple(sorted(found, key=lambda o: -(o.served.unseen or 0.0) if o.served else 0.0))

    @property
    def passed(self) -> bool | None:
        """False when a gross broken pipeline was missed, None when no fault could be injected."""
        return (not self.gross_missed) if self.expected else None

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        total = len(self.expected)
        if not total:
            return "No fault could be injected into these rows: nothing is known."
        prompt = sum((o.rows_to_alarm or 0) <= PROMPT for o in self.caught)
        named = sum(o.named for o in self.caught)
        noun = "fault" if total == 1 else "faults"
        return (
            f"{len(self.caught)} of {total} {noun} would be caught, {prompt} within {PROMPT} rows, "
            f"{named} with the right name; {len(self.missed)} would be missed."
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Missed faults, alarms without a fault, alarms about what does not matter."""
        from holdfast.drill.telling import findings

        return findings(self)

    def __repr__(self) -> str:
        lines = [f"DrillReport: {self.verdict}"]
        if not self.control.silent:
            lines.append(f"  without any fault: {len(self.control.incidents)} incident(s)")
        missed: dict[str, list[Outcome]] = {}
        for outcome in self.missed:
            missed.setdefault(outcome.fault, []).append(outcome)
        for fault, group in missed.items():
            levels = ", ".join(str(o.severity) for o in group)
            reason = group[-1].missed.reason.value if group[-1].missed else ""
            lines.append(f"  missed: {fault} at severity {levels} ({reason})")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        plain |= {
            "passed": self.passed,
            "verdict": self.verdict,
            "findings": [finding.to_dict() for finding in self.findings],
        }
        plain["control"]["silent"] = self.control.silent
        for record, outcome in zip(plain["outcomes"], self.outcomes, strict=True):
            record["named"] = outcome.named
        return plain

    def to_frame(self) -> pa.Table:
        """One row for each fault and severity."""
        import pyarrow as pa

        plain = (
            "fault", "severity", "kind", "class_", "note", "expect", "rows", "affected", "caught",
            "rows_to_alarm", "by", "incidents", "found_kind", "found_action", "kind_right",
            "culprit_right", "action_right", "sentence",
        )  # fmt: skip
        lists = pa.list_(pa.string())
        types = {"rows_to_alarm": pa.int64(), "culprit_right": pa.bool_(), "kind_right": pa.bool_(),
                 "action_right": pa.bool_()}  # fmt: skip
        columns = {
            name.rstrip("_"): pa.array([getattr(o, name) for o in self.outcomes], types.get(name))
            for name in plain
        }
        served = [o.served for o in self.outcomes]
        return pa.table(
            {
                **columns,
                "columns": pa.array([list(o.columns) for o in self.outcomes], lists),
                "found_columns": pa.array([list(o.found_columns) for o in self.outcomes], lists),
                "decisions_changed": pa.array([s and s.flipped for s in served], pa.float64()),
                "reason": pa.array(
                    [o.missed and o.missed.reason.value for o in self.outcomes], pa.string()
                ),
                "remedy": pa.array([o.missed and o.missed.remedy for o in self.outcomes],
                                   pa.string()),
            }
        )  # fmt: skip

    def document(self, name: str = "") -> Document:
        """The drill as a report; `name` says on which rows."""
        from holdfast.drill.telling import document

        return document(self, name)
