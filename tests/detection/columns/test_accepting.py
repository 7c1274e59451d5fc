from __future__ import annotations

import math

import numpy as np
import pytest
from tests.detection.columns.clocks import tides
from tests.detection.columns.tables import exchangeable, numbers

from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import learn_reference

NATS = math.log(2_000_000)


@pytest.fixture(scope="module")
def fit():
    columns, score, label = exchangeable(6000, np.random.default_rng(0))
    return learn_reference(columns, score=score, label=label)


def rows(n, seed, shift=0.0, nulls=0.0):
    """`normal` moved by `shift`, `round` null in a share of rows."""
    rng = np.random.default_rng(seed)
    columns, score, label = exchangeable(n, rng)
    columns["normal"] = numbers(columns["normal"].numbers + shift)
    x = columns["round"].numbers.copy()
    x[rng.random(n) < nulls] = np.nan
    columns["round"] = numbers(x)
    return columns, score, label


def crossed(detector, columns, score=None, at=None):
    """Streams that crossed, with their rows."""
    n = len(next(iter(columns.values())))
    found = detector.observe(columns, n, score, at)
    return {x.name: x for x in found if not x.over}


def test_what_was_accepted_is_quiet_and_a_further_change_is_not(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    found = crossed(detector, live)
    assert {x.field for x in found.values()} == {"normal"}
    assert detector.accept("i1", list(found), live) == 2000
    assert crossed(detector, rows(8000, 2, shift=0.6)[0]) == {}
    further = crossed(detector, rows(2000, 3, shift=1.4)[0])
    assert {x.field for x in further.values()} == {"normal"}


def test_what_the_reference_called_normal_stays_normal(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    detector.accept("i1", list(crossed(detector, live)), live)
    assert crossed(detector, rows(6000, 4)[0]) == {}
    assert crossed(detector, rows(2000, 5, shift=-0.6)[0]) != {}


def test_without_evidence_it_only_starts_afresh_and_is_found_again(fit):
    detector = ValueDetector(fit, NATS)
    found = crossed(detector, rows(2000, 1, shift=0.6)[0])
    assert detector.accept("i1", list(found), {}) == 0
    assert crossed(detector, rows(2000, 2, shift=0.6)[0]) != {}


def test_accepted_nulls_are_quiet_and_more_of_them_are_not(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(600, 1, nulls=0.3)
    found = crossed(detector, live)
    assert {x.code for x in found.values()} == {"null"}
    detector.accept("i1", list(found), live)
    assert crossed(detector, rows(8000, 2, nulls=0.3)[0]) == {}
    assert {x.field for x in crossed(detector, rows(400, 3, nulls=0.9)[0]).values()} == {"round"}


def test_accepted_values_beyond_the_range_are_quiet(fit):
    detector = ValueDetector(fit, NATS)

    def with_extremes(n, seed, share):
        columns, _, _ = rows(n, seed)
        x = columns["normal"].numbers.copy()
        x[np.random.default_rng(seed).random(n) < share] = 50.0
        return columns | {"normal": numbers(x)}

    live = with_extremes(1000, 1, 0.05)
    found = crossed(detector, live)
    assert {x.code for x in found.values()} >= {"above"}
    detector.accept("i1", list(found), live)
    assert crossed(detector, with_extremes(6000, 2, 0.05)) == {}
    assert crossed(detector, with_extremes(1000, 3, 0.5)) != {}


def test_other_columns_are_watched_as_before(fit):
    one, two = ValueDetector(fit, NATS), ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    one.accept("i1", list(crossed(one, live)), live)
    crossed(two, rows(2000, 1)[0])
    late, _, _ = rows(1000, 6, nulls=0.2)
    seen = [crossed(d, late).values() for d in (one, two)]
    assert next([x.row for x in s if x.code == "null"] for s in seen) != []
    assert len({tuple(x.row for x in s if x.code == "null") for s in seen}) == 1


def test_it_can_be_taken_back(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    detector.accept("i1", list(crossed(detector, live)), live)
    assert detector.take_back("i1")
    assert not detector.take_back("i1")
    fresh = ValueDetector(fit, NATS)
    for mine, its in zip(detector._blocks.steps, fresh._blocks.steps, strict=True):
        assert np.array_equal(mine, its)
    assert crossed(detector, rows(2000, 2, shift=0.6)[0]) != {}


def test_it_survives_a_restart_to_the_bit(fit):
    detector = ValueDetector(fit, NATS)
    live, score, _ = rows(2000, 1, shift=0.6)
    detector.accept("i1", list(crossed(detector, live, score)), live, score)
    again = ValueDetector(fit, NATS)
    again.load(detector.dump())
    assert again.notes == detector.notes
    late, score, _ = rows(2000, 3, shift=1.3)
    assert crossed(again, late, score) == crossed(detector, late, score) != {}
    assert again.dump() == detector.dump()
    assert len(detector.dump()) < 300_000


def test_it_is_told(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    detector.accept("i1", list(crossed(detector, live)), live)
    assert "accepted as normal on 2,000 rows: normal; a further change counts" in detector.notes


def test_outcomes_that_mean_something_else_can_be_accepted(fit):
    detector = ValueDetector(fit, NATS)

    def outcomes(n, seed, share):
        columns, score, label = rows(n, seed)
        flipped = np.random.default_rng(seed).random(n) < share
        label = np.where(flipped, 1.0 - label, label)
        coded = detector.read(columns, n)
        found = detector.observe_labels(coded, score, label)
        return columns, score, label, [x.name for x in found if not x.over]

    columns, score, label, found = outcomes(2000, 1, 0.25)
    assert found
    detector.accept("i1", found, columns, score, label)
    assert outcomes(6000, 2, 0.25)[3] == []
    assert outcomes(2000, 3, 0.6)[3] != []


def test_columns_that_go_by_the_clock_are_accepted_at_all_hours():
    columns, at = tides(9600, np.random.default_rng(1))
    fit = learn_reference(columns, at=at)
    detector = ValueDetector(fit, NATS)

    def moved(n, seed, shift):
        live, at = tides(n, np.random.default_rng(seed))
        return live | {"warmth": numbers(live["warmth"].numbers + shift)}, at

    live, at = moved(960, 2, 1.0)
    found = crossed(detector, live, at=at)
    assert {x.field for x in found.values()} == {"warmth"}
    detector.accept("i1", list(found), live, at=at)
    live, at = moved(4800, 3, 1.0)
    assert crossed(detector, live, at=at) == {}
    live, at = moved(960, 4, 2.5)
    assert crossed(detector, live, at=at) != {}


def test_two_acceptances_add_up_and_go_one_by_one(fit):
    detector = ValueDetector(fit, NATS)
    live, _, _ = rows(2000, 1, shift=0.6)
    detector.accept("i1", list(crossed(detector, live)), live)
    late, _, _ = rows(2000, 3, shift=1.4)
    detector.accept("i2", list(crossed(detector, late)), late)
    assert crossed(detector, rows(6000, 4, shift=1.4)[0]) == {}
    detector.take_back("i2")
    assert crossed(detector, rows(4000, 5, shift=0.6)[0]) == {}
    assert crossed(detector, rows(2000, 6, shift=1.4)[0]) != {}
