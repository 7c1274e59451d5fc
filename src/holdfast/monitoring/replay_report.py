"""What a replay found: the incidents, how soon, and the quiet stretches between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.findings import Finding, Severity
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One incident of a replay.

    Attributes:
        incident: as it was in the end.
        closed_row: rows played when it was closed, to within a group of 200; None: still open.
    """

    incident: Incident
    closed_row: int | None = None

    @property
    def rows_until_noticed(self) -> int:
        """Rows from its estimated beginning to the row at which it was opened."""
        return max(self.incident.opened_row - self.incident.onset_row, 0)

    @property
    def severity(self) -> Severity:
        """An error while it is open, a warning once over; a note where nothing is to be done."""
        if self.incident.action is Action.IGNORE:
            return Severity.NOTE
        over = self.incident.status is IncidentStatus.CLOSED
        return Severity.NOTE if over else Severity.ERROR


class ReplayReport(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `replay`.

    Attributes:
        model, release: of what.
        promise: the false-alarm promise in words.
        rows: rows played.
        since, until: times of the first and the last, microseconds since 1970 (UTC).
        timed: whether these are the table's own times.
        label_delay: how long outcomes took, in words.
        outcomes: rows whose outcome came.
        told: the incidents, in order of opening.
    """

    model: str
    release: str
    promise: str
    rows: int
    since: int
    until: int
    timed: bool
    label_delay: str
    outcomes: int
    told: tuple[Told, ...] = ()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The incidents, as they were in the end."""
        return tuple(t.incident for t in self.told)

    @property
    def passed(self) -> bool:
        """False while an incident that asks for something stands open at the end."""
        return all(t.severity is Severity.NOTE for t in self.told)

    @property
    def quiet(self) -> tuple[tuple[int, int], ...]:
        """Stretches of rows [first, end) in which no incident was open."""
        busy = sorted(
            (max(t.incident.opened_row - 1, 0), self.rows if t.closed_row is None else t.closed_row)
            for t in self.told
        )
        found, at = [], 0
        for begin, end in busy:
            if begin > at:
                found.append((at, begin))
            at = max(at, end)
        if at < self.rows:
            found.append((at, self.rows))
        return tuple(found)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding an incident."""
        return tuple(
            Finding(
                code="HF-MON-INCIDENT",
                severity=t.severity,
                sentence=t.incident.sentence,
                columns=t.incident.features,
                evidence={
                    "onset_row": t.incident.onset_row,
                    "opened_row": t.incident.opened_row,
                    "closed_row": t.closed_row,
                },
                remedy=t.incident.action.value.replace("_", " "),
            )
            for t in self.told
        )

    def __repr__(self) -> str:
        lines = [f"ReplayReport: {self.rows} rows, {len(self.told)} incident(s)"]
        lines += [f"  row {t.incident.opened_row}: {t.incident.sentence}" for t in self.told]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        for told, found in zip(plain["told"], self.told, strict=True):
            told["rows_until_noticed"] = found.rows_until_noticed
            told["severity"] = found.severity.value
        plain["quiet"] = [list(stretch) for stretch in self.quiet]
        plain["passed"] = self.passed
        return plain

    def to_frame(self) -> pa.Table:
        """One row an incident: class, kind, action, features, onset, opening, closing, sentence."""
        import pyarrow as pa

        found = self.incidents
        return pa.table(
            {
                "class": pa.array([i.class_ for i in found], pa.string()),
                "kind": pa.array([i.kind for i in found], pa.string()),
                "action": pa.array([i.action.value for i in found], pa.string()),
                "features": pa.array([list(i.features) for i in found], pa.list_(pa.string())),
                "onset_row": pa.array([i.onset_row for i in found], pa.int64()),
                "opened_row": pa.array([i.opened_row for i in found], pa.int64()),
                "closed_row": pa.array([t.closed_row for t in self.told], pa.int64()),
                "sentence": pa.array([i.sentence for i in found], pa.string()),
            }
        )

    def document(self, name: str = "") -> Document:
        """The report; `name` says which table was played."""
        from holdfast.reports.cells import moment
        from holdfast.reports.document import (
            Column,
            Document,
            Findings,
            Format,
            Heading,
            KeyValues,
            Table,
            Text,
        )

        standing = sum(t.incident.status is IncidentStatus.OPEN for t in self.told)
        blocks: list[Any] = [
            KeyValues(
                items=(
                    ("rows", self.rows),
                    ("from", moment(self.since) if self.timed else "no times in the table"),
                    ("to", moment(self.until) if self.timed else None),
                    ("outcomes", self.outcomes),
                    ("label delay", self.label_delay if self.outcomes else None),
                    ("promise", self.promise),
                )
            )
        ]
        if self.told:
            rows = tuple(
                (
                    t.incident.onset_row, t.incident.opened_row, t.rows_until_noticed,
                    "open" if t.closed_row is None else t.closed_row,
                    t.incident.kind, t.incident.action.value,
                )
                for t in self.told
            )  # fmt: skip
            names = ("began at row", "noticed at", "rows until noticed", "closed at")
            table = Table(
                columns=(
                    *(Column(name=n, format=Format.COUNT) for n in names),
                    Column(name="kind"), Column(name="action"),
                ),
                rows=rows,
                caption="Beginnings are estimated; closings are known to within 200 rows.",
            )  # fmt: skip
            blocks += [Heading(text="Incidents"), table, Findings(findings=self.findings)]
        quiet = self.quiet
        told = ", ".join(f"rows {a:,} to {b - 1:,}" for a, b in quiet) or "none"
        blocks += [Heading(text="Quiet stretches"), Text(text=f"No incident was open: {told}.")]
        return Document(
            title=f"Replay of {name or 'a table'}",
            summary=f"{len(self.told)} incident(s) in {self.rows:,} rows, {standing} open at the "
            f"end; {sum(b - a for a, b in quiet):,} rows without any.",
            blocks=tuple(blocks),
            passed=self.passed,
            data=self.to_dict(),
        )
