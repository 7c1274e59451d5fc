from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdfast.detection.cusum import SCALE, STAKES, Steps, bet, bets_above, rise_on_no, rise_on_yes
from holdfast.detection.merge import apply, combine, nothing, summarise

flags = st.lists(st.booleans(), max_size=60)
edges = st.floats(1e-4, 0.96)


def positions(bits):
    return np.flatnonzero(np.array(bits, dtype=bool))


@given(edges, st.floats(0.001, 0.999))
def test_a_bet_is_fair_at_the_edge_and_loses_below_it(edge, stake):
    q = edge + (1 - edge) * stake
    yes, no = bet(edge, q)
    for share in (edge, edge / 2):
        mean = share * math.exp(yes / SCALE) + (1 - share) * math.exp(no / SCALE)
        assert mean <= 1 + 1e-12


@given(flags, st.lists(st.integers(0, 5 * SCALE), min_size=4, max_size=4), edges)
def test_the_wealth_of_a_block_is_that_of_its_rows_one_by_one(bits, start, edge):
    steps = bets_above(edge)
    path = rise_on_yes(np.array(start), positions(bits), len(bits), steps)
    wealth, after = list(start), []
    for yes in bits:
        wealth = [
            max(w + int((steps.yes if yes else steps.no)[k]), 0) for k, w in enumerate(wealth)
        ]
        if yes:
            after.append(list(wealth))
    assert path.end.tolist() == wealth
    assert path.after.T.tolist() == after


@given(flags, st.integers(0, 40), st.integers(-60, -1), st.integers(1, 9), st.integers(41, 90))
def test_the_first_row_at_the_threshold_is_found_inside_a_run(bits, start, yes, no, threshold):
    rise = rise_on_no(start, positions(bits), len(bits), yes, no, threshold)
    wealth, crossing, reached = start, -1, 0
    for i, bit in enumerate(bits):
        wealth = max(wealth + (yes if bit else no), 0)
        if wealth >= threshold and crossing < 0:
            crossing, reached = i, wealth
    assert (rise.crossing, rise.reached, rise.end) == (crossing, reached, wealth)


def summary_of(bits):
    return summarise(positions(bits), len(bits), bets_above(0.1))


@given(flags, flags, flags)
def test_merging_blocks_is_associative_and_equals_the_whole(a, b, c):
    left = combine(combine(summary_of(a), summary_of(b)), summary_of(c))
    right = combine(summary_of(a), combine(summary_of(b), summary_of(c)))
    whole = summary_of(a + b + c)
    for x, y, z in zip(left, right, whole, strict=True):
        assert x.tolist() == y.tolist() == z.tolist()


@given(flags)
def test_the_empty_block_is_neutral(bits):
    for one in (combine(nothing(4), summary_of(bits)), combine(summary_of(bits), nothing(4))):
        for x, y in zip(one, summary_of(bits), strict=True):
            assert x.tolist() == y.tolist()


@given(flags, st.lists(st.integers(0, 5 * SCALE), min_size=4, max_size=4))
def test_a_summary_says_the_wealth_after_and_inside_a_block(bits, start):
    steps = bets_above(0.1)
    begin = np.array(start)
    end, peak = apply(begin, summarise(positions(bits), len(bits), steps))
    path = rise_on_yes(begin, positions(bits), len(bits), steps)
    inside = path.after.max(axis=1) if any(bits) else begin
    assert end.tolist() == path.end.tolist()
    assert peak.tolist() == np.maximum(begin, inside).tolist()


def test_there_are_four_bets_between_the_edge_and_certainty():
    assert len(STAKES) == 4
    assert Steps(*bets_above(0.01)).yes.tolist() == sorted(bets_above(0.01).yes.tolist())
