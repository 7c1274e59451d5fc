"""The catalog: who is champion, what a detector knew, who holds a lease."""

from __future__ import annotations

import multiprocessing
import sqlite3

import pytest
from tests.storage.helpers import admit

from holdfast.errors import StoreError
from holdfast.storage import Store
from holdfast.storage.database import Database
from holdfast.storage.migrations import MIGRATIONS


def test_the_first_champion_has_revision_one(store):
    admit(store, "loan", "a", at=5)

    assert store.catalog.compare_and_set("loan", 0, "a", at=6) == 1
    assert store.catalog.champion("loan").release == "a"
    assert store.catalog.champion("loan").changed_at == 6


def test_a_champion_is_only_changed_by_who_saw_it(store):
    for release in "abc":
        admit(store, "loan", release, at=0)
    store.catalog.compare_and_set("loan", 0, "a", at=0)

    assert store.catalog.compare_and_set("loan", 0, "b", at=1) is None
    assert store.catalog.compare_and_set("loan", 1, "b", at=1) == 2
    assert store.catalog.compare_and_set("loan", 1, "c", at=2) is None
    assert store.catalog.champion("loan").release == "b"


def test_an_unknown_release_cannot_become_champion(store):
    store.catalog.add_release("fraud", "a", at=0)

    with pytest.raises(StoreError, match="not known for model 'loan'"):
        store.catalog.compare_and_set("loan", 0, "a", at=0)


def test_a_model_without_champion_has_none(store):
    assert store.catalog.champion("loan") is None


def test_releases_are_listed_in_the_order_they_came(store):
    store.catalog.add_release("loan", "b", at=1, details={"name": "second try"})
    store.catalog.add_release("loan", "a", at=2)
    store.catalog.add_release("loan", "b", at=3)

    assert [(row.id, row.added_at) for row in store.catalog.releases("loan")] == [
        ("b", 1),
        ("a", 2),
    ]
    assert store.catalog.releases()[0].details == {"name": "second try"}
    assert store.catalog.models() == ["loan"]


def test_a_state_is_kept_with_its_revision(store):
    assert store.catalog.get_state("detector") is None
    assert store.catalog.put_state("detector", b"one") == 1
    assert store.catalog.put_state("detector", b"two", expected_revision=1) == 2
    assert store.catalog.get_state("detector") == (b"two", 2)


def test_a_state_changed_by_another_is_not_overwritten(store):
    store.catalog.put_state("detector", b"one", expected_revision=0)

    with pytest.raises(StoreError, match="changed by another writer") as caught:
        store.catalog.put_state("detector", b"two", expected_revision=0)

    assert caught.value.code == "HF-E-STORE-REVISION"
    assert store.catalog.get_state("detector") == (b"one", 1)


def test_a_lease_is_held_by_one_until_it_expires(store):
    assert store.catalog.acquire("monitor", "one", ttl=10, now=0) == 1
    assert store.catalog.acquire("monitor", "two", ttl=10, now=9) is None
    assert store.catalog.acquire("monitor", "one", ttl=10, now=9) == 1
    assert store.catalog.acquire("monitor", "two", ttl=10, now=19) == 2
    assert store.catalog.acquire("monitor", "one", ttl=10, now=20) is None


def test_a_lease_given_back_is_free_at_once(store):
    store.catalog.acquire("monitor", "one", ttl=10, now=0)
    store.catalog.release_lease("monitor", "one")

    assert store.catalog.acquire("monitor", "two", ttl=10, now=1) == 2


def test_who_lost_the_lease_can_no_longer_write(store):
    old = store.catalog.acquire("monitor", "one", ttl=10, now=0)
    new = store.catalog.acquire("monitor", "two", ttl=10, now=11)

    with pytest.raises(StoreError, match="held by another process"):
        store.catalog.put_state("detector", b"late", fence=("monitor", old))
    store.catalog.put_state("detector", b"right", fence=("monitor", new))

    assert store.catalog.get_state("detector") == (b"right", 1)


def test_a_transaction_that_fails_changes_nothing(store):
    admit(store, "loan", "a", at=0)

    def half_way() -> None:
        with store.transaction():
            store.catalog.compare_and_set("loan", 0, "a", at=0)
            store.control.append("promoted", "loan", {}, at=0)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()

    assert store.catalog.champion("loan") is None
    assert [event.kind for event in store.control.events()] == ["gate.decided"]


@pytest.mark.parametrize("name", ["loan'; DROP TABLE models; --", 'a"b', "ünï", "", "%s", "a\x00b"])
def test_any_text_is_a_name_and_nothing_more(store, name):
    admit(store, name, name, at=0)
    store.catalog.compare_and_set(name, 0, name, at=0)
    store.control.append("x", name, {"n": name}, at=0, key=name)

    assert store.catalog.champion(name).release == name
    assert store.control.events(name)[-1].payload == {"n": name}
    assert store.catalog.models() == [name]


def _promote(path, times):
    with Store.open(path) as store:
        done = 0
        while done < times:
            champion = store.catalog.champion("loan")
            revision = champion.revision if champion else 0
            with store.transaction():
                new = store.catalog.compare_and_set("loan", revision, "a", at=0)
                if new is not None:
                    store.control.append("promoted", "loan", {"revision": new}, at=0)
                    done += 1


def test_processes_that_promote_at_once_lose_no_update(path):
    with Store.open(path) as store:
        admit(store, "loan", "a", at=0)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_promote, args=(path, 40)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    with Store.open(path) as store:
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        assert store.catalog.champion("loan").revision == 120
        assert [
            event.payload["revision"] for event in store.control.events(kinds=["promoted"])
        ] == list(range(1, 121))
        assert store.control.verify() == []


def test_a_store_of_a_newer_version_is_refused_in_words(path):
    with Store.open(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO schema_version (version) VALUES (99)")
    connection.commit()
    connection.close()

    with pytest.raises(StoreError, match=r"newer Holdfast.*schema version 99.*upgrade") as caught:
        Store.open(path)

    assert caught.value.code == "HF-E-STORE-SCHEMA"


def test_an_older_store_is_brought_forward_and_keeps_its_rows(path):
    path.touch()
    old = Database(path, migrations=MIGRATIONS)
    with old.transaction() as connection:
        connection.execute("INSERT INTO models VALUES ('loan', 1)")
    old.close()
    more = (*MIGRATIONS, ("ALTER TABLE models ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody'",))

    new = Database(path, migrations=more)

    assert new.rows("SELECT * FROM models") == [("loan", 1, "nobody")]
    assert new.row("SELECT max(version) FROM schema_version") == (len(more),)
    new.close()


def test_an_upgrade_that_fails_leaves_the_old_version(path):
    path.touch()
    Database(path).close()
    bad = (*MIGRATIONS, ("CREATE TABLE extra (x)", "THIS IS NOT SQL"))

    with pytest.raises(StoreError):
        Database(path, migrations=bad)

    database = Database(path)
    assert database.rows("SELECT name FROM sqlite_master WHERE name = 'extra'") == []
    database.close()


def test_a_file_of_another_program_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.close()

    with pytest.raises(StoreError, match="another program"):
        Store.open(path)


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"PK\x03\x04" + b"x" * 5000)

    with pytest.raises(StoreError, match="not a database"):
        Store.open(path)


def test_a_store_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(tmp_path / "no" / "holdfast.db")
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(tmp_path / "no.db", read_only=True)


def test_the_files_of_a_store_are_for_their_owner_only(store):
    assert store.path.stat().st_mode & 0o077 == 0
    assert store.files.stat().st_mode & 0o077 == 0
