"""The tables of a drill's report: faults, wrong names, misses, power, what did not apply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.drill.faults import FAULTS
from holdfast.reports.document import Cell, Column, Format, Table, Tone

if TYPE_CHECKING:
    from holdfast.drill.outcome import Outcome, Served
    from holdfast.drill.report import DrillReport
    from holdfast.drill.sensitivity import Power

#: columns named in a cell
SHOWN = 2
LEVELS = {1: "mild", 2: "medium", 3: "gross"}


def faults_table(outcomes: Sequence[Outcome]) -> Table:
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
            Column(name="answers"),
            Column(name="changed", format=Format.SHARE),
        ),
        rows=tuple(rows),
        tones=tuple(tones),
        caption="Under each severity: rows from the first faulty one to the alarm. The other "
        "columns are those of the highest severity: what serving answers to the affected rows, and "
        "the share of their decisions that changed.",
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
    return "miss" if outcome.expect else "none"


def wrong(outcome: Outcome) -> str:
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
    right = sum(not wrong(o) for o in caught)
    return f"{right} of {len(caught)}" if caught else ""


def diagnoses_table(outcomes: Sequence[Outcome]) -> Table:
    """The wrong diagnoses, severities told together."""
    groups: dict[tuple[str, str, str, str], list[Outcome]] = {}
    for o in outcomes:
        key = (o.fault, wrong(o), o.found_kind, o.found_action)
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
    good = all(not o.expect or (o.caught and not wrong(o)) for o in outcomes)
    return Tone.GOOD if good else Tone.NEUTRAL


def _answers(served: Served | None) -> str:
    if served is None or not served.rows:
        return ""
    ranked = sorted(served.verdicts.items(), key=lambda item: -item[1])
    if len(ranked) == 1:
        return ranked[0][0]
    return ", ".join(f"{name} {count / served.rows:.0%}" for name, count in ranked)


def misses_table(outcomes: Sequence[Outcome], most: int | None = None) -> Table:
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


def power_table(report: DrillReport) -> Table:
    """When changes of a given size would be noticed."""
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


def skipped_table(report: DrillReport) -> Table:
    """Faults that do not apply, severities told together."""
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
