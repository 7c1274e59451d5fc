from __future__ import annotations

from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnosis.grouping import Crossing, home, returns
from holdfast.diagnosis.incidents import Ledger, as_payload, differences, fold
from holdfast.records import Action, Incident, IncidentStatus, Mute, Note


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


# -- people --------------------------------------------------------------------------------------


def by(kind, at=20, **payload):
    return event(f"incident.{kind}", at, id="i1", by="ana", reason="because", **payload)


def states(*events, now=30):
    return [i.state(now).value for i in fold([OPENED, *events])]


CLOSED = event("incident.closed", 10, id="i1", closed_at=10, reason="mended")


def test_every_state_is_reached_by_its_event():
    assert states() == ["open"]
    assert states(by("acknowledged")) == ["acknowledged"]
    assert states(by("muted", until=None)) == ["muted"]
    assert states(CLOSED) == ["closed"]
    assert states(by("resolved", closed_at=20)) == ["closed"]
    assert states(by("accepted", closed_at=20)) == ["accepted"]
    assert states(CLOSED, by("reopened")) == ["reopened"]


def test_who_when_and_why_are_kept():
    [got] = fold([OPENED, by("acknowledged"), by("muted", at=25, until=99)])
    assert got.acknowledged == Note(by="ana", at=20, reason="because")
    assert got.muted == Mute(by="ana", at=25, reason="because", until=99)


def test_a_mute_with_a_time_ends_at_that_time():
    assert states(by("muted", until=31)) == ["muted"]
    assert states(by("muted", until=30)) == ["open"]


def test_a_mute_until_it_changes_ends_with_the_cause_and_not_with_the_count():
    muted = by("muted", until=None)
    more = event("incident.updated", id="i1", update="more", changes={"sentence": "more"})
    other = event("incident.updated", id="i1", update="x", changes={"features": ["Job", "Age"]})
    assert states(muted, more) == ["muted"]
    assert states(muted, more, other) == ["open"]
    assert states(by("muted", until=99), other) == ["muted"]


def test_a_mute_is_lifted_by_hand_and_by_closing():
    assert states(by("muted", until=None), by("unmuted")) == ["open"]
    [got] = fold([OPENED, by("muted", until=None), CLOSED, by("reopened")])
    assert got.muted is None


def test_decisions_that_do_not_fit_change_nothing():
    assert states(by("unmuted"), by("reopened")) == ["open"]
    assert states(CLOSED, by("muted", until=None), by("acknowledged")) == ["closed"]
    assert states(by("accepted", closed_at=20), by("resolved", closed_at=21)) == ["accepted"]


# -- returns -------------------------------------------------------------------------------------


def back(name="i2", at=40, **details):
    fresh = incident(id=name, opened_at=at, sentence="again", **details)
    plain = as_payload(fresh)["incident"]
    return event("incident.reopened", at, id="i1", episode=name, incident=plain)


def test_a_return_is_the_same_incident_with_the_new_evidence():
    [got] = fold([OPENED, CLOSED, back(evidence={"because": "new"})])
    assert (got.id, got.episode, got.opened_at, got.reopened) == ("i1", "i2", 9, (40,))
    assert (got.sentence, got.evidence) == ("again", {"because": "new"})
    assert (got.closed_at, got.ending) == (None, "")


def test_after_a_return_the_monitor_speaks_of_it_by_its_new_name():
    update = event("incident.updated", 50, id="i2", update="worse", changes={"sentence": "worse"})
    end = event("incident.closed", 60, id="i2", closed_at=60, reason="mended again")
    [got] = fold([OPENED, CLOSED, back(), update, end])
    assert (got.sentence, got.status.value, got.closed_at) == ("worse", "closed", 60)
    assert got.updates == ("mended", "again", "worse", "mended again")


def test_what_the_monitor_says_of_an_episode_that_is_over_is_not_of_this_one():
    stale = event("incident.closed", 60, id="i1", closed_at=60, reason="mended")
    assert fold([OPENED, CLOSED, back(), stale])[0].status is IncidentStatus.OPEN


def test_a_return_wakes_up_a_muted_incident():
    assert states(by("muted", until=None), CLOSED, back()) == ["reopened"]


