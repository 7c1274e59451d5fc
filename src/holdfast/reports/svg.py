"""Charts as inline SVG, made in Python: no script, colours from the page's style sheet.

Every text goes through `escape`; numbers are formatted here, never taken as text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from holdfast.reports.cells import one_line, write
from holdfast.reports.document import Band, BarChart, Format, LineChart, Series

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


_MINUTE = 60_000_000.0
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


def _text(x: float, y: float, text: str, *, css: str = "tick", anchor: str = "start") -> str:
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
        parts.append(_text((left + right) / 2, TOP - 9, span.label, css="label", anchor="middle"))
    for y in ticks(y0, y1):
        edges = f'x1="{LEFT}" x2="{WIDTH - RIGHT}"'
        parts.append(f'<line {edges} y1="{py(y):.1f}" y2="{py(y):.1f}" class="grid"/>')
        parts.append(_text(LEFT - 9, py(y) + 4, _tick(y, chart.y_format), anchor="end"))
    shown = time_ticks(x0, x1) if chart.x_format is Format.TIME else ticks(x0, x1, 6)
    for i, x in enumerate(shown):  # every other one may be left out where there is little room
        css = "tick other" if i % 2 else "tick"
        parts.append(_text(px(x), floor + 18, _tick(x, chart.x_format), css=css, anchor="middle"))
    parts += [
        f'<path d="{area}" class="band {band.tone.value}"/>'
        for band in chart.bands
        if (area := _area(band, px, py))
    ]
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


def _tick(value: float, format: Format) -> str:  # noqa: A002 - the field's name
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
    return _svg(chart.title, height, parts, css="chart bars")


def histogram(
    title: str,
    edges: Sequence[float],
    current: Sequence[float],
    reference: Sequence[float] | None = None,
    *,
    labels: bool = True,
    limits: tuple[float | None, float | None] = (None, None),
    height: int = 240,
) -> str:
    """Shares by bin as one ``<svg>`` element: current as bars, reference as an outline over them.

    Args:
        title: what it shows.
        edges: k + 1 ascending bounds of the inner bins.
        current: k + 2 shares in [0, 1]: below, the inner bins, above.
        reference: the same, or None.
        labels: whether the numbers of the x axis may be written.
        limits: a range to be marked by upright lines; None: no such bound.
        height: of the drawing.
    """
    inner = len(edges) - 1
    gap = 14.0
    room = WIDTH - LEFT - RIGHT - 2 * gap
    wide = room / (inner + 2)
    top = max([*current, *(reference or ()), 1e-9])
    floor = height - BOTTOM + 18

    def left(i: int) -> float:
        return LEFT + i * wide + (0.0 if i == 0 else 2 * gap if i == inner + 1 else gap)

    def py(share: float) -> float:
        return TOP + (floor - TOP) * (1.0 - share / (1.06 * top))

    def px(x: float) -> float:
        return left(1) + inner * wide * (x - edges[0]) / (edges[-1] - edges[0])

    parts = []
    for y in ticks(0.0, top, 3):
        at = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py(y):.1f}" y2="{py(y):.1f}"'
        parts.append(f'<line {at} class="grid"/>')
        parts.append(_text(LEFT - 9, py(y) + 4, _tick(y, Format.SHARE), anchor="end"))
    for i, share in enumerate(current):
        tone = "bad" if i in (0, inner + 1) else "neutral"
        parts.append(
            f'<rect x="{left(i) + 0.5:.1f}" y="{py(share):.1f}" width="{wide - 1:.1f}" '
            f'height="{max(floor - py(share), 0.0):.1f}" class="bar {tone}"/>'
        )
    if reference is not None:
        for first, last in ((0, 1), (1, inner + 1), (inner + 1, inner + 2)):
            steps = "".join(
                f"{'M' if i == first else 'L'}{left(i):.1f} {py(reference[i]):.1f}"
                f"L{left(i) + wide:.1f} {py(reference[i]):.1f}"
                for i in range(first, last)
            )
            parts.append(f'<path d="{steps}" class="line outline"/>')
    for bound in limits:
        if bound is not None and edges[0] <= bound <= edges[-1]:
            at = f'x1="{px(bound):.1f}" x2="{px(bound):.1f}" y1="{TOP}" y2="{floor}"'
            parts.append(f'<line {at} class="mark"/>')
    parts.append(_text(left(0) + wide / 2, floor + 18, "below", anchor="middle"))
    parts.append(_text(left(inner + 1) + wide / 2, floor + 18, "above", anchor="middle"))
    if labels:
        shown = [x for x in ticks(edges[0], edges[-1], 6) if 50 < px(x) - left(0) < room - 20]
        parts += [
            _text(
                px(x),
                floor + 18,
                _tick(x, Format.DECIMAL),
                css="tick other" if i % 2 else "tick",
                anchor="middle",
            )
            for i, x in enumerate(shown)
        ]
    return _svg(title, height, parts)


def sparkline(title: str, values: Sequence[float | None], usual: float | None = None) -> str:
    """A small line of shares from left to right, the usual share as a grey one beneath it."""
    wide, high = 150, 26
    known = [v for v in values if v is not None]
    top = max([*known, usual or 0.0, 0.02]) * 1.1

    def px(i: float) -> float:
        return 2 + (wide - 4) * i / max(len(values) - 1, 1)

    def py(y: float) -> float:
        return 2 + (high - 4) * (1.0 - y / top)

    parts = []
    if usual is not None:
        at = f'x1="2" x2="{wide - 2}" y1="{py(usual):.1f}" y2="{py(usual):.1f}"'
        parts.append(f'<line {at} class="usual"/>')
    points = tuple((float(i), v) for i, v in enumerate(values))
    path = _path(Series(name="", points=points), px, py)
    lonely = [
        v is not None
        and (i == 0 or values[i - 1] is None)
        and (i + 1 == len(values) or values[i + 1] is None)
        for i, v in enumerate(values)
    ]
    parts += [
        f'<circle cx="{px(i):.1f}" cy="{py(v):.1f}" r="1.5" class="dot"/>'
        for i, (v, alone) in enumerate(zip(values, lonely, strict=True))
        if alone and v is not None
    ]
    if path:
        parts.append(f'<path d="{path}" class="line"/>')
    return _svg(title, high, parts, wide, css="spark")


def _svg(
    title: str, height: int, parts: list[str], width: int = WIDTH, *, css: str = "chart"
) -> str:
    name = escape(one_line(title), quote=True)
    return (
        f'<svg viewBox="0 0 {width} {height}" class="{css}" role="img" aria-label="{name}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )
