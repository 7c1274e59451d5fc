from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.row_by_row import PlainStream

from holdfast.detection.base import Block, EventKind, Reference, Side
from holdfast.detection.delay import rows_to_alarm, rows_to_alarm_with_bets
from holdfast.detection.mark_streams import stream_key
from holdfast.detection.marks import MarkDetector

NATS = 14.5


def blocks_of(marks, cuts, rows, first=0):
    """The same rows, cut at `cuts`."""
    edges = [0, *sorted({c for c in cuts if 0 < c < rows}), rows]
    for low, high in itertools.pairwise(edges):
        numbers = np.arange(low, high) + first
        inside = {m: at[(at >= low) & (at < high)] - low for m, at in marks.items()}
        yield Block(numbers, numbers * 1_000_000, {m: at for m, at in inside.items() if len(at)})


def run(detector, marks, rows, cuts=(), first=0):
    return [e for b in blocks_of(marks, cuts, rows, first) for e in detector.observe(b)]


def reference(rows=4000, **marks):
    return Reference(rows=rows, marks=marks, watched=tuple(marks))


def test_a_column_that_goes_all_null_crosses_within_five_rows():
    detector = MarkDetector.fit(reference(**{"Job:null": 0, "Age:null": 0}), NATS)
    [event] = run(detector, {"Job:null": np.arange(1000, 1100)}, 1100, cuts=[500, 1003])
    assert (event.kind, event.stream.key) == (EventKind.CROSSED, "Job:null")
    assert event.onset_row == 1000
    assert event.row - event.onset_row + 1 <= 5


def test_a_mended_column_recovers_after_fifty_clean_rows():
    detector = MarkDetector.fit(reference(**{"Job:null": 0}), NATS)
    crossed, recovered = run(detector, {"Job:null": np.arange(100, 300)}, 2000)
    assert recovered.kind is EventKind.RECOVERED
    assert recovered.row - 299 in range(50, 53)
    assert (recovered.yes, recovered.rows, recovered.last_row) == (200, 200, 299)
    assert recovered.onset_row == crossed.onset_row == 100


@pytest.mark.parametrize("share", [0.3, 0.05])
def test_a_partial_fault_is_found_with_the_delay_that_the_formula_predicts(share):
    rng = np.random.default_rng(7)
    delays = []
    for _ in range(60):
        detector = MarkDetector.fit(reference(**{"Job:null": 4}), NATS)
        at = np.flatnonzero(rng.random(20_000) < share)
        event = run(detector, {"Job:null": at}, 20_000)[0]
        delays.append(event.row + 1)
    stream = next(s for s in detector.streams if s.key == "Job:null")
    predicted = rows_to_alarm(share, stream.edge, stream.nats)
    with_bets = rows_to_alarm_with_bets(share, stream.edge, stream.nats)
    assert predicted <= with_bets
    assert 0.8 * predicted < np.mean(delays) < 1.5 * predicted


@pytest.mark.parametrize("share", [0.3, 0.1, 0.05])
def test_a_partial_fault_that_goes_on_does_not_flap(share):
    rng = np.random.default_rng(11)
    detector = MarkDetector.fit(reference(**{"Job:null": 4}), NATS)
    events = run(detector, {"Job:null": np.flatnonzero(rng.random(60_000) < share)}, 60_000)
    assert [e.kind for e in events] == [EventKind.CROSSED]


def test_a_flickering_pipe_needs_more_evidence_of_recovery_each_time():
    detector = MarkDetector.fit(reference(**{"Job:null": 0}), NATS)
    bad = np.concatenate([np.arange(s, s + 20) for s in range(0, 20_000, 80)])
    events = run(detector, {"Job:null": bad}, 20_000)
    assert sum(e.kind is EventKind.CROSSED for e in events) == 2


def test_null_rows_say_nothing_about_the_other_rules_of_their_column():
    detector = MarkDetector.fit(reference(**{"Job:null": 0, "Job:unseen": 0}), NATS)
    run(detector, {"Job:unseen": np.arange(3)}, 3)
    before = detector._wealth.copy()
    unseen = [i for i, s in enumerate(detector._live) if s.key == "Job:unseen"]
    run(detector, {"Job:null": np.arange(1000)}, 1000)
    assert (detector._wealth[unseen] == before[unseen]).all()


def test_nulls_that_vanish_are_noticed():
    rng = np.random.default_rng(3)
    detector = MarkDetector.fit(reference(**{"Income:null": 2400}), NATS)
    at = np.flatnonzero(rng.random(2000) < 0.6)
    events = run(detector, {"~Income:null": at}, 4000)
    assert (events[0].stream.key, events[0].stream.side) == ("Income:null", Side.DOWN)
    assert events[0].row >= 2000
    assert events[0].share < 0.05


