"""``holdfast audit``: flags, formats, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.cli import main


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 900))
    y = np.where(x + 0.7 * z + rng.normal(size=900) > 0, "bad", "good")
    table = {"x": x, "z": z, "w": x + rng.normal(size=900), "v": rng.normal(size=900), "y": y}
    pq.write_table(pa.table(table), "clean.parquet")
    late = np.where(y == "bad", 2.0, -2.0) + rng.normal(size=900)
    pq.write_table(pa.table({**table, "late": late}), "leaky.parquet")
    return tmp_path


def test_a_clean_table_exits_zero_and_lists_what_was_not_tested(tables: Path, capsys):
    assert main(["audit", "clean.parquet", "--target", "y"]) == 0
    told = capsys.readouterr().out
    assert "Clear as far as tested" in told
    assert "What was not tested" in told


def test_a_suspect_exits_one_with_the_promised_json(tables: Path, capsys):
    assert main(["audit", "leaky.parquet", "--target", "y", "--positive", "bad", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is None
    assert [(f["code"], f["verdict"], f["columns"]) for f in told["findings"]] == [
        ("HF-L-POST-OUTCOME", "SUSPECT", ["late"])
    ]
    worth = told["findings"][0]["worth"]
    assert set(worth) == {"metric", "with", "without", "low", "high"}
    assert worth["low"] < worth["with"] - worth["without"] < worth["high"]
    assert all(set(item) == {"type", "needs"} for item in told["not_tested"])


@pytest.mark.parametrize("name", ["text", "md", "html", "junit", "sarif"])
def test_every_format_names_the_column(tables: Path, capsys, name):
    assert main(["audit", "leaky.parquet", "--target", "y", "--format", name]) == 1
    assert "late" in capsys.readouterr().out


def test_a_procedure_that_reads_test_labels_is_proven(tables: Path, capsys):
    Path("train.py").write_text(
        "def honest(train, test):\n    return test.column('x').to_numpy()\n"
        "def cheat(train, test):\n"
        "    return [float(v == 'bad') for v in test.column('y').to_pylist()]\n"
    )
    flags = ["audit", "clean.parquet", "--target", "y", "--positive", "bad", "--json"]
    only = ["--check", "HF-L-PREPROCESSING"]
    assert main([*flags, *only, "--model", "train.py:honest"]) == 0
    capsys.readouterr()
    assert main([*flags, *only, "--model", "train.py:cheat"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert told["findings"][0]["verdict"] == "PROVEN"


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["audit", "absent.parquet"],
        ["audit", "clean.parquet", "--target", "nope"],
        ["audit", "clean.parquet", "--known-at", "x"],
        ["audit", "clean.parquet", "--model", "train.py"],
        ["audit", "clean.parquet", "--check", "HF-L-NOTHING"],
        ["audit", "--code", "absent.py"],
    ],
)
def test_a_wrong_call_exits_two_with_an_error(tables: Path, capsys, words):
    assert main(words) == 2
    assert "HF-E" in capsys.readouterr().err
