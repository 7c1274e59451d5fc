from __future__ import annotations

import contextlib

import numpy as np
import pyarrow as pa
import pytest
from tests.monitoring.scored import DAY, World
from tests.monitoring.world import SECOND, START

from holdfast.errors import StoreFullError
from holdfast.monitoring.clock import RowClock
from holdfast.monitoring.feed import TOGETHER, mark, steps
from holdfast.monitoring.outcomes import read_values
from holdfast.monitoring.worker import MonitorWorker, incidents
from holdfast.storage import Store

FLIP = 3000
NORMAL = World(6000, seed=1).release()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def worker(store, holder="a"):
    known = {NORMAL.id: NORMAL}
    return MonitorWorker(
        store, lambda _model, name: known.get(name), rows_per_day=50_000, holder=holder
    )


def told(store):
    return [(e.kind, e.key) for e in store.control.events() if e.kind.startswith("incident.")]


def test_outcomes_that_turn_against_the_score_become_an_incident(store):
    life = World(6000, seed=2, flip_from=FLIP)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(delay=60 * SECOND))
    watcher = worker(store)
    watcher.run_once(START)
    [found] = incidents(store)
    assert found.class_ == "concept"
    assert abs(found.onset_row - FLIP) < 500
    assert watcher.labels["loan"] == {"joined": 6000, "repeated": 0, "unmatched": 0, "unread": 0}


def test_outcomes_of_a_quiet_time_say_nothing(store):
    life = World(6000, seed=3)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(delay=60 * SECOND))
    assert worker(store).run_once(START) == []


def test_predictions_that_left_memory_are_read_back_from_the_log(store):
    life = World(40_000, seed=4, flip_from=2000)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(0, 6000, delay=2 * DAY))
    watcher = worker(store)
    watcher.run_once(START)
    [found] = incidents(store)
    assert found.class_ == "concept"
    assert watcher.labels["loan"]["joined"] == 6000
    assert abs(found.onset_row - 2000) < 800


def test_late_labels_that_trickle_in_are_looked_for_together(store):
    life = World(14_000, seed=4)
    store.predictions.append(life.predictions())
    watcher = worker(store)
    watcher.run_once(START)
    for i in range(5):
        store.labels.append(life.labels(i * 10, i * 10 + 10, delay=2 * DAY))
        watcher.run_once(START + i * SECOND)
    assert watcher.labels["loan"]["joined"] == 10
    watcher.run_once(START + 11 * SECOND)
    assert watcher.labels["loan"]["joined"] == 50


def test_a_repeated_label_counts_once_and_an_unknown_id_is_counted_not_guessed(store):
    life = World(600, seed=5)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(0, 300))
    store.labels.append(life.labels(100, 300))
    store.labels.append(World(50, seed=6, first=9000).labels())
    watcher = worker(store)
    watcher.run_once(START)
    assert watcher.labels["loan"] == {"joined": 300, "repeated": 200, "unmatched": 50, "unread": 0}


def test_labels_before_any_prediction_of_the_model_are_no_trouble(store):
    store.labels.append(World(10).labels())
    watcher = worker(store)
    assert watcher.run_once(START) == []
    assert watcher.run_once(START) == []


def test_restarts_after_every_step_find_the_same_incident(store, tmp_path):
    life = World(6000, seed=2, flip_from=FLIP)
    for low in range(0, 6000, 1500):
        store.predictions.append(life.predictions(low, low + 1500))
        store.labels.append(life.labels(low, low + 1500, delay=0))
        watcher = worker(store, holder=f"w{low}")
        watcher.run_once(START + low)
        watcher.close()
    with Store.open(tmp_path / "other.db") as other:
        steady = worker(other)
        for low in range(0, 6000, 1500):
            other.predictions.append(life.predictions(low, low + 1500))
            other.labels.append(life.labels(low, low + 1500, delay=0))
            steady.run_once(START + low)
        assert told(store) == told(other)
        mine, theirs = incidents(store), incidents(other)
        assert [(i.kind, i.sentence) for i in mine] == [(i.kind, i.sentence) for i in theirs]
        assert len(mine) == 1


@pytest.mark.parametrize("fail_at", [1, 3, 6, 9])
def test_a_crash_neither_repeats_nor_skips_a_label(store, monkeypatch, fail_at):
    life = World(6000, seed=2, flip_from=FLIP)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(delay=0))
    calls = 0
    real = store.catalog.put_state

    def maybe(*args, **kwargs):
        nonlocal calls
        calls += 1
        result = real(*args, **kwargs)
        if calls == fail_at:
            raise StoreFullError("no space left")
        return result

    monkeypatch.setattr(store.catalog, "put_state", maybe)
    watcher = worker(store)
    for _ in range(12):
        with contextlib.suppress(StoreFullError):
            watcher.step(START, max_rows=2000)
    assert [k for k, _ in told(store)].count("incident.opened") == 1
    assert watcher.labels["loan"]["joined"] == 6000


def test_while_the_log_is_behind_no_label_overtakes_the_predictions_before_it(store):
    life = World(5000, seed=7)
    store.predictions.append(life.predictions())
    store.labels.append(life.labels(delay=1000 * SECOND))
    watcher = worker(store)
    watcher.step(START, max_rows=2000)
    joined = watcher.labels["loan"]["joined"]
    assert 900 <= joined <= 1000
    watcher.run_once(START)
    assert watcher.labels["loan"]["joined"] == 5000


def test_rows_that_come_with_their_labels_between_two_looks_lose_no_label(store, monkeypatch):
    life = World(300, seed=8)
    written = []

    def late(log):
        real = log.tail

        def tail(*args, **kwargs):
            found = real(*args, **kwargs)
            if not written:
                written.append(True)
                store.predictions.append(life.predictions())
                store.labels.append(life.labels(delay=0))
            return found

        return tail

    for log in (store.labels, store.predictions):
        monkeypatch.setattr(log, "tail", late(log))
    watcher = worker(store)
    watcher.run_once(START)
    watcher.run_once(START + 60 * SECOND)
    assert watcher.labels["loan"] == {"joined": 300, "repeated": 0, "unmatched": 0, "unread": 0}


def test_rows_and_labels_are_taken_in_the_order_in_which_they_came():
    life = World(2000)
    order = list(steps(life.predictions(), life.labels(0, 1000, delay=500 * SECOND), 0))
    seen = labelled = 0
    for rows, labels in order:
        seen += 0 if rows is None else rows.num_rows
        if labels is not None:
            labelled += labels.num_rows
            assert seen >= labelled + 500 or seen == 2000
            assert seen - (labelled - labels.num_rows) - 500 <= 2 * TOGETHER
    assert (seen, labelled) == (2000, 1000)


def test_places_behind_the_reader_stay_few_and_far_enough():
    places, rows = [], 0
    for _ in range(400):
        places = mark(places, str(rows).encode(), rows, 1000)
        rows += 1000
    assert len(places) <= 10
    assert rows - places[0][1] >= 32_768


def test_labels_are_read_by_the_positive_label_or_as_numbers():
    value, unread = read_values(['"bad"', '"good"', "null", "{"], "bad")
    assert (value[:2].tolist(), np.isnan(value[2:]).all(), unread) == ([1.0, 0.0], True, 1)
    value, unread = read_values(["1", "false", '"bad"'], None)
    assert (value[:2].tolist(), bool(np.isnan(value[2])), unread) == ([1.0, 0.0], True, 1)


def test_the_row_clock_stays_small_and_near():
    clock = RowClock()
    times = np.arange(0, 5_000_000, 50)
    for low in range(0, len(times), 777):
        clock.take(low, times[low : low + 777])
    assert len(clock.times) <= 512
    assert abs(clock.row_at(2_500_000) - 50_000) <= clock.apart


def test_an_empty_feed_gives_no_step():
    assert list(steps(None, None, 0)) == []
    empty = World(5).predictions().slice(0, 0)
    assert list(steps(empty, None, 0)) == [(empty, None)]
    assert isinstance(empty, pa.RecordBatch)
