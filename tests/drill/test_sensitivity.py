"""Power, against closed forms and against the detector itself."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.detection.base import Block, Reference
from holdfast.detection.delay import kl
from holdfast.detection.marks import MarkDetector
from holdfast.detection.tolerance import tolerance
from holdfast.drill.sensitivity import nulls_of, power, power_of_shift, rare_floor, table_of
from holdfast.errors import UsageError

SHARES = st.floats(0.0, 1.0)


def test_the_allowed_share_is_that_of_the_tolerance_rule():
    for yes, rows in ((0, 4000), (320, 4000), (2, 1000), (50, 100_000)):
        found = power(yes / rows, 1.0, rows)
        assert found.allowed == pytest.approx(tolerance(yes, rows).high)


def test_a_bet_made_for_the_change_takes_nats_over_the_divergence():
    found = power(0.01, 0.03, 100_000, floor=rare_floor, nats=21.0)
    assert found.best == math.ceil(21.0 / kl(0.03, found.allowed))
    assert found.best <= found.rows <= 3500


def test_the_detector_takes_as_many_rows_as_power_says():
    """300 runs; the mean is within 25 % of the figure, which is a mean up to overshoot."""
    reference = Reference(rows=6000, marks={"x:null": 60}, watched=("x:null",))
    detector = MarkDetector.fit(reference, 16.0)
    [stream] = [s for s in detector.streams if s.key == "x:null" and s.side.value == "up"]
    said = power(0.01, 0.06, 6000, nats=stream.nats)
    assert said.allowed == pytest.approx(stream.edge)
    state, rng, delays = detector.dump(), np.random.default_rng(0), []
    for _ in range(300):
        one = MarkDetector.load(state)
        at = np.flatnonzero(rng.random(6000) < 0.06)
        numbers = np.arange(6000, dtype=np.int64)
        events = one.observe(Block(numbers, numbers, {"x:null": at}))
        delays.append(next(e.row for e in events if e.stream.key == "x:null") + 1)
    assert abs(np.mean(delays) / said.rows - 1.0) < 0.25


def test_a_quarter_of_a_standard_deviation_takes_far_more_rows_than_a_whole():
    quarter, whole = (power_of_shift(s, 6000) for s in (0.25, 1.0))
    assert whole.rows < quarter.rows / 10
    middle = 1.0 - NormalDist().cdf(-0.25)
    assert quarter.rows <= power(0.5, middle, 6000, floor=0.035).rows


def test_a_shift_down_takes_as_long_as_a_shift_up():
    assert power_of_shift(-0.5, 6000).rows == power_of_shift(0.5, 6000).rows


@given(share=SHARES, after=SHARES, rows=st.integers(1, 10**7), nats=st.floats(1.0, 60.0))
def test_inside_the_interval_nothing_is_noticed_and_outside_no_bet_beats_the_best(
    share, after, rows, nats
):
    found = power(share, after, rows, nats=nats)
    up = after >= share
    if after <= found.allowed if up else after >= found.allowed:
        assert found.rows is None
        assert found.best is None
        assert found.why
    else:
        assert found.best is not None
        assert found.rows is None or found.rows >= found.best


@given(share=st.floats(0.0, 0.3), rows=st.integers(100, 10**6))
def test_a_larger_change_is_never_noticed_later(share, rows):
    delays = [power(share, after, rows, nats=20.0).rows for after in (0.4, 0.6, 0.9, 1.0)]
    known = [math.inf if d is None else d for d in delays]
    assert known == sorted(known, reverse=True)


@given(share=st.floats(0.001, 0.2))
def test_a_larger_reference_never_allows_more(share):
    allowed = [power(share, 1.0, rows).allowed for rows in (100, 1000, 10_000, 10**6)]
    assert allowed == sorted(allowed, reverse=True)


def test_what_is_never_noticed_says_what_would_help():
    assert "larger one" in power(0.002, 0.004, 1000, floor=rare_floor).why
    assert "smaller one" in power(0.002, 0.004, 10**6).why


def test_time_follows_from_traffic():
    found = power(0.0, 0.3, 6000, rows_per_day=1000.0, nats=20.0)
    assert found.days == found.rows / 1000.0
    assert power(0.0, 0.3, 6000, nats=20.0).days is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": -0.1}, {"after": 1.2}, {"reference_rows": 0}, {"rows_per_day": 0.0},
        {"questions": 0}, {"share": float("nan")},
    ],
)  # fmt: skip
def test_what_is_no_share_or_no_reference_is_refused(wrong):
    with pytest.raises(UsageError):
        power(**({"share": 0.1, "after": 0.5, "reference_rows": 100} | wrong))


def test_the_table_tells_the_slowest_column_and_what_is_not_watched():
    reference = Reference(rows=4000, marks={"wide:null": 1200}, watched=("tight:null", "wide:null"))
    streams = MarkDetector.fit(reference, 16.0).streams
    assert all("(wide)" in p.question for p in nulls_of(streams, None)[:2])
    table = table_of(streams, 4000, numbers=False, categories=True, rows_per_day=2000.0)
    assert len(table) == 7
    assert [p.watched for p in table[3:]] == [False, False, True, True]
    assert table_of([], 100, numbers=False, categories=False)
