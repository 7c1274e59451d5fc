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

NEVER = 500.0


def same(a, b):
    """Equal to the bit, all parts."""
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert np.array_equal(a, b)


def close(a, b):
    """Equal but for rounding, all parts."""
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            close(x, y)
    else:
        assert np.allclose(a, b, rtol=0.0, atol=1e-9)


def inside(sums, tail, steps):
    """Shape (rows + 1, bets): log of the sums at every row of an open block."""
    path = [np.log1p(sums)]
    for cells, flags in zip(tail.cells, tail.flags, strict=True):
        step = [table[cell] for table, cell in zip(steps.steps, cells.tolist(), strict=True)]
        for c, f in np.argwhere(flags).tolist():
            step[c] = step[c] + steps.steps[c][steps.cells[c] + f]
        path.append(path[-1] + np.concatenate(step))
    return np.array(path)


def fresh(steps):
    """Sums, wealth and beginnings of a bank that has seen nothing."""
    zero = np.zeros(steps.bets)
    return zero, zero, zero.astype(np.int64)


def evidence_at(row, cells, lit, steps):
    """Log of the sums right before a row."""
    whole = stretch(0, cells[:row], lit[:row], steps)
    with np.errstate(divide="ignore"):
        if row % 20 == 0:
            return np.log(apply(*fresh(steps), whole.middle).sums)
    return inside(apply(*fresh(steps), whole.middle).sums, whole.tail, steps)[-1]


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
    after = apply(*fresh(steps), whole.middle)
    assert (whole.start, whole.end, whole.middle.blocks) == (0, rows, rows // 20)
    assert np.abs(np.log(after.sums) - np.log(bank.sums)).max() <= 1e-9
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
    high = edges[-1]
    whole = stretch(start, cells[:high], lit[:high], steps)
    for one in (left, right):
        # how high the sums came is known from above only
        close(tuple(whole._replace(middle=whole.middle._replace(high=0.0))),
              tuple(one._replace(middle=one.middle._replace(high=0.0))))  # fmt: skip
        assert (one.middle.high >= whole.middle.high - 1e-9).all()
        same(one.middle.total, whole.middle.total)
        same(one.middle.suffix, whole.middle.suffix)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), nats=st.sampled_from([2.0, 5.0, 9.0]))
def test_a_group_crosses_only_in_stretches_that_are_said_to_need_reading(seed, nats):
    bank, steps, cells, lit = bank_and_steps(seed, 400, nats)
    truth = {}
    for x in bank.observe(cells, lit):
        if not x.over:
            truth.setdefault(x.group, x.row // 50)
    other, found = bank_and_steps(seed, 400, nats)[0], {}
    whole = stretch(0, cells[:0], lit[:0], steps)
    for k in range(8):
        # eight workers with 50 rows each: some of their blocks straddle two workers
        low = 50 * k
        whole = join(whole, stretch(low, cells[low : low + 50], lit[low : low + 50], steps), steps)
        # rows that do not fill a block yet are looked at by the process that merges
        after = apply(*fresh(steps), whole.middle)
        peak = np.maximum(after.peak, inside(after.sums, whole.tail, steps).max(axis=0))
        for place in other.group[peak >= other.thresholds].tolist():
            found.setdefault(place, k)
    assert all(found[place] <= k for place, k in truth.items())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(0, 10))
def test_what_is_said_of_the_highest_sum_is_never_less_and_seldom_much_more(seed, first):
    _, steps, cells, lit = bank_and_steps(seed, 400)
    low = 20 * first
    before = apply(*fresh(steps), stretch(0, cells[:low], lit[:low], steps).middle)
    after = apply(*before[:3], stretch(low, cells[low:], lit[low:], steps).middle)
    sums, truth = before.sums, np.full(steps.bets, -np.inf)
    for b in range(low, 400, 20):
        block = Rows(cells[b : b + 20], lit[b : b + 20])
        path = inside(sums, block, steps)[1:]
        truth = np.maximum(truth, path.max(axis=0))
        sums = np.exp(path[-1])
    assert (after.peak >= truth - 1e-9).all()
    assert np.median(after.peak - truth) < 0.7


