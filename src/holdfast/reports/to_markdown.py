"""Markdown (the GitHub flavour), with every character that Markdown or HTML would obey escaped."""

from __future__ import annotations

import re

from holdfast.reports.cells import clean, is_number, one_line, write
from holdfast.reports.document import (
    BarChart,
    Block,
    Callout,
    Code,
    Column,
    Document,
    Findings,
    Heading,
    KeyValues,
    LineChart,
    Table,
    Text,
    Tiles,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_LINK = re.compile(r"\b(https?|ftp|mailto|javascript|data):|\bwww\.", re.IGNORECASE)


def render(document: Document) -> str:
    """The document as Markdown; charts become tables."""
    parts = [f"# {escape(document.title)}"]
    if document.summary:
        parts.append(escape(document.summary))
    parts += [piece for block in document.blocks if (piece := _block(block))]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    r"""One line in which nothing is markup and no address turns into a link.

    >>> escape("a|b <i>")
    'a\\|b \\<i\\>'
    """
    line = _SPECIAL.sub(r"\\\1", one_line(text))
    line = re.sub(r"^([-+=])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)
    return _LINK.sub(lambda m: m.group()[:-1] + "\u200b" + m.group()[-1], line)


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * max(2, min(6, block.level))} {escape(block.text)}"
        case Text():
            return "\n\n".join(escape(part) for part in block.text.split("\n\n"))
        case Code():
            return "\n".join("    " + line for line in clean(block.text).splitlines())
        case Callout():
            text = f" {escape(block.text)}" if block.text else ""
            return f"> **{escape(block.title)}**{text}"
        case Tiles():
            return "\n".join(
                f"- {escape(t.label)}: **{escape(write(t.value, t.format))}**"
                + (f" ({escape(t.note)})" if t.note else "")
                for t in block.tiles
            )
        case KeyValues():
            return "\n".join(f"- {escape(k)}: {escape(write(v))}" for k, v in block.items)
        case Table():
            table = _table(block)
            return f"{table}\n\n{escape(block.caption)}" if block.caption else table
        case Findings():
            return _findings(block)
        case LineChart():
            return _lines(block)
        case BarChart():
            columns = (
                Column(name=""),
                *(Column(name=s.name, format=block.format) for s in block.series),
            )
            rows = tuple(
                (cat, *(s.values[i] for s in block.series))
                for i, cat in enumerate(block.categories)
            )
            return f"**{escape(block.title)}**\n\n{_table(Table(columns=columns, rows=rows))}"


def _table(block: Table) -> str:
    head = "| " + " | ".join(escape(c.name) for c in block.columns) + " |"
    numeric = [any(is_number(row[i]) for row in block.rows) for i in range(len(block.columns))]
    rule = "|" + "|".join("---:" if n else "---" for n in numeric) + "|"
    body = [
        "| "
        + " | ".join(escape(write(v, c.format)) for v, c in zip(row, block.columns, strict=True))
        + " |"
        for row in block.rows
    ]
    return "\n".join([head, rule, *body])


def _findings(block: Findings) -> str:
    lines = [
        f"- **{f.severity.value}** {escape(f.sentence)} ({f.code})"
        + (f" Remedy: {escape(f.remedy)}" if f.remedy else "")
        for f in block.findings
    ]
    if block.passed:
        lines.append(f"- {len(block.passed)} checks found nothing")
    return "\n".join(lines)


def _lines(block: LineChart) -> str:
    figures = ("first", "lowest", "highest", "last")
    columns = (Column(name="line"), *(Column(name=n, format=block.y_format) for n in figures))
    rows = []
    for s in block.series:
        known = s.known
        if known:
            rows.append((s.name, known[0], min(known), max(known), known[-1]))
    return f"**{escape(block.title)}**\n\n{_table(Table(columns=columns, rows=tuple(rows)))}"
