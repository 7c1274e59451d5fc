"""Shares as inline SVG: a histogram with its reference, and a line small enough for a table."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.reports.document import Format, Series
from holdfast.reports.svg import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    drawing,
    label,
    outline,
    tick,
    ticks,
)


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
        parts.append(label(LEFT - 9, py(y) + 4, tick(y, Format.SHARE), anchor="end"))
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
    parts.append(label(left(0) + wide / 2, floor + 18, "below", anchor="middle"))
    parts.append(label(left(inner + 1) + wide / 2, floor + 18, "above", anchor="middle"))
    if labels:
        shown = [x for x in ticks(edges[0], edges[-1], 6) if 50 < px(x) - left(0) < room - 20]
        parts += [
            label(
                px(x),
                floor + 18,
                tick(x, Format.DECIMAL),
                css="tick other" if i % 2 else "tick",
                anchor="middle",
            )
            for i, x in enumerate(shown)
        ]
    return drawing(title, height, parts)


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
    path = outline(Series(name="", points=points), px, py)
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
    return drawing(title, high, parts, wide, css="spark")
