"""The latency guard: exact, late enough to be sure, soon where a canary is slow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.serving.latency import FEWEST, LEVEL, SLOW, WINDOW, Latency
from holdfast.stats.intervals import binomial_tail, clopper_pearson

BOUND = 50_000
FAST, TOO_LONG = 10_000.0, 80_000.0


def until_stopped(slow: np.ndarray) -> int:
    """How many requests the guard let pass; all of them where it said nothing."""
    guard = Latency(BOUND)
    for number, one in enumerate(slow.tolist(), 1):
        if guard.add(TOO_LONG if one else FAST):
            return number
    return len(slow)


@given(st.lists(st.booleans(), max_size=80))
def test_it_speaks_where_the_exact_tail_says_so_and_never_before_it_has_seen_enough(slow):
    guard = Latency(BOUND)
    for seen, one in enumerate(slow, 1):
        said = guard.add(TOO_LONG if one else FAST)
        tail = binomial_tail(sum(slow[:seen]), seen, SLOW)
        assert bool(said) == (one and seen >= FEWEST and tail <= LEVEL)


def test_six_slow_ones_among_twenty_are_enough_and_five_are_not():
    assert until_stopped(np.arange(21) >= 14) == FEWEST
    guard = Latency(BOUND)
    assert [guard.add(TOO_LONG if n >= 15 else FAST) for n in range(FEWEST)] == [""] * FEWEST


def test_a_time_at_the_bound_is_kept():
    guard = Latency(BOUND)
    assert not any(guard.add(float(BOUND)) for _ in range(WINDOW))
    assert guard.p99() == BOUND


def test_what_is_long_ago_does_not_count():
    guard = Latency(BOUND)
    for _ in range(5):
        guard.add(TOO_LONG)
    for _ in range(WINDOW):
        guard.add(FAST)
    assert guard.p99() == FAST
    assert [guard.add(TOO_LONG) for _ in range(5)] == [""] * 5


def test_it_says_how_many_took_too_long_and_what_the_percentile_is():
    guard = Latency(BOUND)
    said = ""
    for number in range(1, 200):
        said = said or guard.add(60_000.0 + number if number % 4 == 0 else FAST)
    assert said == "6 of its last 24 requests took more than 50.0 ms a row, 99 of 100 up to 60.0 ms"


@pytest.mark.parametrize(("rows", "expected"), [(1, 1.0), (100, 99.0), (101, 100.0), (1000, 990.0)])
def test_the_percentile_is_the_smallest_time_that_99_of_100_keep(rows, expected):
    guard = Latency(BOUND)
    for number in range(rows, 0, -1):
        guard.add(float(number))
    assert guard.p99() == expected


def test_a_canary_just_as_slow_as_allowed_goes_on():
    rng = np.random.default_rng(5)
    lives, length = 100, 5_000
    stopped = sum(until_stopped(rng.random(length) < SLOW) < length for _ in range(lives))
    assert clopper_pearson(stopped, lives, 0.99).low <= 0.0015


@pytest.mark.parametrize(("share", "within"), [(0.05, 350), (0.1, 120), (0.3, 25), (1.0, FEWEST)])
def test_a_canary_that_is_slower_than_allowed_is_stopped_soon(share, within):
    rng = np.random.default_rng(6)
    took = [until_stopped(rng.random(3_000) < share) for _ in range(60)]
    assert np.median(took) <= within
