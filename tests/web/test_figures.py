"""What the pages draw, held against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.stats.intervals import wilson
from holdfast.web.figures import (
    MOST_BARS,
    Shape,
    category_bars,
    number_bars,
    over_time,
    shape_of,
)

numbers = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)


@given(st.lists(st.tuples(st.integers(0, 10**15), st.booleans()), max_size=60), st.integers(1, 12))
def test_every_row_is_in_one_bucket_and_the_shares_add_up(rows, count):
    at = np.array([t for t, _ in rows], np.int64)
    hit = np.array([h for _, h in rows], bool)
    found = over_time(at, hit, count)
    assert sum(b.rows for b in found) == len(rows)
    assert sum(round((b.share or 0.0) * b.rows) for b in found) == hit.sum()
    assert [b.at for b in found] == sorted(b.at for b in found)
    for b in found:
        assert (b.share is None) == (b.rows == 0)
        if b.share is not None:
            e = wilson(round(b.share * b.rows), b.rows)
            assert (b.low, b.high) == (e.low, e.high)


def test_rows_of_one_moment_are_one_bucket():
    assert [b.rows for b in over_time(np.array([5, 5, 5]), np.array([True, False, True]))] == [3]


@given(numbers, st.none() | numbers, st.booleans())
def test_shares_add_up_to_one_and_the_edges_ascend(values, sample, whole):
    made = np.round(values) if whole else np.array(values)
    shape = None if sample is None else Shape(rows=len(sample), sample=tuple(sorted(sample)))
    bars = number_bars(made, shape)
    assert bars is not None
    assert sum(bars.current) == pytest.approx(1.0)
    assert len(bars.current) == len(bars.edges) + 1
    assert (np.diff(bars.edges) > 0).all()
    if bars.reference is not None:
        assert sum(bars.reference) == pytest.approx(1.0)


def test_the_reference_lays_the_bins_and_what_is_beyond_it_is_in_the_tails():
    sample = tuple(np.linspace(0.0, 1.0, 1001))
    bars = number_bars(np.array([-5.0, 0.5, 0.5, 9.0]), Shape(rows=1001, sample=sample))
    assert (bars.edges[0], bars.edges[-1]) == pytest.approx((0.01, 0.99))
    assert (bars.current[0], bars.current[-1]) == (0.25, 0.25)
    assert (bars.reference[0], bars.reference[-1]) == pytest.approx((0.01, 0.01), abs=2e-3)


def test_bins_of_whole_numbers_hold_as_many_each():
    values = np.repeat(np.arange(18, 66), 5).astype(float)
    bars = number_bars(values, None, (18, 65))
    steps = np.unique(np.diff(bars.edges))
    assert steps.tolist() == [2.0]
    assert np.unique(np.round(bars.current[1:-1], 9)).size == 1


def test_no_finite_number_draws_nothing():
    assert number_bars(np.array([np.nan, np.inf]), None) is None
    assert category_bars([], None) is None


@given(
    st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=1, max_size=50),
    st.none() | st.dictionaries(st.sampled_from("abcdefghijklmnopqrst"), st.floats(0, 1)),
    st.lists(st.sampled_from("abcdefghijklmnopqrst"), unique=True),
)
def test_every_category_is_counted_once(values, shares, known):
    shape = None if shares is None else Shape(rows=1, shares=shares)
    bars = category_bars(values, shape, known)
    assert sum(bars.current) == pytest.approx(1.0)
    assert len(bars.names) == len(bars.current) <= MOST_BARS + 2


def test_a_category_that_nobody_expected_is_told_apart():
    bars = category_bars(["a", "new"], None, ["a", "b"])
    assert dict(zip(bars.names, bars.current, strict=True)) == {
        "a": 0.5, "b": 0.0, "not seen before": 0.5,
    }  # fmt: skip


def test_what_is_remembered_is_read_from_records_of_any_make():
    kept = {"rows": 3, "sample": np.array([3.0, 1.0, 2.0]), "more": 1}
    assert shape_of(kept).sample == (1.0, 2.0, 3.0)
    assert shape_of(Shape(rows=1, shares={"a": 1.0})).shares == {"a": 1.0}
    assert shape_of({"rows": 0}) == Shape(rows=0)
