from __future__ import annotations

import numpy as np
import pytest
from tests.monitoring.world import Life

from holdfast.detection.budget import parse_budget
from holdfast.monitoring.arrivals import Arrivals
from holdfast.monitoring.rows import decode
from holdfast.monitoring.worker import MonitorWorker, incidents
from holdfast.records import Action, IncidentStatus
from holdfast.storage import Store

MINUTE = 60_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
BEGIN = 1795392000_000_000  # 2026-11-23 00:00 UTC


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def worker(store, holder="a"):
    return MonitorWorker(store, lambda _model, _name: None, holder=holder)


def life(times, *, first=0, sources=None):
    """Rows that came at these times."""
    made = Life(len(times), first=first)
    made.received = np.asarray(times)
    made.at = made.received - 1000
    if sources is not None:
        made.source = sources
    return made


def every(step, begin, end):
    return np.arange(begin, end, step)


WEEK = every(MINUTE // 2, BEGIN, BEGIN + 2 * DAY)


def test_silence_is_an_incident_and_closes_when_rows_come_again(store):
    store.predictions.append(life(WEEK).batch())
    watcher = worker(store)
    end = BEGIN + 2 * DAY
    assert watcher.run_once(end) == []
    [found] = watcher.run_once(end + 2 * HOUR)
    assert (found.class_, found.kind, found.action) == (
        "pipeline", "no_data", Action.FIX_PIPELINE,
    )  # fmt: skip
    assert "no rows arrived since" in found.sentence
    assert found.onset_row == pytest.approx(len(WEEK), abs=64)
    assert watcher.run_once(end + 2 * HOUR + MINUTE) == []
    again = every(MINUTE // 2, end + 3 * HOUR, end + 9 * HOUR)
    store.predictions.append(life(again, first=len(WEEK)).batch())
    watcher.run_once(end + 9 * HOUR)
    [ended] = incidents(store)
    assert (ended.status, ended.id) == (IncidentStatus.CLOSED, found.id)


def test_a_restart_between_learning_and_silence_changes_nothing(store):
    store.predictions.append(life(WEEK).batch())
    end = BEGIN + 2 * DAY
    first = worker(store, "a")
    first.run_once(end)
    first.close()
    second = worker(store, "b")
    [found] = second.run_once(end + 2 * HOUR)
    second.close()
    assert worker(store, "c").run_once(end + 2 * HOUR + MINUTE) == []
    assert [i.id for i in incidents(store)] == [found.id]


def test_while_the_log_is_behind_time_does_not_pass(store):
    store.predictions.append(life(WEEK).batch())
    watcher = worker(store)
    late = BEGIN + 5 * DAY
    assert watcher.step(late, max_rows=4000) == []
    assert incidents(store) == []
    watcher.run_once(late)
    assert [i.kind for i in incidents(store)] == ["no_data"]


def test_one_source_falling_silent_is_named_and_all_of_them_are_one_incident(store):
    half = np.array(["web", "app"], object)[np.arange(len(WEEK)) % 2]
    store.predictions.append(life(WEEK, sources=half).batch())
    watcher = worker(store)
    end = BEGIN + 2 * DAY
    web = every(MINUTE, end, end + 4 * HOUR)
    store.predictions.append(
        life(web, first=len(WEEK), sources=np.array(["web"] * len(web), object)).batch()
    )
    watcher.run_once(end + 4 * HOUR)
    [found] = incidents(store)
    assert "`app`" in found.sentence
    assert found.class_ == "pipeline"


def test_the_same_rows_again_are_named(store):
    normal = life(WEEK)
    store.predictions.append(normal.batch())
    watcher = worker(store)
    end = BEGIN + 2 * DAY
    again = life(every(MINUTE // 2, end, end + 2 * HOUR), first=len(WEEK) - 240)
    store.predictions.append(again.batch())
    watcher.run_once(end + 2 * HOUR)
    [found] = incidents(store)
    assert (found.kind, found.action) == ("duplicates", Action.FIX_PIPELINE)


def test_a_person_may_accept_the_new_level(store):
    store.predictions.append(life(WEEK).batch())
    watcher = worker(store)
    end = BEGIN + 2 * DAY
    busy = every(MINUTE // 8, end, end + 6 * HOUR)
    store.predictions.append(life(busy, first=len(WEEK)).batch())
    watcher.run_once(end + 6 * HOUR)
    [found] = incidents(store)
    assert (found.kind, found.action) == ("traffic_high", Action.INVESTIGATE)
    store.control.append(
        "incident.accepted", "loan", {"id": found.id, "closed_at": end, "reason": "campaign"}, at=0
    )
    more = every(MINUTE // 8, end + 6 * HOUR, end + 18 * HOUR)
    store.predictions.append(life(more, first=len(WEEK) + len(busy)).batch())
    watcher.run_once(end + 18 * HOUR)
    assert [i.status for i in incidents(store)] == [IncidentStatus.CLOSED]


def test_the_state_goes_on_to_the_bit():
    one = Arrivals("loan", parse_budget("1 false incident per month"))
    rows = decode(life(WEEK[:3000]).batch())
    one.observe(rows)
    two = Arrivals("loan", parse_budget("1 false incident per month"), one.dump())
    late = WEEK[3000:] + 0
    more = decode(life(late, first=3000).batch())
    assert one.observe(more) == two.observe(more)
    end = BEGIN + 2 * DAY + 3 * HOUR
    assert one.tick(end) == two.tick(end)
    assert one.dump() == two.dump()
    assert [i.kind for i in one.open] == ["no_data"]