def test_unknown_marks_are_watched_together():
    detector = MarkDetector.fit(reference(**{"Job:null": 0}), NATS)
    [event] = run(detector, {"Brand new:null": np.arange(50)}, 50)
    assert event.stream.key == ":other"


def test_marks_of_notes_and_violations_are_one_stream():
    assert stream_key("~Income:null") == stream_key("Income:null")


def test_a_stream_whose_reference_leaves_no_room_is_muted_and_says_so():
    detector = MarkDetector.fit(reference(**{"Fax:null": 3990}), NATS)
    up = next(s for s in detector.streams if s.key == "Fax:null" and s.side is Side.UP)
    assert "normal in the reference" in up.muted


def test_ups_and_downs_between_periods_widen_the_allowed_interval():
    tides = tuple(Reference(rows=500, marks={"Income:null": n}) for n in [10, 150] * 6)
    whole = Reference(rows=6000, marks={"Income:null": 960}, periods=tides)
    calm = Reference(rows=6000, marks={"Income:null": 960})
    edges = [
        next(s.edge for s in MarkDetector.fit(r, NATS).streams if s.key == "Income:null")
        for r in (whole, calm)
    ]
    assert edges[0] > edges[1] + 0.3


def test_a_share_that_the_contract_allows_is_silent():
    ref = Reference(rows=400, marks={}, watched=("Town:unseen",), allowed={"Town:unseen": 0.08})
    rng = np.random.default_rng(5)
    detector = MarkDetector.fit(ref, NATS)
    assert run(detector, {"Town:unseen": np.flatnonzero(rng.random(50_000) < 0.07)}, 50_000) == []


def test_an_open_fault_is_adopted_by_the_detector_of_a_new_release():
    old = MarkDetector.fit(reference(**{"Job:null": 0}), NATS)
    [crossed] = run(old, {"Job:null": np.arange(100)}, 100)
    new = MarkDetector.fit(reference(**{"Job:null": 10}), NATS)
    assert new.adopt(crossed)
    events = run(new, {"Job:null": np.arange(40)}, 200, first=100)
    assert [e.kind for e in events] == [EventKind.RECOVERED]
    assert events[0].onset_row == crossed.onset_row


def test_a_release_for_which_the_fault_is_normal_does_not_adopt_it():
    old = MarkDetector.fit(reference(**{"Job:null": 0}), NATS)
    [crossed] = run(old, {"Job:null": np.arange(100)}, 100)
    assert not MarkDetector.fit(reference(**{"Job:null": 4000}), NATS).adopt(crossed)
    assert not MarkDetector.fit(reference(**{"Age:null": 0}), NATS).adopt(crossed)


patterns = st.lists(
    st.tuples(st.sampled_from([0.0, 0.02, 0.3, 1.0]), st.integers(1, 250)), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(patterns, st.lists(st.integers(0, 2000), max_size=12), st.integers(0, 2**32), st.booleans())
def test_any_cutting_into_blocks_equals_the_row_by_row_detector(pattern, cuts, seed, common):
    rng = np.random.default_rng(seed)
    flags = np.concatenate([rng.random(n) < p for p, n in pattern])
    rows = len(flags)
    typed = np.flatnonzero((rng.random(rows) < 0.2) & ~flags)
    marks = {"Job:null": np.flatnonzero(flags), "Job:type": typed}
    ref = reference(**{"Job:null": 1200 if common else 2, "Job:type": 600})
    detector = MarkDetector.fit(ref, 9.0)
    got = [
        (e.row, e.stream.key, e.stream.side, e.kind.value, e.onset_row)
        for e in run(detector, marks, rows, cuts)
    ]
    expected = []
    for stream in detector._live:
        if stream.field != "Job":
            continue
        plain = PlainStream(stream)
        yes = set(marks[stream.key].tolist())
        for number in range(rows):
            if stream.code == "type" and flags[number]:
                continue
            answer = plain.see(number in yes, number)
            if answer:
                expected.append((number, stream.key, stream.side, *answer))
    assert sorted(got) == sorted(expected)


@settings(max_examples=30, deadline=None)
@given(patterns, st.integers(0, 2000), st.integers(0, 2**32))
def test_a_restart_from_the_saved_state_changes_nothing(pattern, cut, seed):
    rng = np.random.default_rng(seed)
    flags = np.concatenate([rng.random(n) < p for p, n in pattern])
    marks = {"Job:null": np.flatnonzero(flags)}
    through = MarkDetector.fit(reference(**{"Job:null": 2}), 9.0)
    events = run(through, marks, len(flags))
    restarted = MarkDetector.fit(reference(**{"Job:null": 2}), 9.0)
    again = []
    for block in blocks_of(marks, [cut], len(flags)):
        again += restarted.observe(block)
        restarted = MarkDetector.load(restarted.dump())
    assert again == events
    assert restarted.dump() == through.dump()
