"""One row by its id, wherever the log keeps it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tests.storage.helpers import ids_of, labels, rows

from holdfast.storage import Store


@pytest.fixture
def everywhere(store: Store) -> Store:
    """Rows p0 to p29: the first ten archived, the next sealed, the last in the open segment."""
    store.predictions.append_columns(rows(0, 10))
    store.predictions.rotate()
    store.compact()
    store.predictions.append_columns(rows(10, 10))
    store.predictions.rotate()
    store.predictions.append_columns(rows(20, 10))
    return store


@pytest.mark.parametrize("number", [0, 9, 10, 19, 20, 29])
def test_a_row_is_found_whole_in_archives_sealed_and_open_segments(everywhere: Store, number: int):
    whole = everywhere.predictions.read()
    expected = [row for row in whole.to_pylist() if row["id"] == f"p{number}"]
    found = everywhere.predictions.find(f"p{number}")
    assert found.schema.names == whole.schema.names
    assert found.to_pylist() == expected != []


@pytest.mark.parametrize("name", ["p", "p30", "", "fixed", "loan", "P1"])
def test_a_part_of_an_id_or_the_text_of_another_column_is_no_id(everywhere: Store, name: str):
    assert everywhere.predictions.find(name).num_rows == 0


def test_every_row_of_an_id_is_told_and_a_model_narrows_it(everywhere: Store):
    everywhere.predictions.append_columns(rows(3, 1, model="card"))
    assert everywhere.predictions.find("p3")["model"].to_pylist() == ["loan", "card"]
    assert everywhere.predictions.find("p3", "card")["model"].to_pylist() == ["card"]
    assert everywhere.predictions.find("p3", "none").num_rows == 0


def test_rows_written_as_arrow_are_found_with_their_features(store: Store):
    time = pa.array([1, 2], pa.timestamp("us", "UTC"))
    batch = pa.RecordBatch.from_pydict(
        {
            "id": ["a", "b"], "model": ["loan"] * 2, "at": time, "received": time,
            "row": [{"Age": 1}, {"Age": 2}],
        }
    )  # fmt: skip
    store.predictions.append(batch)
    for _ in range(2):
        found = store.predictions.find("b")
        assert ids_of(found) == ["b"]
        assert found["features"].to_pylist() == ['{"Age":2}']
        store.predictions.rotate()
        store.compact()


def test_labels_are_found_by_the_prediction_they_belong_to(store: Store):
    store.labels.append_columns(labels(["p1", "p2", "p1"], ["0", "1", "1"]))
    assert store.labels.find("p1")["value"].to_pylist() == ["0", "1"]


def test_a_damaged_archive_is_told_and_the_rest_is_found(everywhere: Store):
    archive = next((everywhere.files / "parquet").glob("*.parquet"))
    archive.chmod(0o600)
    archive.write_bytes(b"no parquet")
    assert ids_of(everywhere.predictions.find("p25")) == ["p25"]
    assert [finding.code for finding in everywhere.predictions.damage] == ["HF-STORE-DAMAGE"]
