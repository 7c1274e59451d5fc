from __future__ import annotations

import itertools
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import stretches
from tests.detection.columns.test_blocks import world

from holdfast.detection.columns.blocks import BlockBank
from holdfast.detection.columns.merge import (
    CellSteps,
    Rows,
    apply,
    combine,
    join,
    lower_bound,
    nothing,
    stretch,
    summarise,
)
from holdfast.errors import DataError

NEVER = 1e9


def same(a, b):
    """Equal to the bit, all parts."""
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert np.array_equal(a, b)


def inside(wealth, tail, steps):
    """Shape (rows + 1, columns, bets): the wealth at every row of an open block."""
    path = [np.maximum(wealth, 0.0)]
    for cells, flags in zip(tail.cells, tail.flags, strict=True):
        step = np.stack([steps.steps[c, cell] for c, cell in enumerate(cells.tolist())])
        for c, f in np.argwhere(flags).tolist():
            step[c] += steps.steps[c, steps.cells[c] + f]
        path.append(path[-1] + step)
    return np.array(path)


def wealth_at(row, cells, lit, steps):
    """The wealth right before a row."""
    whole = stretch(0, cells[:row], lit[:row], steps)
    zero = np.zeros_like(whole.middle.total)
    after = apply(zero, zero.astype(np.int64), whole.middle)
    return inside(after.wealth, whole.tail, steps)[-1]


def bank_and_steps(seed, rows, nats=NEVER):
    tables, groups, sizes, cells, lit = world(seed, rows=rows)
    bank = BlockBank(tables, groups, sizes, nats)
    return bank, CellSteps.of(bank, sizes), cells, lit


