"""``holdfast compare --skew``: the flags reach the row-by-row comparison."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.cli import main


def tables(folder):
    rows = {"id": list(range(400)), "age": [20 + i % 50 for i in range(400)]}
    pq.write_table(pa.table(rows), folder / "training.parquet")
    served = rows | {"age": [a + (i < 40) for i, a in enumerate(rows["age"])]}
    pq.write_table(pa.table(served), folder / "served.parquet")
    return str(folder / "served.parquet"), str(folder / "training.parquet")


def test_a_feature_that_was_served_otherwise_is_named_and_exits_one(tmp_path, capsys):
    served, training = tables(tmp_path)
    assert main(["compare", served, training, "--skew", "--key", "id", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert [f["columns"] for f in told["findings"]] == [["age"]]


def test_the_same_rows_pass(tmp_path, capsys):
    _, training = tables(tmp_path)
    assert main(["compare", training, training, "--skew", "--key", "id"]) == 0
    assert "same" in capsys.readouterr().out


def test_skew_without_a_key_is_a_usage_error(tmp_path, capsys):
    served, training = tables(tmp_path)
    assert main(["compare", served, training, "--skew"]) == 2
    assert "--key" in capsys.readouterr().err
