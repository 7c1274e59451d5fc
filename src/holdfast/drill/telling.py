"""A drill told: the verdict first, then every fault, then what was missed and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.drill.tables import (
    diagnoses_table,
    faults_table,
    misses_table,
    power_table,
    skipped_table,
    wrong,
)
from holdfast.findings import Finding, Severity
from holdfast.reports.document import (
    Block,
    Callout,
    Document,
    Findings,
    Format,
    Heading,
    KeyValues,
    Text,
    Tile,
    Tiles,
    Tone,
)

if TYPE_CHECKING:
    from holdfast.drill.outcome import Outcome
    from holdfast.drill.report import DrillReport

#: faults in the summary's table
SHORT = 8


def document(report: DrillReport, name: str = "") -> Document:
    """The whole report."""
    blocks: list[Block] = [_verdict(report), _tiles(report), _control(report)]
    blocks += [Heading(text="Fault by fault"), faults_table(report.expected)]
    misnamed = [o for o in report.expected if wrong(o)]
    if misnamed:
        blocks += [Heading(text="Caught, but under the wrong name"), diagnoses_table(misnamed)]
    if report.missed:
        blocks += [Heading(text="What would be missed, and what would make it visible")]
        blocks += [*_unnoticed(report), misses_table(report.missed)]
    quiet = tuple(o for o in report.outcomes if not o.expect)
    if quiet:
        blocks += [
            Heading(text="What should not raise an alarm"),
            Text(text='Silence is right here, and so is an incident whose action is "ignore".'),
            faults_table(quiet),
        ]
    blocks += [
        Heading(text="How long until a change is noticed"),
        power_table(report),
        Heading(text="How it was done"),
        _facts(report),
    ]
    if report.skipped:
        blocks += [Heading(text="Faults that do not apply to these rows"), skipped_table(report)]
    found = findings(report)
    if found:
        blocks += [Heading(text="Findings"), Findings(findings=found)]
    what = f"{report.model or 'the release'} {report.release[:12]}"
    return Document(
        title=f"Drill of {what} on {name}" if name else f"Drill of {what}",
        summary=report.verdict,
        blocks=tuple(blocks),
        passed=report.passed,
        data=report.to_dict(),
    )


def summary(report: DrillReport) -> tuple[Block, ...]:
    """The drill in a few blocks, to end another report with: verdict, numbers, first misses."""
    blocks: list[Block] = [
        Heading(text="A drill on this model"),
        Text(
            text=f"{len(report.outcomes)} faults were injected into these rows, one at a time, "
            "and fed through the same guard, model and monitor."
        ),
        _verdict(report),
        _tiles(report),
    ]
    if not report.control.silent:
        blocks.append(_control(report))
    if report.missed:
        blocks += [*_unnoticed(report), misses_table(report.missed, most=SHORT)]
    return tuple(blocks)


def findings(report: DrillReport) -> tuple[Finding, ...]:
    """Missed faults, gross ones as errors; alarms without a fault; alarms about nothing."""
    found = []
    if not report.control.silent:
        found.append(
            Finding(
                code="HF-DRILL-CONTROL",
                severity=Severity.WARNING,
                sentence=f"without any fault {len(report.control.incidents)} incident(s) opened: "
                "these rows are not like the reference",
                evidence={"incidents": list(report.control.incidents)},
                remedy="look at the incidents first; then drill on rows that are known to be good",
            )
        )
    found += [
        Finding(
            code="HF-DRILL-GROSS",
            severity=Severity.ERROR,
            sentence=f"{_named(outcome)} would be missed",
            columns=outcome.columns,
            evidence={"why": outcome.missed.why if outcome.missed else ""},
            remedy=outcome.missed.remedy if outcome.missed else "",
        )
        for outcome in report.gross_missed
    ]
    milder: dict[str, list[Outcome]] = {}
    for outcome in report.missed:
        if not outcome.gross:
            milder.setdefault(outcome.fault, []).append(outcome)
    for group in milder.values():
        last, levels = group[-1], ", ".join(str(o.severity) for o in group)
        found.append(
            Finding(
                code="HF-DRILL-MISSED",
                severity=Severity.NOTE,
                sentence=f"{_named(last)} would be missed, severity {levels}",
                columns=last.columns,
                evidence={"why": last.missed.why if last.missed else ""},
                remedy=last.missed.remedy if last.missed else "",
            )
        )
    found += [
        Finding(
            code="HF-DRILL-ALARMED",
            severity=Severity.WARNING,
            sentence=f"{_named(outcome)} raises an alarm, though it does not matter",
            columns=outcome.columns,
            evidence={"action": outcome.found_action, "kind": outcome.found_kind},
            remedy="accept it as normal when it comes, or a larger floor",
        )
        for outcome in report.outcomes
        if outcome.alarmed
    ]
    return tuple(found)


def _named(outcome: Outcome) -> str:
    where = f" of {', '.join(f'`{c}`' for c in outcome.columns)}" if outcome.columns else ""
    return f"{outcome.fault}{where} ({outcome.note})"


def _verdict(report: DrillReport) -> Callout:
    gross = report.gross_missed
    text = ""
    if gross:
        names = ", ".join(dict.fromkeys(o.fault for o in gross))
        text = f"Missed although gross: {names}."
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}[report.passed]
    return Callout(title=report.verdict, text=text, tone=tone)


def _tiles(report: DrillReport) -> Tiles:
    total, caught = len(report.expected), report.caught
    delays = sorted(o.rows_to_alarm or 0 for o in caught)
    columns = [o for o in caught if o.culprit_right is not None]
    of = f"of {len(caught)} caught"
    return Tiles(
        tiles=(
            Tile(label="caught", value=len(caught), format=Format.COUNT, note=f"of {total}"),
            Tile(
                label="rows to the alarm",
                value=delays[len(delays) // 2] if delays else None,
                format=Format.COUNT,
                note="median",
            ),
            Tile(
                label="right kind",
                value=sum(bool(o.kind_right) for o in caught),
                format=Format.COUNT,
                note=of,
            ),
            Tile(
                label="right column first",
                value=sum(bool(o.culprit_right) for o in columns),
                format=Format.COUNT,
                note=f"of {len(columns)} in a column",
            ),
            Tile(
                label="right action",
                value=sum(bool(o.action_right) for o in caught),
                format=Format.COUNT,
                note=of,
            ),
        )
    )


def _unnoticed(report: DrillReport) -> list[Block]:
    """The missed faults that hurt: decisions change and nobody is told."""
    found = report.unnoticed
    if not found:
        return []
    worst = found[0]
    share = worst.served.unseen if worst.served else 0.0
    return [
        Text(
            text=f"{len(found)} of the missed change decisions while serving answers ok, so that "
            f"nobody is told; the worst is {_named(worst)}: {share:.0%} of the decisions."
        )
    ]


def _control(report: DrillReport) -> Block:
    control = report.control
    if control.silent:
        return Text(text=f"Control: the {control.rows:,} rows without any fault raised nothing.")
    return Callout(
        title=f"Not silent without a fault: {len(control.incidents)} incident(s) in "
        f"{control.rows:,} rows.",
        text="These rows are not like the reference. Faults count as caught only where they raise "
        "something more. " + "; ".join(control.incidents),
        tone=Tone.BAD,
    )


def _facts(report: DrillReport) -> KeyValues:
    return KeyValues(
        items=(
            ("release", report.release),
            ("rows", report.rows),
            ("clean rows before the fault", report.onset),
            ("outcome", report.target or "none in this table"),
            ("questions watched", report.watched),
            ("questions muted", "; ".join(report.muted) or "none"),
            ("rows of the reference", report.reference_rows),
            ("promise", report.promise),
            ("seed", report.seed),
        )
    )
