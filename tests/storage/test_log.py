"""The log gives back what was put in, from whatever file it is in by then."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.helpers import ids_of, names, rows

from holdfast.errors import DataError, StoreError, UsageError
from holdfast.storage import Store


def bulk(first: int, count: int) -> pa.RecordBatch:
    numbers = range(first, first + count)
    return pa.record_batch(
        {
            "id": [f"p{n}" for n in numbers],
            "model": ["loan"] * count,
            "at": pa.array(numbers, pa.timestamp("us", "UTC")),
            "received": pa.array(numbers, pa.timestamp("us", "UTC")),
            "row": pa.array([{"Age": n, "Job": None if n % 2 else "fixed"} for n in numbers]),
        }
    )


def test_rows_come_back_as_they_were_written(store):
    columns = {
        "id": ["p1", "p2"],
        "model": ["loan", "loan"],
        "release": ["r1", None],
        "contract": ["c1", None],
        "at": [1_700_000_000_000_000, 1_700_000_000_000_001],
        "received": [1_700_000_000_000_002, 1_700_000_000_000_003],
        "source": ["app-ios", None],
        "score": [0.25, None],
        "decision": ["approve", None],
        "verdict": ["ok", "abstained"],
        "fallback": [None, "Job"],
        "marks": [[], ["Job:null", "~Income:null"]],
        "features": ['{"Job":"ünï"}', "{}"],
        "explored": [True, None],
        "propensity": [0.25, None],
    }

    store.predictions.append_columns(columns)

    table = store.predictions.read()
    assert table.schema.names == list(columns)
    assert table.column("at").cast(pa.int64()).to_pylist() == columns["at"]
    for name in ("id", "release", "source", "score", "verdict", "fallback", "marks", "features"):
        assert table.column(name).to_pylist() == columns[name]


def test_columns_that_may_be_null_can_be_left_out(store):
    store.predictions.append_columns({"id": ["a"], "model": ["m"], "at": [1], "received": [1]})

    (row,) = store.predictions.read().to_pylist()

    assert row["score"] is None
    assert row["marks"] is None


def test_bulk_rows_give_their_features_as_json(store):
    store.predictions.append(bulk(1, 2))

    assert store.predictions.read(columns=["features"]).to_pydict() == {
        "features": ['{"Age":1,"Job":null}', '{"Age":2,"Job":"fixed"}']
    }


def test_bulk_rows_give_their_features_typed_when_asked(store):
    store.predictions.append(bulk(1, 2))

    assert store.predictions.read(columns=["row"]).column("row").to_pylist() == [
        {"Age": 1, "Job": None},
        {"Age": 2, "Job": "fixed"},
    ]


def test_small_groups_and_bulk_are_read_together(store):
    store.predictions.append_columns(rows(0, 5))
    store.predictions.append(bulk(5, 5))
    store.predictions.append_columns(rows(10, 5))

    assert ids_of(store.predictions.read()) == names(0, 15)


def test_a_window_is_half_open(store):
    store.predictions.append_columns(rows(0, 10))

    assert ids_of(store.predictions.read(since=3, until=6)) == ["p3", "p4", "p5"]


def test_a_window_finds_rows_in_sealed_segments_and_archives(store):
    for first in range(0, 50, 10):
        store.predictions.append_columns(rows(first, 10))
        store.predictions.rotate()
        if first == 20:
            store.compact()

    assert ids_of(store.predictions.read(since=15, until=35)) == names(15, 20)


def test_only_rows_of_the_model_are_given(store):
    store.predictions.append_columns(rows(0, 3, model="loan"))
    store.predictions.append_columns(rows(3, 3, model="fraud"))

    assert ids_of(store.predictions.read(model="fraud")) == names(3, 3)


def test_an_empty_log_gives_an_empty_table_with_all_columns(store):
    table = store.predictions.read(columns=["id", "score"])

    assert (table.num_rows, table.schema.names) == (0, ["id", "score"])


def test_a_column_that_does_not_exist_is_refused(store):
    with pytest.raises(UsageError, match="'scores'"):
        store.predictions.read(columns=["id", "scores"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": ["0.5"]}, "score"),
        ({"at": [1.5]}, "at"),
        ({"at": [2**63]}, "at"),
        ({"at": [True]}, "at"),
        ({"id": [None]}, "id"),
        ({"marks": [[1]]}, "marks"),
        ({"colour": ["red"]}, "colour"),
        ({"score": [0.1, 0.2]}, "lengths"),
        ({"id": ["\ud800"]}, "UnicodeEncodeError"),
    ],
)
def test_rows_of_the_wrong_shape_are_refused_and_nothing_is_written(store, change, said):
    good = {"id": ["a"], "model": ["m"], "at": [1], "received": [1]}

    with pytest.raises(DataError, match=said):
        store.predictions.append_columns(good | change)

    assert store.predictions.read().num_rows == 0


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (bulk(0, 2).drop_columns(["id"]), "id"),
        (bulk(0, 2).append_column("colour", pa.array(["red", "blue"])), "colour"),
        (bulk(0, 0), "0 rows"),
        (bulk(0, 2).set_column(0, "id", pa.array(["a", None])), "1 nulls"),
        (bulk(0, 2).set_column(2, "at", pa.array(["x", "y"])), "at: timestamp"),
        (bulk(0, 2).set_column(4, "row", pa.array(["x", "y"])), "struct"),
    ],
)
def test_batches_of_the_wrong_shape_are_refused(store, batch, said):
    with pytest.raises(DataError, match=said):
        store.predictions.append(batch)


def test_many_batches_are_appended_with_one_sync(store):
    store.predictions.append_many([bulk(0, 10), bulk(10, 10)])

    assert ids_of(store.predictions.read()) == names(0, 20)


def test_a_batch_larger_than_a_frame_is_split(store):
    position = store.predictions.append(bulk(0, 150_000))

    assert position.rows == 150_000
    assert store.predictions.read(columns=["id"]).num_rows == 150_000


def test_rows_that_are_not_durable_yet_are_seen_after_a_flush(store):
    store.predictions.append_columns(rows(0, 3), durable=False)
    before = store.predictions.read().num_rows

    store.predictions.flush()

    assert (before, store.predictions.read().num_rows) == (0, 3)


def test_closing_makes_waiting_rows_durable(open_store):
    store = open_store()
    store.predictions.append_columns(rows(0, 3), durable=False)
    store.close()

    assert open_store().predictions.read().num_rows == 3


def test_threads_share_one_log(store):
    def work(number: int) -> None:
        for step in range(25):
            store.predictions.append_columns(rows(number * 1000 + step * 4, 4))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = ids_of(store.predictions.read())
    assert len(found) == len(set(found)) == 8 * 25 * 4


def test_two_processes_can_have_the_store_open_at_once(open_store):
    first, second = open_store(), open_store()
    first.predictions.append_columns(rows(0, 3))
    second.predictions.append_columns(rows(3, 3))

    assert sorted(ids_of(first.predictions.read())) == names(0, 6)


def test_a_store_opened_for_reading_refuses_to_write(open_store):
    open_store().predictions.append_columns(rows(0, 3))
    reader = open_store(read_only=True)

    assert reader.predictions.read().num_rows == 3
    with pytest.raises(StoreError, match="reading only"):
        reader.predictions.append_columns(rows(3, 1))


def test_a_segment_is_sealed_when_it_is_large(path):
    with Store.open(path, segment_bytes=2000) as store:
        for first in range(0, 400, 10):
            store.predictions.append_columns(rows(first, 10))

        assert len(store.predictions.index.all()) > 3
        assert sorted(ids_of(store.predictions.read())) == sorted(names(0, 400))


def test_a_sealed_segment_holds_its_rows_and_nothing_else(store):
    store.predictions.append_columns(rows(0, 3))
    store.predictions.rotate()

    (segment,) = store.predictions.index.all()
    (file,) = (store.files / "segments").iterdir()
    assert file.stat().st_size == segment.bytes


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
ROW = st.fixed_dictionaries(
    {
        "id": TEXT,
        "model": TEXT,
        "at": TIMES,
        "received": TIMES,
        "score": st.none() | st.floats(allow_nan=False),
        "source": st.none() | TEXT,
        "marks": st.none() | st.lists(TEXT, max_size=3),
        "features": st.none() | TEXT,
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=4), st.booleans())
def test_whatever_is_written_is_read(groups, archived):
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "h.db")) as store:
        for group in groups:
            store.predictions.append_columns({name: [r[name] for r in group] for name in group[0]})
        if archived:
            store.compact()
        names_wanted = list(groups[0][0])
        found = store.predictions.read(columns=names_wanted)
        for place in ("at", "received"):
            index = found.column_names.index(place)
            found = found.set_column(index, place, found.column(place).cast(pa.int64()))

        assert found.to_pylist() == [row for group in groups for row in group]
