from __future__ import annotations

from types import SimpleNamespace

import msgspec

from holdfast.diagnosis.grouping import Crossing, home
from holdfast.diagnosis.incidents import as_payload, differences, fold
from holdfast.records import Action, Incident, IncidentStatus


def incident(**details):
    return Incident(
        **(
            {
                "id": "i1", "model": "loan", "release": "r1", "status": IncidentStatus.OPEN,
                "class_": "pipeline", "kind": "missing", "action": Action.FIX_PIPELINE,
                "features": ("Job",), "sentence": "broken", "since": 5, "opened_at": 9,
                "opened_row": 5, "onset_row": 1,
            }
            | details
        )
    )  # fmt: skip


def event(kind, at=0, **payload):
    return SimpleNamespace(kind=kind, at=at, payload=payload)


OPENED = event("incident.opened", **as_payload(incident()))


def test_an_opened_incident_is_open():
    assert fold([OPENED]) == [incident()]


def test_opening_twice_opens_once():
    assert fold([OPENED, OPENED]) == [incident()]


def test_an_update_changes_what_it_names_and_is_remembered():
    later = incident(sentence="worse", features=("Job", "Age"))
    changes = differences(incident(), later)
    [got] = fold([OPENED, event("incident.updated", id="i1", update="now Age", changes=changes)])
    assert (got.sentence, got.features, got.updates) == ("worse", ("Job", "Age"), ("now Age",))


def test_recovery_closes_with_its_reason():
    [got] = fold([OPENED, event("incident.closed", id="i1", closed_at=99, reason="mended")])
    assert (got.status, got.closed_at, got.updates) == (IncidentStatus.CLOSED, 99, ("mended",))


def test_a_closed_incident_is_not_closed_again():
    first = event("incident.closed", id="i1", closed_at=99, reason="mended")
    second = event("incident.resolved", id="i1", closed_at=120, reason="by hand", by="ana")
    assert fold([OPENED, first, second])[0].closed_at == 99


def test_a_person_can_close_an_incident():
    [got] = fold([OPENED, event("incident.resolved", id="i1", closed_at=7, reason="known")])
    assert got.status is IncidentStatus.CLOSED


def test_events_of_other_kinds_and_unknown_incidents_are_ignored():
    assert fold([event("release.promoted", id="i1"), event("incident.updated", id="x")]) == []


def test_an_update_cannot_rewrite_history():
    changes = {"opened_at": 1, "id": "other", "status": "closed"}
    [got] = fold([OPENED, event("incident.updated", id="i1", update="", changes=changes)])
    assert got == incident()


def test_an_incident_survives_json():
    data = msgspec.json.encode(as_payload(incident()))
    assert fold([event("incident.opened", **msgspec.json.decode(data))]) == [incident()]


def test_two_faults_that_begin_apart_are_two_incidents():
    assert home(Crossing("Age", "null", 900), {"i1": [Crossing("Job", "null", 100)]}, {}) is None


def test_two_faults_of_different_kind_that_begin_together_are_two_incidents():
    assert home(Crossing("Age", "range", 101), {"i1": [Crossing("Job", "null", 100)]}, {}) is None


def test_columns_that_break_together_are_one_incident():
    assert home(Crossing("Age", "null", 101), {"i1": [Crossing("Job", "null", 100)]}, {}) == "i1"


def test_another_code_of_the_same_feature_joins():
    assert home(Crossing("Job", "type", 999), {"i1": [Crossing("Job", "null", 100)]}, {}) == "i1"


def test_rejections_join_the_incident_that_explains_them():
    there = {"i1": [Crossing("Job", "null", 100)]}
    assert home(Crossing("", "rejected", 100), there, {"i1": 0.9}) == "i1"
    assert home(Crossing("", "rejected", 100), there, {"i1": 0.3}) is None


def test_a_feature_takes_over_the_incident_of_its_own_rejections():
    there = {"i1": [Crossing("", "rejected", 100)]}
    assert home(Crossing("Job", "null", 100), there, {"i1": 1.0}) == "i1"