def joined(parts, steps, turns):
    """All parts joined, in an order of joining that `turns` chooses."""
    parts = list(parts)
    for turn in turns:
        if len(parts) == 1:
            break
        k = turn % (len(parts) - 1)
        parts[k : k + 2] = [join(parts[k], parts[k + 1], steps)]
    return reduce(lambda a, b: join(a, b, steps), parts)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 399), min_size=7, max_size=7),
    turns=st.lists(st.integers(0, 7), max_size=7),
    rows=st.integers(370, 400),
)
def test_eight_contiguous_stretches_joined_in_any_order_equal_one_process(seed, cuts, turns, rows):
    bank, steps, cells, lit = bank_and_steps(seed, rows)
    bank.observe(cells, lit)
    parts = [stretch(a, cells[a:b], lit[a:b], steps) for a, b in stretches(rows, cuts)]
    whole = joined(parts, steps, turns)
    zero = np.zeros_like(bank.wealth)
    after = apply(zero, zero.astype(np.int64), whole.middle)
    assert (whole.start, whole.end, whole.middle.blocks) == (0, rows, rows // 20)
    assert np.abs(after.wealth - bank.wealth).max() <= 1e-9
    assert np.array_equal(after.wealth, bank.wealth)
    assert np.array_equal(after.began, bank.began)
    assert len(whole.head.cells) == 0
    assert np.array_equal(whole.tail.cells, cells[rows // 20 * 20 :])
    assert np.array_equal(whole.tail.flags, lit[rows // 20 * 20 :])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    start=st.integers(0, 45),
    lengths=st.tuples(*[st.integers(0, 70)] * 3),
)
def test_joining_is_associative_wherever_stretches_begin_and_end(seed, start, lengths):
    _, steps, cells, lit = bank_and_steps(seed, 260)
    edges = np.cumsum([0, *lengths]).tolist()
    a, b, c = (
        stretch(start + low, cells[low:high], lit[low:high], steps)
        for low, high in itertools.pairwise(edges)
    )
    left, right = join(join(a, b, steps), c, steps), join(a, join(b, c, steps), steps)
    same(tuple(left), tuple(right))
    high = edges[-1]
    same(tuple(left), tuple(stretch(start, cells[:high], lit[:high], steps)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), nats=st.sampled_from([2.0, 5.0, 9.0]))
def test_the_first_block_in_which_each_group_crosses_is_that_of_one_process(seed, nats):
    bank, steps, cells, lit = bank_and_steps(seed, 400, nats)
    truth = {}
    for x in bank.observe(cells, lit):
        if not x.over:
            truth.setdefault(x.group, x.row // 50)
    fresh = bank_and_steps(seed, 400, nats)[0]
    wealth, began, found = fresh.wealth, fresh.began, {}
    whole = stretch(0, cells[:0], lit[:0], steps)
    for k in range(8):
        # eight workers with 50 rows each: some of their blocks straddle two workers
        low = 50 * k
        whole = join(whole, stretch(low, cells[low : low + 50], lit[low : low + 50], steps), steps)
        # rows that do not fill a block yet are looked at by the process that merges
        after = apply(wealth, began, whole.middle)
        peak = np.maximum(after.peak, inside(after.wealth, whole.tail, steps).max(axis=0))
        for c, j in np.argwhere(peak >= fresh.thresholds).tolist():
            code = fresh.tables[c].bets[j].code
            place = next(i for i, g in enumerate(fresh.groups) if (g.column, g.code) == (c, code))
            found.setdefault(place, k)
    assert found == truth


def test_a_bank_goes_on_from_a_merged_stretch():
    bank, steps, cells, lit = bank_and_steps(3, 900)
    bank.observe(cells, lit)
    whole = joined(
        [stretch(a, cells[a:b], lit[a:b], steps) for a, b in stretches(507, [100, 333])], steps, []
    )
    other = bank_and_steps(3, 900)[0]
    after = apply(other.wealth, other.began, whole.middle)
    other.wealth, other.began = after.wealth, after.began
    other.rows = whole.end - len(whole.tail.cells)
    other.observe(*whole.tail)
    other.observe(cells[507:], lit[507:])
    assert other.dump() == bank.dump()


def test_no_blocks_are_neutral():
    bank, steps, cells, lit = bank_and_steps(5, 120)
    some = summarise(Rows(cells, lit), 0, steps)
    same(tuple(combine(nothing(steps), some)), tuple(some))
    same(tuple(combine(some, nothing(steps))), tuple(some))
    low = np.full_like(bank.wealth, -2.0)
    assert np.array_equal(apply(low, bank.began, nothing(steps)).wealth, low)


def test_many_rows_are_summed_up_in_chunks_with_the_same_result():
    _, steps, cells, lit = bank_and_steps(6, 9000)
    whole = summarise(Rows(cells, lit), 0, steps)
    bit_by_bit = reduce(
        combine,
        [summarise(Rows(cells[i : i + 20], lit[i : i + 20]), i, steps) for i in range(0, 9000, 20)],
    )
    same(tuple(whole), tuple(bit_by_bit))


def test_stretches_that_do_not_follow_one_another_are_refused():
    _, steps, cells, lit = bank_and_steps(1, 100)
    a, b = stretch(0, cells[:40], lit[:40], steps), stretch(50, cells[50:], lit[50:], steps)
    with pytest.raises(DataError, match="row 40"):
        join(a, b, steps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), low=st.integers(0, 250), length=st.integers(1, 300))
def test_counts_alone_give_a_bound_that_the_true_wealth_never_falls_below(seed, low, length):
    _, steps, cells, lit = bank_and_steps(seed, 560)
    high = low + length
    counts = np.zeros(steps.steps.shape[:2])
    for c in range(cells.shape[1]):
        counts[c] += np.bincount(cells[low:high, c], minlength=counts.shape[1])
        for f in range(lit.shape[2]):
            counts[c, steps.cells[c] + f] += lit[low:high, c, f].sum()
    truth = wealth_at(high, cells, lit, steps)
    before = wealth_at(low, cells, lit, steps)
    assert (truth >= lower_bound(counts, steps.steps, before) - 1e-9).all()
    if low % 20 == 0:
        assert (truth >= lower_bound(counts, steps.steps) - 1e-9).all()


def test_the_bound_is_exact_where_every_block_rises():
    steps = CellSteps(np.array([[[0.5], [-0.25]]]), np.array([2]))
    cells, lit = np.zeros((60, 1), np.int64), np.zeros((60, 1, 0), np.bool_)
    cells[::5] = 1
    bound = lower_bound(np.array([[48.0, 12.0]]), steps.steps)
    assert bound.tolist() == wealth_at(60, cells, lit, steps).tolist() == [[21.0]]
