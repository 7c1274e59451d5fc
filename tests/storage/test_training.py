"""Spoiled rows, and what releases learned from: the store refuses that they meet."""

from __future__ import annotations

import itertools
import sqlite3

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.storage.helpers import admit

from holdfast.errors import StoreError
from holdfast.releases.lifecycle import Lifecycle
from holdfast.storage import Store
from holdfast.storage.training import Interval, SpoiledRow, outside, without

HOW = {"at": 100, "by": "ada", "reason": "test"}

intervals = st.builds(
    lambda since, length: Interval(since, None if length is None else since + length),
    st.integers(0, 30),
    st.one_of(st.none(), st.integers(1, 12)),
)


@given(st.integers(0, 20), st.integers(0, 20), st.lists(intervals, max_size=5))
def test_what_is_left_of_a_window_is_exactly_its_sound_times(since, length, spoiled):
    window = Interval(since, since + length)

    left = without(window, spoiled)

    def within(time: int, interval: Interval) -> bool:
        return interval.since <= time and (interval.until is None or time < interval.until)

    sound = {t for t in range(since, since + length) if not any(within(t, cut) for cut in spoiled)}
    assert {t for piece in left for t in range(piece.since, piece.until or 0)} == sound
    assert list(left) == sorted(left)
    assert all((a.until or 0) < b.since for a, b in itertools.pairwise(left))


@given(st.lists(st.integers(0, 45), max_size=9), st.lists(intervals, max_size=5))
@example([2, 3, 4], [Interval(3, 4)])
@example([2, 3, 45], [Interval(3)])
def test_a_time_is_outside_where_no_interval_has_it(times, spoiled):
    within = [
        any(c.since <= t and (c.until is None or t < c.until) for c in spoiled) for t in times
    ]

    assert outside(np.array(times, np.int64), spoiled).tolist() == [not one for one in within]


def test_a_window_without_an_end_is_not_cut():
    with pytest.raises(ValueError, match="has an end"):
        without(Interval(0), [])


@pytest.fixture
def audited(store):
    """Audited release a; its rows reach from 10 to 20."""
    loan = Lifecycle(store, "loan", required=())
    admit(store, "loan", "a")
    loan.add("a", **HOW)
    store.training.record("loan", "a", [Interval(10, 20)], at=50)
    loan.audit("a", **HOW)
    return loan


def test_nothing_learns_from_rows_under_an_incident(store):
    admit(store, "loan", "a")
    store.training.spoil("loan", "i1", Interval(5, 12), at=30)

    with pytest.raises(StoreError) as caught:
        store.training.record("loan", "a", [Interval(10, 20)], at=50)
    assert caught.value.code == "HF-E-STORE-SPOILED"
    assert store.training.pieces("loan", "a") == ()
    store.training.record("loan", "a", [Interval(12, 20)], at=50)
    assert store.training.pieces("loan", "a") == (Interval(12, 20),)
    assert store.training.tainted("loan") == {}


def test_an_incident_without_an_end_spoils_everything_after_it(store):
    admit(store, "loan", "a")
    store.training.spoil("loan", "i1", Interval(15), at=30)
    with pytest.raises(StoreError, match="spoiled"):
        store.training.record("loan", "a", [Interval(1_000, 2_000)], at=50)
    store.training.record("loan", "a", [Interval(10, 15)], at=50)


def test_incidents_that_spoiled_rows_are_named_by_their_first_twelve_characters(store):
    admit(store, "loan", "a")
    store.training.spoil("loan", "0123456789abc", Interval(15), at=30)
    with pytest.raises(StoreError) as caught:
        store.training.record("loan", "a", [Interval(10, 20)], at=50)
    assert caught.value.got == "rows of 0123456789ab"


@pytest.mark.parametrize(
    ("record", "name"),
    [(Interval(1, 2), "until"), (SpoiledRow("loan", "i1", "", Interval(1), True), "standing")],
)
def test_an_interval_and_what_was_found_spoiled_are_not_changed_afterwards(record, name):
    with pytest.raises(AttributeError, match="immutable"):
        setattr(record, name, None)


def test_how_many_rows_a_release_learned_from_is_told_of_that_release(store):
    for release, rows in (("a", 7), ("b", None), ("c", 0)):
        admit(store, "loan", release)
        store.training.record("loan", release, [Interval(10, 15)], at=50, rows=rows)
        assert store.training.rows("loan", release) == rows
    assert store.training.rows("loan", "d") is None


