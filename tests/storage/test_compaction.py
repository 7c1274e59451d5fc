"""Archiving changes where rows are, never what they are; retention lets whole files go."""

from __future__ import annotations

import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.storage.helpers import ids_of, names, rows

from holdfast.errors import DataError
from holdfast.storage import Store
from holdfast.storage.compaction import DAY, alone


def typed(first: int, structs: list[dict[str, object]]) -> pa.RecordBatch:
    count = len(structs)
    times = pa.array(range(first, first + count), pa.timestamp("us", "UTC"))
    return pa.record_batch(
        {
            "id": [f"p{number}" for number in range(first, first + count)],
            "model": ["loan"] * count,
            "at": times,
            "received": times,
            "row": pa.array(structs),
        }
    )


def test_archived_rows_are_equal_to_what_they_were(store):
    store.predictions.append_columns(rows(0, 50))
    store.predictions.append(typed(50, [{"Age": 5, "Job": "fixed"}, {"Age": None, "Job": "x"}]))
    store.predictions.append_columns(rows(52, 8))
    before = store.predictions.read()

    done = store.compact()

    assert (done.segments, done.archives, done.rows) == (1, 1, 60)
    assert store.predictions.read().equals(before)
    assert list((store.files / "segments").iterdir()) == []


def test_typed_features_stay_typed(store):
    store.predictions.append(typed(0, [{"Age": 5, "Job": "fixed"}]))
    store.predictions.rotate()
    store.predictions.append(typed(1, [{"Age": 6, "City": "Turin"}]))
    store.compact()

    assert store.predictions.read(columns=["row"]).column("row").to_pylist() == [
        {"Age": 5, "Job": "fixed", "City": None},
        {"Age": 6, "Job": None, "City": "Turin"},
    ]


def test_features_whose_types_contradict_each_other_are_kept_as_json(store):
    store.predictions.append(typed(0, [{"Age": 5}]))
    store.predictions.append(typed(1, [{"Age": "five"}]))
    store.predictions.rotate()
    store.predictions.append(typed(2, [{"Age": [5]}]))

    with pytest.raises(DataError, match="contradict each other"):
        store.predictions.read(columns=["row"])
    store.compact()

    assert store.predictions.read().column("features").to_pylist() == [
        '{"Age":5}',
        '{"Age":"five"}',
        '{"Age":[5]}',
    ]


def test_an_archive_is_plain_parquet_for_any_tool(store):
    store.predictions.append_columns(rows(0, 5))
    store.compact()
    (file,) = (store.files / "parquet").iterdir()

    assert ids_of(pq.read_table(file)) == names(0, 5)


def test_nothing_to_archive_is_no_error(store):
    assert store.compact().archives == 0


def test_one_process_archives_at_a_time(store):
    store.predictions.append_columns(rows(0, 5))
    with alone(store._root):
        assert store.compact().busy
        assert store.retain(1, 0).busy

    assert store.compact().rows == 5


def test_rows_can_be_read_while_they_are_archived(store):
    written = 0
    wrong: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            least = written
            found = ids_of(store.predictions.read(columns=["id"]))
            if len(found) != len(set(found)) or len(found) < least:
                wrong.append(len(found))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        store.predictions.append_columns(rows(written, 20))
        written += 20
        store.compact()
    stop.set()
    reader.join()

    assert wrong == []


def test_rows_are_kept_as_long_as_promised(store):
    for day in range(10):
        store.predictions.append_columns(rows(day, 1, at=day * DAY))
        store.predictions.rotate()
        if day == 4:
            store.compact()

    done = store.retain(days=3, now=10 * DAY)

    assert ids_of(store.predictions.read()) == ["p7", "p8", "p9"]
    assert (done.rows, done.archives, done.segments) == (7, 1, 2)


def test_files_of_retired_rows_are_removed(store):
    store.predictions.append_columns(rows(0, 5))
    store.compact()
    store.predictions.append_columns(rows(5, 5))

    store.retain(days=1, now=10 * DAY)

    assert list((store.files / "parquet").iterdir()) == []
    assert list((store.files / "segments").iterdir()) == []


def test_a_row_dated_in_the_future_is_kept_by_its_receipt_not_longer(store):
    store.predictions.append_columns(rows(0, 1) | {"at": [10**17]})

    store.retain(days=1, now=10 * DAY)

    assert store.predictions.read().num_rows == 0


def test_a_few_rows_wait_for_more_when_asked(store):
    store.predictions.append_columns(rows(0, 5))
    store.predictions.rotate()
    store.predictions.append_columns(rows(5, 5))

    assert store.compact(min_rows=6).archives == 0
    store.predictions.rotate()
    assert store.compact(min_rows=6).rows == 10


@pytest.mark.parametrize("moment", ["put_archive", "remove"])
def test_a_crash_while_archiving_neither_loses_nor_doubles_rows(path, monkeypatch, moment):
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with Store.open(path) as store:
        store.predictions.append_columns(rows(0, 10))
        target = store.predictions.index if moment == "put_archive" else store._segments
        store.predictions.rotate()
        monkeypatch.setattr(target, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            store.compact()
        monkeypatch.undo()
    with Store.open(path) as store:
        assert ids_of(store.predictions.read()) == names(0, 10)
        assert ids_of(store.predictions.tail()[0]) == names(0, 10)
        store.compact()
        assert ids_of(store.predictions.read()) == names(0, 10)
        assert store.verify() == []
