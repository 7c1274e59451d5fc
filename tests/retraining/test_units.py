"""Durations and rates are read as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.retraining.units import UNITS, Rate, duration, rate, spelled


@given(st.integers(0, 10**6), st.sampled_from(list(UNITS)))
def test_a_whole_number_of_any_unit_is_that_many_microseconds(number, unit):
    assert duration(f"{number}{unit}") == number * UNITS[unit]


@given(st.integers(0, 10**16))
def test_what_is_spelled_is_read_back(microseconds):
    assert duration(spelled(microseconds)) == microseconds


@pytest.mark.parametrize("text", ["", "7", "7 days", "d", "-1d", "1e3s", "1d2h", "7D"])
def test_what_is_no_duration_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="a number with a unit"):
        duration(text)


def test_a_rate_is_a_number_per_duration():
    assert rate("3/7d") == Rate(3, duration("7d"))


@pytest.mark.parametrize("text", ["", "3", "0/1d", "1/0s", "1/day", "/1d", "1.5/1d"])
def test_what_is_no_rate_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="1/24h"):
        rate(text)
