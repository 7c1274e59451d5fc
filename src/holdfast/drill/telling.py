"""A drill told: the verdict first, then every fault, then what was missed and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.drill.faults import FAULTS
from holdfast.findings import Finding, Severity
from holdfast.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Document,
    Findings,
    Format,
    Heading,
    KeyValues,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)

if TYPE_CHECKING:
    from holdfast.drill.outcome import Outcome, Served
    from holdfast.drill.report import DrillReport
    from holdfast.drill.sensitivity import Power

#: faults in the summary's table
SHORT = 8
#: columns named in a cell
SHOWN = 2
LEVELS = {1: "mild", 2: "medium", 3: "gross"}


def document(report: DrillReport, name: str = "") -> Document:
    """The whole report."""
    blocks: list[Block] = [_verdict(report), _tiles(report), _control(report)]
    blocks += [Heading(text="Fault by fault"), _faults(report.expected)]
    wrong = [o for o in report.expected if _wrong(o)]
    if wrong:
        blocks += [Heading(text="Caught, but under the wrong name"), _diagnoses(wrong)]
    if report.missed:
        blocks += [Heading(text="What would be missed, and what would make it visible")]
        blocks += [*_unnoticed(report), _misses(report.missed)]
    quiet = tuple(o for o in report.outcomes if not o.expect)
    if quiet:
        blocks += [
            Heading(text="What should not raise an alarm"),
            Text(text='Silence is right here, and so is an incident whose action is "ignore".'),
            _faults(quiet),
        ]
    blocks += [
        Heading(text="How long until a change is noticed"),
        _power(report),
        Heading(text="How it was done"),
        _facts(report),
    ]
    if report.skipped:
        blocks += [Heading(text="Faults that do not apply to these rows"), _skipped(report)]
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
        blocks += [*_unnoticed(report), _misses(report.missed, most=SHORT)]
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


def _faults(outcomes: Sequence[Outcome]) -> Table:
    """One row for each fault: rows until it is caught, by severity."""
    levels = sorted({o.severity for o in outcomes})
    groups: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.fault, {})[outcome.severity] = outcome
    rows, tones = [], []
    for fault, group in groups.items():
        last = group[max(group)]
        rows.append(
            (
                fault,
                ", ".join(last.columns),
                *(_delay(group.get(level)) for level in levels),
                _by(last),
                _right(group.values()),
                _answers(last.served),
                last.served.flipped if last.served else None,
            )
        )
        tones.append(_tone(group.values()))
    return Table(
        columns=(
            Column(name="fault"),
            Column(name="where"),
            *(Column(name=LEVELS[level], format=Format.COUNT) for level in levels),
            Column(name="by"),
            Column(name="named right"),
            Column(name="serving answers"),
            Column(name="decisions changed", format=Format.SHARE),
        ),
        rows=tuple(rows),
        tones=tuple(tones),
        caption="Under each severity: rows from the first faulty one to the alarm. Where, answers "
        "and decisions are those of the highest severity; decisions are compared, among the "
        "affected rows, with those without the fault.",
    )


def _by(outcome: Outcome) -> str:
    """What raised the alarm; the feature only where it is another one than the fault's."""
    field, _, code = outcome.by.rpartition(":")
    return code if field in outcome.columns else outcome.by


