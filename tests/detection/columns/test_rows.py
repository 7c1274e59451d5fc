from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import plainly, run
from tests.detection.columns.plain import PlainRow

from holdfast.detection.columns.rows import RowBank, RowStream, steps_of


def world(seed, streams=4, rows=3000):
    """Streams with edges of their own, and answers whose share jumps now and then."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(streams):
        share = float(rng.choice([0.0, 0.01, 0.2]))
        made.append(
            RowStream(
                field=f"c{i}", code="null", share=share, rows=1000,
                edge=share + float(rng.choice([0.003, 0.03, 0.1])),
                deff=float(rng.choice([1.0, 1.0, 2.5])), weight=float(rng.uniform(0.05, 0.3)),
                muted="loud" if rng.random() < 0.1 else "",
            )
        )  # fmt: skip
    share = np.empty((rows, streams))
    for i, s in enumerate(made):
        low = 0
        while low < rows:
            n = int(rng.integers(1, 700))
            share[low : low + n, i] = rng.choice([s.share, s.share, 0.3, 1.0])
            low += n
    yes = rng.random((rows, streams)) < share
    applies = rng.random((rows, streams)) < rng.choice([1.0, 0.9, 0.3], streams)
    return made, yes, applies


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 2999), max_size=30),
    restart=st.integers(1, 2999),
)
def test_the_bank_equals_a_row_by_row_rewrite_in_any_batches_and_after_a_restart(
    seed, cuts, restart
):
    rows, nats = 3000, 6.0
    streams, yes, applies = world(seed, rows=rows)
    truth, slow = [], []
    for k, s in enumerate(streams):
        one = PlainRow(s.edge, s.share, nats - math.log(s.weight / 4), s.deff)
        slow.append(one)
        for i in range(rows if not s.muted else 0):
            x = one.see(bool(yes[i, k]), bool(applies[i, k]), i)
            if x is not None:
                truth.append((k, x[0], x[1], round(x[2], 9), x[3], x[4]))
    bank, found = run(
        lambda: RowBank(streams, nats),
        lambda b, low, high: b.observe(yes[low:high], applies[low:high], low),
        rows, cuts, restart,
    )  # fmt: skip
    got = [(g, r, o, n, over, last) for g, r, o, n, _, over, last in plainly(found)]
    assert got == sorted(truth, key=lambda x: (x[1], x[4], x[0]))
    for k, one in enumerate(slow):
        if k not in bank.faults:
            assert bank.wealth[k] == pytest.approx(one.wealth, abs=1e-9)
    assert set(bank.faults) == {k for k, one in enumerate(slow) if one.fault is not None}


def test_a_bet_has_mean_at_most_one_at_the_edge():
    edges, deff = np.array([0.003, 0.05, 0.4, 0.9]), np.array([1.0, 2.0, 1.0, 5.0])
    yes, no = steps_of(edges, deff)
    mean = edges[:, None] * np.exp(yes) + (1 - edges[:, None]) * np.exp(no)
    assert (mean <= 1.0).all()
    assert mean[0] == pytest.approx(1.0, abs=1e-5)
    assert (np.abs(yes * 2**20 - np.rint(yes * 2**20)) == 0).all()


def test_a_muted_stream_never_speaks():
    stream = RowStream(field="a", code="null", share=0.0, rows=99, edge=0.01, muted="loud")
    bank = RowBank([stream], 1.0)
    assert bank.observe(np.ones((500, 1), bool), np.ones((500, 1), bool), 0) == []


def test_rows_that_are_not_asked_about_say_nothing():
    stream = RowStream(field="a", code="type", share=0.0, rows=99, edge=0.01)
    bank = RowBank([stream], 1.0)
    assert bank.observe(np.ones((500, 1), bool), np.zeros((500, 1), bool), 0) == []
    assert not bank.wealth.any()


def test_a_mended_stream_breaks_again_inside_the_same_batch():
    stream = RowStream(field="a", code="null", share=0.0, rows=9999, edge=0.003)
    yes = np.zeros((600, 1), bool)
    yes[100:140] = yes[400:440] = True
    found = RowBank([stream], 14.0).observe(yes, np.ones_like(yes), 0)
    assert [(x.over, x.onset) for x in found] == [
        (False, 100), (True, 100), (False, 400), (True, 400)
    ]  # fmt: skip


def test_a_closed_stream_starts_afresh():
    stream = RowStream(field="a", code="null", share=0.0, rows=9999, edge=0.003)
    bank = RowBank([stream], 14.0)
    yes = np.ones((50, 1), bool)
    assert len(bank.observe(yes, yes, 0)) == 1
    bank.forget(0)
    [again] = bank.observe(yes, yes, 50)
    assert again.onset == 50


def test_very_many_rows_are_taken_in_parts_with_the_same_result(monkeypatch):
    streams, yes, applies = world(5)
    whole, parted = RowBank(streams, 6.0), RowBank(streams, 6.0)
    expected = whole.observe(yes, applies, 0)
    monkeypatch.setattr("holdfast.detection.columns.rows.MOST_ROWS", 200)
    assert parted.observe(yes, applies, 0) == expected
    assert len(expected) > 3
    assert parted.dump() == whole.dump()
