from __future__ import annotations

import pytest
from tests.diagnosis.test_incidents import incident

from holdfast.diagnosis.grouping import Crossing, home, same_cause

OPEN = incident(id="i1", features=("price", "stock"))


@pytest.mark.parametrize("code", ["values", "dependence", "score", "above", "unseen"])
def test_a_movement_that_blames_what_an_open_incident_blames_is_that_one(code):
    new = incident(id="i2", features=("price",))
    assert same_cause(Crossing("weight", code, 900), new, [OPEN]) == "i1"
    assert same_cause(Crossing("weight", code, 900), incident(features=("age",)), [OPEN]) is None


@pytest.mark.parametrize("code", ["null", "type", "duplicate"])
def test_hard_faults_are_incidents_of_their_own(code):
    assert same_cause(Crossing("weight", code, 900), incident(features=("price",)), [OPEN]) is None


def test_the_oldest_of_several_takes_it():
    later = incident(id="i3", features=("price",))
    new = incident(id="i2", features=("price",))
    assert same_cause(Crossing("weight", "values", 900), new, [OPEN, later]) == "i1"
    assert same_cause(Crossing("weight", "values", 900), incident(features=()), [OPEN]) is None


def test_movements_join_a_drift_that_goes_on_whatever_it_is_called():
    drift = {"i1": [Crossing("a", "values", 100), Crossing("b", "named", 100)]}
    assert home(Crossing("c", "values", 5000), drift, {}) == "i1"
    fault = {"i1": [Crossing("a", "null", 100), Crossing("a", "named", 100)]}
    assert home(Crossing("c", "values", 5000), fault, {}) is None
