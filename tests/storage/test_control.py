"""Control events: append-only, in order, and a changed history is noticed."""

from __future__ import annotations

import sqlite3

import pytest

from holdfast.errors import DataError, StoreError


def tamper(path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER control_is_never_changed")
    connection.execute("DROP TRIGGER control_is_never_removed")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def told(store):
    for number in range(1, 6):
        store.control.append(f"kind.{number % 2}", "loan", {"n": number}, at=number)
    return store


def test_events_are_numbered_without_gaps(told):
    assert [event.seq for event in told.control.events()] == [1, 2, 3, 4, 5]


def test_events_are_found_by_model_kind_and_place(told):
    told.control.append("kind.1", "fraud", {}, at=9)

    assert [e.seq for e in told.control.events("loan", ["kind.1"], after=1)] == [3, 5]
    assert [e.seq for e in told.control.events(kinds=["kind.0", "kind.1"], limit=2)] == [1, 2]
    assert told.control.events(kinds=[]) == []


def test_the_same_key_adds_one_event(store):
    first = store.control.append("a", "loan", {"n": 1}, at=1, key="k")
    again = store.control.append("a", "loan", {"n": 1}, at=2, key="k")

    assert (first, again, len(store.control.events())) == (1, 1, 1)


def test_a_key_used_for_another_event_is_refused(store):
    store.control.append("a", "loan", {}, at=1, key="k")

    with pytest.raises(StoreError, match="two different events"):
        store.control.append("b", "loan", {}, at=1, key="k")


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": "\ud800"}, {1j: 1}])
def test_a_payload_that_is_no_plain_data_is_refused(store, payload):
    with pytest.raises(DataError, match="plain data"):
        store.control.append("a", "loan", payload, at=1)

    assert store.control.events() == []


def test_an_untouched_history_verifies(told):
    assert told.control.verify() == []
    assert told.control.verify(told.control.head()) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE control SET payload = '{\"n\":9}' WHERE seq = 3", "event 3"),
        ("UPDATE control SET at = 9 WHERE seq = 2", "event 2"),
        ("UPDATE control SET model = 'fraud' WHERE seq = 4", "event 4"),
        ("UPDATE control SET hash = upper(hash) WHERE seq = 4", "event 4"),
        ("DELETE FROM control WHERE seq = 3", "event 3 is missing"),
        ("DELETE FROM control WHERE seq = 5", "event 5"),
        ("DELETE FROM control", "event 5"),
    ],
)
def test_a_changed_history_is_noticed(told, statement, said):
    tamper(told.path, statement)

    (finding,) = told.control.verify()

    assert finding.code == "HF-STORE-CONTROL-CHAIN"
    assert said in finding.sentence


def test_a_rewritten_history_is_noticed_by_the_head_noted_outside(told):
    noted = told.control.head()
    tamper(told.path, "DELETE FROM control", "DELETE FROM control_head")
    for number in range(1, 6):
        told.control.append("kind.0", "loan", {"n": number}, at=number)

    assert told.control.verify() == []
    assert "noted outside" in told.control.verify(noted)[0].sentence


@pytest.mark.parametrize("statement", ["UPDATE control SET at = 9", "DELETE FROM control"])
def test_sql_cannot_change_events_by_accident(told, statement):
    connection = sqlite3.connect(told.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
