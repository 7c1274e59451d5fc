"""The gate of a release: the store itself lets no champion past a gate that is not open."""

from __future__ import annotations

import sqlite3

import pytest
from tests.storage.helpers import admit

from holdfast.errors import StoreError
from holdfast.storage import Store
from holdfast.storage.database import Database
from holdfast.storage.migrations import MIGRATIONS


@pytest.mark.parametrize("gate", ["waiting", "failed"])
def test_a_gate_that_is_not_open_lets_no_champion_through(store, gate):
    admit(store, "loan", "a", gate=gate)

    with pytest.raises(StoreError, match="gate of release a is not open") as caught:
        store.catalog.compare_and_set("loan", 0, "a", at=1)

    assert caught.value.code == "HF-E-GATE"
    assert store.catalog.champion("loan") is None


def test_a_release_without_a_decision_is_not_let_through(store):
    store.catalog.add_release("loan", "a", at=0)

    with pytest.raises(StoreError, match="not open"):
        store.catalog.compare_and_set("loan", 0, "a", at=1)


def test_a_gate_that_waited_can_open_and_one_that_failed_cannot(store):
    admit(store, "loan", "a", gate="waiting")
    store.decide_gate("loan", "a", "passed", at=1)
    admit(store, "loan", "b", gate="failed")

    with pytest.raises(StoreError, match="stays failed"):
        store.decide_gate("loan", "b", "passed", at=1)

    assert store.catalog.gate("loan", "a") == "passed"
    assert store.catalog.gate("loan", "b") == "failed"
    assert [e.payload["state"] for e in store.control.events(kinds=["gate.decided"])] == [
        "waiting", "passed", "failed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO champions VALUES ('loan', 'b', 1, 0)",
        "UPDATE champions SET release = 'b', revision = revision + 1",
        "UPDATE gates SET state = 'passed' WHERE release = 'b'",
        "UPDATE gates SET state = 'passed', event = 1 WHERE release = 'b'",
        "UPDATE gates SET release = 'b' WHERE release = 'a'",
        "DELETE FROM gates WHERE release = 'b'",
        "INSERT OR REPLACE INTO gates VALUES ('loan', 'b', 'passed', 1)",
        "INSERT INTO gates VALUES ('loan', 'c', 'passed', 0)",
    ],
)
def test_plain_sql_cannot_get_round_the_gate(store, path, statement):
    admit(store, "loan", "a")
    admit(store, "loan", "b", gate="failed")
    store.catalog.add_release("loan", "c", at=0)
    if statement.startswith("UPDATE champions"):
        store.catalog.compare_and_set("loan", 0, "a", at=0)
    store.close()

    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError), connection:
        connection.execute(statement)
    connection.close()

    with Store.open(path) as again:
        champion = again.catalog.champion("loan")
        assert champion is None or champion.release == "a"
        assert again.catalog.gate("loan", "b") == "failed"


def test_releases_of_before_there_were_gates_keep_their_rights(tmp_path):
    path = tmp_path / "old.db"
    path.touch()
    old = Database(path, migrations=MIGRATIONS[:1])
    with old.transaction() as connection:
        connection.execute("INSERT INTO models VALUES ('loan', 0)")
        connection.execute("INSERT INTO releases VALUES ('loan', 'a', 0, '{}')")
    old.close()

    with Store.open(path) as store:
        assert store.catalog.gate("loan", "a") == "passed"
        assert store.catalog.compare_and_set("loan", 0, "a", at=1) == 1
