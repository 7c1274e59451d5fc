"""A storm over a few models: one message, and nothing is trained."""

from __future__ import annotations

from benchmarks.lifecycle.storm import run


def test_models_that_alarm_at_once_are_one_storm_and_none_is_trained():
    found = run(6, "null")
    assert found["incidents_before"] == 0
    assert found["models_that_alarmed"] == found["models_in_the_storm"] == 6
    assert found["sources"] == ["source=bureau"]
    assert found["incidents_outside_of_a_storm"] == 0
    assert found["asked_for_a_retraining"] == 6  # so it is the storm and the incident that hold it
    assert found["held_back_by"] == {"unless.open_incident": 6, "unless.storm": 6}
    assert found["retrains"] == 0
    assert found["outbox_rows"] <= 5


def test_a_storm_that_some_models_do_not_notice_holds_them_too():
    found = run(8, "shift")
    assert 5 <= found["models_that_alarmed"] < 8
    assert (found["storms"], found["sources"]) == (1, ["source=bureau"])
    assert found["kinds"].keys() > {"covariate: covariate_drift"}  # by itself it forbids nothing
    assert found["held_back_by"]["unless.storm"] == found["asked_for_a_retraining"] == 8
    assert found["retrains"] == 0
    assert found["outbox_rows"] <= 5