def _delay(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return None
    if outcome.caught:
        return outcome.rows_to_alarm
    return "missed" if outcome.expect else "silent"


def _wrong(outcome: Outcome) -> str:
    """What of a diagnosis is wrong; empty where nothing is."""
    if not outcome.caught:
        return ""
    if not outcome.expect:
        return "" if outcome.action_right else "should be ignored"
    parts = (
        ("kind", outcome.kind_right),
        ("column", outcome.culprit_right),
        ("action", outcome.action_right),
    )
    return " and ".join(name for name, right in parts if right is False)


def _right(group: Iterable[Outcome]) -> str:
    """How many of the alarms of one fault are named right."""
    caught = [o for o in group if o.caught]
    right = sum(not _wrong(o) for o in caught)
    return f"{right} of {len(caught)}" if caught else ""


def _diagnoses(outcomes: Sequence[Outcome]) -> Table:
    """The wrong diagnoses, severities told together."""
    groups: dict[tuple[str, str, str, str], list[Outcome]] = {}
    for o in outcomes:
        key = (o.fault, _wrong(o), o.found_kind, o.found_action)
        groups.setdefault(key, []).append(o)
    return Table(
        columns=(
            Column(name="fault"),
            Column(name="severity"),
            Column(name="wrong"),
            Column(name="diagnosis"),
            Column(name="right would be"),
        ),
        rows=tuple(
            (
                fault,
                ", ".join(str(o.severity) for o in group),
                wrong,
                f"{found} in {', '.join(group[-1].found_columns[:SHOWN]) or 'no column'}: {action}",
                f"{group[-1].kind} in {', '.join(group[-1].columns) or 'no column'}",
            )
            for (fault, wrong, found, action), group in groups.items()
        ),
    )


def _tone(group: Iterable[Outcome]) -> Tone:
    outcomes = list(group)
    if any(o.alarmed or (o.gross and not o.caught) for o in outcomes):
        return Tone.BAD
    good = all(not o.expect or (o.caught and not _wrong(o)) for o in outcomes)
    return Tone.GOOD if good else Tone.NEUTRAL


def _answers(served: Served | None) -> str:
    if served is None or not served.rows:
        return ""
    ranked = sorted(served.verdicts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count / served.rows:.0%}" for name, count in ranked)


def _misses(outcomes: Sequence[Outcome], most: int | None = None) -> Table:
    """One row for each fault missed for one reason; its severities are told together."""
    groups: dict[tuple[str, tuple[str, ...], str, str], list[Outcome]] = {}
    for o in outcomes:
        if o.missed is not None:
            key = (o.fault, o.columns, o.missed.reason.value, o.missed.remedy)
            groups.setdefault(key, []).append(o)
    ranked = list(groups.values())
    if most is not None:
        ranked = sorted(ranked, key=lambda group: -max(o.gross for o in group))[:most]
    left = len(groups) - len(ranked)
    return Table(
        columns=(
            Column(name="fault"),
            Column(name="severity"),
            Column(name="where"),
            Column(name="reason"),
            Column(name="why"),
            Column(name="what would make it visible"),
        ),
        rows=tuple(
            (
                group[-1].fault,
                ", ".join(str(o.severity) for o in group),
                ", ".join(group[-1].columns),
                group[-1].missed.reason.value,
                group[-1].missed.why,
                group[-1].missed.remedy,
            )
            for group in ranked
            if group[-1].missed is not None
        ),
        tones=tuple(Tone.BAD if any(o.gross for o in group) else Tone.NEUTRAL for group in ranked),
        caption=f"And {left} more." if left else "",
    )


def _power(report: DrillReport) -> Table:
    watched = {True: "yes", False: "no", None: ""}
    traffic = report.rows_per_day
    return Table(
        columns=(
            Column(name="change"),
            Column(name="from", format=Format.SHARE),
            Column(name="to", format=Format.SHARE),
            Column(name="counts from", format=Format.SHARE),
            Column(name="rows", format=Format.COUNT),
            Column(name="time"),
            Column(name="watched"),
            Column(name="note"),
        ),
        rows=tuple(
            (
                p.question,
                p.share,
                p.after,
                p.allowed,
                p.rows if p.rows is not None else "never",
                _time(p),
                watched[p.watched],
                _note(p),
            )
            for p in report.power
        ),
        caption=f"On average, with a reference of {report.reference_rows:,} rows"
        + (f" and {traffic:,.0f} rows a day." if traffic else "; no traffic is known.")
        + " Changes that are not watched are told as a question asked about them would do.",
    )


def _time(power: Power) -> str:
    if power.days is None:
        return ""
    hours = power.days * 24.0
    if hours < 1.0:
        return f"{max(hours * 60.0, 1.0):.0f} min"
    return f"{hours:.1f} h" if hours < 48.0 else f"{power.days:.1f} days"


def _note(power: Power) -> str:
    if power.rows is None and power.best is not None:
        return f"{power.why}; a bet made for it would take {power.best:,} rows"
    return power.why


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


def _skipped(report: DrillReport) -> Table:
    merged: dict[tuple[str, str], list[int]] = {}
    for skip in report.skipped:
        merged.setdefault((skip.fault, skip.why), []).append(skip.severity)
    return Table(
        columns=(Column(name="fault"), Column(name="what it is"), Column(name="severity"),
                 Column(name="why not")),
        rows=tuple(
            (
                fault,
                FAULTS[fault].says if fault in FAULTS else "",
                ", ".join(map(str, levels)),
                why,
            )
            for (fault, why), levels in merged.items()
        ),
    )  # fmt: skip
