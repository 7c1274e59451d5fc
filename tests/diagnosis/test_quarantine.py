from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.diagnosis.test_incidents import incident

from holdfast.diagnosis.quarantine import Range, carrying, quarantined, range_of, set_aside, spoiled
from holdfast.records import IncidentStatus

STREAM = {"feature": "Job", "code": "null", "side": "up"}


def rows(*given, marks=None):
    at, sources = zip(*given, strict=True)
    times = pa.array(at, pa.int64()).cast(pa.timestamp("us", "UTC"))
    lists = pa.array(marks or [None] * len(at), pa.list_(pa.string()))
    return pa.table({"at": times, "source": pa.array(sources, pa.string()), "marks": lists})


def aside(found, **changes):
    return SimpleNamespace(
        kind="rows.quarantined", model=found.model, payload=set_aside(found) | changes
    )


def test_nulls_name_their_rows_and_nothing_else_is_spoiled():
    found = range_of(incident(evidence={"streams": [STREAM]}))
    table = rows(
        (4, "web"), (5, "web"), (6, None), marks=[["Job:null"], ["~Job:null"], ["Age:null"]]
    )
    assert found.marks == ("Job:null",)
    assert found.holds(table).tolist() == [False, True, False]


def test_of_a_wrong_unit_every_row_from_the_guilty_source_is_spoiled():
    origin = {"dimension": "source", "value": "ios", "of_affected": 0.99}
    found = range_of(incident(kind="unit_scale", evidence={"streams": [STREAM], "origin": origin}))
    assert found.marks == ()
    assert found.holds(rows((5, "ios"), (5, "web"), (5, None))).tolist() == [True, False, False]


def test_a_source_that_holds_only_most_of_them_is_no_limit():
    origin = {"dimension": "source", "value": "ios", "of_affected": 0.7}
    assert range_of(incident(kind="unit_scale", evidence={"origin": origin})).source is None


def test_the_range_ends_when_the_incident_does():
    closed = incident(status=IncidentStatus.CLOSED, closed_at=7, kind="unit_scale")
    assert range_of(closed).holds(rows((5, "a"), (6, "a"), (7, "a"))).tolist() == [
        True,
        True,
        False,
    ]


def test_said_again_about_an_episode_replaces_and_another_episode_adds():
    one = incident()
    shut = msgspec.structs.replace(one, status=IncidentStatus.CLOSED, closed_at=9)
    again = msgspec.structs.replace(one, episode="i2", since=20)
    found = quarantined([aside(one), aside(shut), aside(again)])
    assert [(r.since, r.until) for r in found["loan"]] == [(5, 9), (20, None)]


def test_rows_that_are_normal_after_all_are_released():
    free = SimpleNamespace(kind="rows.released", model="loan", payload={"incident": "i1"})
    assert quarantined([aside(incident()), free]) == {}


def test_models_are_kept_apart_and_other_events_ignored():
    other = SimpleNamespace(kind="release.promoted", model="loan", payload={})
    found = quarantined([aside(incident()), other, aside(incident(id="i2", model="fraud"))])
    assert sorted(found) == ["fraud", "loan"]


@pytest.mark.parametrize("chunks", [1, 3])
def test_marks_are_found_in_every_chunk_and_among_nulls_and_empty_lists(chunks):
    lists = pa.array([["Job:null", "Age:range"], None, [], ["Age:range"]], pa.list_(pa.string()))
    column = pa.chunked_array([lists] * chunks)
    assert carrying(column, ["Job:null"]).tolist() == [True, False, False, False] * chunks
    assert (
        carrying(column.slice(1), ["Age:range"]).tolist()
        == ([True, False, False, True] * chunks)[1:]
    )


def test_no_rows_hold_nothing():
    empty = rows((1, "a")).slice(0, 0)
    assert range_of(incident(evidence={"streams": [STREAM]})).holds(empty).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", None])), min_size=1),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9) | st.none(), st.none() | st.just("a"))),
)
def test_several_ranges_hold_what_any_of_them_holds(given_rows, given_ranges):
    ranges = [
        Range(model="m", incident="i", since=low, until=high, source=source)
        for low, high, source in given_ranges
    ]
    expected = [
        any(
            at >= r.since and (r.until is None or at < r.until) and r.source in (None, source)
            for r in ranges
        )
        for at, source in given_rows
    ]
    assert spoiled(ranges, rows(*given_rows)).tolist() == expected
