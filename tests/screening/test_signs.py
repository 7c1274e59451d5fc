"""Signs are counted by themselves, and only what is far out of the ordinary is told."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.frames.values import ValueKind, read_values
from holdfast.screening.signs import Sign, Usual, signs


def numbers(values) -> object:
    return read_values(ValueKind.NUMBER, np.asarray(values, float))


def test_nulls_and_repeats_are_seen_in_their_rows():
    found = signs({"a": numbers([1, 1, np.nan, np.nan, 2, 2])})
    assert found[Sign("missing", "a")].tolist() == [False, False, True, True, False, False]
    assert found[Sign("stuck", "a")].tolist() == [False, True, False, False, False, True]


def test_a_row_that_equals_the_one_before_in_every_column_came_twice():
    names = read_values(ValueKind.CATEGORY, ["x", "x", "y", "y"])
    found = signs({"a": numbers([1, 1, 1, 2]), "b": names})
    assert found[Sign("fanout", "")].tolist() == [False, True, False, False]


def test_rows_without_any_value_came_twice_as_well():
    found = signs({"a": numbers([np.nan, np.nan]), "b": numbers([np.nan, np.nan])})
    assert found[Sign("fanout", "")].tolist() == [False, True]


def test_a_column_of_few_values_replays_nothing():
    rng = np.random.default_rng(0)
    found = signs({"a": numbers(rng.integers(0, 5, 3_000))})
    assert not found[Sign("stale_misaligned", "a")].any()


def test_categories_are_not_looked_at_for_replays():
    names = read_values(ValueKind.CATEGORY, [f"c{n}" for n in range(60)] * 2)
    assert Sign("stale_misaligned", "a") not in signs({"a": names})


def test_a_replay_with_other_numbers_in_between_is_seen_where_eight_are_together():
    fresh = np.random.default_rng(0).normal(size=300)
    late = np.r_[fresh, 9.0, fresh[100:120]]
    found = signs({"a": numbers(late)})[Sign("stale_misaligned", "a")]
    assert found.sum() == 13
    assert found[308:].all()


@pytest.mark.parametrize(("share", "told"), [(0.1, False), (0.24, False), (0.27, True)])
def test_a_share_is_told_when_it_jumps_over_all_parts_of_the_reference(share, told):
    reference = np.tile(np.r_[np.ones(25, bool), np.zeros(225, bool)], 16)
    known = Usual.of(reference, 250)
    assert (known.mean, known.most, known.spread) == pytest.approx((0.1, 0.1, 0.0))
    assert known.exceeded(share, 250, 0.15) is told


def test_a_share_that_swings_anyway_is_not_told():
    parts = [np.full(250, n % 2 == 0) for n in range(16)]
    assert not Usual.of(np.concatenate(parts), 250).exceeded(1.0, 250, 0.15)
