"""Charts as inline SVG, made in Python: no script, colours from the page's style sheet.

Every text goes through `escape`; numbers are formatted here, never taken as text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from holdfast.reports.cells import one_line, write
from holdfast.reports.document import Band, BarChart, Format, LineChart, Series

WIDTH = 880
#: bars that the text alternative of a chart reads out
TOLD = 12
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


_MINUTE = 60_000_000.0
#: stretch of time whose axis shows days
_LONG = 30 * 1440 * _MINUTE
#: steps of a time axis, in minutes
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 43_200)


def time_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round times (UTC) in [low, high], microseconds since 1970, about `count` of them.

    >>> [t / 60e6 for t in time_ticks(7 * 60e6, 61 * 60e6)]
    [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    """
    rough = max(high - low, _MINUTE) / count / _MINUTE
    minutes = next((s for s in _STEPS if s >= rough * 0.6), _STEPS[-1])
    while (high - low) / (minutes * _MINUTE) > 2 * count:
        minutes *= 2
    step = minutes * _MINUTE
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _bounds(values: list[float], low: float | None, high: float | None) -> tuple[float, float]:
    bottom = min(values, default=0.0) if low is None else low
    top = max(values, default=1.0) if high is None else high
    if top <= bottom:
        top = bottom + (abs(bottom) * 0.1 or 1.0)
    pad = (top - bottom) * 0.06
    return (bottom if low is not None else bottom - pad), (top if high is not None else top + pad)


def label(x: float, y: float, text: str, *, css: str = "tick", anchor: str = "start") -> str:
    """One piece of text, escaped."""
    shown = escape(one_line(text))
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{shown}</text>'


def line_chart(chart: LineChart, height: int = 300) -> str:
    """The chart as one ``<svg>`` element."""
    xs = [x for s in chart.series for x, _ in s.points]
    xs += [edge for span in chart.spans for edge in (span.start, span.end)]
    ys = [y for s in chart.series for y in s.known]
    ys += [y for b in chart.bands for _, *edges in b.points for y in edges if y is not None]
    x0, x1 = min(xs, default=0.0), max(xs, default=1.0)
    if x1 <= x0:
        x1 = x0 + 1.0
    y0, y1 = _bounds(ys, chart.low, chart.high)
    bottom = BOTTOM if chart.x_label else BOTTOM - 18

    def px(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - x0) / (x1 - x0)

    def py(y: float) -> float:
        return TOP + (height - TOP - bottom) * (1 - (min(max(y, y0), y1) - y0) / (y1 - y0))

    floor = height - bottom
    parts = []
    for span in chart.spans:
        left, right = px(span.start), px(span.end)
        parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(0.0, right - left):.1f}" '
            f'height="{floor - TOP}" class="span {span.tone.value}"/>'
        )
        parts.append(label((left + right) / 2, TOP - 9, span.label, css="label", anchor="middle"))
    for y in ticks(y0, y1):
        edges = f'x1="{LEFT}" x2="{WIDTH - RIGHT}"'
        parts.append(f'<line {edges} y1="{py(y):.1f}" y2="{py(y):.1f}" class="grid"/>')
        parts.append(label(LEFT - 9, py(y) + 4, tick(y, chart.y_format), anchor="end"))
    timed, long = chart.x_format is Format.TIME, x1 - x0 > _LONG
    shown = time_ticks(x0, x1, 3 if long else 6) if timed else ticks(x0, x1, 6)
    for i, x in enumerate(shown):  # every other one may be left out where there is little room
        css = "tick other" if i % 2 else "tick"
        # over months the day matters, and not the minute
        words = write(x, Format.TIME)[:10] if timed and long else tick(x, chart.x_format)
        parts.append(label(px(x), floor + 18, words, css=css, anchor="middle"))
    parts += [
        f'<path d="{area}" class="band {band.tone.value}"/>'
        for band in chart.bands
        if (area := _area(band, px, py))
    ]
    if chart.x_label:
        parts.append(
            label(
                (LEFT + WIDTH - RIGHT) / 2, height - 6, chart.x_label, css="axis", anchor="middle"
            )
        )
    parts.extend(
        f'<path d="{path}" class="line {series.tone.value}"/>'
        for series in chart.series
        if (path := outline(series, px, py))
    )
    for mark in chart.marks:
        x = px(mark.x)
        flip = x > WIDTH * 0.7
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{floor}" class="mark"/>')
        parts.append(
            label(
                x - 6 if flip else x + 6,
                floor - 8,
                mark.label,
                css="label",
                anchor="end" if flip else "start",
            )
        )
    told = [
        f"{s.name}: {tick(ys[0], chart.y_format)} to {tick(ys[-1], chart.y_format)}, lowest "
        f"{tick(min(ys), chart.y_format)}, highest {tick(max(ys), chart.y_format)}"
        for s in chart.series
        if (ys := [float(f"{y:.3g}") for y in s.known if math.isfinite(y)])
    ]
    return drawing("; ".join([chart.title, *told]), height, parts)


