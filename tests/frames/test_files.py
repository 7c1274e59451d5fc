"""Files: the same rows whole and in chunks, and a bad line is named by its number."""

from __future__ import annotations

import datetime as dt
import gzip

import pyarrow as pa
import pytest
from pyarrow import feather
from pyarrow import parquet as pq

from holdfast import frames
from holdfast.errors import DataError

TABLE = pa.table(
    {
        "n": pa.array([1, 2, None], pa.int64()),
        "x": [0.5, None, 2.0],
        "s": ["a", "b, c", "d\ne"],
        "d": [dt.date(2026, 1, 1), None, dt.date(2026, 1, 3)],
        "z": ["007", "011", "123"],
    }
)
CSV = 'n,x,s,d,z\n1,0.5,a,2026-01-01,007\n2,NA,"b, c",,011\n,2.0,"d\ne",2026-01-03,123\n'


def write(folder, suffix):
    path = folder / f"table{suffix}"
    if suffix == ".parquet":
        pq.write_table(TABLE, path)
    elif suffix == ".feather":
        feather.write_feather(TABLE, path)
    elif suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)
    elif suffix == ".csv":
        path.write_text(CSV)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress(CSV.encode()))
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow", ".csv", ".csv.gz"])
def test_every_format_gives_the_same_rows_whole_and_in_chunks(tmp_path, suffix):
    path = write(tmp_path, suffix)
    assert list(frames.read(path).rows()) == TABLE.to_pylist()
    batches = list(frames.scan(path, 2))
    assert all(batch.num_rows <= 2 for batch in batches)
    assert [row for batch in batches for row in batch.to_pylist()] == TABLE.to_pylist()
    assert batches[0].schema == frames.read(path).schema


def test_ndjson_widens_integers_to_floats_over_the_whole_file(tmp_path):
    path = tmp_path / "rows.ndjson"
    path.write_text('{"a": 1}\n\n{"a": 2.5, "b": "x"}\n')
    expected = [{"a": 1.0, "b": None}, {"a": 2.5, "b": "x"}]
    assert list(frames.read(path).rows()) == expected
    batches = list(frames.scan(path, 1))
    assert [row for batch in batches for row in batch.to_pylist()] == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("few.csv", b"a,b\n1,2\n3\n", ["line 3", "1 cells", "expected 2 cells"]),
        ("many.csv", b"a,b\n1,2\n3,4,5\n", ["line 3", "3 cells"]),
        ("latin.csv", b"a,b\n1,2\n3,\xff\n", ["line 3", "UTF-8"]),
        ("empty.csv", b"", ["empty"]),
        ("twice.csv", b"a,a\n1,2\n", ["two columns are called 'a'"]),
        ("broken.ndjson", b'{"a": 1}\n{"a": \n', ["line 2", "JSON"]),
        ("nan.ndjson", b'{"a": NaN}\n', ["line 1", "null"]),
        ("list.ndjson", b'{"a": 1}\n[1]\n', ["line 2", "object"]),
        ("latin.ndjson", b'{"a": "\xff"}\n', ["line 1", "UTF-8"]),
        ("mixed.ndjson", b'{"a": 1}\n{"a": "x"}\n', ["line 2", "mixes int and str"]),
        ("cut.parquet", b"PAR1xx", ["Parquet"]),
        ("cut.arrow", b"ARROW1", ["Arrow"]),
        ("table.xls", b"", ["format"]),
    ],
)
def test_a_bad_file_is_refused_with_the_line_and_a_remedy(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        frames.read(path)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.remedy
    assert caught.value.expected


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        frames.read(tmp_path / "none.csv")


def test_big_numbers_in_a_csv_stay_exact_or_stay_text(tmp_path):
    path = tmp_path / "big.csv"
    path.write_text("a,b,c\n9007199254740993,92233720368547758080,1\n1,2,0.5\n")
    assert list(frames.read(path).rows()) == [
        {"a": 9007199254740993, "b": "92233720368547758080", "c": 1.0},
        {"a": 1, "b": "2", "c": 0.5},
    ]


def test_a_late_text_in_a_csv_column_makes_the_whole_column_text(tmp_path):
    path = tmp_path / "late.csv"
    path.write_text("a\n" + "1\n" * 5000 + "x\n")
    assert frames.read(path).column("a").storage == "text"
    assert {str(batch.schema.field("a").type) for batch in frames.scan(path, 100)} == {
        "large_string"
    }
