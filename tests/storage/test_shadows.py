"""The log of shadows is a log like the others: kept, read, archived, copied."""

from __future__ import annotations

import pytest

from holdfast.errors import DataError
from holdfast.storage import Store

ROW = {
    "id": ["p1"], "model": ["loan"], "release": ["r2"], "at": [5], "received": [6], "score": [0.5],
    "decision": ["ok"], "failed": [False], "micros": [12],
}  # fmt: skip


def test_what_a_shadow_said_is_read_back_after_a_restart_and_an_archive(store, path, tmp_path):
    store.shadows.append_columns(ROW)
    store.backup(tmp_path / "copy.db")
    store.close()
    for place in (path, tmp_path / "copy.db"):
        with Store.open(place) as again:
            assert again.shadows.read(model="loan").to_pylist()[0]["score"] == 0.5
            again.compact()
            [row] = again.shadows.read(model="loan", since=5, until=6).to_pylist()
            assert (row["release"], row["failed"], row["micros"]) == ("r2", False, 12)
            assert again.verify() == []


def test_rows_of_another_shape_are_refused(store):
    with pytest.raises(DataError, match="log of shadows"):
        store.shadows.append_columns({**ROW, "failed": ["no"]})