def outline(series: Series, px: Callable[[float], float], py: Callable[[float], float]) -> str:
    """The path of a line, broken where a value is missing."""
    out, pen = [], "M"
    for x, y in series.points:
        if y is None or not math.isfinite(y):
            pen = "M"
            continue
        out.append(f"{pen}{px(x):.1f} {py(y):.1f}")
        pen = "L"
    return "".join(out)


def _area(band: Band, px: Callable[[float], float], py: Callable[[float], float]) -> str:
    """Outline of an interval, one closed shape for each unbroken stretch."""
    out: list[str] = []
    run: list[tuple[float, float, float]] = []
    for x, low, high in (*band.points, (0.0, None, None)):
        if low is not None and high is not None:
            run.append((x, low, high))
            continue
        if run:
            up = "L".join(f"{px(x):.1f} {py(high):.1f}" for x, _, high in run)
            down = "L".join(f"{px(x):.1f} {py(low):.1f}" for x, low, _ in reversed(run))
            out.append(f"M{up}L{down}Z")
        run = []
    return "".join(out)


def tick(value: float, format: Format) -> str:  # noqa: A002 - the field's name
    """A number of an axis as text."""
    if format is Format.SHARE:
        shown = f"{100 * value:.6g}"
        return f"{shown}%"
    if format is Format.DECIMAL:
        return f"{value:.6g}"
    # a year says little on an axis, and the page says UTC
    return write(value, format)[5:16] if format is Format.TIME else write(value, format)


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
        name = one_line(category)
        name = name if len(name) <= 42 else name[:41] + "…"
        parts.append(
            label(left - 10, y + bar * len(chart.series) / 2 + 4, name, css="label", anchor="end")
        )
        for j, series in enumerate(chart.series):
            value = series.values[i]
            width = room * max(0.0, value or 0.0) / top
            parts.append(
                f'<rect x="{left:.1f}" y="{y + j * bar:.1f}" width="{max(width, 1.0):.1f}" '
                f'height="{bar - 3}" rx="2" class="bar {series.tone.value}"/>'
            )
            parts.append(label(left + width + 7, y + j * bar + 10, write(value, chart.format)))
    told = [
        f"{one_line(category)[:60]}: "
        + ", ".join(write(s.values[i], chart.format) for s in chart.series)
        for i, category in enumerate(chart.categories[:TOLD])
    ]
    return drawing("; ".join([chart.title, *told]), height, parts, css="chart bars")


def drawing(
    title: str, height: int, parts: list[str], width: int = WIDTH, *, css: str = "chart"
) -> str:
    """One ``<svg>`` element."""
    name = escape(one_line(title), quote=True)
    return (
        f'<svg viewBox="0 0 {width} {height}" class="{css}" role="img" aria-label="{name}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )
