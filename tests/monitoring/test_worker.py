from __future__ import annotations

import contextlib

import numpy as np
import pytest
from tests.monitoring.world import SECOND, START, Life, release

from holdfast.errors import StoreError, StoreFullError
from holdfast.monitoring.worker import MonitorWorker, incidents
from holdfast.records import IncidentStatus
from holdfast.storage import Store


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def worker(store, holder="a", *releases):
    known = {r.id: r for r in releases or (release(),)}
    return MonitorWorker(
        store, lambda _model, name: known.get(name), rows_per_day=50_000, holder=holder
    )


def events(store):
    """Of incidents; what was done about them is told in `test_record.py`."""
    return [(e.kind, e.key) for e in store.control.events() if e.kind.startswith("incident.")]


def broken_for_a_while(rows=2000):
    return Life(rows).mark("Job:null", np.arange(1000, 1300))


def test_the_log_becomes_an_incident_that_opens_and_closes(store):
    life = broken_for_a_while()
    watcher = worker(store)
    store.predictions.append(life.batch(0, 1200))
    [found] = watcher.run_once(START)
    assert found.status is IncidentStatus.OPEN
    assert incidents(store) == [found]
    store.predictions.append(life.batch(1200, 2000))
    [ended] = watcher.run_once(START + SECOND)
    assert ended.status is IncidentStatus.CLOSED
    assert incidents(store, "loan") == [ended]
    assert watcher.run_once(START + 2 * SECOND) == []
    assert watcher.rows == {"loan": 2000}


def test_values_are_looked_up_in_the_log_when_diagnosis_needs_them(store):
    life = Life(1200).mark("Age:range", np.arange(1000, 1200), Age=4100)
    store.predictions.append(life.batch())
    worker(store).run_once(START)
    [found] = incidents(store)
    assert (found.kind, "factor of 100" in found.sentence) == ("unit_scale", True)


def test_restarting_after_every_step_changes_nothing(store, tmp_path):
    life = broken_for_a_while()
    for low in range(0, 2000, 90):
        store.predictions.append(life.batch(low, min(low + 90, 2000)))
        watcher = worker(store, holder=f"w{low}")
        watcher.run_once(START + low)
        watcher.close()
    with Store.open(tmp_path / "other.db") as other:
        other.predictions.append(life.batch())
        worker(other).run_once(START)
        mine = {k for k in events(store) if k[0] != "incident.updated"}
        theirs = {k for k in events(other) if k[0] != "incident.updated"}
        assert mine == theirs
        assert len(mine) == 2


@pytest.mark.parametrize("fail_at", range(1, 8))
def test_a_crash_between_any_two_writes_neither_repeats_nor_skips(store, monkeypatch, fail_at):
    life = broken_for_a_while()
    store.predictions.append(life.batch(0, 1100))
    store.predictions.append(life.batch(1100, 2000))
    calls = 0
    real_append, real_put = store.control.append, store.catalog.put_state

    def maybe(real):
        def wrapped(*args, **kwargs):
            nonlocal calls
            calls += 1
            result = real(*args, **kwargs)
            if calls == fail_at:
                raise StoreFullError("no space left")
            return result

        return wrapped

    monkeypatch.setattr(store.control, "append", maybe(real_append))
    monkeypatch.setattr(store.catalog, "put_state", maybe(real_put))
    watcher = worker(store)
    for _ in range(30):
        with contextlib.suppress(StoreFullError):
            watcher.step(START, max_rows=400)
    kinds = [e.kind for e in store.control.events()]
    assert (kinds.count("incident.opened"), kinds.count("incident.closed")) == (1, 1)
    assert watcher.rows == {"loan": 2000}


def test_only_one_of_two_workers_is_in_charge(store):
    life = broken_for_a_while()
    first, second = worker(store, "a"), worker(store, "b")
    store.predictions.append(life.batch(0, 1200))
    assert len(first.run_once(START)) == 1
    assert second.run_once(START) == []
    store.predictions.append(life.batch(1200, 2000))
    assert len(second.run_once(START + 60 * SECOND)) == 1
    assert first.run_once(START + 60 * SECOND) == []
    assert [k for k, _ in events(store)].count("incident.opened") == 1
    assert second.rows == {"loan": 2000}


def test_a_worker_that_lost_its_lease_midway_writes_nothing(store, monkeypatch):
    life = broken_for_a_while()
    store.predictions.append(life.batch())
    slow, fast = worker(store, "slow"), worker(store, "fast")
    real = store.predictions.tail

    def tail(*args, **kwargs):
        answer = real(*args, **kwargs)
        monkeypatch.setattr(store.predictions, "tail", real)
        fast.run_once(START + 60 * SECOND)
        return answer

    monkeypatch.setattr(store.predictions, "tail", tail)
    assert slow.step(START) == []
    kinds = [k for k, _ in events(store)]
    assert (kinds.count("incident.opened"), kinds.count("incident.closed")) == (1, 1)


def test_an_incident_closed_by_a_person_leaves_the_state_and_comes_back_if_it_goes_on(store):
    life = Life(1200).mark("Job:null", np.arange(1000, 1200))
    watcher = worker(store)
    store.predictions.append(life.batch(0, 1100))
    [found] = watcher.run_once(START)
    store.control.append(
        "incident.resolved", "loan", {"id": found.id, "closed_at": START, "reason": "known"}, at=0
    )
    watcher.run_once(START)
    assert incidents(store)[0].status is IncidentStatus.CLOSED
    store.predictions.append(life.batch(1100, 1200))
    watcher.run_once(START)
    [again] = incidents(store)
    assert (again.id, again.status.value, len(again.reopened)) == (found.id, "open", 1)


def test_models_are_kept_apart(store):
    store.predictions.append(Life(500).batch())
    store.predictions.append(Life(500, model="fraud").mark("Job:null", np.arange(500)).batch())
    watcher = worker(store)
    watcher.run_once(START)
    assert [i.model for i in incidents(store)] == ["fraud"]
    assert watcher.rows == {"loan": 500, "fraud": 500}


def test_trouble_of_the_store_is_told_and_the_step_can_be_repeated(store, monkeypatch):
    store.predictions.append(broken_for_a_while().batch())
    real = store.predictions.tail

    def fails(*args, **kwargs):
        monkeypatch.setattr(store.predictions, "tail", real)
        raise StoreError("the disk does not answer")

    monkeypatch.setattr(store.predictions, "tail", fails)
    watcher = worker(store)
    with pytest.raises(StoreError):
        watcher.step(START)
    assert len(watcher.run_once(START)) == 1
