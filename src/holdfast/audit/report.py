"""The audit as one document: verdict, leaks with what they are worth, the peel curve, the rest."""

from __future__ import annotations

from typing import Any

from holdfast.audit.record import AuditReport, LeakFinding, Peel, Verdict
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
    LineChart,
    Mark,
    Series,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)
from holdfast.reports.naming import clean

#: items of a list that are shown as evidence
_SHOWN = 12


def document(report: AuditReport, name: str = "") -> Document:
    """The audit as a report; `name` says of what."""
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}[report.passed]
    blocks: list[Block] = [Callout(title=report.verdict, text=_meaning(report), tone=tone)]
    if report.score is not None:
        blocks.append(Tiles(tiles=_tiles(report)))
    blocks.append(Findings(findings=report.findings, passed=_quiet(report)))
    if any(f.worth is not None for f in report.findings):
        blocks += [Heading(text="What each leak is worth"), _worths(report.findings)]
    for finding in report.findings:
        if finding.evidence:
            blocks += [
                Heading(text=f"Evidence: {_what(finding)}", level=3),
                KeyValues(items=_evidence(finding)),
            ]
            if finding.answer:
                blocks.append(Text(text=f"Answered: {clean(finding.answer, 400)}"))
    if report.peel is not None and report.peel.removed:
        blocks += [Heading(text="The peel curve"), Text(text=_PEEL), *_curve(report.peel)]
    blocks += [Heading(text="What was not tested"), _untested(report)]
    return Document(
        title=f"Leakage audit of {name}" if name else "Leakage audit",
        summary=f"{report.rows:,} training rows"
        + (f", {report.test_rows:,} test rows" if report.test_rows else "")
        + f", {len(report.features)} features, task: {_TASKS[report.task]}.",
        blocks=tuple(blocks),
        passed=report.passed,
        data=report.to_dict(),
    )


_TASKS = {
    "binary": "two classes",
    "multiclass": "several classes",
    "regression": "a number",
    "none": "no target that can be predicted",
}
_PEEL = (
    "The column the model leans on most is dropped, the model fitted again, and so on. An honest "
    "table sinks gently; a leak falls off a cliff when the last column that holds it is gone."
)


def _quiet(report: AuditReport) -> tuple[str, ...]:
    """Types that were tested and found nothing."""
    from holdfast.audit.checks import CHECKS

    loud = {check.type for check in CHECKS if check.code in {f.code for f in report.findings}}
    return tuple(type_ for type_ in report.tested if type_ not in loud)


def _meaning(report: AuditReport) -> str:
    if report.passed is False:
        return "Proven leaks rest on rows, times or a run, not on statistics. Mend them first."
    if any(f.verdict is Verdict.SUSPECT and not f.answer for f in report.findings):
        return (
            "Statistics alone cannot tell a leak from a very good column: each suspect asks a "
            "person when its value becomes known."
        )
    return "What was not tested, and the input it would need, stands at the end."


def _tiles(report: AuditReport) -> tuple[Tile, ...]:
    score = report.score
    if score is None:
        return ()
    return (
        Tile(label=f"{score.metric} as the table stands", value=round(score.with_, 3)),
        Tile(
            label=f"{score.metric} to expect",
            value=round(score.without, 3),
            note="without what is proven or suspected",
        ),
        Tile(
            label="what the leaks are worth",
            value=f"{score.gain:+.3f}",
            note=f"95% interval {score.low:+.3f} to {score.high:+.3f}",
        ),
    )


def _worths(findings: tuple[LeakFinding, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    tones = []
    for finding in findings:
        worth = finding.worth
        if worth is None:
            continue
        rows.append(
            (
                _what(finding),
                finding.verdict.value,
                round(worth.with_, 3),
                round(worth.without, 3),
                f"{worth.gain:+.3f} ({worth.low:+.3f} to {worth.high:+.3f})",
            )
        )
        tones.append(Tone.BAD if finding.verdict is Verdict.PROVEN else Tone.NEUTRAL)
    metrics = sorted({f.worth.metric for f in findings if f.worth is not None})
    heads = ("leak", "verdict", "with", "without", "gain")
    return Table(
        columns=tuple(Column(name=head) for head in heads),
        rows=tuple(rows),
        tones=tuple(tones),
        caption=f"{' and '.join(metrics)}, out of fold, of one small boosted model on the same "
        "rows; in brackets the 95% interval of the gain, paired by row. For columns, `without` is "
        "the score of the columns that nobody suspects.",
    )


def _what(finding: LeakFinding) -> str:
    if finding.columns:
        shown = ", ".join(clean(c, 40) for c in finding.columns[:4])
        return shown + (", …" if len(finding.columns) > 4 else "")
    return finding.code.removeprefix("HF-L-").replace("-", " ").lower()


def _evidence(finding: LeakFinding) -> tuple[tuple[str, Cell], ...]:
    return tuple((key.replace("_", " "), _shown(value)) for key, value in finding.evidence.items())


def _shown(value: Any) -> Cell:
    if value is None or isinstance(value, bool | int | str):
        return clean(value, 200) if isinstance(value, str) else value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "; ".join(f"{clean(str(k), 40)}: {_shown(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        told = ", ".join(str(_shown(v)) for v in value[:_SHOWN])
        return told + (", …" if len(value) > _SHOWN else "")
    return clean(str(value), 200)


def _curve(peel: Peel) -> tuple[Block, ...]:
    points = tuple((float(i), float(score)) for i, score in enumerate(peel.scores))
    marks = []
    steps = [a - b for a, b in zip(peel.scores, peel.scores[1:], strict=False)]
    if steps and max(steps) >= 0.03:
        place = steps.index(max(steps)) + 1
        marks = [Mark(x=float(place), label=f"without {clean(peel.removed[place - 1], 24)}")]
    chart = LineChart(
        title=f"{peel.metric} after each removal",
        series=(Series(name=peel.metric, points=points),),
        marks=tuple(marks),
        x_label="columns removed",
        x_format=Format.COUNT,
        y_format=Format.DECIMAL,
    )
    rows = [("none", round(peel.scores[0], 4))]
    rows += [
        (clean(n, 60), round(s, 4)) for n, s in zip(peel.removed, peel.scores[1:], strict=True)
    ]
    table = Table(
        columns=(Column(name="removed"), Column(name=peel.metric, format=Format.DECIMAL)),
        rows=tuple(rows),
    )
    return chart, table


def _untested(report: AuditReport) -> Block:
    if not report.not_tested:
        return Text(text="Every type of leak this audit knows was tested.")
    rows = tuple(
        (item.type, item.needs, "yes" if item.requested else "") for item in report.not_tested
    )
    heads = ("type of leak", "what it would need", "asked for")
    return Table(columns=tuple(Column(name=head) for head in heads), rows=rows)