def test_a_bank_goes_on_from_a_merged_stretch():
    bank, steps, cells, lit = bank_and_steps(3, 900)
    bank.observe(cells, lit)
    whole = joined(
        [stretch(a, cells[a:b], lit[a:b], steps) for a, b in stretches(507, [100, 333])], steps, []
    )
    other = bank_and_steps(3, 900)[0]
    after = apply(other.sums, other.wealth, other.began, whole.middle)
    other.sums, other.wealth, other.began = after.sums, after.wealth, after.began
    other.rows = whole.end - len(whole.tail.cells)
    other.observe(*whole.tail)
    other.observe(cells[507:], lit[507:])
    assert np.allclose(other.sums, bank.sums, rtol=1e-9, atol=0.0)
    other.sums = bank.sums
    assert other.dump() == bank.dump()


def test_no_blocks_are_neutral():
    bank, steps, cells, lit = bank_and_steps(5, 120)
    some = summarise(Rows(cells, lit), 0, steps)
    same(tuple(combine(nothing(steps), some)), tuple(some))
    same(tuple(combine(some, nothing(steps))), tuple(some))
    low = np.full_like(bank.wealth, -2.0)
    after = apply(bank.sums, low, bank.began, nothing(steps))
    assert np.array_equal(after.wealth, low)
    assert np.array_equal(after.sums, bank.sums)


def test_many_rows_are_summed_up_in_chunks_with_the_same_result():
    _, steps, cells, lit = bank_and_steps(6, 9000)
    whole = summarise(Rows(cells, lit), 0, steps)
    bit_by_bit = reduce(
        combine,
        [summarise(Rows(cells[i : i + 20], lit[i : i + 20]), i, steps) for i in range(0, 9000, 20)],
    )
    close(tuple(whole._replace(high=0.0)), tuple(bit_by_bit._replace(high=0.0)))
    assert (whole.high >= bit_by_bit.high - 1e-9).all()


def test_stretches_that_do_not_follow_one_another_are_refused():
    _, steps, cells, lit = bank_and_steps(1, 100)
    a, b = stretch(0, cells[:40], lit[:40], steps), stretch(50, cells[50:], lit[50:], steps)
    with pytest.raises(DataError, match="row 40"):
        join(a, b, steps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), low=st.integers(0, 250), length=st.integers(1, 300))
def test_counts_alone_give_a_bound_that_the_true_evidence_never_falls_below(seed, low, length):
    _, steps, cells, lit = bank_and_steps(seed, 560)
    high = low + length
    counts = []
    for c, table in enumerate(steps.steps):
        count = np.bincount(cells[low:high, c], minlength=len(table)).astype(float)
        for f in range(lit.shape[2]):
            count[steps.cells[c] + f] += lit[low:high, c, f].sum()
        counts.append(count)
    truth = evidence_at(high, cells, lit, steps)
    before = evidence_at(low, cells, lit, steps)
    assert (truth >= lower_bound(counts, steps, before) - 1e-9).all()
    if low % 20 == 0:
        assert (truth >= lower_bound(counts, steps) - 1e-9).all()


def test_the_bound_misses_only_the_later_starts_where_every_block_rises():
    steps = CellSteps((np.array([[0.5], [-0.25]]),), (slice(0, 1),), np.array([2]))
    cells, lit = np.zeros((60, 1), np.int64), np.zeros((60, 1, 0), np.bool_)
    cells[::5] = 1
    bound = lower_bound([np.array([48.0, 12.0])], steps)
    assert bound.tolist() == [21.0]
    # every block adds 7 nats: the second start is 7 behind, the third 14
    later = 21.0 + np.log1p(np.exp(-7.0) + np.exp(-14.0))
    assert evidence_at(60, cells, lit, steps) == pytest.approx([later])
