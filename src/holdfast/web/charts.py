"""Charts of the pages: shares over time with their intervals, distributions, small lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.reports import svg, svg_shares
from holdfast.reports.document import Band, BarChart, Format, LineChart, Series, Span, Tone
from holdfast.reports.document import Bars as Group
from holdfast.web.figures import Bars, Bucket

if TYPE_CHECKING:
    from markupsafe import Markup


def drawn(text: str) -> Markup:
    """A drawing of `holdfast.reports.svg`, which escapes its own texts."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704


def over_time(
    title: str,
    buckets: Sequence[Bucket],
    usual: float | None = None,
    spans: Sequence[tuple[int, int, str]] = (),
    *,
    bad: bool = False,
) -> Markup:
    """A share over time with its Wilson interval, the usual share, and shaded incidents.

    Args:
        title: what the share is of.
        buckets: in order of time.
        usual: the reference's share, or None.
        spans: start, end and label of stretches to shade; cut to the time shown.
        bad: whether the line is drawn as trouble.
    """
    tone = Tone.BAD if bad else Tone.NEUTRAL
    if not buckets:
        return drawn("")
    first, last = float(buckets[0].at), float(buckets[-1].at)
    series = [Series(name="now", points=tuple((float(b.at), b.share) for b in buckets), tone=tone)]
    if usual is not None:
        flat = ((first, usual), (last, usual))
        series.insert(0, Series(name="reference", points=flat, tone=Tone.GOOD))
    known = [b.high for b in buckets if b.high is not None]
    chart = LineChart(
        title=title,
        series=tuple(series),
        bands=(Band(points=tuple((float(b.at), b.low, b.high) for b in buckets), tone=tone),),
        spans=tuple(
            Span(start=max(float(start), first), end=min(float(end), last), label=label,
                 tone=Tone.BAD)
            for start, end, label in spans
            if end >= first and start <= last
        ),
        x_format=Format.TIME,
        y_format=Format.SHARE,
        low=0.0,
        high=max(0.05, *known, usual or 0.0) if known else 1.0,
    )  # fmt: skip
    return drawn(svg.line_chart(chart, height=240))


def distribution(
    title: str, bars: Bars, *, shown: bool, limits: tuple[float | None, float | None]
) -> Markup:
    """Numbers as a histogram, categories as bars; the reference beside them where there is one."""
    if bars.edges:
        return drawn(
            svg_shares.histogram(
                title, bars.edges, bars.current, bars.reference,
                labels=shown, limits=limits if shown else (None, None),
            )
        )  # fmt: skip
    series = [Group(name="now", values=bars.current)]
    if bars.reference is not None:
        series.insert(0, Group(name="reference", values=bars.reference, tone=Tone.GOOD))
    chart = BarChart(title=title, categories=bars.names, series=tuple(series), format=Format.SHARE)
    return drawn(svg.bar_chart(chart))


def spark(title: str, buckets: Sequence[Bucket], usual: float | None) -> Markup:
    """A small line for a table."""
    return drawn(svg_shares.sparkline(title, [b.share for b in buckets], usual))
