"""The false-alarm promise, held against simulation and closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.detection.budget import parse_budget, shares_to_nats
from holdfast.detection.cusum import BETS, SCALE, bets_above, units
from holdfast.detection.delay import growth, kl, rows_to_alarm, rows_to_alarm_with_bets
from holdfast.errors import UsageError


def alarms(yes, edges, nats):
    """Which of `paths` alarm at least once; `yes` has shape (rows, paths, streams)."""
    steps = [bets_above(edge) for edge in edges]
    gain = np.array([s.yes for s in steps])
    loss = np.array([s.no for s in steps])
    threshold = units(nats + math.log(BETS * len(edges)))
    wealth = np.zeros((yes.shape[1], len(edges), BETS), np.int64)
    hit = np.zeros(yes.shape[1], bool)
    for row in yes:
        wealth += np.where(row[:, :, None], gain, loss)
        np.maximum(wealth, 0, out=wealth)
        hit |= (wealth >= threshold).any(axis=(1, 2))
    return hit


def upper_bound(count, trials, level=0.999):
    """Clopper-Pearson upper limit by bisection on the binomial tail."""
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(count + 1))
        low, high = (p, high) if tail > 1 - level else (low, p)
    return high


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_the_very_edge_false_alarms_stay_within_the_promise(seed):
    rows, paths, c = 400, 400, 2000.0
    rng = np.random.default_rng(seed)
    edges = [0.003, 0.05, 0.3, 0.75]
    yes = rng.random((rows, paths, len(edges))) < np.array(edges)
    hit = alarms(yes, edges, math.log(c))
    # promise: P(alarm within n rows) <= n / c = 0.2; the 99.9 % upper limit must stay below it
    assert upper_bound(int(hit.sum()), paths) <= rows / c


def test_the_promise_holds_when_all_streams_move_together():
    rows, paths, c = 400, 400, 2000.0
    edges = [0.05] * 6
    one = np.random.default_rng(5).random((rows, paths, 1)) < 0.05
    hit = alarms(np.repeat(one, 6, axis=2), edges, math.log(c))
    assert upper_bound(int(hit.sum()), paths) <= rows / c


def test_clumps_that_the_reference_does_not_show_void_the_promise():
    rng = np.random.default_rng(9)
    rows, paths = 400, 200
    state = rng.random((1, paths, 1)) < 0.05
    sticky = []
    for _ in range(rows):
        fresh = rng.random((1, paths, 1)) < 0.05
        state = np.where(rng.random((1, paths, 1)) < 0.9, state, fresh)
        sticky.append(state)
    assert alarms(np.concatenate(sticky), [0.05], math.log(2000)).mean() > 0.2


def test_growth_is_the_divergence_where_the_bet_is_right():
    edge = 0.01
    q = edge + (1 - edge) * 0.25
    assert growth(q, edge) == pytest.approx(kl(q, edge))
    assert growth(0.5, edge) < kl(0.5, edge)


def test_a_share_inside_its_interval_is_never_noticed_even_where_all_is_allowed():
    assert rows_to_alarm_with_bets(0.3, 1.0, 21.0) == math.inf
    assert rows_to_alarm_with_bets(0.002, 0.003, 21.0) == math.inf


def test_rows_to_alarm_follows_the_divergence():
    assert rows_to_alarm(1.0, 0.003, 21.0) == pytest.approx(21.0 / -math.log(0.003))
    assert rows_to_alarm(0.003, 0.003, 21.0) == math.inf


@pytest.mark.parametrize(
    ("text", "per_day", "rows"),
    [
        ("1 false incident per month", 1000.0, 30_437.5),
        ("one false alarm a year", 100.0, 36_525.0),
        ("at most 2 false incidents per week", 1000.0, 3_500.0),
        ("1 false incident in 10,000 windows", None, 2_000_000.0),
        ("1 false alarm per 50_000 rows", 9.0, 50_000.0),
        ("1 false incident per month", None, 2_000_000.0),
        ("1 incident every 2 weeks", 10.0, 140.0),
    ],
)
def test_a_promise_in_words_becomes_rows(text, per_day, rows):
    assert parse_budget(text, rows_per_day=per_day).rows() == pytest.approx(rows)


def test_traffic_is_measured_where_none_was_declared():
    budget = parse_budget("1 false incident per month")
    assert budget.rows(measured_per_day=1000.0) == pytest.approx(30_437.5)


@pytest.mark.parametrize(
    "text", ["never", "0 false incidents per month", "1 per", "", "1 incident per 0 days"]
)
def test_a_text_that_is_no_promise_is_refused(text):
    with pytest.raises(UsageError):
        parse_budget(text)


def test_the_shares_of_all_detectors_together_spend_the_budget_once():
    nats = shares_to_nats(1e6, {"a": 0.2, "b": 0.5, "c": 0.3})
    assert sum(math.exp(-n) for n in nats.values()) == pytest.approx(1e-6)


def test_steps_are_integers_of_a_millionth_nat():
    assert SCALE == 2**20
