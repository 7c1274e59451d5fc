"""Drawings: well-formed, inside their frame, and true to their numbers."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.reports.document import Band, BarChart, Bars, Format, LineChart, Series
from holdfast.reports.svg import bar_chart, line_chart, time_ticks
from holdfast.reports.svg_shares import histogram, sparkline

shares = st.floats(0, 1)
DAY = 86_400_000_000.0


def rects(text: str) -> list[dict[str, float]]:
    root = ElementTree.fromstring(text)
    return [
        {k: float(v) for k, v in e.attrib.items() if k in ("x", "y", "width", "height")}
        for e in root.iter()
        if e.tag.endswith("rect")
    ]


@given(
    st.lists(shares, min_size=5, max_size=5), st.none() | st.lists(shares, min_size=5, max_size=5)
)
def test_bars_of_a_histogram_are_as_high_as_their_shares(current, reference):
    found = rects(histogram("t", [0.0, 1.0, 2.0, 3.0], current, reference))
    top = max([*current, *(reference or ()), 1e-9])
    full = max(r["height"] for r in found) if max(current) == top and top > 1e-9 else None
    assert len(found) == 5
    for rect, share in zip(found, current, strict=True):
        assert 0 <= rect["x"] <= rect["x"] + rect["width"] <= 880
        if full is not None:
            assert rect["height"] == pytest.approx(full * share / top, abs=0.2)


def test_a_histogram_without_labels_writes_no_number_of_its_axis():
    text = histogram("t", [1234.0, 1300.0, 1400.0, 1500.0], [0.2] * 5, labels=False)
    assert not re.search(r">1[2345]\d\d<", text)
    assert re.search(r">1300<", histogram("t", [1234.0, 1300.0, 1400.0, 1500.0], [0.2] * 5))


def test_limits_are_marked_only_where_they_lie_inside():
    text = histogram("t", [0.0, 1.0, 2.0, 3.0], [0.2] * 5, limits=(1.5, 9.0))
    assert text.count('class="mark"') == 1


@given(st.lists(st.none() | shares, max_size=12), st.none() | shares)
def test_a_small_line_stays_in_its_frame(values, usual):
    root = ElementTree.fromstring(sparkline("t", values, usual))
    for path in (e for e in root.iter() if e.tag.endswith("path")):
        for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"]):
            assert 0 <= float(x) <= 150
            assert 0 <= float(y) <= 26


def test_an_interval_is_one_closed_shape_for_each_unbroken_stretch():
    points = ((0.0, 0.1, 0.2), (1.0, 0.1, 0.3), (2.0, None, None), (3.0, 0.2, 0.4))
    chart = LineChart(
        title="t", series=(Series(name="s", points=((0.0, 0.1), (3.0, 0.3))),),
        bands=(Band(points=points),),
    )  # fmt: skip
    [area] = re.findall(r'<path d="([^"]*)" class="band', line_chart(chart))
    assert (area.count("M"), area.count("Z")) == (2, 2)


@given(st.floats(0, 4e15), st.floats(6e7, 1e15))
def test_times_on_an_axis_are_round_few_and_inside(low, span):
    found = time_ticks(low, low + span)
    assert len(found) <= 13
    assert all(low - 1 <= t <= low + span + 1 for t in found)
    assert all(t % 60e6 == 0 for t in found)


def test_a_day_and_a_half_is_told_in_steps_of_six_hours():
    found = time_ticks(0.0, 1.5 * DAY)
    assert [t / 3.6e9 for t in found] == [0, 6, 12, 18, 24, 30, 36]


def test_a_time_axis_says_day_and_hour():
    chart = LineChart(title="t", series=(Series(name="s", points=((0.0, 0.1), (DAY, 0.3))),),
                      x_format=Format.TIME)  # fmt: skip
    assert ">01-01 12:00<" in line_chart(chart)


def test_titles_and_names_are_escaped():
    for text in (histogram("<b>", [0.0, 1.0], [0.1, 0.8, 0.1]), sparkline('"<b>', [0.1])):
        assert "<b>" not in text
        ElementTree.fromstring(text)


def test_an_axis_over_months_says_days_that_do_not_touch():
    chart = LineChart(
        title="t", x_format=Format.TIME,
        series=(Series(name="a", points=((0.0, 1.0), (400 * DAY, 2.0))),),
    )  # fmt: skip
    root = ElementTree.fromstring(line_chart(chart))
    dates = [
        (float(e.attrib["x"]), e.text)
        for e in root.iter()
        if e.tag.endswith("text") and re.fullmatch(r"\d{4}-\d\d-\d\d", e.text or "")
    ]
    places = sorted(x for x, _ in dates)
    assert len(dates) >= 2
    assert min(b - a for a, b in pairwise(places)) > 75


def test_a_chart_says_its_numbers_in_words():
    lines = line_chart(
        LineChart(title="t", series=(Series(name="score", points=((0.0, 0.5), (1.0, 0.75))),))
    )
    words = ElementTree.fromstring(lines).attrib["aria-label"]
    assert "score: 0.5 to 0.75, lowest 0.5, highest 0.75" in words
    bars = bar_chart(
        BarChart(
            title="t",
            categories=("a", "b"),
            series=(Bars(name="n", values=(0.25, None)),),
            format=Format.SHARE,
        )
    )
    assert ElementTree.fromstring(bars).attrib["aria-label"] == "t; a: 25.0%; b: –"
