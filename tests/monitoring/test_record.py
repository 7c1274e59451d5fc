"""What follows from a change of an incident: returns, actions by policy, notices, and their end."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from tests.monitoring.world import SECOND, START, Life, release

from holdfast.app.cases import act, case, set_rows_aside, switch_fields
from holdfast.diagnosis.decisions import Verb
from holdfast.diagnosis.quarantine import quarantined
from holdfast.errors import UsageError
from holdfast.monitoring.actions import ActionPolicy
from holdfast.monitoring.engine import Change
from holdfast.monitoring.worker import MonitorWorker, incidents
from holdfast.records import Automatic
from holdfast.releases.switches import Switches
from holdfast.storage import Store

EVERYTHING = ActionPolicy({"pipeline": tuple(Automatic)})
HOUR = 3_600 * SECOND


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "holdfast.db") as opened:
        yield opened


def worker(store, policy=None, *, covers=True):
    known = release()
    known.fallback_for = lambda features: SimpleNamespace(without=features) if covers else None
    return MonitorWorker(store, lambda _model, _name: known, rows_per_day=50_000, policy=policy)


def kinds(store):
    return [e.kind for e in store.control.events()]


def broken(store, policy=None, rows=1100, **details):
    store.predictions.append(Life(rows).mark("Job:null", np.arange(1000, rows)).batch())
    watcher = worker(store, policy, **details)
    [found] = watcher.run_once(START)
    return watcher, found


def mend(store, watcher, first=1100, rows=900):
    store.predictions.append(Life(rows, first=first, seed=1).batch())
    return watcher.run_once(START + HOUR)


def off(store):
    return Switches().after(store.control.events()).off()


def test_unless_told_otherwise_only_an_alert_is_raised(store):
    _, found = broken(store)
    assert kinds(store)[0] == "incident.opened"
    assert set(kinds(store)) <= {
        "incident.opened", "incident.updated", "alert.raised", "rows.spoiled",
    }  # fmt: skip
    [alert] = [e for e in store.control.events() if e.kind == "alert.raised"]
    assert alert.payload["incidents"] == [found.id]


def test_a_policy_of_nothing_does_nothing(store):
    broken(store, ActionPolicy({"missing": ()}))
    assert "alert.raised" not in kinds(store)


def test_what_the_policy_names_is_done_once_and_undone_when_it_is_mended(store):
    watcher, found = broken(store, EVERYTHING)
    assert off(store) == {"loan": ("Job",)}
    [[before]] = quarantined(store.control.events()).values()
    assert (before.until, before.marks) == (None, ("Job:null",))
    [ended] = mend(store, watcher)
    assert (ended.id, ended.ending) == (found.id, "recovery")
    assert off(store) == {}
    [[after]] = quarantined(store.control.events()).values()
    assert after.until == ended.closed_at
    counted = kinds(store)
    assert (counted.count("field.fallback"), counted.count("rows.quarantined")) == (2, 2)


def test_exactly_the_broken_rows_are_set_aside(store):
    broken(store, EVERYTHING)
    [[held]] = quarantined(store.control.events()).values()
    rows = store.predictions.read(model="loan", columns=["id", "at", "source", "marks"])
    assert held.holds(rows).sum() == 100


def test_a_field_without_a_fallback_is_not_switched_off_and_that_is_told(store):
    _, found = broken(store, EVERYTHING, covers=False)
    assert off(store) == {}
    assert any("no fallback covers it" in m.text for m in case(store, found.id).history)
    assert kinds(store).count("action.skipped") == 1


def test_a_person_who_closes_an_incident_ends_what_was_done_about_it(store):
    _, found = broken(store, EVERYTHING)
    act(store, found.id, Verb.RESOLVE, reason="fixed", by="ana", at=START + HOUR)
    assert off(store) == {}
    [[held]] = quarantined(store.control.events()).values()
    assert held.until == START + HOUR


def test_rows_of_what_is_normal_now_are_released(store):
    watcher, found = broken(store, EVERYTHING)
    shown = act(store, found.id, Verb.ACCEPT, reason="new product", by="ana", at=START + HOUR)
    assert quarantined(store.control.events()) == {}
    assert shown.incident.state(START + HOUR).value == "accepted"
    watcher.run_once(START + HOUR)
    assert store.control.verify() == []


def test_the_worker_takes_note_of_what_was_accepted(store, monkeypatch):
    watcher, found = broken(store)
    told = []
    monkeypatch.setattr(
        "holdfast.monitoring.engine.ModelMonitor.accept", lambda self, name: told.append(name)
    )
    act(store, found.id, Verb.ACCEPT, reason="new product", by="ana", at=START)
    watcher.run_once(START)
    assert told == [found.id]


def test_what_a_person_opens_again_is_not_normal_any_more(store):
    watcher, found = broken(store)
    act(store, found.id, Verb.ACCEPT, reason="new product", by="ana", at=START)
    watcher.run_once(START)
    [watching] = watcher._models.values()
    assert [a.incident for a in watching.values.accepted] == [found.id]
    act(store, found.id, Verb.REOPEN, reason="no: a fault", by="ana", at=START + 1)
    watcher.run_once(START + 1)
    assert watcher._models["loan"].values.accepted == []


def test_a_cause_that_comes_back_opens_its_incident_again_and_is_told_again(store):
    watcher, found = broken(store, EVERYTHING)
    mend(store, watcher)
    again = Life(300, first=2000, seed=2).mark("Job:null", np.arange(100, 200))
    store.predictions.append(again.batch(0, 200))
    [back] = watcher.run_once(START + 2 * HOUR)
    assert (back.id, len(back.reopened), back.status.value) == (found.id, 1, "open")
    assert off(store) == {"loan": ("Job",)}
    assert kinds(store).count("alert.raised") == 2
    assert len(quarantined(store.control.events())["loan"]) == 2
    act(store, found.id, Verb.RESOLVE, reason="fixed", by="ana", at=START + 2 * HOUR)
    watcher.run_once(START + 2 * HOUR)
    assert watcher._models["loan"].values.open == []
    assert [i.id for i in incidents(store)] == [found.id]


def test_a_muted_incident_goes_on_being_watched_in_silence(store):
    watcher, found = broken(store, rows=1030)
    act(store, found.id, Verb.MUTE, reason="known", by="ana", at=START)
    store.predictions.append(Life(300, first=1030, seed=1).mark("Job:null", np.arange(300)).batch())
    [grown] = watcher.run_once(START + SECOND)
    assert (grown.state(START + SECOND).value, kinds(store).count("alert.raised")) == ("muted", 1)
    assert grown.sentence != found.sentence


def test_impact_is_counted_and_kept_even_where_it_cannot_be_priced(store):
    _, found = broken(store)
    assert found.impact is not None
    assert found.impact.rows == 100
    assert found.impact.cost_so_far.value is None
    assert incidents(store) == [found]


def test_many_incidents_at_once_are_one_more_message_and_not_many(store):
    for i in range(8):
        life = Life(1100, model=f"m{i}", seed=i).mark("Job:null", np.arange(1000, 1100))
        store.predictions.append(life.batch())
    worker(store).run_once(START)
    alerts = [e for e in store.control.events() if e.kind == "alert.raised"]
    assert len(incidents(store)) == 8
    assert len(alerts) < 8
    assert "8 incidents" in alerts[-1].payload["text"]


def test_actions_by_hand_keep_person_and_reason_and_are_refused_twice(store):
    _, found = broken(store)
    set_rows_aside(store, found.id, reason="bad rows", by="ana", at=START)
    shown = switch_fields(store, found.id, (), off=True, reason="until fixed", by="ana", at=START)
    assert (shown.off, shown.aside) == (("Job",), True)
    assert [m.by for m in shown.history][-2:] == ["ana", "ana"]
    with pytest.raises(UsageError, match="set aside already"):
        set_rows_aside(store, found.id, reason="again", by="ana", at=START)
    with pytest.raises(UsageError, match="so already"):
        switch_fields(store, found.id, ("Job",), off=True, reason="again", by="ana", at=START)
    back = switch_fields(store, found.id, (), off=False, reason="fixed", by="ana", at=START)
    assert (back.off, off(store)) == ((), {})
    with pytest.raises(UsageError, match="nothing to switch"):
        switch_fields(store, found.id, (), off=False, reason="fixed", by="ana", at=START)


def test_a_field_stays_off_as_long_as_one_incident_holds_it():
    def event(incident, on):
        payload = {"field": "Job", "on": on, "incident": incident}
        return SimpleNamespace(kind="field.fallback", model="loan", payload=payload)

    both = [event("i1", True), event("i2", True), event("i1", False)]
    assert Switches().after(both).off() == {"loan": ("Job",)}
    assert Switches().after([*both, event("i2", False)]).off() == {}
    assert Switches().after(both[:1]).after(both[1:]) == Switches().after(both)


def test_drifted_rows_are_set_aside_only_where_the_policy_says_so_for_them():
    policy = ActionPolicy({"default": (Automatic.ALERT, Automatic.QUARANTINE)})
    assert policy.of("drift", "covariate") == (Automatic.ALERT,)
    assert Automatic.QUARANTINE in policy.of("missing", "pipeline")
    named = ActionPolicy({"covariate": (Automatic.QUARANTINE,)})
    assert named.of("drift", "covariate") == (Automatic.QUARANTINE,)


def test_the_history_stays_whole_and_survives_json(store):
    _, found = broken(store, EVERYTHING)
    act(store, found.id, Verb.ACK, reason="mine", by="ana", at=START)
    act(store, found.id, Verb.RESOLVE, reason="fixed", by="ana", at=START + HOUR)
    act(store, found.id, Verb.REOPEN, reason="too early", by="bo", at=START + 2 * HOUR)
    assert store.control.verify() == []
    shown = case(store, found.id)
    assert msgspec.json.decode(msgspec.json.encode(shown.incident), type=type(found)) == (
        shown.incident
    )
    times = [m.at for m in shown.history]
    assert times == sorted(times)


def test_rows_of_a_broken_pipeline_are_spoiled_for_training_from_before_its_onset(store):
    watcher, found = broken(store)
    [row] = store.training.spoiled("loan")
    assert (row.incident, row.interval.until, row.standing) == (found.id, None, True)
    before = store.predictions.read(model="loan", since=row.interval.since, until=found.since)
    assert before.num_rows == max(200, found.opened_row - found.onset_row)
    [ended] = mend(store, watcher)
    [row] = store.training.spoiled("loan")
    assert (row.interval.until, row.standing) == (ended.closed_at, True)


def test_accepted_rows_may_be_learned_from(store):
    _, found = broken(store)
    act(store, found.id, Verb.ACCEPT, reason="a new product", by="ada", at=START + HOUR)
    assert store.training.standing("loan") == ()
    told = [e.payload for e in store.control.events() if e.kind == "rows.cleared"]
    assert told == [{"incident": found.id, "by": "ada", "reason": "a new product"}]


def test_a_resolved_incident_ends_its_spoiled_rows_and_reopened_it_goes_on(store):
    _, found = broken(store)
    act(store, found.id, Verb.ACK, reason="looking", by="ada", at=START + HOUR)
    act(store, found.id, Verb.RESOLVE, reason="mended", by="ada", at=START + HOUR)
    assert [i.until for i in store.training.standing("loan")] == [START + HOUR]
    act(store, found.id, Verb.REOPEN, reason="too early", by="ada", at=START + 2 * HOUR)
    assert [i.until for i in store.training.standing("loan")] == [None]


def test_a_verdict_that_is_revised_spoils_rows_until_then_and_no_later_ones(store):
    watcher, found = broken(store)
    other = msgspec.structs.replace(found, class_="covariate", kind="covariate_drift")
    change = Change(
        "incident.updated", other,
        {"id": found.id, "update": "it is drift", "changes": {"class": "covariate"}}, "u1",
    )  # fmt: skip
    recorder = watcher._record
    with store.transaction():
        recorder.write([recorder.counted(change)], START)
    [row] = store.training.spoiled("loan")
    latest = store.predictions.read(model="loan", columns=["at"]).column("at")
    assert row.standing
    assert row.interval.until == max(int(t.timestamp() * 1e6) for t in latest.to_pylist()) + 1
    again = msgspec.structs.replace(found, kind="stuck")
    change = Change(
        "incident.updated", again,
        {"id": found.id, "update": "a fault it is", "changes": {"class": "pipeline"}}, "u2",
    )  # fmt: skip
    with store.transaction():
        recorder.write([recorder.counted(change)], START)
    [row] = store.training.spoiled("loan")
    assert row.interval.until is None
