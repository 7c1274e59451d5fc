"""Many at once are one storm; a person gets one message for it, and never more than fit an hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.diagnosis.test_incidents import incident

from holdfast.diagnosis.notices import HOUR, Sent, due
from holdfast.diagnosis.storms import WITHIN, origin_of, storms
from holdfast.records import IncidentStatus, Mute

MINUTE = 60_000_000


def some(count, *, gap=MINUTE, source="", start=0, **details):
    evidence = {"origin": {"dimension": "source", "value": source}} if source else {}
    return [
        incident(id=f"i{i}", opened_at=start + i * gap, evidence=evidence, **details)
        for i in range(count)
    ]


def test_five_within_minutes_are_a_storm_and_four_are_not():
    assert storms(some(4)) == []
    [storm] = storms(some(5))
    assert storm.incidents == ("i0", "i1", "i2", "i3", "i4")
    assert storm.sentence.startswith("5 incidents of model loan since")


def test_three_from_one_source_are_a_storm_that_names_it():
    [storm] = storms(some(3, source="app-ios"))
    assert (storm.source, storm.sentence.count("all from source=app-ios")) == ("source=app-ios", 1)
    assert storms([*some(2, source="app-ios"), incident(id="x", opened_at=0)]) == []


def test_a_source_that_some_tell_and_none_denies_is_named_with_how_many_do():
    some_tell = [*some(3, source="app-ios"), incident(id="x", opened_at=0)]
    [storm] = storms(some_tell)
    assert storm.source == "source=app-ios"
    assert "3 of them from source=app-ios" in storm.sentence
    more = [incident(id=f"y{i}", opened_at=0) for i in range(3)]
    [storm] = storms([*some_tell, *more])  # three of seven are too few
    assert (storm.source, " from " in storm.sentence) == ("", False)
    other = some(1, source="web")[0]
    [storm] = storms([*some(5, source="app-ios")[1:], other])
    assert storm.source == ""


@pytest.mark.parametrize(
    ("evidence", "place"),
    [
        ({"origin": {"dimension": "source", "value": "web"}}, "source=web"),
        ({"segment": {"dimension": "source", "value": "web", "of_affected": 1.0}}, "source=web"),
        ({"segment": {"dimension": "source", "value": "web", "of_affected": 0.9}}, ""),
        ({"segment": {"dimension": "Job", "value": "nurse", "of_affected": 1.0}}, ""),
        ({"origin": {"dimension": "source", "value": ""}}, ""),
        ({}, ""),
    ],
)
def test_the_place_is_told_by_marks_or_by_values(evidence, place):
    assert origin_of(incident(evidence=evidence)) == place


def test_five_over_a_day_are_five_incidents():
    assert storms(some(5, gap=WITHIN + 1)) == []


def test_a_storm_over_several_models_says_so():
    found = [incident(id=f"m{i}", model=f"m{i}") for i in range(5)]
    assert "5 incidents in 5 models" in storms(found)[0].sentence


def test_a_storm_keeps_its_name_while_it_grows():
    assert storms(some(5))[0].id == storms(some(9))[0].id


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=14), st.randoms())
def test_the_order_in_which_incidents_are_given_says_nothing(spec, random):
    found = [
        incident(
            id=f"i{i:02}", opened_at=minute * MINUTE,
            status=IncidentStatus.OPEN if standing else IncidentStatus.CLOSED,
        )
        for i, (minute, standing) in enumerate(spec)
    ]  # fmt: skip
    mixed = list(found)
    random.shuffle(mixed)
    assert storms(mixed) == storms(found)
    for storm in storms(found):
        assert len(storm.incidents) >= 5
        assert all(i.status is IncidentStatus.OPEN for i in found if i.id in storm.incidents)


def told(incidents, sent=(), now=0, **limits):
    return [notice.incidents for notice, _ in due(incidents, list(sent), now, **limits)]


def remember(found, at=0):
    return [Sent(at=at, key=notice.key, names=names) for notice, names in found]


def test_an_incident_is_told_once_and_again_when_it_comes_back():
    sent = remember(due([incident()], [], 0))
    assert told([incident()]) == [("i1",)]
    assert told([incident()], sent) == []
    again = incident(episode="i9", reopened=(50,))
    assert told([again], sent) == [("i1",)]


def test_muted_and_closed_incidents_are_not_told():
    assert told([incident(muted=Mute(by="ana", at=0, until=None))]) == []
    assert told([incident(status=IncidentStatus.CLOSED)]) == []


def test_a_storm_is_told_once_for_all_and_again_when_it_is_ten_times_as_large():
    sent = remember(due(some(5), [], 0))
    assert told(some(5)) == [tuple(f"i{i}" for i in range(5))]
    assert told(some(9), sent) == []
    assert len(told(some(10), sent)) == 1


def test_five_hundred_models_that_alarm_from_one_source_are_five_notices():
    origin = {"origin": {"dimension": "source", "value": "feature-service", "of_affected": 1.0}}
    found = [
        incident(id=f"i{i:03}", model=f"m{i}", opened_at=i, evidence=origin) for i in range(500)
    ]
    sent: list[Sent] = []
    for number in range(1, 501):
        sent += remember(due(found[:number], sent, number), at=number)
    assert len(sent) == 5
    assert {name for s in sent for name in s.names} >= {f"i{i:03}" for i in range(100)}
    [storm] = storms(found)
    assert len(storm.incidents) == 500


def test_incidents_told_one_by_one_are_not_told_again_as_a_storm():
    sent = [Sent(at=0, key=f"notice/i{i}", names=(f"i{i}",)) for i in range(5)]
    assert told(some(5), sent) == []
    assert len(told(some(6), sent)) == 1


def test_no_more_than_so_many_in_an_hour_and_the_last_stands_for_the_rest():
    found = some(7, gap=WITHIN + 1)
    notices = due(found, [], 0, per_hour=3)
    assert [n.incidents for n, _ in notices] == [("i0",), ("i1",), ("i2", "i3", "i4", "i5", "i6")]
    assert "and 4 more" in notices[-1][0].text
    sent = remember(notices)
    assert told(found, sent, now=1, per_hour=3) == []
    late = [*found, incident(id="i9", opened_at=10 * HOUR)]
    assert told(late, sent, now=1, per_hour=3) == []
    assert told(late, sent, now=HOUR + 1, per_hour=3) == [("i9",)]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=30),
    st.integers(1, 5),
)
def test_over_any_hour_the_limit_holds_and_in_the_end_everything_was_told(minutes, per_hour):
    found = [incident(id=f"i{i:02}", opened_at=m * MINUTE) for i, m in enumerate(sorted(minutes))]
    sent: list[Sent] = []
    for now in range(0, 10 * HOUR, HOUR // 4):
        here = [i for i in found if i.opened_at <= now]
        sent += remember(due(here, sent, now, per_hour=per_hour), at=now)
        assert sum(s.at > now - HOUR for s in sent) <= per_hour
    names = {name for s in sent for name in s.names}
    stormy = {name for storm in storms(found) for name in storm.incidents}
    assert {i.id for i in found} - stormy <= names
    assert len(names & stormy) >= min(len(stormy), 1)