def test_the_history_tells_everything_once_with_its_time_and_person():
    note = event("field.fallback", 22, incident="i1", field="Job", on=True, text="off")
    both = event("alert.raised", 23, incidents=["i1", "other"], text="alert")
    ledger = Ledger([OPENED, by("acknowledged"), by("reopened"), note, both, CLOSED])
    told = [(m.at, m.kind.partition(".")[2], m.by) for m in ledger.histories["i1"]]
    assert told == [
        (0, "opened", ""), (20, "acknowledged", "ana"), (22, "fallback", ""), (23, "raised", ""),
        (10, "closed", ""),
    ]  # fmt: skip


# -- replay --------------------------------------------------------------------------------------

KINDS = [
    "opened", "updated", "closed", "reopened", "acknowledged", "muted", "unmuted", "resolved",
    "accepted",
]  # fmt: skip


@st.composite
def stories(draw):
    """Control events in any order, of two incidents and their returns, sensible or not."""
    out = []
    for seq in range(1, draw(st.integers(1, 25)) + 1):
        kind = draw(st.sampled_from(KINDS))
        name = draw(st.sampled_from(["i1", "i2", "i3"]))
        payload = {"id": name, "by": "ana", "reason": draw(st.sampled_from(["", "why"]))}
        if kind == "opened":
            payload = as_payload(incident(id=name))
        elif kind == "updated":
            payload |= {"update": "u", "changes": {"kind": draw(st.sampled_from("ab"))}}
        elif kind == "muted":
            payload["until"] = draw(st.none() | st.integers(0, 50))
        elif kind in ("closed", "resolved", "accepted"):
            payload["closed_at"] = seq
        elif draw(st.booleans()):
            payload |= {"episode": "i3", "incident": as_payload(incident(id="i3"))["incident"]}
        out.append(SimpleNamespace(kind=f"incident.{kind}", at=seq, seq=seq, payload=payload))
    return out


@given(stories())
def test_the_same_events_give_the_same_incidents_however_often_they_are_read(story):
    once = fold(story)
    assert fold(story) == once
    assert fold([*story, *story]) == once
    assert fold([e for e in story for _ in range(2)]) == once


@given(stories(), st.integers(0, 25))
def test_reading_on_from_any_point_is_reading_all(story, cut):
    ledger = Ledger(story[:cut])
    for e in story[cut:]:
        ledger.apply(e)
    assert ledger.incidents == fold(story)


@given(stories())
def test_an_incident_is_never_in_two_minds(story):
    for got in fold(story):
        closed = got.status is IncidentStatus.CLOSED
        assert (got.closed_at is not None, bool(got.ending)) == (closed, closed)
        assert not (closed and got.muted)
        assert msgspec.convert(msgspec.to_builtins(got), Incident) == got


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(
            ["id", "changes", "until", "closed_at", "episode", "incident", "incidents"]
        ),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    ),
)
def test_events_of_another_version_do_not_break_the_reading(kind, payload):
    found = fold([OPENED, event(f"incident.{kind}", **payload | {"id": "i1"})])
    assert [i.id for i in found] == ["i1"]


# -- what has come back --------------------------------------------------------------------------

DAY = 86_400_000_000
OVER = incident(status=IncidentStatus.CLOSED, closed_at=100, ending="recovery")


def test_the_same_cause_within_a_day_has_come_back():
    assert returns(incident(id="i2", opened_at=100 + DAY), [OVER]) == "i1"
    assert returns(incident(id="i2", opened_at=101 + DAY), [OVER]) is None


def test_another_cause_has_not():
    for other in ({"kind": "unit_scale"}, {"features": ("Age",)}, {"model": "fraud"}):
        assert returns(incident(id="i2", opened_at=101, **other), [OVER]) is None


def test_what_was_accepted_as_normal_does_not_come_back():
    accepted = msgspec.structs.replace(OVER, ending="accepted")
    assert returns(incident(id="i2", opened_at=101), [accepted]) is None


def test_an_incident_opened_by_hand_takes_the_monitors_finding():
    [held] = fold([OPENED, CLOSED, by("reopened")])
    assert returns(incident(id="i2", opened_at=101), [held]) == "i1"
    assert returns(incident(id="i2", opened_at=101), [incident()]) is None


def test_of_several_the_one_closed_last_has_come_back():
    later = msgspec.structs.replace(OVER, id="i0", closed_at=200)
    assert returns(incident(id="i2", opened_at=300), [OVER, later]) == "i0"
