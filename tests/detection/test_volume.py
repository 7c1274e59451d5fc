"""Traffic itself: what is promised holds in simulation, and neither batches nor ticks matter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.detection.base import EventKind
from holdfast.detection.cusum import units
from holdfast.detection.season import DAY, HOUR, WEEK
from holdfast.detection.volume import VolumeDetector, VolumeKind, VolumeReference
from holdfast.detection.volume_bets import BETS, gain, silence, silence_ends
from holdfast.detection.volume_counts import BASE, MINUTE, Counts, in_slots
from holdfast.detection.volume_rates import Rates, Traffic, level_delay, silence_delay
from holdfast.detection.volume_reference import learn_traffic
from holdfast.detection.volume_watch import advance, begin, take
from holdfast.errors import DataError
from holdfast.stats.intervals import clopper_pearson

START = 20_000 * DAY
NATS = math.log(2_000_000)


def arrivals(per_hour, days, seed, *, start=START, spread=0.0):
    """Times of rows whose rate is `per_hour` (a number or a function of time), gamma-mixed."""
    rng = np.random.default_rng(seed)
    at = start + np.arange(round(days * 288)) * BASE
    mean = np.broadcast_to(per_hour(at) if callable(per_hour) else per_hour, at.shape) / 12.0
    if spread:
        mean = mean * rng.gamma(1.0 / spread, spread, len(at))
    rows = rng.poisson(mean)
    return np.sort(np.repeat(at, rows) + rng.integers(0, BASE, rows.sum()))


def day_and_night(at):
    return 240.0 * (1.0 + 0.9 * np.sin(2 * np.pi * (at % DAY) / DAY))


def office(at):
    open_ = ((at // DAY) % 7 < 5) & (at % DAY // HOUR >= 8) & (at % DAY // HOUR < 18)
    return np.where(open_, 600.0, 20.0)


def detector(per_hour=360.0, days=7, seed=0, nats=NATS, **more):
    return VolumeDetector.fit(VolumeReference.learn(arrivals(per_hour, days, seed, **more)), nats)


def said(events):
    return [(e.kind.value, e.state.value, e.source) for e in events]


# -- the bets ----------------------------------------------------------------------------------


def test_the_gain_of_a_slot_is_the_log_ratio_of_negative_binomials():
    rows, null, other, spread = 17, 20.0, 9.0, 0.3
    r = 1.0 / spread

    def log_chance(mean):
        return (
            math.lgamma(rows + r) - math.lgamma(r) - math.lgamma(rows + 1)
            + r * math.log(r / (r + mean)) + rows * math.log(mean / (r + mean))
        )  # fmt: skip

    assert gain(rows, null, other, spread) == pytest.approx(log_chance(other) - log_chance(null))


@pytest.mark.parametrize("spread", [0.0, 0.05, 1.0])
def test_a_bet_against_the_end_of_the_interval_gains_nothing_inside_it(spread):
    rng = np.random.default_rng(1)
    for mean, null, stake in ((42.0, 42.0, 0.7), (60.0, 42.0, 0.7), (78.0, 78.0, 1.5)):
        rate = mean * (rng.gamma(1 / spread, spread, 200_000) if spread else 1.0)
        ratio = np.array([gain(n, null, null * stake, spread) for n in range(2_000)])
        won = np.exp(ratio[np.minimum(rng.poisson(rate, 200_000), 1_999)])
        assert won.mean() - 4 * won.std() / math.sqrt(len(won)) <= 1.0


def test_the_chance_of_a_silence_is_that_of_the_mixed_poisson_process():
    rng = np.random.default_rng(2)
    mean, spread = 5.0, 0.5
    rate = mean * rng.gamma(1 / spread, spread, 400_000)
    first, rest = rng.poisson(0.4 * rate), rng.poisson(0.6 * rate)
    for seen in (0, 1, 3):
        silent = (rest[first == seen] == 0).mean()
        expected = math.exp(-silence(seen, mean, spread, 0.4, 1.0))
        count = int((first == seen).sum())
        assert abs(silent - expected) < 4 * math.sqrt(expected / count)


def test_a_silence_ends_where_it_has_gained_what_was_asked():
    end = silence_ends(3, 20.0, 0.2, 0.3, 4.0)
    assert silence(3, 20.0, 0.2, 0.3, end) == pytest.approx(4.0)


# -- false alarms ------------------------------------------------------------------------------


@pytest.mark.parametrize(("spread", "factor"), [(0.0, 0.7), (0.3, 0.7), (0.0, 1.3), (0.3, 1.3)])
def test_at_the_very_edge_false_alarms_stay_within_the_promise(spread, factor):
    slots, paths, mean = 200, 150, 12.0
    c = 5.0 * slots * mean * max(factor, 1.0)  # the promise: P(alarm) <= rows / c = 0.2
    rates = Rates(mean=(mean,), low=(0.7 * mean,), high=(1.3 * mean,), spread=spread)
    traffic = Traffic(pulse=rates, slots=rates, rows=1)
    threshold = units(math.log(c) + math.log(BETS))
    hit = 0
    for seed in range(paths):
        times = arrivals(12 * mean * factor, slots / 288, seed, spread=spread)
        changes = []
        watch = begin(traffic, threshold, START)
        take(watch, times, changes)
        advance(watch, START + slots * BASE, changes)
        hit += bool(changes)
    assert clopper_pearson(hit, paths, level=0.998).high <= 0.2


@pytest.mark.parametrize(
    ("name", "rate", "history", "spread"),
    [
        ("poisson", 240.0, 7, 0.0),
        ("bursts", 240.0, 7, 0.3),
        ("day and night", day_and_night, 7, 0.05),
        ("office hours", office, 21, 0.05),
        ("rare", 2.0, 28, 0.0),
    ],
)
def test_fault_free_lives_after_a_learned_reference_stay_silent(name, rate, history, spread):
    lives, days = 12, 14
    alarms = 0
    for seed in range(lives):
        known = arrivals(rate, history, 100 + seed, spread=spread)
        life = arrivals(rate, days, seed, start=START + history * DAY, spread=spread)
        rows = max(len(life), 1)
        watching = VolumeDetector.fit(VolumeReference.learn(known), math.log(10.0 * rows))
        events = watching.observe(life, life)
        events += watching.tick(START + (history + days) * DAY)
        alarms += any(e.state is EventKind.CROSSED for e in events)
    # a life of `rows` rows may alarm with chance 0.1: more than 4 of 12 has chance below 0.5 %
    assert alarms <= 4, name


def test_one_burst_alone_never_alarms():
    watching = detector(360.0)
    life = arrivals(360.0, 1, 5, start=START + 7 * DAY)
    burst = START + 7 * DAY + 12 * HOUR + np.arange(4_000) * (BASE // 4_000)
    times = np.sort(np.concatenate([life, burst]))
    assert watching.observe(times, times) == []


# -- delays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "spread"), [(360.0, 0.0), (2_400.0, 0.1), (day_and_night, 0.02)])
def test_a_dead_source_is_noticed_when_the_promise_says(rate, spread):
    watching = detector(rate, 14, spread=spread)
    promised = watching.promises()[0].silence * MINUTE
    copy, delays = watching.dump(), []
    for seed in range(24):
        onset = START + 14 * DAY + 6 * HOUR + seed * HOUR
        life = arrivals(rate, 3, seed, start=START + 14 * DAY, spread=spread)
        life = life[life < onset]
        one = VolumeDetector.load(copy)
        events = one.observe(life, life) + one.tick(START + 18 * DAY)
        assert said(events) == [("no_data", "crossed", "")]
        assert events[0].onset == life[-1]
        assert events[0].seen == 0
        delays.append(events[0].at - onset)
    assert promised / 1.7 <= np.median(delays) <= 1.5 * promised


@pytest.mark.parametrize(("factor", "kind"), [(0.5, "traffic_low"), (2.0, "traffic_high")])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_halved_and_doubled_traffic_is_noticed_when_the_promise_says(factor, kind, spread):
    watching = detector(1_200.0, 14, spread=spread)
    promise = watching.promises()[0]
    promised = (promise.half if factor < 1 else promise.double) * MINUTE
    copy, delays, onset = watching.dump(), [], START + 15 * DAY
    for seed in range(20):
        before = arrivals(1_200.0, 1, seed, start=START + 14 * DAY, spread=spread)
        after = arrivals(1_200.0 * factor, 3, 50 + seed, start=onset, spread=spread)
        one = VolumeDetector.load(copy)
        life = np.concatenate([before, after])
        events = one.observe(life, life)
        assert said(events) == [(kind, "crossed", "")]
        assert events[0].seen / events[0].expected == pytest.approx(factor, abs=0.5)
        delays.append(events[0].at - onset)
    assert promised / 1.7 <= np.median(delays) <= 1.5 * promised


def test_a_week_of_office_hours_is_known_and_a_silent_night_is_no_silence():
    watching = detector(office, 21)
    assert watching.promises()[0].cycle == "hour_of_week"
    weekend = START // WEEK * WEEK + 5 * DAY + 4 * WEEK
    life = arrivals(office, (weekend - START) / DAY - 21, 3, start=START + 21 * DAY)
    assert watching.observe(life, life) == []
    assert watching.tick(weekend + 40 * MINUTE) == []  # 20 rows an hour: 13 are missing
    busy = weekend + 2 * DAY + 9 * HOUR
    assert "no_data" in {e.kind.value for e in watching.tick(busy)}


def test_a_nightly_batch_that_stays_away_is_missed_the_next_day():
    def nightly(at):
        return np.where(at % DAY // BASE == 24, 12 * 2_000.0, 0.0)

    watching = detector(nightly, 28)
    life = arrivals(nightly, 5, 1, start=START + 28 * DAY)
    assert watching.observe(life, life) == []
    events = watching.tick(START + 36 * DAY)
    assert said(events) == [("no_data", "crossed", "")]
    assert events[0].at <= START + 35 * DAY


# -- recovery ----------------------------------------------------------------------------------


def test_traffic_that_is_back_ends_the_fault_and_says_since_when():
    watching = detector(1_200.0, 14)
    low, back = START + 15 * DAY, START + 16 * DAY
    life = np.concatenate(
        [
            arrivals(1_200.0, 1, 1, start=START + 14 * DAY),
            arrivals(400.0, 1, 2, start=low),
            arrivals(1_200.0, 1, 3, start=back),
        ]
    )
    events = watching.observe(life, life)
    assert said(events) == [("traffic_low", "crossed", ""), ("traffic_low", "recovered", "")]
    assert abs(events[1].until - back) <= HOUR
    assert events[1].seen / events[1].expected == pytest.approx(1 / 3, abs=0.05)
    assert watching.faults() == []


def test_after_a_silence_half_the_traffic_is_a_fault_of_its_own():
    watching = detector(1_200.0, 14)
    life = np.concatenate(
        [
            arrivals(1_200.0, 1, 1, start=START + 14 * DAY),
            arrivals(420.0, 1, 2, start=START + 15 * DAY + 6 * HOUR),
        ]
    )
    assert said(watching.observe(life, life)) == [
        ("no_data", "crossed", ""), ("no_data", "recovered", ""), ("traffic_low", "crossed", ""),
    ]  # fmt: skip
    [fault] = watching.faults()
    assert fault.sentence.startswith("traffic is at 3")


def test_a_trickle_does_not_end_a_silence():
    watching = detector(1_200.0, 14)
    life = arrivals(1_200.0, 1, 1, start=START + 14 * DAY)
    drops = START + 15 * DAY + np.arange(24) * HOUR
    times = np.concatenate([life, drops])
    assert said(watching.observe(times, times)) == [("no_data", "crossed", "")]
    assert watching.faults()[0].sentence.startswith("only 2")


def test_a_person_may_dismiss_a_fault_or_accept_the_new_level():
    watching = detector(1_200.0, 14)
    life = np.concatenate(
        [
            arrivals(1_200.0, 1, 1, start=START + 14 * DAY),
            arrivals(3_000.0, 1, 2, start=START + 15 * DAY),
        ]
    )
    watching.observe(life, life)
    assert watching.dismiss("traffic_high", accept=True)
    assert not watching.dismiss("traffic_high")
    more = arrivals(3_000.0, 3, 3, start=START + 16 * DAY)
    assert watching.observe(more, more) == []


# -- sources -----------------------------------------------------------------------------------


def test_the_source_that_died_is_named():
    def two(days, seed, start):
        web = arrivals(600.0, days, seed, start=start)
        app = arrivals(300.0, days, seed + 1, start=start)
        order = np.argsort(np.concatenate([web, app]), kind="stable")
        names = np.array(["web"] * len(web) + ["app-ios"] * len(app), object)[order]
        return np.concatenate([web, app])[order], names

    known, names = two(14, 0, START)
    watching = VolumeDetector.fit(VolumeReference.learn(known, sources=names), NATS)
    assert [p.source for p in watching.promises()] == ["", "web", "app-ios"]
    life, names = two(2, 10, START + 14 * DAY)
    dead = START + 14 * DAY + 20 * HOUR
    kept = (names != "app-ios") | (life < dead)
    events = watching.observe(life[kept], life[kept], sources=names[kept].tolist())
    assert said(events)[0] == ("no_data", "crossed", "app-ios")
    assert "`app-ios`" in events[0].sentence
    promised = next(p.silence for p in watching.promises() if p.source == "app-ios")
    assert events[0].at - dead <= 2 * promised * MINUTE


def test_a_source_that_no_history_knows_is_told_not_watched():
    watching = detector()
    life = arrivals(360.0, 0.5, 1, start=START + 7 * DAY)
    watching.observe(life, life, sources=["new"] * len(life))
    assert watching.facts["unwatched"] == {"new": len(life)}


# -- duplicates and late rows ------------------------------------------------------------------


def test_a_window_sent_twice_is_told_as_duplicates():
    known = arrivals(360.0, 7, 0)
    reference = VolumeReference.learn(known, at=known, keys=np.arange(len(known)))
    watching = VolumeDetector.fit(reference, NATS)
    life = arrivals(360.0, 1, 1, start=START + 7 * DAY)
    keys = np.arange(len(life)) + 10**9
    assert watching.observe(life, life, keys) == []
    again = life[-300:] + HOUR
    events = watching.observe(again, again - HOUR, keys[-300:])
    [event] = [e for e in events if e.kind is VolumeKind.DUPLICATES]
    assert event.seen <= 10
    assert event.onset == again[0]
    more = arrivals(360.0, 2, 2, start=START + 8 * DAY + 2 * HOUR)
    events = watching.observe(more, more, np.arange(len(more)) + 10**10)
    assert ("duplicates", "recovered", "") in said(events)


def test_rows_far_behind_their_event_time_are_late():
    known = arrivals(360.0, 7, 0)
    delay = np.random.default_rng(1).exponential(MINUTE, len(known)).astype(np.int64)
    watching = VolumeDetector.fit(VolumeReference.learn(known, at=known - delay), NATS)
    life = arrivals(360.0, 1, 1, start=START + 7 * DAY)
    assert watching.observe(life, life - MINUTE) == []
    late = arrivals(360.0, 1, 2, start=START + 8 * DAY)
    events = watching.observe(late, late - 6 * HOUR)
    assert said(events) == [("late_data", "crossed", "")]
    assert events[0].at - late[0] <= 10 * 10 * MINUTE


def test_repeats_that_are_normal_do_not_alarm():
    rng = np.random.default_rng(3)
    known = arrivals(360.0, 7, 0)
    reference = VolumeReference.learn(known, keys=rng.integers(0, 40_000, len(known)))
    watching = VolumeDetector.fit(reference, NATS)
    life = arrivals(360.0, 4, 1, start=START + 7 * DAY)
    assert watching.observe(life, life, rng.integers(0, 40_000, len(life))) == []


def test_a_window_out_of_order_is_left_out_of_the_counts():
    watching = detector()
    life = arrivals(360.0, 2, 1, start=START + 7 * DAY)
    early, rest = life[:2_000], life[2_000:]
    assert watching.observe(rest, rest) == []
    assert watching.observe(early, early) == []
    assert watching.facts["behind"] == len(early)
    more = arrivals(360.0, 2, 2, start=START + 9 * DAY)
    assert watching.observe(more, more) == []


# -- without a history -------------------------------------------------------------------------


def test_without_a_history_the_first_day_is_learned_and_that_is_said():
    watching = VolumeDetector.fit(None, NATS)
    assert "not watched yet" in watching.promises()[0].sentence
    life = arrivals(360.0, 10, 1)
    assert watching.observe(life, life) == []
    promise = watching.promises()[0]
    assert promise.learning
    assert promise.per_hour == pytest.approx(360.0, rel=0.02)
    assert "learned again" in promise.sentence
    events = watching.tick(START + 11 * DAY)
    assert said(events) == [("no_data", "crossed", "")]
    assert set(watching.facts["learning"]) == {"duplicates"}


def test_a_history_that_cannot_stay_quiet_is_told():
    rng = np.random.default_rng(0)
    wild = np.sort(
        np.concatenate([START + int(d) * DAY + rng.integers(0, 2 * HOUR, 10 ** (int(d) % 5))
                        for d in rng.permutation(60)])
    )  # fmt: skip
    promise = VolumeDetector.fit(VolumeReference.learn(wild), NATS).promises()[0]
    assert promise.muted or "widened" in promise.sentence or math.isinf(promise.half)


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_a_tiny_history_counts_as_none(rows):
    times = START + np.arange(rows) * MINUTE
    watching = VolumeDetector.fit(VolumeReference.learn(times), NATS)
    assert watching.observe(times + DAY, times) == []
    assert "not watched yet" in watching.promises()[0].sentence


# -- batches, ticks, restarts ------------------------------------------------------------------


def eventful(seed):
    """A life with a silence, a surge, repeats, late rows and rows slightly out of order."""
    rng = np.random.default_rng(seed)
    parts = [
        arrivals(360.0, 0.5, seed, start=START + 7 * DAY),
        arrivals(1_500.0, 0.5, seed + 1, start=START + 7 * DAY + 20 * HOUR),
        arrivals(360.0, 0.5, seed + 2, start=START + 9 * DAY),
    ]
    received = np.concatenate(parts)
    received = received - rng.integers(0, 2 * MINUTE, len(received))
    at = received - np.where(rng.random(len(received)) < 0.3, 6 * HOUR, 0)
    keys = rng.integers(0, 10**12, len(received))
    keys[-400:] = keys[-800:-400]
    names = rng.choice(["web", "app", None], len(received))
    return received, at, keys, names


def fresh(learned=True):
    if not learned:
        return VolumeDetector.fit(None, NATS)
    known = arrivals(360.0, 7, 0)
    names = np.random.default_rng(0).choice(["web", "app", None], len(known))
    reference = VolumeReference.learn(
        known, at=known, keys=np.arange(len(known)), sources=names.tolist()
    )
    return VolumeDetector.fit(reference, NATS)


def fed(watching, data, cuts, ticks=False):
    received, at, keys, names = data
    events = []
    bounds = [0, *sorted(cuts), len(received)]
    for low, high in itertools.pairwise(bounds):
        piece = slice(low, high)
        events += watching.observe(received[piece], at[piece], keys[piece], names[piece].tolist())
        if ticks and high:
            events += watching.tick(int(received[:high].max()))
    return sorted(events, key=lambda e: (e.at, e.source, e.kind, e.state))


STATE, LIFE = fresh().dump(), eventful(3)
WHOLE = fed(VolumeDetector.load(STATE), LIFE, [])


def test_the_eventful_life_has_every_kind_of_event():
    kinds = {e.kind.value for e in WHOLE}
    assert kinds >= {"no_data", "traffic_high", "duplicates", "late_data"}
    assert {e.source for e in WHOLE} == {"", "web", "app"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(LIFE[0])), max_size=12), st.booleans())
def test_neither_batches_nor_ticks_change_an_event(cuts, ticks):
    assert fed(VolumeDetector.load(STATE), LIFE, cuts, ticks) == WHOLE


def test_row_by_row_is_the_same():
    part = tuple(x[-2_500:] for x in LIFE)
    together = fed(VolumeDetector.load(STATE), part, [])
    assert fed(VolumeDetector.load(STATE), part, range(1, 2_500)) == together


@settings(max_examples=10, deadline=None)
@given(st.integers(0, len(LIFE[0])))
def test_a_restart_continues_to_the_bit(cut):
    one = VolumeDetector.load(STATE)
    head, tail = tuple(x[:cut] for x in LIFE), tuple(x[cut:] for x in LIFE)
    events = fed(one, head, [])
    two = VolumeDetector.load(one.dump())
    assert events + fed(two, tail, []) == events + fed(one, tail, [])
    assert one.dump() == two.dump()
    assert one.faults() == two.faults()


def test_learning_from_life_does_not_depend_on_batches():
    life = arrivals(360.0, 9, 1)
    data = life, life, np.arange(len(life)), np.array(["web"] * len(life), object)
    one, two = fresh(False), fresh(False)
    assert fed(one, data, []) == fed(two, data, range(0, len(life), 997))
    assert one.promises() == two.promises()


def test_counts_do_not_depend_on_pieces():
    life = arrivals(50.0, 9, 1)
    one, two = Counts(), Counts()
    one.add(life)
    for part in np.array_split(life, 13):
        two.add(part)
    assert one == two
    assert in_slots(one, DAY).rows.sum() <= len(life)
    assert learn_traffic(one, 20.0) == learn_traffic(two, 20.0)


# -- bad input ---------------------------------------------------------------------------------


def test_columns_of_different_lengths_are_refused():
    watching = detector()
    with pytest.raises(DataError, match="different lengths"):
        watching.observe(np.arange(3), np.arange(2))
    with pytest.raises(DataError, match="different lengths"):
        watching.observe(np.arange(3), np.arange(3), sources=["a"])


def test_a_time_before_1970_is_refused():
    with pytest.raises(DataError, match="before 1970"):
        detector().observe(np.array([-5]), np.array([0]))


def test_bytes_that_are_no_detector_are_refused():
    with pytest.raises(DataError, match="not the state"):
        VolumeDetector.load(b"\x93abc")


def test_a_row_from_the_far_future_is_set_right_by_a_tick():
    watching = detector()
    life = arrivals(360.0, 1, 1, start=START + 7 * DAY)
    watching.observe(life, life)
    ahead = np.array([START + 4_000 * DAY])
    watching.observe(ahead, ahead)
    watching.tick(START + 8 * DAY)
    watching.dismiss("no_data")
    more = arrivals(360.0, 1, 2, start=START + 8 * DAY)
    assert watching.observe(more, more) == []
    assert watching.facts["behind"] == 0


def test_an_empty_block_and_a_tick_before_any_row_change_nothing():
    watching = VolumeDetector.fit(None, NATS)
    before = watching.dump()
    assert watching.observe(np.array([], np.int64), np.array([], np.int64)) == []
    assert watching.tick(START) == []
    assert watching.dump() == before


def test_a_service_that_never_starts_is_noticed_from_the_first_tick():
    watching = detector()
    assert watching.tick(START + 8 * DAY) == []
    assert said(watching.tick(START + 9 * DAY)) == [("no_data", "crossed", "")]


def test_delays_follow_the_closed_form_for_poisson():
    rates = Rates(mean=(60.0,), low=(42.0,), high=(78.0,))
    usual = Traffic(pulse=rates, slots=rates, rows=1)
    assert silence_delay(usual, 21.0) == pytest.approx(21.0 / 42.0 * BASE)
    speed = 30.0 * math.log(0.7) - 42.0 * (0.7 - 1.0)
    assert level_delay(rates, 0.5, 21.0) == math.ceil(21.0 / speed) * BASE
    assert math.isinf(level_delay(rates, 0.8, 21.0))
