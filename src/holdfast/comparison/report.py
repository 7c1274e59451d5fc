"""A comparison as a report and as a table: the verdict first, small multiples of what moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from holdfast.comparison.record import Bars as Drawn
from holdfast.comparison.record import ColumnComparison, Comparison, Consequence, Share, Status
from holdfast.diagnosis.words import percent
from holdfast.records import Estimate
from holdfast.reports.naming import clean

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import BarChart, Block, Document, Table, Tile

#: columns that are drawn, and rows of the table that are shown before the quiet ones
DRAWN = 6


def document(found: Comparison, name: str = "") -> Document:
    """The comparison as a report; `name` says of what."""
    from holdfast.reports.document import (
        Callout,
        Document,
        Findings,
        Heading,
        Text,
        Tiles,
        Tone,
    )

    title, tone = {
        True: ("Nothing that matters changed, as far as could be told.", Tone.GOOD),
        False: ("The current rows differ from the reference.", Tone.BAD),
        None: ("Could not tell.", Tone.NEUTRAL),
    }[found.passed]
    quiet = tuple(c.name for c in found.columns if c.status in {Status.SAME, Status.NEGLIGIBLE})
    blocks: list[Block] = [Callout(title=title, text=found.verdict, tone=tone)]
    if found.consequences:
        blocks.append(Tiles(tiles=tuple(_tile(effect) for effect in found.consequences)))
    blocks.append(Findings(findings=found.findings, passed=quiet))
    charts = [_chart(c) for c in found.columns if c.bars is not None][:DRAWN]
    if charts:
        blocks += [Heading(text="What moved first"), *charts]
    blocks += [Heading(text="Every column"), _table(found)]
    if found.untold:
        blocks.append(Text(text="Not told: " + "; ".join(found.untold) + "."))
    return Document(
        title=f"Comparison of {name}" if name else "Comparison",
        summary=f"{found.reference_rows:,} reference rows, {found.current_rows:,} current rows, "
        f"{len(found.columns)} columns.",
        blocks=tuple(blocks),
        passed=found.passed,
        data=found.to_dict(),
    )


def _tile(effect: Consequence) -> Tile:
    from holdfast.reports.document import Format, Tile, Tone

    label = {
        "score": "mean score",
        "decisions": "positive decisions",
        "money": "expected cost a row",
        "outcome": "positive outcome",
    }[effect.what]
    share = effect.what in {"decisions", "outcome"}
    scale, unit = (100.0, " points") if share else (1.0, "")
    change = effect.change
    interval = f"{scale * (change.low or 0.0):+.3g} to {scale * (change.high or 0.0):+.3g}{unit}"
    before = f"{effect.reference:.1%}" if share else f"{effect.reference:.4g}"
    return Tile(
        label=label,
        value=effect.current,
        format=Format.SHARE if share else Format.DECIMAL,
        note=f"{before} before; change {interval}",
        tone={True: Tone.BAD, False: Tone.GOOD, None: Tone.NEUTRAL}[effect.moved],
    )


def _chart(column: ColumnComparison) -> BarChart:
    from holdfast.reports.document import BarChart, Bars, Format, Tone

    bars = cast(Drawn, column.bars)
    return BarChart(
        title=f"{clean(column.name)}: share of rows",
        categories=tuple(clean(label, 40) for label in bars.labels),
        series=(
            Bars(name="reference", values=bars.reference),
            Bars(name="current", values=bars.current, tone=Tone.BAD),
        ),
        format=Format.SHARE,
    )


def _table(found: Comparison) -> Table:
    from holdfast.reports.document import Cell, Column, Format, Table, Tone

    weighed = any(c.importance is not None for c in found.columns)
    rows: list[tuple[Cell, ...]] = []
    tones = []
    for column in found.columns:
        main = column.main
        row: list[Cell] = [
            column.name,
            column.status.value,
            "" if main is None else main.what,
            "" if main is None else _size(main.effect),
            "" if main is None else _chance(main.adjusted),
            _shares(column.missing),
            column.unseen.current,
            column.outside.current,
            column.why if column.cause is None else column.cause.kind.replace("_", " "),
        ]
        if weighed:
            row.insert(8, column.importance)
        rows.append(tuple(row))
        tones.append(
            Tone.BAD
            if column.status in {Status.CHANGED, Status.VANISHED}
            else Tone.GOOD
            if column.status in {Status.SAME, Status.NEGLIGIBLE}
            else Tone.NEUTRAL
        )
    heads = [
        Column(name="column"),
        Column(name="verdict"),
        Column(name="difference"),
        Column(name="effect (95% interval)"),
        Column(name="p"),
        Column(name="missing"),
        Column(name="unseen", format=Format.SHARE),
        Column(name="out of range", format=Format.SHARE),
        Column(name="cause or reason"),
    ]
    if weighed:
        heads.insert(8, Column(name="importance", format=Format.SHARE))
    return Table(
        columns=tuple(heads),
        rows=tuple(rows),
        tones=tuple(tones),
        caption=f"sd: standard deviations of the column's rank, or of the score of its values that "
        f"moved most; pts: points of the share of rows. Below {found.floor:g} sd a change is "
        "negligible. p is adjusted over all tests: two samples of one source show any change in "
        f"{found.error:.0%} of reports.",
    )


def _size(effect: Estimate) -> str:
    if effect.value is None or effect.low is None or effect.high is None:
        return ""
    scale, unit = (100.0, "pts") if effect.unit == "share" else (1.0, "sd")
    value, low, high = (_round(scale * x) for x in (effect.value, effect.low, effect.high))
    return f"{value} {unit} ({low} to {high})"


def _round(value: float) -> str:
    digits = 1 if abs(value) >= 10 else 2
    return f"{value:+.{digits}f}"


def _shares(share: Share) -> str:
    if share.current is None:
        return ""
    if share.reference is None or share.reference == share.current:
        return percent(share.current)
    return f"{percent(share.reference)} → {percent(share.current)}"


def _chance(p: float) -> str:
    return (
        "1" if p >= 0.995 else f"{p:.2f}" if p >= 0.01 else f"{p:.0e}" if p >= 1e-12 else "<1e-12"
    )


def frame(found: Comparison) -> pa.Table:
    """One row a column, for pandas, polars or duckdb."""
    import pyarrow as pa

    columns = found.columns
    mains = [c.main for c in columns]
    text, number = pa.string(), pa.float64()

    def of(get: object, kind: pa.DataType) -> pa.Array:
        return pa.array(get, kind)

    return pa.table(
        {
            "column": of([c.name for c in columns], text),
            "kind": of([c.kind for c in columns], text),
            "status": of([c.status.value for c in columns], text),
            "difference": of([m and m.what for m in mains], text),
            "effect": of([m and m.effect.value for m in mains], number),
            "low": of([m and m.effect.low for m in mains], number),
            "high": of([m and m.effect.high for m in mains], number),
            "unit": of([m and m.effect.unit for m in mains], text),
            "p": of([None if m is None else m.adjusted for m in mains], number),
            "resolution": of([c.resolution for c in columns], number),
            "missing_reference": of([c.missing.reference for c in columns], number),
            "missing_current": of([c.missing.current for c in columns], number),
            "unseen_current": of([c.unseen.current for c in columns], number),
            "outside_current": of([c.outside.current for c in columns], number),
            "moved": of([c.moved for c in columns], number),
            "importance": of([c.importance for c in columns], number),
            "score_effect": of([c.score_effect for c in columns], number),
            "cost_effect": of([c.cost_effect for c in columns], number),
            "cause": of([c.cause and c.cause.kind for c in columns], text),
        }
    )
