"""Text for a terminal, by rich; plain when it is not one. No markup in a value is ever obeyed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from holdfast.reports.cells import clean, is_number, one_line, write
from holdfast.reports.document import (
    BarChart,
    Block,
    Callout,
    Code,
    Document,
    Findings,
    Heading,
    KeyValues,
    LineChart,
    Series,
    Table,
    Text,
    Tiles,
    Tone,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STYLE = {Tone.GOOD: "green", Tone.BAD: "red", Tone.NEUTRAL: ""}
SEVERITY = {"note": "dim", "warning": "yellow", "error": "red", "critical": "bold red"}
SPARKS = "▁▂▃▄▅▆▇█"


def render(document: Document) -> str:
    """Plain text, 100 columns wide."""
    from rich.console import Console

    out = io.StringIO()
    show(document, Console(file=out, width=100, color_system=None, highlight=False))
    return out.getvalue()


def show(document: Document, console: Console) -> None:
    """Prints the document on a rich console."""
    from rich.text import Text as Line

    console.print(Line(one_line(document.title), style="bold"))
    if document.summary:
        console.print(Line(clean(document.summary)))
    for block in document.blocks:
        console.print()
        for part in draw(block):
            console.print(part)


def draw(block: Block) -> list[RenderableType]:
    """One block as rich renderables."""
    from rich.text import Text as Line

    match block:
        case Heading():
            return [Line(one_line(block.text), style="bold underline")]
        case Text():
            return [Line(clean(block.text))]
        case Code():
            return [Line("\n".join("  " + line for line in clean(block.text).splitlines()))]
        case Callout():
            return _callout(block)
        case Tiles():
            return [
                _grid(
                    [
                        (tile.label, write(tile.value, tile.format), tile.note, STYLE[tile.tone])
                        for tile in block.tiles
                    ]
                )
            ]
        case KeyValues():
            return [_grid([(label, write(value), "", "") for label, value in block.items])]
        case Table():
            return [
                _table(block),
                *([Line(clean(block.caption), style="dim")] if block.caption else []),
            ]
        case Findings():
            return _findings(block)
        case LineChart():
            return [Line(one_line(block.title), style="bold"), *_sparks(block)]
        case BarChart():
            return [Line(one_line(block.title), style="bold"), *_bars(block)]


def _callout(block: Callout) -> list[RenderableType]:
    from rich.text import Text as Line

    line = Line(clean(block.title), style=f"bold {STYLE[block.tone]}".strip())
    return [line, *([Line(clean(block.text))] if block.text else [])]


def _grid(rows: list[tuple[str, str, str, str]]) -> RenderableType:
    from rich.table import Table as Grid
    from rich.text import Text as Line

    grid = Grid.grid(padding=(0, 2))
    for label, value, note, style in rows:
        grid.add_row(
            Line(one_line(label), style="dim"),
            Line(value, style=style),
            Line(one_line(note), style="dim"),
        )
    return grid


def _table(block: Table) -> RenderableType:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text as Line

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, column in enumerate(block.columns):
        numeric = any(is_number(row[i]) for row in block.rows)
        grid.add_column(
            Line(one_line(column.name)), justify="right" if numeric else "left", overflow="fold"
        )
    for r, row in enumerate(block.rows):
        tone = block.tones[r] if block.tones else Tone.NEUTRAL
        cells = [
            Line(write(cell, col.format)) for cell, col in zip(row, block.columns, strict=True)
        ]
        grid.add_row(*cells, style=STYLE[tone])
    return grid


def _findings(block: Findings) -> list[RenderableType]:
    from rich.text import Text as Line

    parts: list[RenderableType] = []
    for f in block.findings:
        line = Line(f"{f.severity.value:<8} ", style=SEVERITY[f.severity.value])
        line.append(clean(f.sentence), style="")
        line.append(f"  [{f.code}]", style="dim")
        parts.append(line)
        if f.remedy:
            parts.append(Line("         → " + clean(f.remedy), style="dim"))
    if block.passed:
        parts.append(Line(f"{len(block.passed)} checks found nothing", style="green"))
    return parts


def _sparks(block: LineChart) -> list[RenderableType]:
    from rich.text import Text as Line

    ys = [y for s in block.series for y in s.known]
    if not ys:
        return [Line("no points", style="dim")]
    low = min(ys) if block.low is None else block.low
    high = max(ys) if block.high is None else block.high
    width = max(len(one_line(s.name)) for s in block.series)
    return [
        Line(f"{one_line(s.name):<{width}}  {_spark(s, low, high)}  ", style=STYLE[s.tone]).append(
            _ends(s, block), style="dim"
        )
        for s in block.series
    ]


def _spark(series: Series, low: float, high: float, width: int = 48) -> str:
    points = series.points
    step = max(1, -(-len(points) // width))
    out = ""
    for i in range(0, len(points), step):
        known = Series(name="", points=points[i : i + step]).known
        if not known:
            out += " "
            continue
        share = (sum(known) / len(known) - low) / (high - low) if high > low else 0.5
        out += SPARKS[min(7, max(0, int(share * 8)))]
    return out


def _ends(series: Series, block: LineChart) -> str:
    known = series.known
    if not known:
        return ""
    return f"{write(known[0], block.y_format)} → {write(known[-1], block.y_format)}"


def _bars(block: BarChart) -> list[RenderableType]:
    from rich.text import Text as Line

    top = max((v for s in block.series for v in s.values if v is not None), default=0.0) or 1.0
    labels = [
        f"{one_line(cat)} · {one_line(s.name)}" if len(block.series) > 1 else one_line(cat)
        for cat in block.categories
        for s in block.series
    ]
    width = min(44, max((len(label) for label in labels), default=0))
    lines: list[RenderableType] = []
    for i in range(len(block.categories)):
        for j, s in enumerate(block.series):
            value = s.values[i]
            bar = "█" * round(30 * (value or 0.0) / top)
            label = labels[i * len(block.series) + j][:width]
            line = Line(f"{label:<{width}}  ")
            line.append(bar, style=STYLE[s.tone])
            line.append(f" {write(value, block.format)}")
            lines.append(line)
    return lines
