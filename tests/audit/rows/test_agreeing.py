"""Rows that agree in all columns but a few: against every pair."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.audit.rows.agreeing import MOST, Values, agreeing


def cells(rng: np.random.Generator, n: int, d: int) -> Values:
    numbers = rng.integers(0, 40, (n, d)).astype(np.float64)
    return Values(numbers.astype(np.uint64), numbers / 10.0)


@pytest.mark.parametrize("d", [3, 8, 12])
def test_the_nearest_partner_is_that_of_all_pairs(d):
    rng = np.random.default_rng(d)
    base = cells(rng, 300, d)
    same, scaled = base.same[:60].copy(), base.scaled[:60].copy()
    for row in range(60):
        changed = rng.choice(d, rng.integers(0, min(MOST, d - 1) + 2), replace=False)
        scaled[row, changed] += 0.05
        same[row, changed] += np.uint64(100)
    queries = Values(same, scaled)
    found = agreeing(base, queries)
    differs = same[:, None, :] != base.same[None, :, :]
    apart = np.abs(scaled[:, None, :] - base.scaled[None, :, :])
    number = differs.sum(axis=2)
    assert found.equal.tolist() == (number == 0).any(axis=1).tolist()
    few = ((number > 0) & (number <= min(MOST, d - 1))).sum(axis=1)
    assert found.around.tolist() == few.tolist()
    widest = np.where(differs, apart, 0.0).max(axis=2)
    for most in range(1, min(MOST, d - 1) + 1):
        expected = np.where((number > 0) & (number <= most), widest, np.inf).min(axis=1)
        assert found.gap[0, :, most - 1] == pytest.approx(expected)


def test_a_row_is_no_partner_of_itself():
    base = cells(np.random.default_rng(1), 200, 9)
    found = agreeing(base, base, np.arange(200))
    assert not found.equal.any()
    assert (found.row == -1).all()


def test_a_word_that_differs_is_no_near_number():
    base = Values(np.zeros((1, 6), np.uint64), np.full((1, 6), np.inf))
    other = Values(base.same.copy(), base.scaled.copy())
    other.same[0, 0] = 1
    found = agreeing(base, other)
    assert np.isinf(found.gap).all()
    assert found.row[0].tolist() == [[-1, -1, -1]]
