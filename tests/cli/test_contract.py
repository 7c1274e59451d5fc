"""``holdfast contract``: from a good table to a contract, and what it says of a worse one."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.cli import main


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    job = ["fixed", "partime"] * 300
    pq.write_table(pa.table({"age": list(range(20, 60)) * 15, "job": job}), "good.parquet")
    pq.write_table(
        pa.table({"age": list(range(20, 60)) * 15, "job": pa.array([None] * 600, pa.string())}),
        "bad.parquet",
    )
    assert main(["contract", "learn", "good.parquet", "-o", "c.json"]) == 0
    return tmp_path


def test_the_table_it_was_learned_from_passes(tables: Path, capsys):
    assert main(["contract", "check", "c.json", "good.parquet"]) == 0
    assert "keeps the contract" in capsys.readouterr().out


def test_a_null_field_exits_one_and_is_named(tables: Path, capsys):
    capsys.readouterr()
    assert main(["contract", "check", "c.json", "bad.parquet", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [f["columns"] for f in report["findings"]] == [["job"]]
    assert report["passed"] is False


def test_too_few_rows_to_tell_exit_one(tables: Path, capsys):
    pq.write_table(pa.table({"age": [30], "job": ["fixed"]}), "one.parquet")
    code = main(["contract", "check", "c.json", "one.parquet", "--json"])
    capsys.readouterr()
    assert code in (0, 1)


@pytest.mark.parametrize("name", ["text", "json", "md", "html", "junit", "sarif"])
def test_a_check_speaks_every_format(tables: Path, name: str, capsys):
    capsys.readouterr()
    assert main(["contract", "check", "c.json", "bad.parquet", "--format", name]) == 1
    out = capsys.readouterr().out
    assert "job" in out
    if name == "junit":
        assert ET.fromstring(out).attrib["failures"] == "1"


def test_an_unknown_format_or_severity_is_refused_before_any_work(tables: Path, capsys):
    assert main(["contract", "check", "c.json", "good.parquet", "--format", "pdf"]) == 2
    assert main(["contract", "check", "c.json", "good.parquet", "--fail-on", "much"]) == 2
    assert "note, warning, error, critical" in capsys.readouterr().err
