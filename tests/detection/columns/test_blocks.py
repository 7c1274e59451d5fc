from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import plainly, run
from tests.detection.columns.plain import PlainBlocks, log_sum

from holdfast.detection.columns import blocks
from holdfast.detection.columns.blocks import BlockBank, Group, in_blocks
from holdfast.detection.columns.streams import Bet, Table

CODES = ("values", "lattice")


def world(seed, columns=3, rows=900):
    """Random tables on the grid of 2^-14, and cells and flags that drift in places."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 7, columns)
    flags = int(rng.integers(0, 3))
    tables = []
    for size in sizes.tolist():
        bets = int(rng.integers(2, 6))
        steps = np.zeros((size + flags, bets))
        steps[:size] = rng.normal(-0.06, 0.25, (size, bets))
        for j in range(bets if flags else 0):
            if rng.random() < 0.4:  # a question about a flag, asked of every cell but the last
                steps[:size, j] = rng.choice([-0.1, 0.05])
                steps[size - 1, j] = 0.0
                up = 0.4 if steps[0, j] < 0 else -0.3
                steps[size + int(rng.integers(flags)), j] = up
        steps = np.floor(steps * 2**14) / 2**14
        drawn = [
            Bet(
                code=CODES[int(rng.integers(2))], key=str(j), side="", share=0.0, edge=0.0, rows=1,
                muted="loud" if rng.random() < 0.15 else "",
            )
            for j in range(bets)
        ]  # fmt: skip
        tables.append(Table(steps, drawn))
    groups = [
        Group(column=c, field=f"c{c}", code=code, weight=float(rng.uniform(0.1, 0.5)))
        for c, table in enumerate(tables)
        for code in CODES
        if any(b.code == code and not b.muted for b in table.bets)
    ]
    cells = np.stack([_cells(rng, size, rows) for size in sizes.tolist()], axis=1)
    lit = rng.random((rows, columns, flags)) < rng.uniform(0.0, 0.6)
    lit &= (cells < sizes - 1)[:, :, None]
    return tables, groups, sizes.tolist(), cells, lit


def _cells(rng, size, rows):
    """Phases with shares of their own, so that bets rise, fall, cross and calm down."""
    parts, left = [], rows
    while left:
        n = int(min(rng.integers(20, 400), left))
        parts.append(rng.choice(size, n, p=rng.dirichlet(np.ones(size))))
        left -= n
    return np.concatenate(parts).astype(np.int64)


def plain(tables, groups, sizes, nats):
    place = {(g.column, g.code): i for i, g in enumerate(groups)}
    owner = [[-1 if b.muted else place[c, b.code] for b in t.bets] for c, t in enumerate(tables)]
    for c, t in enumerate(tables):  # the same question twice is one bet
        for j, i in itertools.combinations(range(len(t.bets)), 2):
            if owner[c][j] == owner[c][i] and np.array_equal(t.steps[:, j], t.steps[:, i]):
                owner[c][i] = -1
    alive = {i: sum(line.count(i) for line in owner) for i in range(len(groups))}
    thresholds = [
        [np.inf if g < 0 else in_blocks(nats) - np.log(groups[g].weight / alive[g]) for g in line]
        for line in owner
    ]
    steps = [np.where(np.array(o) >= 0, t.steps, 0.0).tolist()
             for t, o in zip(tables, owner, strict=True)]  # fmt: skip
    return PlainBlocks(steps, sizes, thresholds, owner)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 899), max_size=12),
    restart=st.integers(1, 899),
    nats=st.sampled_from([1.0, 3.0, 8.0]),
    wide=st.sampled_from([1, 5, 160]),  # all columns summed up by row, some, none
)
def test_the_bank_equals_a_row_by_row_rewrite_in_any_batches_and_after_a_restart(
    seed, cuts, restart, nats, wide
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "WIDE", wide)
        compare(seed, cuts, restart, nats)


def compare(seed, cuts, restart, nats):
    rows = 900
    tables, groups, sizes, cells, lit = world(seed, rows=rows)
    slow = plain(tables, groups, sizes, nats)
    truth = [x for i in range(rows) for x in slow.see(cells[i].tolist(), lit[i].tolist())]
    bank, found = run(
        lambda: BlockBank(tables, groups, sizes, nats),
        lambda b, low, high: b.observe(cells[low:high], lit[low:high]),
        rows, cuts, restart,
    )  # fmt: skip
    truth = [(g, r, o, round(n, 9), b, over, last) for g, r, o, n, b, over, last in truth]
    assert plainly(found) == sorted(truth, key=lambda x: (x[1], x[5], x[0]))
    for k, (c, j) in enumerate(zip(bank.column.tolist(), bank.place.tolist(), strict=True)):
        assert bank.wealth[k] == slow.wealth[c][j]
        assert bank.sums[k] == pytest.approx(math.exp(log_sum(slow.starts[c][j])), rel=1e-9)
    assert set(bank.faults) == set(slow.faults)


def test_an_alarm_comes_at_its_row_not_at_the_end_of_the_block():
    steps = np.array([[1.0], [-1.0]])
    bet = Bet(code="values", key="yes", side="up", share=0.1, edge=0.2, rows=100)
    group = Group(column=0, field="a", code="values", weight=1.0)
    nats = math.log(20 * math.exp(4.5) - 19)  # so that the sum must reach exp(4.5)
    bank = BlockBank([Table(steps, [bet])], [group], [2], nats)
    cells = np.ones((40, 1), np.int64)
    cells[23:] = 0
    [found] = bank.observe(cells, np.zeros((40, 1, 0), np.bool_))
    # inside a block the path goes on from the block's start: three rows down, then eight up
    assert (found.row, found.onset) == (30, 20)
    assert found.nats == pytest.approx(5.0, abs=1e-6)


def test_a_bank_without_columns_or_bets_only_counts():
    bank = BlockBank([], [], [], 10.0)
    assert bank.observe(np.zeros((30, 0), np.int64), np.zeros((30, 0, 0), np.bool_)) == []
    empty = BlockBank([Table(np.zeros((1, 0)), [])], [], [3], 10.0)
    assert empty.observe(np.zeros((30, 1), np.int64), np.zeros((30, 1, 0), np.bool_)) == []
    assert (bank.rows, empty.rows) == (30, 30)
    for one, columns in ((bank, 0), (empty, 1)):
        data = one.dump()
        one.load(data)
        assert one.observe(np.zeros((0, columns), np.int64), np.zeros((0, columns, 0), bool)) == []


def test_a_muted_bet_never_moves():
    tables, groups, sizes, cells, lit = world(4)
    silent = [
        Table(t.steps, [Bet(**{f: getattr(b, f) for f in b.__struct_fields__} | {"muted": "loud"})
                        for b in t.bets])
        for t in tables
    ]  # fmt: skip
    bank = BlockBank(silent, groups, sizes, 0.1)
    assert bank.observe(cells, lit) == []
    assert not len(bank.sums)


def test_a_closed_group_starts_afresh():
    tables, groups, sizes, cells, lit = world(11)
    bank = BlockBank(tables, groups, sizes, 1.0)
    found = bank.observe(cells, lit)
    going_on = next(iter(bank.faults))
    assert going_on in {x.group for x in found}
    bank.forget(going_on)
    assert going_on not in bank.faults
    mine = bank.group == going_on
    assert mine.any()
    assert not bank.sums[mine].any()
    assert not bank.wealth[mine].any()


def test_thresholds_spend_the_weight_of_every_group_once():
    tables, groups, sizes, _, _ = world(7)
    bank = BlockBank(tables, groups, sizes, 9.0)
    spent = np.exp(in_blocks(9.0) - bank.thresholds).sum()
    assert spent == pytest.approx(sum(g.weight for g in groups))


def test_a_question_asked_twice_is_bet_on_once_with_the_weight_of_both():
    yes = np.array([[0.5], [-0.25], [0.0]])
    twice = np.concatenate((yes, -yes, yes + 1e-6), axis=1)
    bets = [
        Bet(code="values", key=str(k), side="up", share=0.1, edge=0.2, rows=100) for k in range(3)
    ]
    group = Group(column=0, field="a", code="values", weight=0.5)
    bank = BlockBank([Table(twice, bets)], [group], [3], 9.0)
    assert bank.place.tolist() == [0, 1]
    assert bank.thresholds == pytest.approx([in_blocks(9.0) - np.log(0.25)] * 2)
