"""Values that are not a column's own are told from a world that changes."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.frames.values import ValueKind, read_values
from holdfast.screening.values import strange

RNG = np.random.default_rng(0)
AGES = RNG.integers(20, 70, 2_000).astype(float)
CITIES = RNG.choice(["Berlin", "Paris", "Rome"], 2_000).tolist()


def numbers(values):
    return read_values(ValueKind.NUMBER, np.asarray(values, float))


def names(values):
    return read_values(ValueKind.CATEGORY, list(values))


def test_a_rare_number_between_the_others_is_a_default():
    part = np.where(RNG.random(250) < 0.5, -1.0, AGES[:250])
    assert strange(numbers(part), numbers(AGES)) == "default_filled"


def test_a_rate_that_steps_and_stays_is_none():
    rates = np.repeat([4.1, 4.2, 4.3, 4.4], 500)
    assert strange(numbers(np.full(250, 4.5)), numbers(rates)) is None


@pytest.mark.parametrize("factor", [1000.0, 0.001, -100.0])
def test_another_unit_is_far_from_all_that_was_seen(factor):
    assert strange(numbers(AGES[:250] * factor), numbers(AGES)) == "unit_scale"


def test_numbers_that_doubled_may_be_the_world():
    assert strange(numbers(AGES[:250] * 2), numbers(AGES)) is None


def test_small_numbers_say_nothing_where_zero_was_seen():
    known = np.r_[0.0, AGES]
    assert strange(numbers(AGES[:250] * 0.001), numbers(known)) is None


def test_a_known_category_with_something_added_was_renamed():
    part = [f"{c}_v2" if c == "Paris" else c for c in CITIES[:250]]
    assert strange(names(part), names(CITIES)) == "category_renamed"


def test_a_new_category_unlike_any_known_one_is_none():
    part = ["Oslo" if c == "Paris" else c for c in CITIES[:250]]
    assert strange(names(part), names(CITIES)) is None


def test_columns_without_values_show_nothing():
    assert strange(numbers(np.full(250, np.nan)), numbers(AGES)) is None
    assert strange(numbers(AGES[:250]), numbers(np.full(2_000, np.nan))) is None
