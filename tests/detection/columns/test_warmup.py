from __future__ import annotations

import math

import numpy as np
import pytest
from tests.detection.columns.clocks import tides
from tests.detection.columns.tables import exchangeable, numbers, sticky

from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import WARM_UP, learn_reference

NATS = math.log(2_000_000)
STAY = 0.9


def take(columns, places):
    return {name: values.take(places) for name, values in columns.items()}


def shuffled(columns, rng):
    return take(columns, rng.permutation(len(next(iter(columns.values())))))


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(0)
    return learn_reference(shuffled(sticky(8000, rng, STAY), rng), ordered=False)


def crossed(detector, columns, batch=400):
    rows, found = len(next(iter(columns.values()))), []
    for low in range(0, rows, batch):
        places = np.arange(low, min(low + batch, rows))
        found += detector.observe(take(columns, places), len(places))
    return [(x.row, x.field, x.code) for x in found if not x.over]


def test_a_shuffled_reference_means_a_warm_up_and_says_so(fit):
    assert fit.warm_up == WARM_UP
    assert fit.notes[0].startswith("warm-up: the reference shows nothing of how rows follow")
    assert f"{WARM_UP:,} rows" in fit.notes[0]


def test_what_a_warm_up_taught_is_told(fit):
    detector = ValueDetector(fit, NATS)
    assert detector.notes == list(fit.notes)
    crossed(detector, sticky(WARM_UP, np.random.default_rng(11), STAY))
    assert not any(note.startswith("warm-up") for note in detector.notes)
    assert any("'size': the first rows of production move more" in n for n in detector.notes)
    assert not any(n.startswith("'other': the first rows") for n in detector.notes)


def test_without_a_word_the_order_itself_decides():
    rng = np.random.default_rng(1)
    rows = sticky(4000, rng, STAY)
    assert learn_reference(rows, ordered=None).warm_up == 0
    assert learn_reference(shuffled(rows, rng), ordered=None).warm_up == WARM_UP
    assert learn_reference(shuffled(rows, rng)).warm_up == 0  # taken at their word


def test_sticky_rows_stay_quiet_after_a_warm_up_and_not_without():
    budget, rows = 2000.0, 15_000
    rng = np.random.default_rng(2)
    reference = shuffled(sticky(8000, rng, STAY), rng)
    live = sticky(rows, rng, STAY)
    count = {}
    for ordered in (False, True):
        detector = ValueDetector(learn_reference(reference, ordered=ordered), math.log(budget))
        count[ordered] = sum(row >= WARM_UP for row, _, _ in crossed(detector, live))
    assert count[False] <= (rows - WARM_UP) / budget < 10 * 5 < count[True]


def test_nulls_count_from_the_first_row_on(fit):
    rng = np.random.default_rng(3)
    live = sticky(400, rng, STAY)
    live["other"].state[50:] = 1
    live["other"].numbers[50:] = np.nan
    found = [x for x in crossed(ValueDetector(fit, NATS), live) if x[1] == "other"]
    assert found[0][2] == "null"
    assert found[0][0] - 50 <= 6


def test_repeats_wait_until_they_were_learned(fit):
    rng = np.random.default_rng(4)
    detector = ValueDetector(fit, NATS)
    muted = {s.code for s in detector.streams() if s.muted.startswith("not learned yet")}
    assert {"repeat", "recent"} <= muted
    crossed(detector, sticky(WARM_UP, rng, STAY))
    left = {s.code for s in detector.streams() if s.muted.startswith("not learned yet")}
    assert left == set()
    live = sticky(600, rng, STAY)
    live["other"].numbers[100:] = 0.25
    assert any(field == "other" for _, field, _ in crossed(detector, live))


def test_a_level_that_is_not_the_references_is_found_all_the_same():
    rng = np.random.default_rng(5)
    fit = learn_reference({"x": numbers(rng.normal(size=6000))}, ordered=False)
    early = crossed(ValueDetector(fit, NATS), {"x": numbers(rng.normal(1.0, 1.0, 4000))})
    assert early
    assert early[0][0] < 1500
    slight = crossed(ValueDetector(fit, NATS), {"x": numbers(rng.normal(0.3, 1.0, 9000))})
    assert slight
    assert slight[0][0] >= WARM_UP


def test_exchangeable_rows_lose_nothing_but_the_warm_up():
    rng = np.random.default_rng(6)
    columns, score, label = exchangeable(6000, rng)
    late = {}
    for ordered in (True, False):
        fit = learn_reference(columns, score=score, label=label, ordered=ordered)
        detector = ValueDetector(fit, NATS)
        live, scores, _ = exchangeable(9000, np.random.default_rng(7))
        live["normal"].numbers[6000:] += 0.5
        scores[6000:] = scores[6000:]
        found = detector.observe(live, 9000, scores)
        assert all(x.row >= 6000 for x in found)
        late[ordered] = next(x.row for x in found if x.field == "normal") - 6000
    assert late[False] <= 1.5 * late[True]


@pytest.mark.parametrize("batch", [7, 1000, 9000])
def test_batches_and_restarts_change_nothing(fit, batch):
    live = sticky(9000 if batch > 7 else 5600, np.random.default_rng(8), STAY)
    rows = len(live["size"])
    live["size"].numbers[rows - 400 :] += 3.0
    whole = ValueDetector(fit, NATS)
    told = crossed(whole, live, rows)
    detector, found = ValueDetector(fit, NATS), []
    for low in range(0, rows, batch):
        if batch > 7 or low % 700 == 0:
            again = ValueDetector(fit, NATS)
            again.load(detector.dump())
            detector = again
        places = np.arange(low, min(low + batch, rows))
        found += detector.observe(take(live, places), len(places))
    assert [(x.row, x.field, x.code) for x in found if not x.over] == told != []
    assert detector.dump() == whole.dump()


def test_what_is_kept_while_it_lasts_is_small(fit):
    detector = ValueDetector(fit, NATS)
    crossed(detector, sticky(WARM_UP - 20, np.random.default_rng(9), STAY))
    assert len(detector.dump()) < 100_000
    crossed(detector, sticky(20, np.random.default_rng(9), STAY))
    assert len(detector.dump()) < 40_000


def test_a_reference_with_times_needs_none():
    columns, at = tides(4800, np.random.default_rng(10))
    assert learn_reference(columns, at=at, ordered=True).warm_up == 0
