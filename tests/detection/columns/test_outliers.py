from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import plainly, run
from tests.detection.columns.plain import PlainEnd

from holdfast.detection.columns.outliers import OutlierBank, OutlierStream


def world(seed, ends=3, rows=2500):
    rng = np.random.default_rng(seed)
    made = [
        OutlierStream(
            field=f"c{i}", code="above", beyond=int(rng.integers(0, 3)),
            rows=int(rng.choice([60, 500, 8000])), floor=float(rng.choice([0.001, 0.003])),
            deff=float(rng.choice([1.0, 2.0])), weight=0.2,
            muted="few" if rng.random() < 0.1 else "",
        )
        for i in range(ends)
    ]  # fmt: skip
    share = np.full((rows, ends), 0.001)
    for i in range(ends):
        low = int(rng.integers(0, 1200))
        share[low : low + int(rng.integers(5, 300)), i] = rng.choice([0.05, 0.5, 1.0])
    yes = rng.random((rows, ends)) < share
    applies = rng.random((rows, ends)) < rng.choice([1.0, 0.6, 0.2], ends)
    return made, yes, applies


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 2499), max_size=30),
    restart=st.integers(1, 2499),
)
def test_the_bank_equals_a_row_by_row_rewrite_in_any_batches_and_after_a_restart(
    seed, cuts, restart
):
    rows, nats = 2500, 4.0
    streams, yes, applies = world(seed, rows=rows)
    truth, slow = [], []
    for k, s in enumerate(streams):
        threshold = math.ceil((nats - math.log(s.weight / 4)) * 2**20) / 2**20
        one = PlainEnd(s.beyond, s.rows, s.floor, threshold, s.deff)
        slow.append(one)
        for i in np.flatnonzero(applies[:, k]).tolist() if not s.muted else []:
            x = one.see(bool(yes[i, k]), i)
            if x is not None:
                truth.append((k, x[0], x[1], round(x[2], 9), x[3], x[4]))
    bank, found = run(
        lambda: OutlierBank(streams, nats),
        lambda b, low, high: b.observe(yes[low:high], applies[low:high], low),
        rows, cuts, restart,
    )  # fmt: skip
    got = [(g, r, o, n, over, last) for g, r, o, n, _, over, last in plainly(found)]
    assert got == sorted(truth, key=lambda x: (x[1], x[4], x[0]))
    assert set(bank.faults) == {k for k, one in enumerate(slow) if one.fault is not None}
    for k, one in enumerate(slow):
        wealth = [w / 2**20 for w in bank._ends[k].wealth]
        assert wealth == pytest.approx(one.wealth, abs=1e-9)


def test_the_normal_chance_is_the_urn_of_ranks():
    end = OutlierStream(field="a", code="above", beyond=2, rows=997, floor=0.0)
    # 2 exceedances of 997, then 3 more in 1000: the next exceeds with chance (3 + 1 + 2) / 1998
    assert end.limit(3, 1000) == pytest.approx(6 / 1998)
    assert end.limit(0, 0) == pytest.approx(3 / 998)


def test_a_lasting_rise_is_slowly_taken_as_normal():
    end = OutlierStream(field="a", code="above", beyond=0, rows=1000)
    chances = [end.limit(k, 20 * k) for k in (0, 10, 100, 1000)]
    assert chances == sorted(chances)
    assert chances[-1] == pytest.approx(0.05, rel=0.1)


def test_exchangeable_rows_beyond_the_range_come_no_more_often_than_the_null_says():
    """The chance of an exceedance, simulated over fresh references: within 3 standard errors."""
    rng = np.random.default_rng(3)
    n, t, paths = 300, 200, 20_000
    x = rng.random((paths, n + t + 1)).astype(np.float32)
    bound = x[:, :n].max(axis=1)
    seen = (x[:, n : n + t] > bound[:, None]).sum(axis=1)
    beyond = x[:, -1] > bound
    end = OutlierStream(field="a", code="above", beyond=0, rows=n, floor=0.0)
    for k in (0, 1):
        mine = seen == k
        hi = end.limit(k, t)
        error = 3.0 * math.sqrt(hi * (1 - hi) / mine.sum())
        assert beyond[mine].mean() <= hi + error


def test_no_value_no_reference_no_exception():
    bank = OutlierBank([OutlierStream(field="a", code="above", beyond=0, rows=0)], 5.0)
    nothing = np.zeros((40, 1), bool)
    assert bank.observe(nothing, nothing, 0) == []
    assert OutlierBank([], 5.0).observe(np.zeros((3, 0), bool), np.zeros((3, 0), bool), 0) == []
