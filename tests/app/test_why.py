"""Why a prediction came out as it did, against stores of which all is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.app.home import Home
from holdfast.app.settings import Settings
from holdfast.app.why import Known, guard_of, why
from holdfast.cli.why import document
from holdfast.diagnosis.incidents import CLOSED, OPENED, REOPENED, as_payload
from holdfast.errors import UsageError
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store


@pytest.fixture
def home(tmp_path: Path) -> Any:
    path = tmp_path / "holdfast.db"
    with Store.open(path) as store:
        yield Home(store, Settings(store=str(path)), None)


def predict(home: Home, name: str, at: int, release: str = "a", **more: Any) -> None:
    row = {"id": name, "model": "loan", "at": at, "received": at, "release": release} | more
    home.store.predictions.append_columns({name: [value] for name, value in row.items()})


def crown(home: Home, release: str, at: int) -> None:
    loan = Lifecycle(home.store, "loan")
    loan.add(release, at=at, by="ada", reason="built")
    home.store.decide_gate("loan", release, "passed", at=at)
    loan.audit(release, at=at, by="ada", reason="no leak")
    waived = {"shadow": "test", "canary": "test"}
    loan.promote(release, at=at, by="ada", reason="better", waived=waived)


def incident(home: Home, name: str, since: int, opened: int, closed: int | None = None) -> None:
    record = Incident(
        id=name, model="loan", release="a", status=IncidentStatus.OPEN, class_="pipeline",
        kind="shift", action=Action.FIX_PIPELINE, features=("Job",), sentence=f"trouble {name}",
        since=since, opened_at=opened, opened_row=1, onset_row=0,
    )  # fmt: skip
    home.store.control.append(OPENED, "loan", as_payload(record), at=opened)
    if closed is not None:
        payload = {"id": name, "closed_at": closed, "reason": "over", "changes": {}}
        home.store.control.append(CLOSED, "loan", payload, at=closed)


def test_the_stage_is_the_one_of_then_not_of_now(home: Home):
    crown(home, "a", 10)
    crown(home, "b", 30)
    for at in (5, 10, 29, 30):
        predict(home, f"p{at}", at)
    told = [why(home, f"p{at}")[0].release for at in (5, 10, 29, 30)]
    assert [(r.stage, r.champion_since) for r in told] == [
        (None, None), ("champion", 10), ("champion", 10), ("standby", None),
    ]  # fmt: skip


def test_a_champion_come_back_counts_from_its_return(home: Home):
    crown(home, "a", 10)
    crown(home, "b", 30)
    Lifecycle(home.store, "loan").rollback(at=40, by="ada", reason="worse")
    predict(home, "p", 41)
    assert why(home, "p")[0].release.champion_since == 40


def test_a_clock_that_was_set_back_does_not_break_the_answer(home: Home):
    crown(home, "a", 50)
    crown(home, "b", 20)
    predict(home, "p", 30, "b")
    told = why(home, "p")[0].release
    assert (told.stage, told.champion_since) == ("champion", 20)


def test_a_release_whose_files_are_gone_is_could_not_tell_and_the_rest_is_told(home: Home):
    predict(home, "p", 5, score=0.25, decision="approve", contract="c1")
    (told,) = why(home, "p")
    assert told.release.unknown == "this is no release"
    assert (told.score, told.decision, told.contract) == (0.25, "approve", "c1")


def test_a_prediction_without_a_release_says_so(home: Home):
    predict(home, "p", 5, release=None)  # type: ignore[arg-type]
    told = why(home, "p")[0].release
    assert (told.id, told.unknown) == (None, "no release is logged for this prediction")


def test_incidents_are_those_open_then_found_later_or_closed_before(home: Home):
    predict(home, "p", 100)
    incident(home, "then", since=10, opened=20)
    incident(home, "then, closed since", since=10, opened=20, closed=150)
    incident(home, "later", since=90, opened=200)
    incident(home, "later, after it", since=101, opened=200)
    incident(home, "later, before it", since=10, opened=200, closed=210)
    incident(home, "over", since=10, opened=20, closed=30)
    found = {i.id: (i.known, i.spoiled) for i in why(home, "p")[0].incidents}
    assert found["then"] == (Known.OPEN, True)
    assert found["then, closed since"][0] is Known.OPEN
    assert found["later"] == (Known.LATER, True)
    assert found["later, before it"] == (Known.LATER, True)
    assert "later, after it" not in found
    assert "over" not in found


def test_an_incident_closed_before_the_row_came_may_cover_its_event_time(home: Home):
    incident(home, "over", since=10, opened=20, closed=30)
    predict(home, "p", 15, received=100)
    assert [i.known for i in why(home, "p")[0].incidents] == [Known.CLOSED]


def test_an_incident_that_came_back_after_the_row_is_found_later(home: Home):
    incident(home, "back", since=10, opened=20, closed=30)
    predict(home, "p", 100)
    payload = {"id": "back", "by": "ada", "reason": "it was not over"}
    home.store.control.append(REOPENED, "loan", payload, at=200)
    assert [i.known for i in why(home, "p")[0].incidents] == [Known.LATER]


def test_the_label_known_last_counts_and_of_another_model_none(home: Home):
    predict(home, "p", 5)
    assert why(home, "p")[0].label is None
    for model, value, known in (("loan", "1", 9), ("loan", "0", 7), ("card", "2", 11)):
        home.store.labels.append_columns(
            {"id": ["p"], "model": [model], "value": [value], "known_at": [known],
             "received": [known]}
        )  # fmt: skip
    told = why(home, "p")[0]
    assert (told.label, told.label_known_at) == ("1", 9)


def test_every_prediction_of_an_id_is_told_the_first_answered_first(home: Home):
    home.store.catalog.add_model("card", at=0)
    predict(home, "p", 9, score=0.9)
    predict(home, "p", 5, score=0.5)
    predict(home, "p", 7, model="card", score=0.7)
    assert [one.score for one in why(home, "p")] == [0.5, 0.7, 0.9]
    assert [one.score for one in why(home, "p", "card")] == [0.7]


@pytest.mark.parametrize("name", ["", "p1", "P", "\udcff"])
def test_an_unknown_id_is_refused_with_a_remedy(home: Home, name: str):
    predict(home, "p", 5)
    with pytest.raises(UsageError) as caught:
        why(home, name)
    assert caught.value.code == "HF-E-USAGE-PREDICTION"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("verdict", "repaired", "refused"),
    [("degraded", ("Age",), ()), ("rejected", (), ("Age",)), ("abstained", (), ("Age",))],
)
def test_a_broken_rule_repairs_an_answered_row_and_refuses_another(
    verdict: str, repaired: tuple[str, ...], refused: tuple[str, ...]
):
    guard = guard_of(verdict, None, ["Age:range", "Age:type", "~Job:null"])
    assert (guard.repaired, guard.refused, guard.noted) == (repaired, refused, ("Job",))


def test_a_decision_that_was_drawn_is_told_as_such(home: Home):
    predict(home, "p1", 5, decision="approve", explored=True, propensity=0.02)
    predict(home, "p2", 5, decision="refuse", explored=False, propensity=0.98)
    predict(home, "p3", 5, decision="refuse")
    told = [why(home, name)[0] for name in ("p1", "p2", "p3")]
    assert [one.explored for one in told] == [True, False, None]
    assert [one.propensity for one in told] == [0.02, 0.98, None]
    texts = ["drawn with a chance of 0.02" in repr(document("p", [one]).blocks) for one in told]
    assert texts == [True, False, False]
