"""Charts as inline SVG, made in Python: no script, colours from the page's style sheet.

Every text goes through `escape`; numbers are formatted here, never taken as text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from holdfast.reports.cells import one_line, write
from holdfast.reports.document import BarChart, Format, LineChart, Series

WIDTH = 880
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 26, 44


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers covering [low, high].

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _bounds(values: list[float], low: float | None, high: float | None) -> tuple[float, float]:
    bottom = min(values, default=0.0) if low is None else low
    top = max(values, default=1.0) if high is None else high
    if top <= bottom:
        top = bottom + (abs(bottom) * 0.1 or 1.0)
    pad = (top - bottom) * 0.06
    return (bottom if low is not None else bottom - pad), (top if high is not None else top + pad)


def _text(x: float, y: float, text: str, *, css: str = "tick", anchor: str = "start") -> str:
    shown = escape(one_line(text))
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{shown}</text>'


def line_chart(chart: LineChart, height: int = 300) -> str:
    """The chart as one ``<svg>`` element."""
    xs = [x for s in chart.series for x, _ in s.points]
    xs += [edge for span in chart.spans for edge in (span.start, span.end)]
    ys = [y for s in chart.series for y in s.known]
    x0, x1 = min(xs, default=0.0), max(xs, default=1.0)
    if x1 <= x0:
        x1 = x0 + 1.0
    y0, y1 = _bounds(ys, chart.low, chart.high)

    def px(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - x0) / (x1 - x0)

    def py(y: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (1 - (min(max(y, y0), y1) - y0) / (y1 - y0))

    floor = height - BOTTOM
    parts = []
    for span in chart.spans:
        left, right = px(span.start), px(span.end)
        parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(0.0, right - left):.1f}" '
            f'height="{floor - TOP}" class="span {span.tone.value}"/>'
        )
        parts.append(_text((left + right) / 2, TOP - 9, span.label, css="label", anchor="middle"))
    for y in ticks(y0, y1):
        edges = f'x1="{LEFT}" x2="{WIDTH - RIGHT}"'
        parts.append(f'<line {edges} y1="{py(y):.1f}" y2="{py(y):.1f}" class="grid"/>')
        parts.append(_text(LEFT - 9, py(y) + 4, _tick(y, chart.y_format), anchor="end"))
    parts.extend(
        _text(px(x), floor + 18, _tick(x, chart.x_format), anchor="middle")
        for x in ticks(x0, x1, 6 if chart.x_format is not Format.TIME else 4)
    )
    if chart.x_label:
        parts.append(
            _text(
                (LEFT + WIDTH - RIGHT) / 2, height - 6, chart.x_label, css="axis", anchor="middle"
            )
        )
    parts.extend(
        f'<path d="{path}" class="line {series.tone.value}"/>'
        for series in chart.series
        if (path := _path(series, px, py))
    )
    for mark in chart.marks:
        x = px(mark.x)
        flip = x > WIDTH * 0.7
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{floor}" class="mark"/>')
        parts.append(
            _text(
                x - 6 if flip else x + 6,
                floor - 8,
                mark.label,
                css="label",
                anchor="end" if flip else "start",
            )
        )
    return _svg(chart.title, height, parts)


def _path(series: Series, px: Callable[[float], float], py: Callable[[float], float]) -> str:
    out, pen = [], "M"
    for x, y in series.points:
        if y is None or not math.isfinite(y):
            pen = "M"
            continue
        out.append(f"{pen}{px(x):.1f} {py(y):.1f}")
        pen = "L"
    return "".join(out)


def _tick(value: float, format: Format) -> str:  # noqa: A002 - the field's name
    if format is Format.SHARE:
        shown = f"{100 * value:.6g}"
        return f"{shown}%"
    if format is Format.DECIMAL:
        return f"{value:.6g}"
    return write(value, format)


def bar_chart(chart: BarChart) -> str:
    """Horizontal bars, one group a category, as one ``<svg>`` element."""
    bar, gap = 15, 12
    group = bar * len(chart.series) + gap
    height = group * len(chart.categories) + 12
    left = min(330.0, 16 + 6.9 * max((len(one_line(c)) for c in chart.categories), default=4))
    values = [v for s in chart.series for v in s.values if v is not None and math.isfinite(v)]
    top = max(values, default=0.0) or 1.0
    room = WIDTH - left - 90
    parts = []
    for i, category in enumerate(chart.categories):
        y = 6 + i * group
        label = one_line(category)
        label = label if len(label) <= 42 else label[:41] + "…"
        parts.append(
            _text(left - 10, y + bar * len(chart.series) / 2 + 4, label, css="label", anchor="end")
        )
        for j, series in enumerate(chart.series):
            value = series.values[i]
            width = room * max(0.0, value or 0.0) / top
            parts.append(
                f'<rect x="{left:.1f}" y="{y + j * bar:.1f}" width="{max(width, 1.0):.1f}" '
                f'height="{bar - 3}" rx="2" class="bar {series.tone.value}"/>'
            )
            parts.append(_text(left + width + 7, y + j * bar + 10, write(value, chart.format)))
    return _svg(chart.title, height, parts)


def _svg(title: str, height: int, parts: list[str]) -> str:
    name = escape(one_line(title), quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )
