"""A backup is a store; opening it is restoring it."""

from __future__ import annotations

import threading

import pytest
from tests.storage.helpers import ids_of, labels, names, rows

from holdfast.errors import StoreError
from holdfast.storage import Store


def test_a_backup_holds_everything(store, tmp_path):
    store.catalog.add_release("loan", "a", at=0)
    store.control.append("a", "loan", {}, at=0)
    store.predictions.append_columns(rows(0, 10))
    store.compact()
    store.predictions.append_columns(rows(10, 10))
    store.labels.append_columns(labels(["p1"], ["1"]))
    (store.files / "releases" / "ab").mkdir(parents=True)
    (store.files / "releases" / "ab" / "model.txt").write_text("tree")

    store.backup(tmp_path / "copy.db")
    store.predictions.append_columns(rows(20, 10))

    with Store.open(tmp_path / "copy.db") as copy:
        assert ids_of(copy.predictions.read()) == names(0, 20)
        assert copy.join_labels("loan").column("label").to_pylist()[1] == "1"
        assert copy.catalog.releases("loan")[0].id == "a"
        assert copy.verify() == []
        assert (copy.files / "releases" / "ab" / "model.txt").read_text() == "tree"
        copy.predictions.append_columns(rows(30, 1))
    assert store.predictions.read().num_rows == 30


def test_a_backup_outlives_the_store(store, tmp_path):
    store.predictions.append_columns(rows(0, 10))
    store.backup(tmp_path / "copy.db")
    store.compact()
    store.retain(days=0, now=10**15)

    with Store.open(tmp_path / "copy.db") as copy:
        assert ids_of(copy.predictions.read()) == names(0, 10)


def test_a_backup_made_while_others_write_is_consistent(open_store, tmp_path):
    writer, other = open_store(), open_store()
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            writer.predictions.append_columns(rows(written, 10))
            written += 10

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(4):
        least = written
        other.backup(tmp_path / f"copy{number}.db")
        with Store.open(tmp_path / f"copy{number}.db") as copy:
            found = ids_of(copy.predictions.read())
            assert found == names(0, len(found))
            assert len(found) >= least
            assert copy.verify() == []
    stop.set()
    thread.join()


def test_a_backup_never_overwrites(store, tmp_path):
    (tmp_path / "copy.db").touch()

    with pytest.raises(StoreError, match="exists already"):
        store.backup(tmp_path / "copy.db")


def test_a_backup_to_nowhere_is_refused(store, tmp_path):
    with pytest.raises(StoreError, match="making a backup"):
        store.backup(tmp_path / "no" / "copy.db")