def test_what_was_learned_is_told_once(store):
    admit(store, "loan", "a")
    assert store.training.rows("loan", "a") is None
    store.training.record("loan", "a", [Interval(10, 15)], at=50, rows=7)
    store.training.record("loan", "a", [Interval(10, 15)], at=51)
    assert store.training.rows("loan", "a") == 7
    with pytest.raises(StoreError, match="told once"):
        store.training.record("loan", "a", [Interval(10, 16)], at=52)


def test_a_release_of_rows_found_spoiled_later_is_not_promoted(store, audited):
    store.training.spoil("loan", "i1", Interval(19, 25), at=60)
    assert store.training.tainted("loan") == {"a": ("i1",)}
    with pytest.raises(StoreError, match="learned from spoiled rows"):
        audited.promote("a", **HOW)
    with pytest.raises(StoreError, match="goes no further"):
        audited.shadow("a", **HOW)
    audited.quarantine("a", **HOW)


def test_a_person_may_hold_the_rows_for_sound(store, audited):
    store.training.spoil("loan", "i1", Interval(19, 25), at=60)
    assert store.training.clear("loan", "i1", at=70, by="ada", reason="a new product, not a fault")
    assert not store.training.clear("loan", "i1", at=70, by="ada", reason="again")
    assert store.training.standing("loan") == ()
    assert store.training.tainted("loan") == {}
    assert audited.promote("a", **HOW).stage == "champion"


def test_the_same_told_again_writes_nothing_and_a_closing_replaces_the_open_end(store):
    assert store.training.spoil("loan", "i1", Interval(5), at=30)
    head = store.control.head()
    assert not store.training.spoil("loan", "i1", Interval(5), at=31)
    assert store.control.head() == head
    assert store.training.spoil("loan", "i1", Interval(4, 9), at=32)
    assert store.training.standing("loan") == (Interval(4, 9),)
    assert store.training.spoil("loan", "i1", Interval(40), at=50, episode="e2")
    assert store.training.standing("loan") == (Interval(4, 9), Interval(40))


def test_models_do_not_spoil_each_other(store, audited):
    store.training.spoil("fraud", "i1", Interval(0), at=60)
    assert store.training.tainted("loan") == {}
    audited.promote("a", **HOW)


def test_a_standby_of_spoiled_rows_does_not_come_back(store, audited):
    audited.promote("a", **HOW)
    admit(store, "loan", "b")
    audited.add("b", **HOW)
    store.training.record("loan", "b", [Interval(30, 40)], at=50)
    audited.audit("b", **HOW)
    audited.promote("b", **HOW)
    store.training.spoil("loan", "i1", Interval(19, 25), at=60)
    with pytest.raises(StoreError, match="learned from spoiled rows"):
        audited.rollback(**HOW)
    assert audited.state().stage("b") == "champion"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM spoiled",
        "UPDATE spoiled SET standing = 0",
        "UPDATE spoiled SET until = since",
        "UPDATE spoiled SET incident = 'x', standing = 0",
        "INSERT OR REPLACE INTO spoiled SELECT model, incident, episode, since, since, 1, event "
        "FROM spoiled",
        "INSERT OR REPLACE INTO spoiled SELECT model, incident, episode, since, until, 0, event "
        "FROM spoiled",
        "INSERT INTO spoiled VALUES ('loan', 'x', '', 0, 1, 1, 3)",
        "DELETE FROM trained",
        "UPDATE trained SET until = since + 1",
        "INSERT INTO trained VALUES ('loan', 'a', 1, 2, 3)",
        "INSERT OR REPLACE INTO trained SELECT model, release, since, since + 1, event "
        "FROM trained",
        "INSERT INTO champions VALUES ('loan', 'a', 1, 0)",
    ],
)
def test_plain_sql_neither_takes_back_nor_invents(store, path, audited, statement):
    store.training.spoil("loan", "i1", Interval(19, 25), at=60)
    store.close()
    connection = sqlite3.connect(path)
    tables = ("spoiled", "trained", "champions")
    before = [connection.execute(f"SELECT * FROM {t}").fetchall() for t in tables]
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute(statement)
    connection.rollback()
    assert [connection.execute(f"SELECT * FROM {t}").fetchall() for t in tables] == before
    connection.close()
    with Store.open(path) as again:
        assert again.verify() == []
