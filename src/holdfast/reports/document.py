"""The report as data: a title, a summary and blocks. Records become documents, renderers draw them.

Every text in a document is plain text. A renderer escapes for its own format, so that a column
called ``<script>`` is shown as it is spelled, everywhere.
"""

from __future__ import annotations

import enum
import math
from typing import Any, ClassVar

import msgspec

from holdfast.findings import Finding

Cell = str | int | float | bool | None


class Format(enum.StrEnum):
    """How a number in a cell, tile or axis is written."""

    PLAIN = "plain"
    COUNT = "count"
    SHARE = "share"
    DECIMAL = "decimal"
    TIME = "time"


class Tone(enum.StrEnum):
    """Whether a part of the report speaks of something good, bad or neither."""

    NEUTRAL = "neutral"
    GOOD = "good"
    BAD = "bad"


class _Block(msgspec.Struct, frozen=True, kw_only=True, tag_field="block"):
    """What every block is: a frozen record that names itself in JSON."""


class Heading(_Block, frozen=True, kw_only=True, tag="heading"):
    """A heading; level 2 is a section, level 3 a part of one."""

    text: str
    level: int = 2


class Text(_Block, frozen=True, kw_only=True, tag="text"):
    """One paragraph."""

    text: str


class Callout(_Block, frozen=True, kw_only=True, tag="callout"):
    """A sentence that must not be missed, for example a verdict or an incident."""

    title: str
    text: str = ""
    tone: Tone = Tone.NEUTRAL


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One headline number with its label and a short note."""

    label: str
    value: Cell
    format: Format = Format.PLAIN
    note: str = ""
    tone: Tone = Tone.NEUTRAL


class Tiles(_Block, frozen=True, kw_only=True, tag="tiles"):
    """Headline numbers side by side."""

    tiles: tuple[Tile, ...]


class KeyValues(_Block, frozen=True, kw_only=True, tag="key_values"):
    """Facts as label and value."""

    items: tuple[tuple[str, Cell], ...]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A table column: its heading and how its numbers are written."""

    name: str
    format: Format = Format.PLAIN


class Table(_Block, frozen=True, kw_only=True, tag="table"):
    """Rows of cells under column headings; numbers are aligned right.

    Attributes:
        columns: the headings.
        rows: one tuple of cells a row, as long as `columns`.
        tones: one tone a row, or empty.
        caption: one sentence under the table.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    tones: tuple[Tone, ...] = ()
    caption: str = ""


class Findings(_Block, frozen=True, kw_only=True, tag="findings"):
    """What was found, and the names of the checks that were made and found nothing."""

    findings: tuple[Finding, ...]
    passed: tuple[str, ...] = ()


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chart: (x, y) points; a None or NaN breaks the line. `tone` colours it."""

    name: str
    points: tuple[tuple[float, float | None], ...]
    tone: Tone = Tone.NEUTRAL

    @property
    def known(self) -> list[float]:
        """The finite y values, in order."""
        return [y for _, y in self.points if y is not None and math.isfinite(y)]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A shaded stretch of the x axis with its label."""

    start: float
    end: float
    label: str = ""
    tone: Tone = Tone.NEUTRAL


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """An interval around a line: (x, low, high) points; a None breaks it."""

    points: tuple[tuple[float, float | None, float | None], ...]
    tone: Tone = Tone.NEUTRAL


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """An upright line at `x` with its label."""

    x: float
    label: str


class LineChart(_Block, frozen=True, kw_only=True, tag="line_chart"):
    """Lines over a number or time axis, with their intervals, shaded spans and marks.

    `x_format` ``time`` reads x as microseconds since 1970 (UTC). `low` and `high` pin the y axis.
    """

    title: str
    series: tuple[Series, ...]
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()
    x_label: str = ""
    x_format: Format = Format.COUNT
    y_format: Format = Format.PLAIN
    low: float | None = None
    high: float | None = None


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """One value a category; `tone` colours it."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone = Tone.NEUTRAL


class BarChart(_Block, frozen=True, kw_only=True, tag="bar_chart"):
    """Horizontal bars: for each category one bar a series. Values are 0 or more."""

    title: str
    categories: tuple[str, ...]
    series: tuple[Bars, ...]
    format: Format = Format.PLAIN


class Code(_Block, frozen=True, kw_only=True, tag="code"):
    """Commands or a file to copy, kept as typed."""

    text: str


Block = (
    Heading | Text | Callout | Tiles | KeyValues | Table | Findings | LineChart | BarChart | Code
)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report.

    Attributes:
        title: what this is about.
        summary: the answer in one or two sentences.
        blocks: the body, in reading order.
        passed: True, False, or None for "could not tell"; the exit code follows it.
        data: the plain record behind the report. JSON prints exactly this when there is one.

    Example:
        >>> doc = Document(title="Check", summary="All well.", blocks=(Text(text="Nothing."),))
        >>> doc.findings
        ()
    """

    title: str
    summary: str = ""
    blocks: tuple[Block, ...] = ()
    passed: bool | None = True
    data: Any = None

    #: bumped when a field changes its meaning
    version: ClassVar[int] = 1

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every block, in order."""
        return tuple(
            f for block in self.blocks if isinstance(block, Findings) for f in block.findings
        )
